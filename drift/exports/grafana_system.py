"""PURE. The dashboard `system_health`: services, the machines they run on, and drift itself."""

from __future__ import annotations

from drift.config import Config
from drift.exports.grafana_parts import (
    Board,
    Column,
    Limit,
    Panel,
    Query,
    Row,
    Shown,
    figure,
    firing,
    limit_of,
    lines,
    rows_of,
    variable,
)
from drift.exports.recording import AVAILABILITY, ERROR_RATE
from drift.slot_age import slot_ages

JOB = 'job=~"$job"'
IDLE = "while there are no requests"
NO_RESOURCES = "unless something shows resource_usage"
NO_SPEED = "where nobody says how much an interface carries"
NOT_SERVED = "unless drift serve is scraped"
SLOT = "drift_last_success_timestamp_seconds"
RESOURCES = {
    "cpu": "CPU",
    "memory": "Memory",
    "disk": "Disks, by mount",
    "network": "Network, by interface",
}


def system_board(config: Config) -> Board:
    """The dashboard on what all the rest stands on; its limits are those of the config's rules."""
    seen = "api_requests_total|resource_usage|drift_last_success_timestamp_seconds"
    usage = limit_of(config, "resource_usage")
    ours = f'max by (rule, severity) (drift_alerts{{{JOB}, state="firing"}}) > 0'
    alerts = 'ALERTS{alertstate="firing", alertname!="watchdog"}'
    return Board(
        name="system_health",
        title="System health",
        says="Whether services answer, how full their machines are, and whether drift itself keeps up.",
        refresh="1m",
        span="12h",
        variables=(variable("job", "Job", f'label_values({{__name__=~"{seen}"}}, job)'),),
        annotations=(
            firing("Firing alerts of Prometheus", alerts, "{{alertname}}", "severity,about"),
            firing("Firing alerts of drift", ours, "{{rule}}", "severity"),
        ),
        rows=(
            Row("Now", _now(config, usage)),
            Row("Services", _services(config)),
            Row("Resources", (*_resources(usage), _usage_table(usage))),
            Row("drift itself", (*_slots(config), *_told())),
        ),
        pages=(("Slots", "/slots"), ("Alerts", "/alerts")),
    )


def resource(kind: str) -> str:
    """Usage by what is used: the gauge's own `instance`, which Prometheus renames where a target has one too.

    >>> resource("cpu").count("label_replace")
    2
    """
    chosen = f'resource_usage{{{JOB}, resource_type=~"{kind}"}}'
    named = f'label_replace({chosen}, "used", "$1", "instance", "(.+)")'
    renamed = f'label_replace({named}, "used", "$1", "exported_instance", "(.+)")'
    return f"max by (job, resource_type, used) ({renamed})"


def _age() -> str:
    return f"time() - max by (job) ({SLOT}{{{JOB}}})"


def _now(config: Config, usage: Limit | None) -> tuple[Panel, ...]:
    late = Limit(slot_ages(config.schedule).late_after.total_seconds(), "above")
    alerts = 'count(ALERTS{alertstate="firing", alertname!="watchdog"}) or vector(0)'
    return (
        figure(Shown(
            "Availability", "Share of requests not answered 5xx in the last five minutes.",
            (Query(f"{AVAILABILITY}{{{JOB}}}", "{{job}}"),),
            "percentunit", limit_of(config, "availability"), IDLE, 5, 4,
        )),
        figure(Shown(
            "Error rate", "Share of requests answered 5xx in the last five minutes.",
            (Query(f"{ERROR_RATE}{{{JOB}}}", "{{job}}"),),
            "percentunit", limit_of(config, "error_rate"), IDLE, 5, 4,
        )),
        figure(Shown(
            "Fullest resource", "The highest usage of any processor, memory, disk or network.",
            (Query(f"max({resource('.+')})", "usage"),), "percent", usage, NO_RESOURCES, 5, 4,
        )),
        figure(Shown(
            "Firing alerts",
            "Alerts of Prometheus' own rules that fire, but for the watchdog, which always does.",
            (Query(alerts, "firing"),), "short", Limit(1, "above"), width=4, height=4,
        )),
        figure(Shown(
            "Age of the last slot",
            "Since the slot of drift's last run that measured anything; red when the next is overdue.",
            (Query(_age(), "{{job}}"),), "s", late, NOT_SERVED, 5, 4,
        )),
    )  # fmt: skip


def _services(config: Config) -> tuple[Panel, ...]:
    up = f"min by (job) (up{{{JOB}}})"
    return (
        lines(Shown(
            "Availability over time", "Share of requests not answered 5xx, of five minutes.",
            (Query(f"{AVAILABILITY}{{{JOB}}}", "{{job}}"),),
            "percentunit", limit_of(config, "availability"), IDLE, 8,
        )),
        lines(Shown(
            "Error rate over time", "Share of requests answered 5xx, of five minutes.",
            (Query(f"{ERROR_RATE}{{{JOB}}}", "{{job}}"),),
            "percentunit", limit_of(config, "error_rate"), IDLE, 8,
        )),
        lines(Shown(
            "Scraped", "1 where Prometheus reaches every instance of a job, 0 where it misses one.",
            (Query(up, "{{job}}"),), "short", width=8,
        )),
    )  # fmt: skip


def _resources(limit: Limit | None) -> tuple[Panel, ...]:
    return tuple(
        lines(Shown(
            title, "Usage in percent, and the limit of the alert.",
            (Query(resource(kind), "{{used}} {{job}}"),), "percent", limit,
            NO_SPEED if kind == "network" else NO_RESOURCES, 6,
        ))
        for kind, title in RESOURCES.items()
    )  # fmt: skip


def _usage_table(limit: Limit | None) -> Panel:
    columns = (
        Column("resource_type", "Resource"),
        Column("used", "Where"),
        Column("job", "Shown by"),
        Column("now", "Now", "percent", limit),
    )
    says = "Every resource there is, the fullest first."
    shown = Shown("Resources now", says, (Query(resource(".+"), "now"),), empty=NO_RESOURCES, width=24)
    return rows_of(shown, columns, "Now")


def _slots(config: Config) -> tuple[Panel, ...]:
    late = Limit(slot_ages(config.schedule).late_after.total_seconds(), "above")
    failed = f"drift_failures_total{{{JOB}}}"
    failures = f"sum by (job, stage) ({failed} unless {failed} offset 1h or increase({failed}[1h]))"
    return (
        lines(Shown(
            "Age of the last good slot", "A saw tooth: one that grows on means that slots are missed.",
            (Query(_age(), "{{job}}"),), "s", late, NOT_SERVED, 8,
        )),
        lines(Shown(
            "Duration of a run", "How long the last slot took to evaluate.",
            (Query(f"max by (job) (drift_run_duration_seconds{{{JOB}}})", "{{job}}"),),
            "s", None, NOT_SERVED, 8,
        )),
        lines(Shown(
            "Failures by stage", "Of the last hour: reading, measuring, sinks, channels, watchers.",
            (Query(failures, "{{stage}}"),), "short", Limit(1, "above"), "while no stage has failed", 8,
        )),
    )  # fmt: skip


def _told() -> tuple[Panel, ...]:
    alerts = f'max by (rule, severity) (drift_alerts{{{JOB}, state="firing"}}) > 0'
    outbox = tuple(
        Query(f"max by (channel) (drift_outbox_{name}{{{JOB}}})", f"{said} {{{{channel}}}}")
        for name, said in (("pending", "waiting"), ("dead", "given up"))
    )
    return (
        lines(Shown(
            "Messages in the outbox",
            "Waiting for their channel, or given up; drift sends until a channel takes them.",
            outbox, "short", None, NOT_SERVED + " with a channel",
        )),
        lines(Shown(
            "Firing alerts by rule", "As drift's own engine has them, of forecasts and of the platform.",
            (Query(alerts, "{{rule}} {{severity}}"),), "short", None, "while nothing fires",
        )),
    )  # fmt: skip
