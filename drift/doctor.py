"""What a set-up lacks: connect to everything that is configured, and say how to mend what fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

import structlog

from drift.clock import Clock, wall_clock
from drift.config import Config, format_duration
from drift.decisions import LOG, check_channels
from drift.delays import expected_delays
from drift.detect import compile_rules, compile_watch_rules, watched
from drift.detectors.hourly import is_hourly
from drift.doctor_check import Check as Check
from drift.doctor_known import coverage, delay, known_since
from drift.doctor_mapping import LOOKED_AT, mapping, zones_to_declare
from drift.doctor_rows import cadence, first_rows, read_weeks, repeated
from drift.doctor_watch import platform_rule
from drift.doctor_watch import watched as what_is_watched
from drift.domain import Calibrated, Undefined, Window, iso
from drift.errors import ChannelError, DriftError, TimestampError
from drift.findings import Findings
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
from drift.telemetry.traces import wanted
from drift.telling import words_of
from drift.watch import SOON
from drift.windows import Windows, windows_of

TAKES = timedelta(seconds=5)  # so long a collector of traces may take to take one
WORTH_IT, WORTH_SECONDS = 1.5, 0.05  # less is not worth the advice to write a store anew
LIMITS_OF = {
    "own": "limits of their own",
    "blended": "limits of their own and those that come with drift",
    "standard": "the limits that come with drift",
}


def examine(config: Config, clock: Clock = wall_clock) -> list[Check]:
    """Every check, in the order in which a slot needs the things. No slot is evaluated or published."""
    looks: list[tuple[str, Callable[[], Iterator[Check]]]] = [
        ("alerts", lambda: _alerts(config)),
        ("watch", lambda: what_is_watched(config)),
        ("schedule", lambda: _cron(config, clock)),
        ("store", lambda: _placed(config, clock)),
        ("state", lambda: _state(config)),
        *((f"sink {sink.name}", partial(_sink, sink)) for sink in open_sinks(config)),
        *((f"channel {name}", partial(_channel, config, name)) for name in config.channels),
        *((("traces", lambda: _traces(config)),) if wanted(config.traces, os.environ) else ()),
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
    check_channels((*rules, *compile_watch_rules(config.alerts, config.watch)), config.channels)
    for name, rule in config.alerts.items():
        found = f"{rule.words} for {format_duration(rule.duration)}"
        absent = [channel for channel in rule.channels if channel not in (LOG, *config.channels)]
        advice = (
            f"{', '.join(absent)}: not configured, so nobody is told there: see channels" if absent else ""
        )
        what = watched(rule)
        yield (
            Check(f"alerts.{name}", found, advice)
            if what is None
            else platform_rule(config, name, rule, what, advice)
        )


def _channel(config: Config, name: str) -> Iterator[Check]:
    """Whether the channel's service is there, as far as that can be asked without a message."""
    from drift.channels import open_channel

    channel = open_channel(name, config.channels[name], structlog.get_logger(), words_of(config))
    try:
        yield Check(f"channel {name}", channel.check())
    except ChannelError as error:
        text = "alerts wait in the outbox until it takes them; `drift alerts test` tries it"
        yield Check(f"channel {name}", str(error), text, bad=True)
    finally:
        channel.close()


def _traces(config: Config) -> Iterator[Check]:
    """Whether the collector takes a span: one named `doctor`."""
    from drift.telemetry.otlp import Collector, fault_of

    collector = Collector.of(config.traces)
    fault = fault_of(collector, TAKES)
    if fault is None:
        yield Check("traces", f"{collector.place} took a span by {collector.way}")
    else:
        text = "slots go on without traces until it does: see docs/traces.md"
        yield Check("traces", f"{collector.place} took no span by {collector.way}: {fault}", text, bad=True)


def _cron(config: Config, clock: Clock) -> Iterator[Check]:
    last = last_slot(config.schedule, clock())
    yield Check(
        "schedule", f"{config.schedule.cron} {config.schedule.timezone}: the last slot was {last:%F %R}Z"
    )


def _placed(config: Config, clock: Clock) -> Iterator[Check]:
    try:
        yield from _store(config, clock)
    except TimestampError as error:
        lines = zones_to_declare(config)
        remedy = "mend this first: drift cannot run without it"
        yield Check("store", str(error), remedy, bad=True, write=lines)


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
    yield from _mapped(config, store, there, windows)
    yield from _layout(config, store, there, windows)
    with Monitor(config, store=store, sinks=()) as monitor:
        found = monitor.find(slot)
        yield from _detection(config, monitor, found)
    yield from coverage(config, found)
    yield _arrivals(found)
    yield Check(
        "model versions",
        ", ".join(sorted({panel.series[0].model_version for panel in found.panels})) or "none in the windows",
    )
    for failure in found.failures:
        if failure.stage in ("read", "alerts"):
            yield Check(f"{failure.stage} {failure.what}", failure.message, "mend this", bad=True)
    for count in found.counts:
        if (count.model_version, count.city) in found.retired:
            continue
        if count.window == "current" and not count.used:
            why = ", ".join(f"{reason.value} {many}" for reason, many in count.unused.items())
            yield Check(
                f"pairs of {count.city}, {count.model_version}",
                f"none in {found.windows.current}: {why or 'no rows'}",
                "check the mapping, `marks`, and that both tables cover these hours",
            )


def _mapped(config: Config, store: Store, there: Survey, windows: Windows) -> Iterator[Check]:
    """The rows themselves: how they look, and what they give away of the mapping."""
    end = there.cadence.floor(windows.slot)
    start = max(end - LOOKED_AT, there.span.start)
    read = read_weeks(store, config, Window(min(start, end), end), there.cities)
    yield from first_rows(config, read)
    yield from cadence(read)
    yield from mapping(config, read)
    yield from repeated(read)
    yield from known_since(config, read)
    yield from delay(config, read, windows)


def _detection(config: Config, monitor: Monitor, found: Findings) -> Iterator[Check]:
    """What the calibrated detectors are fitted to, and what they lack."""
    if not monitor.calibrations.wanted:
        return
    if not is_hourly(found.cadence.step):
        yield Check(
            "detection",
            f"the detectors judge hours, and {format_duration(found.cadence.step)} is no part of one",
            "use rules on a metric with a threshold here",
            bad=True,
        )
        return
    fit = found.watch.calibrated
    yield from _unknown(found) if fit is None else _fitted(config, fit, found)
    without = [city for city in found.cities if config.country_of(city) is None]
    if without:
        yield Check(
            "holidays",
            f"{len(without)} of {len(found.cities)} cities have no country: their holidays will cost alarms",
            "set detection.country (US, IN …), or detection.countries by city",
        )


def _unknown(found: Findings) -> Iterator[Check]:
    if found.uncalibrated:
        text = f"nothing is fitted yet, and {found.uncalibrated} series could be: the next slot does so"
        yield Check("detection", text)
        return
    used = max((count.used for count in found.counts if count.window == "history"), default=0)
    days = used * found.cadence.step / timedelta(days=1)
    yield Check(
        "detection",
        f"nothing is fitted yet: it takes three weeks of pairs, and no series has more than {days:,.1f} days",
        "wait, or give the store more of the past: until then calibrated scores are undefined",
    )


def _fitted(config: Config, made: Calibrated, found: Findings) -> Iterator[Check]:
    age = found.windows.slot - made.made_at
    scores = [panel for panel in found.panels if "drift_score" in panel.names]
    unknown = sum(int((panel.reason == Undefined.NOT_CALIBRATED).any(axis=(1, 2)).sum()) for panel in scores)
    late = age > config.detection.refit + SOON
    yield Check(
        "detection",
        f"fitted {age / timedelta(days=1):,.0f} days ago to {made.series} series of {made.span}, by "
        f"{LIMITS_OF[made.origin]}; not known yet: {unknown} series, {found.uncalibrated} of which could be",
        "a fit is overdue: look for `calibrate` among the failures of `drift run`" if late else "",
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


def _arrivals(found: Findings) -> Check:
    """How old the newest actuals usually are, by which lateness is told."""
    known = sorted((seconds, city) for city, seconds in expected_delays(found.lateness).items())
    why = {city: delay.reason for city, delay in found.lateness.items() if delay.reason is not None}
    reasons = "; ".join(sorted({reason.text for reason in why.values()}))
    unknown = f"not known of {len(why)} of {len(found.lateness)} cities: {reasons}" if why else ""
    if not known:
        return Check(
            "late actuals", f"{unknown or 'no city'}, so that no_data alone says that actuals stay away"
        )
    words = [format_duration(timedelta(minutes=round(seconds / 60))) for seconds, _ in (known[0], known[-1])]
    most = f"{words[0]} to {words[1]}" if words[0] != words[1] else words[0]
    usual = f"by this time of day the newest actual is usually {most} old at most"
    late = [city for city, delay in found.lateness.items() if delay.late]
    now = f"; late now: {len(late)} of {len(found.lateness)} cities" if late else ""
    return Check("late actuals", "; ".join(filter(None, (f"{usual}{now}", unknown))))


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
