"""PURE. The dashboard `city`: one city, all that drift knows of it over time, and how to its page."""

from __future__ import annotations

from drift.config import Config
from drift.exports.grafana_forecasts import (
    CALIBRATED,
    CITIES,
    MONITOR,
    NO_DETECTOR,
    NOT_COUNTED,
    forecast_alerts,
    gauge,
    metric,
    monitor_variable,
    version_variable,
)
from drift.exports.grafana_parts import (
    Board,
    Limit,
    Panel,
    Query,
    Row,
    Shown,
    figure,
    limit_of,
    lines,
    variable,
)

VERSION = "{{model_version}}"
AGE = f'max(drift_actuals_delay_seconds{{{MONITOR}, city=~"$city"}})'
NO_ESTIMATE = "unless the config says estimate: on"


def city_board(config: Config) -> Board:
    """The dashboard on one city; its limits are those of the config's rules."""
    accuracy, mape = limit_of(config, "model_accuracy", "accuracy"), limit_of(config, "mape")
    cities = f'label_values(model_accuracy_by_city{{{MONITOR}, model_version=~"$model_version"}}, city)'
    return Board(
        name="city",
        title="City",
        says="One city's forecasts: how wrong, against what is normal, and what changed in their inputs.",
        refresh="5m",
        span="7d",
        variables=(
            monitor_variable(),
            version_variable(),
            variable("city", "City", cities, several=False),
        ),
        annotations=forecast_alerts(),
        rows=(
            Row("How it stands", _now(accuracy, mape)),
            Row("Accuracy", _accuracy(config, accuracy, mape)),
            Row("Compared with what is normal", _normal()),
            Row("Inputs and data", _inputs()),
            Row("Estimate and predictions", _estimate(mape)),
        ),
        pages=(("This city in drift", "/cities/${city:percentencode}"), ("Alerts", "/alerts")),
    )


def of_city(name: str, by: str = "model_version", select: str = "") -> str:
    """A gauge of the chosen city.

    >>> of_city("model_error_ratio")
    'max by (model_version) (model_error_ratio{job=~"$job", model_version=~"$model_version", city=~"$city"})'
    """
    return gauge(name, by, select, of=CITIES)


def _now(accuracy: Limit | None, mape: Limit | None) -> tuple[Panel, ...]:
    return (
        figure(Shown(
            "Accuracy now", "1 − WAPE of the current window.",
            (Query(of_city("model_accuracy_by_city", select=metric("accuracy")), VERSION),),
            "percentunit", accuracy, "below the minimum of coverage", 6, 4,
        )),
        figure(Shown(
            "MAPE now", "Mean absolute percentage error of the current window.",
            (Query(of_city("model_accuracy_by_city", select=metric("mape")), VERSION),),
            "percentunit", mape, "below the minimum of coverage", 6, 4,
        )),
        figure(Shown(
            "Drift score now", "Above 1, the limit calibrated for this city, is an alarm.",
            (Query(of_city("drift_score", select='channel="all"'), VERSION),),
            "short", CALIBRATED, NO_DETECTOR, 6, 4,
        )),
        figure(Shown(
            "Newest actual", "From the end of the newest actual to the slot.",
            (Query(AGE, "age"),), "s", width=6, height=4,
        )),
    )  # fmt: skip


def _accuracy(config: Config, accuracy: Limit | None, mape: Limit | None) -> tuple[Panel, ...]:
    errors = tuple(
        Query(of_city("model_accuracy_by_city", select=metric(name)), f"{name.upper()} {VERSION}")
        for name in ("mape", "wape")
    )
    return (
        lines(Shown(
            "Accuracy over time", "1 − WAPE of the current window, at each slot.",
            (Query(of_city("model_accuracy_by_city", select=metric("accuracy")), VERSION),),
            "percentunit", accuracy, "below the minimum of coverage", 8,
        )),
        lines(Shown(
            "MAPE and WAPE", "MAPE weighs every hour alike, WAPE by load.",
            errors, "percentunit", mape, "below the minimum of coverage", 8,
        )),
        lines(Shown(
            "Bias", "Mean of predicted − actual: positive is over-forecast.",
            (Query(of_city("model_accuracy_by_city", select=metric("bias")), VERSION),),
            f"suffix: {config.store.unit}", None, "below the minimum of coverage", 8,
        )),
    )  # fmt: skip


def _normal() -> tuple[Panel, ...]:
    return (
        lines(Shown(
            "Error and bias ÷ normal",
            "Of the last 24 hours, ÷ the error that is normal for these hours: 2 is twice as bad.",
            (Query(of_city("model_error_ratio"), f"error {VERSION}"),
             Query(of_city("model_bias_ratio"), f"bias {VERSION}")),
            "short", None, NO_DETECTOR, 12,
        )),
        lines(Shown(
            "Drift score by channel",
            "What of the forecast moved: its size of error, its bias, its daily shape. 1 is the limit.",
            (Query(of_city("drift_score", "model_version, channel"), f"{{{{channel}}}} {VERSION}"),),
            "short", CALIBRATED, NO_DETECTOR, 12,
        )),
    )  # fmt: skip


def _inputs() -> tuple[Panel, ...]:
    psi = of_city("model_drift", "model_version, column", 'statistic="psi"')
    return (
        lines(Shown(
            "PSI by column",
            "Population stability index of loads, errors and features against the reference.",
            (Query(psi, f"{{{{column}}}} {VERSION}"),), "short", width=8,
        )),
        lines(Shown(
            "Feature score", "How far a feature is from what its peer cities make likely. 1 is the limit.",
            (Query(of_city("drift_feature_score", "model_version, column"), f"{{{{column}}}} {VERSION}"),),
            "short", CALIBRATED, "unless a rule has detector: features", 8,
        )),
        lines(Shown(
            "Age of the newest actual",
            "From its end to the slot, and the most that is usual at this time of day.",
            (Query(AGE, "age"), Query(AGE.replace("_delay", "_expected_delay"), "usual, at most")),
            "s", width=8,
        )),
        lines(Shown(
            "Rows and hours of the window", "What became of them: used for a pair, or why not.",
            (Query(of_city("drift_pairs", "model_version, outcome"), f"{{{{outcome}}}} {VERSION}"),), "short",
        ), stacked=True),
        lines(Shown(
            "Faulty hours",
            "Hours of the current window whose actual cannot be a load; they judge no forecast.",
            (Query(of_city("model_fault_hours"), VERSION),), "suffix: h", None, NO_DETECTOR,
        )),
    )  # fmt: skip


def _estimate(mape: Limit | None) -> tuple[Panel, ...]:
    bounds = {"": "estimate", "_lower": "at least", "_upper": "at most"}
    queries = tuple(
        Query(of_city(f"model_estimated_error{bound}", select=metric("mape")), f"{said} {VERSION}")
        for bound, said in bounds.items()
    )
    of = 'model_version=~"$model_version", city=~"$city"'
    made = f"sum by (model_version) (rate(model_predictions_total{{{of}}}[$__rate_interval]))"
    return (
        lines(Shown(
            "MAPE to expect",
            "Of the hours whose actuals are not in: an estimate with its bounds, not a measurement.",
            queries, "percentunit", mape, NO_ESTIMATE,
        )),
        lines(Shown(
            "Predictions per second", "Predictions that services made for this city.",
            (Query(made, VERSION),), "ops", empty=NOT_COUNTED,
        )),
    )  # fmt: skip
