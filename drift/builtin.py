"""PURE. What drift says of itself: alerts that no rule of the config asks for, and everyone should have.

They are rules and verdicts like any other, so that the same state machine, silences and channels serve them:

| rule              | is about       | breached while                                                     |
|-------------------|----------------|--------------------------------------------------------------------|
| `no_data`         | a series       | no rule can judge it, as actuals or predictions are missing        |
| `late_actuals`    | a city         | its newest actual is older than it usually is by this time of day  |
| `monitor_stale`   | the monitor    | its last finished slot is older than `notify.stale_after`          |
| `delivery_failed` | a channel      | a message to it was given up, and none has arrived since           |

A verdict is made only where it can change something: ten thousand sound cities add none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from drift.alerts import RESTING
from drift.config_notify import BUILTIN, DELIVERY_FAILED, LATE_ACTUALS, MONITOR_STALE, NO_DATA
from drift.delays import Delay
from drift.detect import Rule
from drift.domain import Alert, AlertKey, Threshold, Undefined, Verdict, VerdictStatus
from drift.estimate import NAMES as ESTIMATED
from drift.retired import Forecast

UNINHIBITED = frozenset({MONITOR_STALE, DELIVERY_FAILED})
"""What is told although the monitor is stale."""
MISSING = frozenset({Undefined.NO_PAIRS, Undefined.LOW_COVERAGE, Undefined.NO_CURRENT})
"""The reasons that are want of data; a series that is not calibrated yet, say, has data."""
MEASURED: Mapping[str, str] = {
    NO_DATA: "hours_without_data",
    LATE_ACTUALS: "hours_since_actual",
    MONITOR_STALE: "hours_since_slot",
    DELIVERY_FAILED: "messages_given_up",
}
HOUR = timedelta(hours=1)
SOME = Threshold(0.0, "above")
UNKNOWN = Delay(None, None)
OF_THE_MONITOR = AlertKey(MONITOR_STALE, "", None, None, None)


def builtin_rules(
    no_data_after: timedelta, late_for: timedelta, stale_after: timedelta, channels: Sequence[str]
) -> tuple[Rule, ...]:
    """The built-in rules; the state machine needs them with those of the config, at every step."""

    def rule(name: str, threshold: Threshold, duration: timedelta, severity: str) -> Rule:
        return Rule(
            name=name,
            kind="builtin",
            measured=MEASURED[name],
            threshold=threshold,
            duration=duration,
            severity=severity,
            channels=tuple(channels),
            pooled=False,
            horizon=None,
            column=None,
        )

    at_once = timedelta(0)
    return (
        rule(NO_DATA, SOME, no_data_after, "high"),
        rule(LATE_ACTUALS, SOME, late_for, "warning"),
        rule(MONITOR_STALE, Threshold(stale_after / HOUR, "above"), at_once, "critical"),
        rule(DELIVERY_FAILED, SOME, at_once, "critical"),
    )


def no_data_verdicts(
    verdicts: Iterable[Verdict], alerts: Mapping[AlertKey, Alert], now: datetime, unread: Collection[str] = ()
) -> tuple[Verdict, ...]:
    """What the slot's verdicts say of each forecast as a whole.

    One that no rule could judge for want of data is a breach; its value is the hours since a rule
    could, None if none ever could. One that a rule could judge is ok, which is said only where an alert
    stands. `unread` are cities that failed to be read: what was judged there last is not judged either.
    """
    judged: set[Forecast] = set()
    asked: dict[Forecast, Verdict] = {}
    for verdict in verdicts:
        if verdict.name in ESTIMATED:
            continue  # what is expected says nothing of what was measured
        if verdict.status is not VerdictStatus.NO_DATA:
            judged.add(verdict.key[1:3])
        elif verdict.undefined in MISSING or verdict.key[1:3] not in asked:
            asked[verdict.key[1:3]] = verdict
    blind: dict[Forecast, Verdict | None] = {
        forecast: verdict
        for forecast, verdict in asked.items()
        if verdict.undefined in MISSING and forecast not in judged
    }
    blind |= dict.fromkeys(_judged_last(alerts, unread) - judged) if unread else {}
    return (*_breaches(blind, alerts, now), *_ends(blind, judged, asked, alerts))


def _breaches(
    blind: Mapping[Forecast, Verdict | None], alerts: Mapping[AlertKey, Alert], now: datetime
) -> Iterator[Verdict]:
    last = _last_judged(alerts, blind) if blind else {}
    for forecast, verdict in blind.items():
        hours = (now - last[forecast]) / HOUR if forecast in last else None
        n, coverage = (verdict.n, verdict.coverage) if verdict else (0, 0.0)
        key = AlertKey(NO_DATA, *forecast, None, None)
        yield Verdict(key, MEASURED[NO_DATA], VerdictStatus.BREACH, hours, SOME, None, n, coverage)


def _ends(
    blind: Collection[Forecast],
    judged: Collection[Forecast],
    asked: Mapping[Forecast, Verdict],
    alerts: Mapping[AlertKey, Alert],
) -> Iterator[Verdict]:
    """Of alerts that stand: ok where a rule could judge; unknown where none could, for other reasons. One of
    them ends the alert: that the model version was retired.
    """
    for key, alert in alerts.items():
        forecast = key[1:3]
        if key.rule != NO_DATA or alert.status in RESTING or forecast in blind:
            continue
        if forecast in judged:
            yield Verdict(key, MEASURED[NO_DATA], VerdictStatus.OK, 0.0, SOME)
        elif forecast in asked:
            why = asked[forecast].undefined
            why = why if why is Undefined.RETIRED else Undefined.NO_CURRENT
            yield Verdict(key, MEASURED[NO_DATA], VerdictStatus.NO_DATA, None, SOME, why)


def _last_judged(
    alerts: Mapping[AlertKey, Alert], among: Collection[Forecast] | None = None
) -> dict[Forecast, datetime]:
    """When a rule last had a value for each of the forecasts."""
    last: dict[Forecast, datetime] = {}
    for key, alert in alerts.items():
        forecast = key[1:3]
        if alert.seen is None or key.rule in BUILTIN or not (among is None or forecast in among):
            continue
        last[forecast] = max(alert.seen, last.get(forecast, alert.seen))
    return last


def _judged_last(alerts: Mapping[AlertKey, Alert], cities: Collection[str]) -> set[Forecast]:
    """The forecasts of the cities that the city's last slot judged; others had left before."""
    last = {forecast: at for forecast, at in _last_judged(alerts).items() if forecast[1] in cities}
    newest: dict[str | None, datetime] = {}
    for (_, city), at in last.items():
        newest[city] = max(at, newest.get(city, at))
    return {forecast for forecast, at in last.items() if at == newest[forecast[1]]}


def late_verdicts(delays: Mapping[str, Delay], alerts: Mapping[AlertKey, Alert]) -> tuple[Verdict, ...]:
    """Whether the actuals of cities are late: a breach where the newest is older than is usual there. That
    they are not is said only where an alert stands. What is not known ends no alert.
    """
    found = {city: delay for city, delay in delays.items() if delay.late}
    late = {AlertKey(LATE_ACTUALS, "", city, None, None): delay for city, delay in found.items()}
    stand = [key for key, at in alerts.items() if key.rule == LATE_ACTUALS and at.status not in RESTING]
    rest = {key: delays.get(key.city or "", UNKNOWN) for key in stand if key not in late}
    return tuple(_late(key, delay) for key, delay in (*late.items(), *rest.items()))


def _late(key: AlertKey, delay: Delay) -> Verdict:
    name = MEASURED[LATE_ACTUALS]
    if delay.now is None or delay.expected is None:
        why = delay.reason or Undefined.NO_CURRENT
        return Verdict(key, name, VerdictStatus.NO_DATA, None, SOME, why)
    threshold = Threshold(round(delay.expected / HOUR.total_seconds(), 3), "above", "calibrated")
    status = VerdictStatus.BREACH if delay.late else VerdictStatus.OK
    return Verdict(key, name, status, delay.now / HOUR.total_seconds(), threshold)


def stale_verdict(last: datetime | None, now: datetime, stale_after: timedelta) -> Verdict:
    """Whether the last finished slot is too old; on the limit is not. Without a slot there is no data."""
    threshold, name = Threshold(stale_after / HOUR, "above"), MEASURED[MONITOR_STALE]
    if last is None:
        return Verdict(OF_THE_MONITOR, name, VerdictStatus.NO_DATA, None, threshold, Undefined.NO_CURRENT)
    status = VerdictStatus.BREACH if now - last > stale_after else VerdictStatus.OK
    return Verdict(OF_THE_MONITOR, name, status, (now - last) / HOUR, threshold)


def delivery_verdicts(given_up: Mapping[str, int], alerts: Mapping[AlertKey, Alert]) -> tuple[Verdict, ...]:
    """Whether channels take their messages. `given_up` counts, by channel, the dead letters that no message
    which arrived has followed. An alert that stands ends when there are none.

    The channel stands in the alert's column.
    """
    channels = {channel for channel, count in given_up.items() if count}
    for key, alert in alerts.items():
        if key.rule == DELIVERY_FAILED and key.column is not None and alert.status not in RESTING:
            channels.add(key.column)
    return tuple(
        Verdict(
            AlertKey(DELIVERY_FAILED, "", None, None, channel),
            MEASURED[DELIVERY_FAILED],
            VerdictStatus.BREACH if given_up.get(channel) else VerdictStatus.OK,
            float(given_up.get(channel, 0)),
            SOME,
        )
        for channel in sorted(channels)
    )
