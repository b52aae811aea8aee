"""What a set-up lacks: connect to everything that is configured, and say how to mend what fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial

from drift.clock import Clock, wall_clock
from drift.config import Config, format_duration
from drift.decisions import check_channels
from drift.detect import PLATFORM_METRICS, compile_rules
from drift.domain import iso
from drift.errors import DriftError
from drift.metrics import load_metrics
from drift.monitor import Monitor
from drift.schedule import last_slot
from drift.sinks import open_sinks
from drift.sinks.base import Sink
from drift.state import State
from drift.statistics import load_statistics
from drift.stores import open_store
from drift.stores.base import Store
from drift.stores.layout import compared, traps
from drift.survey import Survey, survey
from drift.windows import Windows, windows_of

WORTH_IT, WORTH_SECONDS = 1.5, 0.05  # less is not worth the advice to write a store anew


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `bad` means that drift cannot work so; a remedy alone is advice."""

    name: str
    found: str
    remedy: str = ""
    bad: bool = False

    def document(self) -> dict[str, object]:
        """The check as JSON has it."""
        return asdict(self)


def examine(config: Config, clock: Clock = wall_clock) -> list[Check]:
    """Every check, in the order in which a slot needs the things. No slot is evaluated or published."""
    looks: list[tuple[str, Callable[[], Iterator[Check]]]] = [
        ("alerts", lambda: _alerts(config)),
        ("schedule", lambda: _cron(config, clock)),
        ("store", lambda: _store(config, clock)),
        ("state", lambda: _state(config)),
        *((f"sink {sink.name}", partial(_sink, sink)) for sink in open_sinks(config)),
    ]
    return [check for name, look in looks for check in _checked(name, look)]


def _checked(name: str, look: Callable[[], Iterator[Check]]) -> list[Check]:
    done: list[Check] = []
    try:
        for check in look():
            done.append(check)  # noqa: PERF402 - what was found before the fault is kept
    except DriftError as error:
        done.append(Check(name, str(error), "mend this first: drift cannot run without it", bad=True))
    return done


def _alerts(config: Config) -> Iterator[Check]:
    rules = compile_rules(config.alerts, load_metrics(), load_statistics(), config.accuracy.band_labels)
    check_channels(rules, config.channels)
    for name, rule in config.alerts.items():
        found = f"{rule.words} for {format_duration(rule.duration)}"
        if rule.metric in PLATFORM_METRICS:
            yield Check(
                f"alerts.{name}",
                f"{found}: the platform measures {rule.metric}, a slot does not",
                "this rule is not judged by `drift run` and `drift serve`",
            )
            continue
        elsewhere = [channel for channel in rule.channels if channel != "log"]
        advice = f"{', '.join(elsewhere)}: this version delivers to the log only" if elsewhere else ""
        yield Check(f"alerts.{name}", found, advice)


def _cron(config: Config, clock: Clock) -> Iterator[Check]:
    last = last_slot(config.schedule, clock())
    yield Check(
        "schedule", f"{config.schedule.cron} {config.schedule.timezone}: the last slot was {last:%F %R}Z"
    )


def _store(config: Config, clock: Clock) -> Iterator[Check]:
    store = open_store(config)
    there = survey(store, config)
    yield Check(
        "store",
        f"{len(there.cities)} cities, {there.span}, an interval of {format_duration(there.cadence.step)}",
    )
    yield from _freshness(config, there, clock)
    slot = min(clock(), there.span.end)
    windows = windows_of(slot, config.windows, config.accuracy, there.cadence)
    if windows.reference.start < there.span.start:
        yield Check(
            "windows",
            f"the reference {windows.reference} starts before the data",
            "shorten windows.reference, or wait: statistics are undefined until it is filled",
        )
    yield from _layout(config, store, there, windows)
    found = Monitor(config, store=store, sinks=()).find(slot)
    yield Check(
        "model versions",
        ", ".join(sorted({panel.series[0].model_version for panel in found.panels})) or "none in the windows",
    )
    for failure in found.failures:
        if failure.stage in ("read", "alerts"):
            yield Check(f"{failure.stage} {failure.what}", failure.message, "mend this", bad=True)
    for count in found.counts:
        if count.window == "current" and not count.used:
            why = ", ".join(f"{reason.value} {many}" for reason, many in count.unused.items())
            yield Check(
                f"pairs of {count.city}, {count.model_version}",
                f"none in {found.windows.current}: {why or 'no rows'}",
                "check the mapping, `marks`, and that both tables cover these hours",
            )


def _layout(config: Config, store: Store, there: Survey, windows: Windows) -> Iterator[Check]:
    if config.store.kind != "parquet":
        return
    now, best, keep = compared(config, store, there.cities, windows.history)
    slow = traps(config)
    found = (
        f"a slot reads {now.rows:,} rows to use {now.used:,}, in {now.groups:,} row groups and {now.files:,} "
        f"openings of files" + (f"; slow to read: {', '.join(slow)}" if slow else "")
    )
    faster = now.seconds / best.seconds if best.seconds else 1.0
    if faster < WORTH_IT or now.seconds - best.seconds < WORTH_SECONDS:
        yield Check("layout", found)
        return
    command = "drift store compact" + ("" if keep else " --keep 0d")
    yield Check(
        "layout",
        f"{found}; compacted: {best.rows:,} rows, {best.groups:,} row groups, {best.files:,} openings",
        f"reading could be about {faster:.1f} times as fast: `{command}`, see docs/layout.md",
    )


def _freshness(config: Config, there: Survey, clock: Clock) -> Iterator[Check]:
    age = clock() - there.span.end
    if age > config.windows.current:
        yield Check(
            "freshness",
            f"the data ends at {iso(there.span.end)}, {age / timedelta(days=1):,.1f} days ago",
            "a slot of now finds no pairs: name one inside the data with --slot, or look at the feed",
        )


def _state(config: Config) -> Iterator[Check]:
    with State.open(config.database_url(config.state)) as state:
        last = state.last_slot()
        yield Check("state", f"readable; the last slot is {last:%F %R}Z" if last else "readable; no slot yet")


def _sink(sink: Sink) -> Iterator[Check]:
    yield Check(f"sink {sink.name}", sink.check())
