"""What can be said of one slot: read → align → measure → judge, block by block. Nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from drift.config import Config, format_duration
from drift.detect import Rule, judge, without_column
from drift.domain import Failure, Grid, PairCount, Panel, Unused, Verdict, Window
from drift.engines.local import Block, map_blocks
from drift.errors import StoreError
from drift.evaluate import Evaluation, VersionScores, evaluate_block
from drift.fleet import combine
from drift.pairing import Pairs, Timeline, align, join
from drift.stores.base import Store
from drift.survey import Survey, check_windows, read_cities, survey
from drift.windows import Cadence, Windows, windows_of


@dataclass(frozen=True, slots=True)
class Findings:
    """What the pure core says of one slot.

    `cities` are those that could be read; the pairs are kept only where pages will show them.
    """

    windows: Windows
    cities: tuple[str, ...]
    pairs: Pairs | None
    panels: tuple[Panel, ...]
    verdicts: tuple[Verdict, ...]
    counts: tuple[PairCount, ...]
    delays: Mapping[str, float]
    failures: tuple[Failure, ...]


class Measured(NamedTuple):
    """What one block of cities came to."""

    scores: tuple[VersionScores, ...]
    counts: tuple[PairCount, ...]
    unkeyed: Mapping[Unused, int]
    delays: dict[str, float]
    cities: tuple[str, ...]
    pairs: Pairs | None
    unread: list[Failure]


def find(
    slot: datetime,
    store: Store,
    config: Config,
    how: Evaluation,
    rules: Sequence[Rule],
    *,
    keep_pairs: bool = False,
) -> Findings:
    """Read, measure and judge one slot.

    Raises:
        DriftError: nothing can be said of the slot; the text names what is wrong and the remedy.
    """
    there = survey(store, config)
    windows = windows_of(slot, config.windows, config.accuracy, there.cadence)
    failures = check_windows(windows, there.span)

    def measure(cities: Block) -> Measured | StoreError:
        try:
            timeline, unread = timeline_of(store, windows.history, there, cities, config)
        except StoreError as error:
            return error
        pairs = timeline.at(windows)
        scores = evaluate_block(pairs, windows, how)
        delays = actuals_delay(pairs, windows.slot)
        kept = pairs if keep_pairs else None
        counts = timeline.count(windows)
        return Measured(scores, counts, timeline.unkeyed, delays, pairs.cities, kept, unread)

    blocks = store.partition(there.cities, config.engine.block)
    parts, unread = _sorted_out(blocks, list(map_blocks(measure, blocks, config.engine.workers)))
    read = tuple(city for part in parts for city in part.cities)
    panels = combine([part.scores for part in parts], read, how)
    pairs = [part.pairs for part in parts if part.pairs is not None]
    # every block's read sees the rows without a key: they count once
    unkeyed = [PairCount(None, None, 0, parts[0].unkeyed, "history")] if parts[0].unkeyed else []
    counts = (*unkeyed, *(count for part in parts for count in part.counts))
    failures += [*unread, *_unmeasured(panels, counts, windows, failures), *_misnamed(rules, panels)]
    failures += _off_interval(counts, there.cadence)
    return Findings(
        windows=windows,
        cities=read,
        pairs=join(pairs) if pairs else None,
        panels=panels,
        verdicts=judge(rules, panels),
        counts=counts,
        delays={city: delay for part in parts for city, delay in part.delays.items()},
        failures=tuple(failures),
    )


def timeline_of(
    store: Store, window: Window, there: Survey, cities: Sequence[str], config: Config
) -> tuple[Timeline, list[Failure]]:
    """The rows of these cities on the grid of the window, and a failure for each city that was not read."""
    tables, read, failures = read_cities(store, window, cities)
    grid = Grid(window.start, there.cadence.step, window.length // there.cadence.step)
    return align(tables, grid, read, config.accuracy), failures


def _sorted_out(
    blocks: Sequence[Block], found: Sequence[Measured | StoreError]
) -> tuple[list[Measured], list[Failure]]:
    """The blocks that could be measured, and a failure for each city that could not be read.

    Raises:
        StoreError: none could.
    """
    parts = [part for part in found if isinstance(part, Measured)]
    errors = [part for part in found if isinstance(part, StoreError)]
    if not parts and errors:
        raise errors[0]
    failures = [failure for part in parts for failure in part.unread]
    for block, part in zip(blocks, found, strict=True):
        if isinstance(part, StoreError):
            failures += [Failure("read", city, str(part)) for city in block]
    return parts, failures


def _unmeasured(
    panels: Sequence[Panel], counts: Sequence[PairCount], windows: Windows, said: Sequence[Failure]
) -> list[Failure]:
    """A slot of which nothing could be measured is no success, whatever the reason."""
    if any((panel.reason == 0).any() for panel in panels if panel.kind == "metric"):
        return []
    if any(failure.what == "current" for failure in said):
        return []
    why: Counter[str] = Counter()
    for count in counts:
        if count.window == "current":
            why.update({reason.value: many for reason, many in count.unused.items()})
    reasons = ", ".join(f"{reason} {many}" for reason, many in why.most_common()) or "there are no rows"
    text = f"nothing could be measured in {windows.current}: {reasons}; see `drift doctor`"
    return [Failure("windows", "current", text)]


def _off_interval(counts: Sequence[PairCount], cadence: Cadence) -> list[Failure]:
    """Cities more of whose rows lie beside the grid than on it have another interval, or another phase."""
    off = sorted(
        {
            str(count.city)
            for count in counts
            if count.window == "history" and count.unused.get(Unused.OFF_INTERVAL, 0) > count.used
        }
    )
    if not off:
        return []
    some = ", ".join(off[:5]) + (f" and {len(off) - 5} more" if len(off) > 5 else "")
    first = cadence.floor(cadence.anchor + timedelta(days=1))
    text = (
        f"most rows of {some} lie off the interval of {format_duration(cadence.step)} (at {first:%M} past): "
        f"both tables want one interval and phase; see store.interval, or give these cities a config of "
        f"their own"
    )
    return [Failure("read", "interval", text)]


def _misnamed(rules: Sequence[Rule], panels: Sequence[Panel]) -> list[Failure]:
    return [Failure("alerts", rule, text) for rule, text in without_column(rules, panels).items()]


def actuals_delay(pairs: Pairs, slot: datetime) -> dict[str, float]:
    """Seconds from the end of each city's last known actual to the slot; a city without any is absent."""
    known = ~np.isnan(pairs.actual)
    last = known.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    step = pairs.grid.step.total_seconds()
    since_start = (slot - pairs.grid.start).total_seconds()
    return {
        city: since_start - (int(last[c]) + 1) * step for c, city in enumerate(pairs.cities) if known[c].any()
    }
