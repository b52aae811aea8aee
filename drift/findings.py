"""What can be said of one slot: read → align → measure → judge, block by block. Nothing is written.

What is done with a block is a `Task`. It can be pickled, so an engine may carry it to other processes.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

import numpy as np

from drift.cache import Cache, key_of
from drift.coarser import coarser
from drift.config import Config
from drift.data_fault import DataFault
from drift.data_faults import count_unfit, data_faults
from drift.data_hash import Digests, data_hash, digests
from drift.delays import Delay, delays_at
from drift.detect import Rule, judge, without_column
from drift.domain import (
    Failure,
    Floats,
    Grid,
    PairCount,
    Panel,
    Series,
    Undefined,
    Unused,
    Verdict,
    Window,
)
from drift.engines import Engine, open_engine
from drift.engines.base import Kernel
from drift.engines.kernel import choose
from drift.engines.local import Block
from drift.errors import StoreAwayError, StoreError
from drift.evaluate import Evaluation, Prepared, VersionScores, evaluate_block, prepare, unfit_of
from drift.finer import Finer
from drift.fleet import combine, join
from drift.metrics import load_metrics
from drift.pairing import align
from drift.past import Past, past_of
from drift.retired import Forecast, Silence, cells_until, retire, retired, silences
from drift.schema import Schema, united
from drift.seen import Seen, seen_of
from drift.statistics import load_statistics
from drift.stores import open_store
from drift.stores.base import Store
from drift.survey import check_windows, read_cities, survey
from drift.timeline import Pairs, Timeline
from drift.unfit import Zones
from drift.unmeasured import off_interval, unmeasured
from drift.watch import UNWATCHED, BlockWatch, Watch, unjudged, watch_block
from drift.watch_panels import combine as combine_watched
from drift.watch_recent import recent_of
from drift.windows import Cadence, Windows, windows_of


@dataclass(frozen=True, slots=True)
class Findings:
    """What the pure core says of one slot.

    `cities` are those that could be read; the pairs are kept only where pages will show them. `uncalibrated`
    counts the series, and the features of cities, that no detector knows yet. `watch` is what looked at the
    slot. `retired` are model versions that are judged no more, and where. `seen` is what later slots compare.
    """

    windows: Windows
    cadence: Cadence
    cities: tuple[str, ...]
    pairs: Pairs | None
    panels: tuple[Panel, ...]
    verdicts: tuple[Verdict, ...]
    counts: tuple[PairCount, ...]
    delays: Mapping[str, float]
    failures: tuple[Failure, ...]
    uncalibrated: int = 0
    watch: Watch = UNWATCHED
    retired: frozenset[Forecast] = frozenset()
    data_hash: str | None = None
    recent: Mapping[Series, Floats] = field(default_factory=dict)
    seen: Seen | None = None
    estimates: tuple[Panel, ...] = ()
    data_faults: tuple[DataFault, ...] = ()
    schema: Schema = field(default_factory=dict)
    lateness: Mapping[str, Delay] = field(default_factory=dict)


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
class Tools:
    """What blocks are worked on with.

    Pickled, it is the part of the config that measuring needs, its kernel's name, and where the cache is. The
    process it is sent to opens a store of its own, loads the tables of metrics and statistics, and keeps
    them for later slots.
    """

    config: Config
    store: Store
    how: Evaluation
    cache: Cache | None = None

    def __reduce__(self) -> tuple[Callable[[bytes], Tools], tuple[bytes]]:
        kept = None if self.cache is None else self.config.engine.cache
        return opened_tools, (pickle.dumps((self.config.for_measuring(), self.how.kernel.NAME, kept)),)


@lru_cache(maxsize=2)  # of one config or two: opening is what a warm process saves
def opened_tools(sent: bytes) -> Tools:
    """The tools of a pickled config, opened once a process.

    Raises:
        ConfigError: the store, a metric's package or the kernel is not there.
    """
    config, kernel, kept = pickle.loads(sent)  # noqa: S301 - our own, from the process that sent the task
    cache = None if kept is None else Cache(config.path(kept.dir), kept.size)
    return Tools(config, open_store(config), evaluation_of(config, choose(kernel)), cache)


def evaluation_of(config: Config, kernel: Kernel) -> Evaluation:
    """What the config measures: all metrics and statistics that are installed, by its numbers."""
    zones = Zones(config.timezone, config.timezones)
    return Evaluation(load_metrics(), load_statistics(), config.accuracy, config.statistics, kernel, zones)


class Known(NamedTuple):
    """What is known of a block: its rows on the grid, the pairs at the slot, the references, what failed, and
    the scale where it is at hand.
    """

    timeline: Timeline
    pairs: Pairs
    references: tuple[Prepared, ...]
    unread: list[Failure]
    scale: Floats | None = None


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
            # pages show every hour, and a cache does not keep them
            if self.tools.cache is None or self.keep_pairs or self.watch.reads_everything:
                timeline, unread = self._read(self.windows.history, cities)
                pairs = timeline.at(self.windows)
                references, scale = prepare(pairs, self.windows, self.tools.how), None
            else:
                timeline, pairs, references, unread, scale = self._with_past(self.tools.cache, cities)
        except StoreError as error:
            return error
        watched, failed = self._watch(pairs)
        how, config, counts = self.tools.how, self.tools.config, timeline.count(self.windows)
        unfit = unfit_of(pairs, self.windows, how)
        if config.accuracy.leave_out_faults:
            counts = count_unfit(counts, pairs, self.windows, unfit.codes)
        late_after = config.detection.late_after
        return Measured(
            scores=evaluate_block(pairs, self.windows, how, references, scale, unfit.codes),
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

    def _watch(self, pairs: Pairs) -> tuple[BlockWatch, list[Failure]]:
        """What the detectors say, where any is asked. A fault of theirs costs their scores, and no metric."""
        if not self.watch.detectors:
            return BlockWatch(), []
        try:
            return watch_block(pairs, self.windows, self.watch, self.tools.config), []
        except Exception as error:  # noqa: BLE001 - it is named, and the block's metrics go on
            cities = ", ".join(pairs.cities[:5]) + (" …" if len(pairs.cities) > 5 else "")
            text = f"{type(error).__name__}: {error}"
            return unjudged(pairs, self.watch, Undefined.NOT_JUDGED), [Failure("detect", cities, text)]

    def _read(self, window: Window, cities: Block) -> tuple[Timeline, list[Failure]]:
        return timeline_of(
            self.tools.store, window, self.cadence, cities, self.tools.config, write_features=self.keep_pairs
        )

    def _with_past(self, cache: Cache, cities: Block) -> Known:
        """The block's rows, by what an earlier slot kept of them if that still holds; else read whole, and
        kept for the next.
        """
        config = self.tools.config
        key = key_of(config, cities, self.cadence, self.tools.how.kernel.NAME)

        def made_from(window: Window) -> str | None:
            return fingerprint_of(self.tools.store, window, cities)

        kept = cache.recall(key, self.windows, made_from)
        known = None if kept is None else self._after(kept.past, cities)
        if kept is not None and known is not None and made_from(kept.past.window) == kept.fingerprint:
            return known  # and the rows did not change while they were read
        moves = isinstance(config.windows.reference, timedelta)
        before = made_from(past_of(self.windows, moves=moves))
        timeline, unread = self._read(self.windows.history, cities)
        pairs = timeline.at(self.windows)
        references = prepare(pairs, self.windows, self.tools.how)
        if before is not None and not unread:
            span = config.accuracy.season // self.cadence.step
            later = Past.of(
                timeline, pairs, self.windows, references, config.accuracy, moves=moves, span=span
            )
            if later is not None:
                cache.offer(key, later, before, made_from)
        return Known(timeline, pairs, references, unread)

    def _after(self, past: Past, cities: Block) -> Known | None:
        """The block by its past and the rows since; None where they do not go together."""
        fresh, unread = self._read(Window(past.end, self.windows.history.end), cities)
        timeline = None if unread or fresh.averaged else past.followed_by(fresh, self.windows)
        if timeline is None:
            return None
        pairs = timeline.at(self.windows)
        references = past.references(pairs, self.windows, self.tools.how.kernel)
        return Known(timeline, pairs, references, [], past.scale_at(self.windows))


def find(
    slot: datetime,
    store: Store,
    config: Config,
    how: Evaluation,
    rules: Sequence[Rule],
    *,
    keep_pairs: bool = False,
    engine: Engine | None = None,
    cache: Cache | None = None,
    watch: Watch | None = None,
) -> Findings:
    """Read, measure and judge one slot, on the engine given or the one that the config names; `watch` says
    which detectors look at it.

    Raises:
        DriftError: nothing can be said of the slot; the text names what is wrong and the remedy.
    """
    carry = engine or open_engine(config.engine)
    there = survey(store, config)
    watch = watch or UNWATCHED
    windows = windows_of(slot, config.windows, config.accuracy, there.cadence, watch.look_back)
    failures = check_windows(windows, there.span)

    hashed = config.mlflow is not None
    task = Task(Tools(config, store, how, cache), windows, there.cadence, keep_pairs, watch, hashed)
    blocks = store.partition(there.cities, config.engine.block)
    parts, unread = _sorted_out(blocks, list(carry(task, blocks)))
    read = tuple(city for part in parts for city in part.cities)
    watched = [part.watched for part in parts]
    after = cells_until(config.notify.retire_after, windows, there.cadence.step)
    gone = retired(Silence.join([part.silence for part in parts]), after)
    scored = combine([part.scores for part in parts], read, how)
    panels = retire((*scored, *combine_watched(watched, windows, watch, config)), gone)
    pairs = [part.pairs for part in parts if part.pairs is not None]
    # every block's read sees the rows without a key: they count once
    unkeyed = [PairCount(None, None, 0, parts[0].unkeyed, "history")] if parts[0].unkeyed else []
    counts = (*unkeyed, *(count for part in parts for count in part.counts))
    failures += [*unread, *unmeasured(panels, counts, windows, failures), *_misnamed(rules, panels)]
    failures += off_interval(counts, there.cadence)
    return Findings(
        windows=windows,
        cadence=there.cadence,
        cities=read,
        pairs=join(pairs) if pairs else None,
        panels=panels,
        verdicts=judge(rules, panels),
        counts=counts,
        delays={city: delay for part in parts for city, delay in part.delays.items()},
        failures=tuple(failures),
        uncalibrated=sum(block.uncalibrated for block in watched),
        recent=recent_of(watched),
        watch=watch,
        retired=gone,
        data_hash=data_hash(part.digests or {} for part in parts) if hashed else None,
        seen=Seen.join([part.seen for part in parts if part.seen is not None]),
        data_faults=tuple(fault for part in parts for fault in part.data_faults),
        schema=united(part.schema for part in parts),
        lateness={city: delay for part in parts for city, delay in part.lateness.items()},
    )


def timeline_of(
    store: Store,
    window: Window,
    cadence: Cadence,
    cities: Sequence[str],
    config: Config,
    *,
    write_features: bool = True,
) -> tuple[Timeline, list[Failure]]:
    """The rows of these cities on the grid of the window (`align`), and a failure for each city that was not
    read.
    """
    tables, read, failures = read_cities(store, window, cities)
    grid = Grid(window.start, cadence.step, window.length // cadence.step)
    finer = Finer.of(config.store)
    return align(tables, grid, read, config.accuracy, write_features=write_features, finer=finer), failures


def fingerprint_of(store: Store, window: Window, cities: Sequence[str]) -> str | None:
    """What the rows are made from, where the store can say; what is wrong with it, reading tells.

    A store of another package may be from before stores were asked for this, or name a secret.
    """
    ask: Callable[[Window, Sequence[str]], str | None] | None = getattr(store, "fingerprint", None)
    try:
        said = None if ask is None else ask(window, cities)
    except StoreError:
        return None
    return None if said is None else sha256(said.encode(errors="backslashreplace")).hexdigest()


def _sorted_out(
    blocks: Sequence[Block], found: Sequence[Measured | StoreError]
) -> tuple[list[Measured], list[Failure]]:
    """The blocks that could be measured, and a failure for each city that could not be read.

    Raises:
        StoreError: none could, or the store went away: half a slot is none.
    """
    parts = [part for part in found if isinstance(part, Measured)]
    errors = [part for part in found if isinstance(part, StoreError)]
    away = [error for error in errors if isinstance(error, StoreAwayError)]
    if away or (errors and not parts):
        raise (away or errors)[0]
    failures = [failure for part in parts for failure in part.unread]
    for block, part in zip(blocks, found, strict=True):
        if isinstance(part, StoreError):
            failures += [Failure("read", city, str(part)) for city in block]
    return parts, failures


def _misnamed(rules: Sequence[Rule], panels: Sequence[Panel]) -> list[Failure]:
    return [Failure("alerts", rule, text) for rule, text in without_column(rules, panels).items()]


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
