"""What is done with one block of cities of one slot: its rows are taken, measured, and judged by detectors.

It is a `Task`, which an engine maps over the blocks, and which can be pickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

import numpy as np

from drift.coarser import coarser
from drift.data_fault import DataFault
from drift.data_faults import count_unfit, data_faults
from drift.data_hash import Digests, digests
from drift.delays import Delay, delays_at
from drift.domain import Failure, PairCount, Undefined, Unused
from drift.engines.local import Block
from drift.errors import StoreError
from drift.evaluate import VersionScores, evaluate_block, unfit_of
from drift.known import Known, known_by_past, known_whole
from drift.retired import Silence, silences
from drift.schema import Schema
from drift.seen import Seen, seen_of
from drift.telemetry.traces import span
from drift.timeline import Pairs
from drift.tools import Tools
from drift.watch import UNWATCHED, BlockWatch, Watch, unjudged, watch_block
from drift.windows import Cadence, Windows


class Measured(NamedTuple):
    """What one block of cities came to."""

    scores: tuple[VersionScores, ...]
    counts: tuple[PairCount, ...]
    unkeyed: Mapping[Unused, int]
    delays: dict[str, float]
    cities: tuple[str, ...]
    pairs: Pairs | None
    unread: list[Failure]
    silence: Silence
    watched: BlockWatch = BlockWatch()
    digests: Digests | None = None
    seen: Seen | None = None
    data_faults: tuple[DataFault, ...] = ()
    schema: Schema = {}  # noqa: RUF012 - a NamedTuple's default, that nobody writes to
    lateness: Mapping[str, Delay] = {}


@dataclass(frozen=True, slots=True)
class Task:
    """What is done with each block of cities of one slot, in this process or in another."""

    tools: Tools
    windows: Windows
    cadence: Cadence
    keep_pairs: bool = False
    watch: Watch = UNWATCHED
    hashed: bool = False

    def __call__(self, cities: Block) -> Measured | StoreError:
        """Read and measure the block; the error, if not one of its cities can be read."""
        try:
            with span("block", cities=len(cities), first=cities[0]):
                return self._measured(self._known(cities))
        except StoreError as error:
            return error

    def _measured(self, known: Known) -> Measured:
        timeline, pairs, references, unread, scale = known
        watched, failed = self._watch(pairs)
        how, config, counts = self.tools.how, self.tools.config, timeline.count(self.windows)
        unfit = unfit_of(pairs, self.windows, how)
        if config.accuracy.leave_out_faults:
            counts = count_unfit(counts, pairs, self.windows, unfit.codes)
        late_after = config.detection.late_after
        with span("score", kernel=how.kernel.NAME):
            scores = evaluate_block(pairs, self.windows, how, references, scale, unfit.codes)
        return Measured(
            scores=scores,
            counts=counts,
            unkeyed=timeline.unkeyed,
            delays=actuals_delay(pairs, self.windows.slot),
            cities=pairs.cities,
            pairs=replace(pairs, arrivals=timeline.arrivals(self.windows)) if self.keep_pairs else None,
            unread=[*unread, *failed, *coarser(pairs)],
            silence=next(silences(timeline, [self.windows])),
            watched=watched,
            digests=digests(pairs, self.windows, references) if self.hashed else None,
            seen=seen_of(pairs, config.windows.revise_for),
            data_faults=data_faults(timeline, pairs, self.windows, how.zones, unfit, late_after),
            schema=timeline.schema,
            lateness=delays_at(timeline, self.windows),
        )

    def _known(self, cities: Block) -> Known:
        tools, cache = self.tools, self.tools.cache
        # pages show every hour, and a cache does not keep them
        if cache is None or self.keep_pairs or self.watch.reads_everything:
            return known_whole(tools, self.windows, self.cadence, cities, write_features=self.keep_pairs)
        return known_by_past(cache, tools, self.windows, self.cadence, cities)

    def _watch(self, pairs: Pairs) -> tuple[BlockWatch, list[Failure]]:
        """What the detectors say, where any is asked. A fault of theirs costs their scores, and no metric."""
        if not self.watch.detectors:
            return BlockWatch(), []
        try:
            with span("detect", detectors=len(self.watch.detectors)):
                return watch_block(pairs, self.windows, self.watch, self.tools.config), []
        except Exception as error:  # noqa: BLE001 - it is named, and the block's metrics go on
            cities = ", ".join(pairs.cities[:5]) + (" …" if len(pairs.cities) > 5 else "")
            text = f"{type(error).__name__}: {error}"
            return unjudged(pairs, self.watch, Undefined.NOT_JUDGED), [Failure("detect", cities, text)]


def actuals_delay(pairs: Pairs, slot: datetime) -> dict[str, float]:
    """Seconds from the end of each city's last known actual to the slot; a city without any is absent."""
    step = pairs.grid.step.total_seconds()
    since_start = (slot - pairs.grid.start).total_seconds()
    if not np.isnan(pairs.actual[:, -1]).any():  # all are as late as they can be
        return dict.fromkeys(pairs.cities, since_start - pairs.grid.count * step)
    known = ~np.isnan(pairs.actual)
    last = known.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    return {
        city: since_start - (int(last[c]) + 1) * step for c, city in enumerate(pairs.cities) if known[c].any()
    }
