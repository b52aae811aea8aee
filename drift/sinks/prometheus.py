"""Gauges for Prometheus: one immutable snapshot a run, swapped whole.

A scrape sees all of one run or all of the next, and a city that left is gone with the run that had it
last. The text is rendered once, when a run is published, and every scrape is served the same bytes. An
undefined value, like one that is not finite, is an absent series, counted by reason in `drift_undefined`.

`drift_last_success_timestamp_seconds` is the SLOT (not the wall clock) of the latest run that measured
anything; a run without a single measurement leaves it where it was, and an alert on its age fires.
`drift_failures_total` counts over the life of the process; publishing a slot again counts nothing twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import isfinite
from threading import Lock
from typing import TypeAlias

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from drift.domain import AlertStatus, Panel, Run, Series, Undefined
from drift.errors import SinkError

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""What to call the bytes of `render` in the HTTP answer."""

Labels: TypeAlias = tuple[str, ...]
Values: TypeAlias = dict[Labels, float]

_GAUGES: Mapping[str, tuple[str, Labels]] = {
    "model_accuracy": ("Accuracy figures of all cities pooled.", ("model_version", "metric")),
    "model_accuracy_by_city": ("Accuracy figures a city.", ("model_version", "city", "metric")),
    "model_drift": ("Drift statistics a city and column.", ("model_version", "city", "column", "statistic")),
    "model_horizon_accuracy": (
        "Accuracy figures a horizon band, all cities pooled.",
        ("model_version", "horizon", "metric"),
    ),
    "drift_undefined": (
        "Measurements of the last run that have no value, by reason.",
        ("model_version", "kind", "reason"),
    ),
    "drift_alerts": ("Alerts by state, as of the last run.", ("rule", "severity", "state")),
    "drift_pairs": (
        "Rows and hours of the current window by what became of them: used, or why not.",
        ("model_version", "city", "outcome"),
    ),
    "drift_actuals_delay_seconds": ("From the end of the last known actual to the slot.", ("city",)),
    "drift_run_duration_seconds": ("How long the last run took.", ()),
    "drift_last_success_timestamp_seconds": ("Slot of the last run that measured anything.", ()),
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What scrapes see between two runs."""

    slot: datetime | None = None
    succeeded: datetime | None = None
    failures: Mapping[str, int] = field(default_factory=dict)
    families: tuple[Metric, ...] = ()
    text: bytes = b""


class PrometheusSink(Collector):
    """Holds the gauges of the last run. `render` is what `/metrics` answers; threads may share it."""

    name = "prometheus"

    def __init__(self) -> None:
        self._publishing = Lock()
        self._snapshot = _snapshot({}, Snapshot())

    def check(self) -> str:
        """There is nothing to connect to: Prometheus comes here."""
        return "serves /metrics"

    def publish(self, run: Run) -> Mapping[str, str]:
        """Make the run's gauges the ones that are served.

        Raises:
            SinkError: a label cannot be written in UTF-8; the gauges stay as they were.
        """
        with self._publishing:
            before = self._snapshot
            if before.slot is not None and run.slot < before.slot:
                return {}  # a slot made up for late is no news
            measured = any((panel.reason == 0).any() for panel in run.panels if panel.kind == "metric")
            after = Snapshot(
                slot=run.slot,
                succeeded=_latest(before.succeeded, run.slot) if measured else before.succeeded,
                failures=before.failures if run.slot == before.slot else _count(before.failures, run),
            )
            try:
                self._snapshot = _snapshot(_gauges(run), after)
            except UnicodeEncodeError as error:
                raise SinkError(
                    f"prometheus: the gauges hold a name that is no valid text ({error.reason}): mend the "
                    f"names in the store"
                ) from error
        return {}

    def failed(self, stage: str) -> None:
        """Count a slot that could not be evaluated at all; the gauges of the last run stay."""
        with self._publishing:
            now = self._snapshot
            failures = {**now.failures, stage: now.failures.get(stage, 0) + 1}
            gauges = now.families[:-1]  # the counter comes last
            self._snapshot = _rendered(replace(now, failures=failures), gauges)

    def render(self) -> bytes:
        """The gauges of the last run in Prometheus' text format, rendered when it was published."""
        return self._snapshot.text

    def collect(self) -> Iterator[Metric]:
        """The gauges of the last run, for a registry that serves them beside others."""
        yield from self._snapshot.families

    def describe(self) -> Iterable[Metric]:
        """The names, so that a registry need not collect to know them."""
        yield from (GaugeMetricFamily(name, text, labels=labels) for name, (text, labels) in _GAUGES.items())
        yield _failures({})


class _Families(Collector):
    """What the renderer wants: something to collect from."""

    def __init__(self, families: tuple[Metric, ...]) -> None:
        self.families = families

    def collect(self) -> Iterator[Metric]:
        yield from self.families


def _snapshot(gauges: Mapping[str, Values], after: Snapshot) -> Snapshot:
    """The snapshot with its families, and the text that they render to."""
    succeeded: Values = {(): after.succeeded.timestamp()} if after.succeeded else {}
    values = {**gauges, "drift_last_success_timestamp_seconds": succeeded}
    return _rendered(after, tuple(_family(name, values[name]) for name in _GAUGES if name in values))


def _rendered(after: Snapshot, gauges: tuple[Metric, ...]) -> Snapshot:
    families = (*gauges, _failures(after.failures))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(families))
    return replace(after, families=families, text=generate_latest(registry))


def _family(name: str, values: Values) -> Metric:
    text, labels = _GAUGES[name]
    family = GaugeMetricFamily(name, text, labels=labels)
    for label_values, value in values.items():
        family.add_metric(label_values, value)
    return family


def _failures(counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily("drift_failures", "Failures of runs in this process.", labels=("stage",))
    for stage, count in counts.items():
        family.add_metric((stage,), count)
    return family


def _latest(before: datetime | None, slot: datetime) -> datetime:
    return slot if before is None else max(before, slot)


def _count(before: Mapping[str, int], run: Run) -> Mapping[str, int]:
    return Counter(before) + Counter(failure.stage for failure in run.failures)


def _gauges(run: Run) -> dict[str, Values]:
    """The run's values by gauge. What stands twice in a run stands once here: the last one."""
    gauges: dict[str, Values] = {name: {} for name in _GAUGES}
    undefined: Counter[Labels] = Counter()
    for panel in run.panels:
        _add_panel(panel, gauges, undefined)
    gauges["drift_undefined"] = {labels: float(count) for labels, count in undefined.items()}
    gauges["drift_alerts"] = _alerts(run)
    gauges["drift_pairs"] = _pairs(run)
    gauges["drift_actuals_delay_seconds"] = {
        (city,): delay for city, delay in run.actuals_delay_s.items() if isfinite(delay)
    }
    if isfinite(run.duration_s):
        gauges["drift_run_duration_seconds"] = {(): run.duration_s}
    return gauges


def _add_panel(panel: Panel, gauges: dict[str, Values], undefined: Counter[Labels]) -> None:
    values, reasons = panel.value.tolist(), panel.reason.tolist()
    for series, columns, causes in zip(panel.series, values, reasons, strict=True):
        for column, row, why in zip(panel.columns, columns, causes, strict=True):
            gauge, labels = _place(panel.kind, series, column)
            for name, value, code in zip(panel.names, row, why, strict=True):
                if code or not isfinite(value):
                    reason = Undefined(code or Undefined.NOT_FINITE).name.lower()
                    undefined[series.model_version, panel.kind, reason] += 1
                elif gauge is not None:
                    gauges[gauge][*labels, name] = value


def _place(kind: str, series: Series, column: str | None) -> tuple[str | None, Labels]:
    """The gauge that shows the series, and its labels but the last; None for one that no gauge shows."""
    version, city, horizon = series
    if kind == "statistic":
        shown = city is not None and column is not None and horizon is None
        return ("model_drift", (version, city or "", column or "")) if shown else (None, ())
    if city is None and horizon is None:
        return "model_accuracy", (version,)
    if horizon is None:
        return "model_accuracy_by_city", (version, city or "")
    return ("model_horizon_accuracy", (version, horizon)) if city is None else (None, ())


def _alerts(run: Run) -> Values:
    """Every state of a rule that has alerts, with 0 where none is in it: a rate needs the 0."""
    counts = Counter((alert.key.rule, alert.severity, alert.status) for alert in run.alerts)
    rules = {(rule, severity) for rule, severity, _ in counts}
    return {
        (rule, severity, status.value): float(counts[rule, severity, status])
        for rule, severity in sorted(rules)
        for status in AlertStatus
    }


def _pairs(run: Run) -> Values:
    values: Values = {}
    for count in run.pair_counts:
        if count.window == "current" and count.model_version is not None and count.city is not None:
            values[count.model_version, count.city, "used"] = float(count.used)
            for reason, rows in count.unused.items():
                values[count.model_version, count.city, reason.value] = float(rows)
    return values
