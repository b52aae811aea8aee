"""PURE. Prometheus rules that watch drift itself, and a watchdog that watches this whole way to people.

They hold whether drift's own engine pages or the Prometheus pair does: a monitor cannot say that it is dead.
"""

from __future__ import annotations

from datetime import timedelta

from drift.config import Config
from drift.config_notify import BUILTIN, DELIVERY_FAILED, MONITOR_STALE
from drift.exports.document import Alerting, Group, Recording
from drift.exports.models import LAST_SUCCESS
from drift.exports.promql import duration, number
from drift.exports.said import MONITOR, Runbooks, annotations_of, labels_of
from drift.slot_age import SlotAges, slot_ages

WATCHDOG, FAILED, DELIVERY_LATE = "watchdog", "run_failed", "delivery_late"
LATE, STALE, ABSENT = "monitor_late", MONITOR_STALE, "monitor_absent"
AGE = "job:drift_slot_age:seconds"
OWN = frozenset({WATCHDOG, FAILED, DELIVERY_LATE, LATE, ABSENT, *BUILTIN})
"""The names of alerts on drift itself, those of its own engine among them."""
REMEMBERED = timedelta(days=1)
"""So long after it fell silent a monitor is known to be missing by name; then it is only absent."""
UNDELIVERED = "30m"
"""Messages that wait so long are not just being sent."""


def monitor_group(config: Config, runbooks: Runbooks) -> Group:
    """The rules on drift itself. Gauges that a version of drift does not have yet begin no alert."""
    ages = slot_ages(config.schedule)
    return Group(
        "drift_monitor",
        [
            _watchdog(runbooks),
            *_stale(config, ages, runbooks),
            _failed(ages, runbooks),
            *_delivery(runbooks),
        ],
    )


def _alert(
    name: str, expr: str, severity: str, kind: str, summary: str, runbooks: Runbooks, **how: timedelta
) -> Alerting:
    said = annotations_of(name, kind, summary, runbooks)
    return Alerting(name, expr, labels_of(severity, MONITOR), said, **how)


def _watchdog(runbooks: Runbooks) -> Alerting:
    """Always fires: who watches over it learns from its absence that alerts reach nobody."""
    return _alert(WATCHDOG, "vector(1)", "none", "watchdog", "This alert always fires.", runbooks)


def _stale(
    config: Config, ages: SlotAges, runbooks: Runbooks
) -> tuple[Recording, Alerting, Alerting, Alerting]:
    """The gauge is the slot, not the time of its run: at two gaps two slots are due and missed.

    An age that is NaN is not known to be young. Of a gauge that never was there is no age.
    """
    limit, waits = config.notify.stale_after or ages.stale_after, 2 * ages.settle
    seen = f"last_over_time({LAST_SUCCESS}[{duration(limit + REMEMBERED)}])"
    age = Recording(AGE, f"time() - max by (job) ({seen})\n")
    seconds = number(limit.total_seconds())
    late = number(ages.late_after.total_seconds())
    return (
        age,
        _alert(
            LATE, f"{AGE} > {late}\n", "info", "monitor_stale",
            "drift's last good slot is {{ $value | humanizeDuration }} old: alerts on forecasts wait.",
            runbooks,
        ),
        _alert(
            STALE, f"{AGE}\nunless\n{AGE} <= {seconds}\n", "critical", "monitor_stale",
            "drift's last good slot is {{ $value | humanizeDuration }} old: slots were missed.",
            runbooks, duration=waits,
        ),
        _alert(
            ABSENT, f"absent({seen})\n", "critical", "monitor_stale",
            f"Prometheus has seen no slot of drift for {duration(limit + REMEMBERED)}: is it scraped?",
            runbooks, duration=waits,
        ),
    )  # fmt: skip


def _failed(ages: SlotAges, runbooks: Runbooks) -> Alerting:
    """A counter of failures begins with its first failure, of which there is no increase."""
    window = duration(ages.hold)
    expr = (
        f"sum by (job, stage) (increase(drift_failures_total[{window}])) > 0\n"
        f"or\nsum by (job, stage) (drift_failures_total unless drift_failures_total offset {window}) > 0\n"
    )
    summary = (
        f'Stage {{{{ $labels.stage }}}} of drift failed {{{{ printf "%.0f" $value }}}} times in {window}.'
    )
    return _alert(FAILED, expr, "warning", "monitor_stale", summary, runbooks)


def _delivery(runbooks: Runbooks) -> tuple[Alerting, Alerting]:
    """Replicas share the outbox, so that each shows all of it."""
    pending = f"max by (job) (min_over_time(drift_outbox_pending[{UNDELIVERED}])) > 0\n"
    return (
        _alert(
            DELIVERY_FAILED, "max by (job) (drift_outbox_dead) > 0\n", "critical", "delivery_failed",
            'drift gave up {{ printf "%.0f" $value }} messages: their channels did not take them.', runbooks,
        ),
        _alert(
            DELIVERY_LATE, pending, "high", "delivery_failed",
            f'{{{{ printf "%.0f" $value }}}} or more messages of drift wait for {UNDELIVERED}.', runbooks,
        ),
    )  # fmt: skip
