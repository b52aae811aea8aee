"""What can be said of one slot: read → align → measure → judge, block by block. Nothing is written.

What is done with a block is a `Task`. It can be pickled, so an engine may carry it to other processes.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

import numpy as np

from drift.cache import Cache, key_of
from drift.config import Config, format_duration
from drift.detect import Rule, judge, without_column
from drift.domain import (
    Calibrated,
    Failure,
    Floats,
    Grid,
    PairCount,
    Panel,
    Undefined,
    Unused,
    Verdict,
    Window,
)
from drift.engines import Engine, open_engine
from drift.engines.base import Kernel
from drift.engines.kernel import choose
from drift.engines.local import Block
from drift.errors import StoreError
from drift.evaluate import Evaluation, Prepared, VersionScores, evaluate_block, prepare
from drift.fleet import combine, join
from drift.metrics import load_metrics
from drift.pairing import align
from drift.past import Past, past_of
from drift.statistics import load_statistics
from drift.stores import open_store
from drift.stores.base import Store
from drift.survey import check_windows, read_cities, survey
from drift.timeline import Pairs, Timeline
from drift.watch import UNWATCHED, BlockWatch, Watch, unjudged, watch_block
from drift.watch_panels import combine as combine_watched
from drift.windows import Cadence, Windows, windows_of


@dataclass(frozen=True, slots=True)
class Findings:
    """What the pure core says of one slot.

    `cities` are those that could be read; the pairs are kept only where pages will show them. `uncalibrated`
    counts the series, and the features of cities, that no detector knows yet.
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
    calibrated: Calibrated | None = None


class Measured(NamedTuple):
    """What one block of cities came to."""

    scores: tuple[VersionScores, ...]
    counts: tuple[PairCount, ...]
    unkeyed: Mapping[Unused, int]
    delays: dict[str, float]
    cities: tuple[str, ...]
    pairs: Pairs | None
    unread: list[Failure]
    watched: BlockWatch = BlockWatch()


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
    return Evaluation(load_metrics(), load_statistics(), config.accuracy, config.statistics, kernel)


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
        return Measured(
            scores=evaluate_block(pairs, self.windows, self.tools.how, references, scale),
            counts=timeline.count(self.windows),
            unkeyed=timeline.unkeyed,
            delays=actuals_delay(pairs, self.windows.slot),
            cities=pairs.cities,
            pairs=pairs if self.keep_pairs else None,
            unread=[*unread, *failed],
            watched=watched,
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
        timeline = None if unread else past.followed_by(fresh, self.windows)
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

    task = Task(Tools(config, store, how, cache), windows, there.cadence, keep_pairs, watch)
    blocks = store.partition(there.cities, config.engine.block)
    parts, unread = _sorted_out(blocks, list(carry(task, blocks)))
    read = tuple(city for part in parts for city in part.cities)
    watched = [part.watched for part in parts]
    panels = (
        *combine([part.scores for part in parts], read, how),
        *combine_watched(watched, windows, watch, config),
    )
    pairs = [part.pairs for part in parts if part.pairs is not None]
    # every block's read sees the rows without a key: they count once
    unkeyed = [PairCount(None, None, 0, parts[0].unkeyed, "history")] if parts[0].unkeyed else []
    counts = (*unkeyed, *(count for part in parts for count in part.counts))
    failures += [*unread, *_unmeasured(panels, counts, windows, failures), *_misnamed(rules, panels)]
    failures += _off_interval(counts, there.cadence)
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
        calibrated=watch.calibrated,
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
    return align(tables, grid, read, config.accuracy, write_features=write_features), failures


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
    step = pairs.grid.step.total_seconds()
    since_start = (slot - pairs.grid.start).total_seconds()
    if not np.isnan(pairs.actual[:, -1]).any():  # all are as late as they can be
        return dict.fromkeys(pairs.cities, since_start - pairs.grid.count * step)
    known = ~np.isnan(pairs.actual)
    last = known.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    return {
        city: since_start - (int(last[c]) + 1) * step for c, city in enumerate(pairs.cities) if known[c].any()
    }
