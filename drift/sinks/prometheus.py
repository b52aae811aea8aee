"""Gauges for Prometheus: one immutable snapshot a run, swapped whole.

A scrape sees all of one run or all of the next, and a city that left is gone with the run that had it
last. The text is written once, when a run is published, and every scrape is served the same bytes. An
undefined value, like one that is not finite, is an absent series, counted by reason in `drift_undefined`.

A fleet of a thousand cities has ninety thousand series a slot. They are written from the panels straight
as text, in an eighth of the time that an object each would take; the tests hold the bytes equal to what
`prometheus_client` writes of the same series.

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

import numpy as np
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from drift.domain import AlertStatus, Panel, Run, Series, Undefined
from drift.errors import SinkError
from drift.estimate_panel import Said, said_of

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""What to call the bytes of `render` in the HTTP answer."""

Labels: TypeAlias = tuple[str, ...]
Samples: TypeAlias = dict[str, float]
"""What stands before the value in a line of the text format, and the value."""

MILLION = 1e6
"""From here on Go, and so Prometheus' format, writes an exponent where Python does not."""

_GAUGES: Mapping[str, tuple[str, Labels]] = {
    "model_accuracy": ("Accuracy figures of all cities pooled.", ("model_version", "metric")),
    "model_accuracy_by_city": ("Accuracy figures a city.", ("model_version", "city", "metric")),
    "model_drift": ("Drift statistics a city and column.", ("model_version", "city", "column", "statistic")),
    "model_horizon_accuracy": (
        "Accuracy figures a horizon band, all cities pooled.",
        ("model_version", "horizon", "metric"),
    ),
    "model_error_ratio": (
        "Mean error of the last 24 hours ÷ what is normal for these hours.",
        ("model_version", "city"),
    ),
    "model_bias_ratio": (
        "Mean signed error of the last 24 hours ÷ the error that is normal; positive is over-forecast.",
        ("model_version", "city"),
    ),
    "model_fault_hours": (
        "Hours of the current window whose data are faulty.",
        ("model_version", "city"),
    ),
    "drift_score": (
        "How far the forecast is from normal, in units of the calibrated limit: above 1 is an alarm.",
        ("model_version", "city", "channel"),
    ),
    "drift_feature_score": (
        "How far a feature is from what its peer cities make likely, in units of the calibrated limit.",
        ("model_version", "city", "column"),
    ),
    "model_fleet_error_ratio": ("model_error_ratio of all cities pooled.", ("model_version",)),
    "drift_fleet_score": ("drift_score of all cities pooled.", ("model_version", "channel")),
    "model_estimated_error": (
        "Error to expect of the hours whose actuals are not in: an estimate, not a measurement.",
        ("model_version", "city", "metric"),
    ),
    "model_estimated_error_lower": (
        "Lower bound of model_estimated_error.",
        ("model_version", "city", "metric"),
    ),
    "model_estimated_error_upper": (
        "Upper bound of model_estimated_error.",
        ("model_version", "city", "metric"),
    ),
    "model_estimate_within": (
        "Share of past windows whose error, measured later, lay between such bounds.",
        ("model_version", "city", "metric"),
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
    "drift_actuals_expected_delay_seconds": (
        "The most that drift_actuals_delay_seconds usually is by this time of day.",
        ("city",),
    ),
    "drift_run_duration_seconds": ("How long the last run took.", ()),
    "drift_last_success_timestamp_seconds": ("Slot of the last run that measured anything.", ()),
}


FAILURES = "Failures of runs in this process."


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What scrapes see between two runs."""

    slot: datetime | None = None
    succeeded: datetime | None = None
    failures: Mapping[str, int] = field(default_factory=dict)
    gauges: bytes = b""
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
            self._snapshot = completed(replace(now, failures=failures))

    def render(self) -> bytes:
        """The gauges of the last run in Prometheus' text format, written when it was published."""
        return self._snapshot.text

    def collect(self) -> Iterator[Metric]:
        """The gauges of the last run, for a registry that serves them beside others."""
        yield from text_string_to_metric_families(self._snapshot.text.decode())

    def describe(self) -> Iterable[Metric]:
        """The names, so that a registry need not collect to know them."""
        yield from (GaugeMetricFamily(name, text, labels=labels) for name, (text, labels) in _GAUGES.items())
        yield CounterMetricFamily("drift_failures", FAILURES, labels=("stage",))


def _snapshot(gauges: Mapping[str, Samples], after: Snapshot) -> Snapshot:
    """The snapshot with the text of its gauges."""
    last_success = "drift_last_success_timestamp_seconds"
    succeeded = {last_success: after.succeeded.timestamp()} if after.succeeded else {}
    samples = {**gauges, last_success: succeeded}
    families = (
        _family(name, "gauge", text, samples[name]) for name, (text, _) in _GAUGES.items() if name in samples
    )
    return completed(replace(after, gauges="".join(families).encode()))


def completed(snapshot: Snapshot) -> Snapshot:
    """The snapshot with all of its text: the counter follows the gauges."""
    name = "drift_failures_total"
    counts = {_sample(name, stage=stage): float(count) for stage, count in snapshot.failures.items()}
    return replace(snapshot, text=snapshot.gauges + _family(name, "counter", FAILURES, counts).encode())


def _family(name: str, kind: str, text: str, samples: Samples) -> str:
    """All lines of one family in the text format."""
    lines = [
        f"{sample} {value!r}\n" if value < MILLION else f"{sample} {_as_go(value)}\n"
        for sample, value in samples.items()
    ]
    return "".join([f"# HELP {name} {text}\n# TYPE {name} {kind}\n", *lines])


def _as_go(value: float) -> str:
    written: str = floatToGoString(value)  # type: ignore[no-untyped-call]  # it has no annotations
    return written


def _sample(name: str, **labels: str) -> str:
    """The name and labels as they stand in the text: labels in the order of their names."""
    written = ",".join(f'{key}="{escaped(text)}"' for key, text in sorted(labels.items()))
    return f"{name}{{{written}}}"


def escaped(text: str) -> str:
    r"""Text as it stands between the quotes of a label.

    >>> print(escaped('a "b"'))
    a \"b\"
    """
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _latest(before: datetime | None, slot: datetime) -> datetime:
    return slot if before is None else max(before, slot)


def _count(before: Mapping[str, int], run: Run) -> Mapping[str, int]:
    return Counter(before) + Counter(failure.stage for failure in run.failures)


def _gauges(run: Run) -> dict[str, Samples]:
    """The run's values by gauge. What stands twice in a run stands once here: the last one."""
    gauges: dict[str, Samples] = {name: {} for name in _GAUGES}
    undefined: Counter[Labels] = Counter()
    for panel in run.panels:
        _add_panel(panel, gauges, undefined)
    for said in said_of(run.estimates):
        _add_estimate(said, gauges)
    gauges["drift_undefined"] = {
        _sample("drift_undefined", model_version=version, kind=kind, reason=reason): float(count)
        for (version, kind, reason), count in undefined.items()
    }
    gauges["drift_alerts"] = _alerts(run)
    gauges["drift_pairs"] = _pairs(run)
    for gauge, delays in (
        ("drift_actuals_delay_seconds", run.actuals_delay_s),
        ("drift_actuals_expected_delay_seconds", run.actuals_expected_delay_s),
    ):
        gauges[gauge] = {
            _sample(gauge, city=city): float(delay) for city, delay in delays.items() if isfinite(delay)
        }
    if isfinite(run.duration_s):
        gauges["drift_run_duration_seconds"] = {"drift_run_duration_seconds": float(run.duration_s)}
    return gauges


def _add_panel(panel: Panel, gauges: dict[str, Samples], undefined: Counter[Labels]) -> None:
    """Add what a gauge shows of the panel, and count what has no value."""
    cells = len(panel.series), len(panel.columns) * len(panel.names)
    not_finite = (panel.reason == 0) & ~np.isfinite(panel.value)
    reasons = np.where(not_finite, np.uint8(Undefined.NOT_FINITE), panel.reason).reshape(cells).tolist()
    tails = {version: _tails(panel, version) for version in {series.model_version for series in panel.series}}
    for series, values, codes in zip(panel.series, panel.value.reshape(cells).tolist(), reasons, strict=True):
        version = series.model_version
        if any(codes):
            names = (Undefined(code).name.lower() for code in codes if code)
            undefined.update((version, panel.kind, name) for name in names)
        if panel.kind == "detector":
            _add_detected(panel, series, values, codes, gauges)
            continue
        gauge = _gauge_of(panel.kind, series)
        if gauge is None:
            continue
        head, samples = _head(gauge, series), gauges[gauge]
        for tail, value, code in zip(tails[version], values, codes, strict=True):
            if not code:
                samples[head + tail] = value


_OF_DETECTORS = {
    "error_ratio": ("model_error_ratio", "model_fleet_error_ratio"),
    "bias_ratio": ("model_bias_ratio", None),
    "fault_hours": ("model_fault_hours", None),
    "feature_score": ("drift_feature_score", None),
}
"""What detectors measure, and its gauge by city and pooled; the other scores are `drift_score`'s channels."""


def _add_detected(
    panel: Panel,
    series: Series,
    values: Iterable[float],
    codes: Iterable[int],
    gauges: dict[str, Samples],
) -> None:
    pooled = series.city is None
    cells = ((column, name) for column in panel.columns for name in panel.names)
    for (column, name), value, code in zip(cells, values, codes, strict=True):
        own = _OF_DETECTORS.get(name, ("drift_score", "drift_fleet_score"))[pooled]
        if code or own is None:
            continue
        labels = {"model_version": series.model_version}
        if series.city is not None:
            labels["city"] = series.city
        if name == "feature_score":
            labels["column"] = column or ""
        elif name not in _OF_DETECTORS:  # drift_score itself, a channel of it, or another detector's score
            labels["channel"] = column or {"drift_score": "all"}.get(name, name.removesuffix("_score"))
        gauges[own][_sample(own, **labels)] = value


def _add_estimate(said: Said, gauges: dict[str, Samples]) -> None:
    """What is estimated, by gauges of its own; accuracy is 1 − WAPE, and has none."""
    series, metric = said.what.series, said.what.name.removeprefix("estimated_")
    if metric == "accuracy":
        return
    labels = {"model_version": series.model_version, "city": series.city or "", "metric": metric}
    values = {"": said.what.value, "_lower": said.low, "_upper": said.high}
    found = {f"model_estimated_error{name}": value for name, value in values.items()}
    for gauge, value in (found | {"model_estimate_within": said.within}).items():
        if value is not None and isfinite(value):
            gauges[gauge][_sample(gauge, **labels)] = value


def _gauge_of(kind: str, series: Series) -> str | None:
    """The gauge that shows the series; None where no gauge does."""
    if kind == "statistic":
        return "model_drift" if series.city is not None and series.horizon is None else None
    if series.horizon is None:
        return "model_accuracy" if series.city is None else "model_accuracy_by_city"
    return "model_horizon_accuracy" if series.city is None else None


def _head(gauge: str, series: Series) -> str:
    """How the samples of a series begin: its own labels but the model version, by the order of names."""
    known = (("city", series.city), ("horizon", series.horizon))
    labels = (f'{name}="{escaped(text)}",' for name, text in known if text is not None)
    return f"{gauge}{{{''.join(labels)}"


def _tails(panel: Panel, version: str) -> list[str]:
    """How the sample of each cell goes on: the labels that the panel's series have in common."""
    label = f'model_version="{escaped(version)}"'
    names = [escaped(name) for name in panel.names]
    if panel.kind == "metric":
        return [f'metric="{name}",{label}}}' for name in names]
    columns = [escaped(column or "") for column in panel.columns]
    return [f'column="{column}",{label},statistic="{name}"}}' for column in columns for name in names]


def _alerts(run: Run) -> Samples:
    """Every state of a rule that has alerts, with 0 where none is in it: a rate needs the 0."""
    counts = Counter((alert.key.rule, alert.severity, alert.status) for alert in run.alerts)
    rules = {(rule, severity) for rule, severity, _ in counts}
    return {
        _sample("drift_alerts", rule=rule, severity=severity, state=status.value): float(
            counts[rule, severity, status]
        )
        for rule, severity in sorted(rules)
        for status in AlertStatus
    }


def _pairs(run: Run) -> Samples:
    samples: Samples = {}
    for count in run.pair_counts:
        if count.window == "current" and count.model_version is not None and count.city is not None:
            outcomes = {"used": count.used, **{reason.value: rows for reason, rows in count.unused.items()}}
            for outcome, rows in outcomes.items():
                labels = {"model_version": count.model_version, "city": count.city, "outcome": outcome}
                samples[_sample("drift_pairs", **labels)] = float(rows)
    return samples
