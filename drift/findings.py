"""What can be said of one slot: survey → measure, block by block → judge. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from drift.cache import Cache
from drift.config import Config
from drift.data_fault import DataFault
from drift.data_hash import data_hash
from drift.delays import Delay
from drift.detect import Rule, judge, without_column
from drift.domain import Failure, Floats, PairCount, Panel, Series, Verdict
from drift.engines import Engine, open_engine
from drift.engines.local import Block
from drift.errors import StoreAwayError, StoreError
from drift.evaluate import Evaluation
from drift.fleet import combine, join
from drift.measuring import Measured, Task
from drift.retired import Forecast, Silence, cells_until, retire, retired
from drift.schema import Schema, united
from drift.seen import Seen
from drift.stores.base import Store
from drift.survey import check_windows, survey
from drift.telemetry.traces import span
from drift.timeline import Pairs
from drift.tools import Tools
from drift.unmeasured import off_interval, unmeasured
from drift.watch import UNWATCHED, Watch
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
    with span("survey"):
        there = survey(store, config)
    watch = watch or UNWATCHED
    windows = windows_of(slot, config.windows, config.accuracy, there.cadence, watch.look_back)
    failures = check_windows(windows, there.span)

    hashed = config.mlflow is not None
    task = Task(Tools(config, store, how, cache), windows, there.cadence, keep_pairs, watch, hashed)
    blocks = store.partition(there.cities, config.engine.block)
    with span("measure", engine=config.engine.kind, blocks=len(blocks), cities=len(there.cities)):
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
    with span("judge", rules=len(rules)) as judging:
        verdicts = judge(rules, panels)
        judging.set(verdicts=len(verdicts))
    return Findings(
        windows=windows,
        cadence=there.cadence,
        cities=read,
        pairs=join(pairs) if pairs else None,
        panels=panels,
        verdicts=verdicts,
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
