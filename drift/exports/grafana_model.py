"""PURE. The dashboard `model_performance`: whether the forecasts got worse, where, and since when."""

from __future__ import annotations

from drift.config import Config
from drift.exports.grafana_forecasts import (
    CALIBRATED,
    CITY,
    MONITOR,
    NO_DETECTOR,
    NOT_COUNTED,
    VERSIONS,
    forecast_alerts,
    gauge,
    metric,
    monitor_variable,
    version_variable,
)
from drift.exports.grafana_parts import (
    Board,
    Column,
    Limit,
    Panel,
    Query,
    Row,
    Shown,
    figure,
    limit_of,
    lines,
    rows_of,
    uid_of,
)
from drift.exports.recording import PERCENTS, PREDICTION_ERRORS, PREDICTION_QUANTILE

DRAWN, LISTED = 10, 50
"""So many cities are drawn, and so many are in the table: the worst."""
VERSION, EACH = "{{model_version}}", "{{city}} {{model_version}}"
SCORE = gauge("drift_score", CITY, 'channel="all"')
ERROR_RATIO = gauge("model_error_ratio", CITY)
HOUR_OF_A_PAIR = "used|missing_actual|missing_prediction|not_positive|stuck|spike|scale|shift"
"""The outcomes of drift_pairs that are hours of the window; the others are rows that were passed over."""
LOOKED_BACK = "14d"
COUNTED = 'model_version=~"$model_version"'


def model_board(config: Config) -> Board:
    """The dashboard on forecasts; its limits are those of the config's rules."""
    accuracy, mape = limit_of(config, "model_accuracy", "accuracy"), limit_of(config, "mape")
    return Board(
        name="model_performance",
        title="Model performance",
        says="Whether the forecasts of each model version got worse, in which cities, and since when.",
        refresh="5m",
        span="24h",
        variables=(monitor_variable(), version_variable()),
        annotations=forecast_alerts(),
        rows=(
            Row("How it stands", (*_errors_now(accuracy, mape), *_alerts_now())),
            Row("Where and since when", (_worst(config, accuracy, mape), _alerts())),
            Row("Accuracy of all cities together", _accuracy(accuracy, mape)),
            Row("Compared with what is normal", _normal()),
            Row("Data", _data()),
            Row("Predictions", (*_predictions(), *_how_well(config))),
        ),
        pages=(("Alerts", "/alerts"), ("All cities", "/fleet")),
    )


def _errors_now(accuracy: Limit | None, mape: Limit | None) -> tuple[Panel, ...]:
    return (
        figure(Shown(
            "Accuracy", "1 − WAPE of all cities together, in the current window.",
            (Query(gauge("model_accuracy", "model_version", metric("accuracy")), VERSION),),
            "percentunit", accuracy, width=4, height=4,
        )),
        figure(Shown(
            "MAPE", "Mean absolute percentage error of all cities together, in the current window.",
            (Query(gauge("model_accuracy", "model_version", metric("mape")), VERSION),),
            "percentunit", mape, width=4, height=4,
        )),
        figure(Shown(
            "Error ÷ normal",
            "Mean error of the last 24 hours ÷ what is normal for these hours: 2 is twice as bad.",
            (Query(gauge("model_fleet_error_ratio", "model_version"), VERSION),),
            "short", None, NO_DETECTOR, 4, 4,
        )),
    )  # fmt: skip


def _alerts_now() -> tuple[Panel, ...]:
    above = f"count by (model_version) ({SCORE} > 1) or 0 * count by (model_version) ({SCORE})"
    firing = f'sum(max by (rule, severity) (drift_alerts{{{MONITOR}, state="firing"}}))'
    oldest = gauge("drift_actuals_delay_seconds", "job", of=MONITOR)
    return (
        figure(Shown(
            "Cities above their limit", "Cities whose drift score is above 1, the limit calibrated for each.",
            (Query(above, VERSION),), "short", Limit(1, "above"), NO_DETECTOR, 4, 4,
        )),
        figure(Shown(
            "Firing alerts", "Alerts that fire, as drift's own engine has them.",
            (Query(firing, "firing"),), "short", Limit(1, "above"), "before any rule had an alert", 4, 4,
        )),
        figure(Shown(
            "Oldest actuals",
            "From the end of the newest actual to the slot, in the city where that is longest.",
            (Query(oldest, "oldest"),), "s", width=4, height=4,
        )),
    )  # fmt: skip


def _since() -> str:
    """When a city's score was last within its limit, asked of every hour; only of those above it now."""
    within = f'drift_score{{{VERSIONS}, channel="all"}} <= 1'
    last = f"max by ({CITY}) (max_over_time(timestamp({within})[{LOOKED_BACK}:1h]))"
    return f"1000 * {last} and on ({CITY}) ({SCORE} > 1)"


def _worst(config: Config, accuracy: Limit | None, mape: Limit | None) -> Panel:
    by_city = {
        name: gauge("model_accuracy_by_city", CITY, metric(name)) for name in ("accuracy", "mape", "wape")
    }
    worst = f"topk({LISTED}, {SCORE} or {by_city['wape']})"
    found = {
        "score": SCORE, "ratio": ERROR_RATIO, "accuracy": by_city["accuracy"], "mape": by_city["mape"],
        "bias": gauge("model_bias_ratio", CITY), "since": _since(), "coverage": _coverage(),
    }  # fmt: skip
    queries = tuple(Query(f"({expr}) and on ({CITY}) {worst}", name) for name, expr in found.items())
    says = (
        f"The {LISTED} worst cities, by drift score where a rule has a detector, else by WAPE. Since: when "
        f"the score was last within its limit. A city's name leads to its own dashboard."
    )
    columns = (
        Column("city", "City", links=_city_links(config)),
        Column("model_version", "Model version"),
        Column("score", "Drift score", "short", CALIBRATED),
        Column("since", "Since", "dateTimeFromNow"),
        Column("ratio", "Error ÷ normal"),
        Column("accuracy", "Accuracy", "percentunit", accuracy),
        Column("mape", "MAPE", "percentunit", mape),
        Column("bias", "Bias ÷ normal"),
        Column("coverage", "Coverage", "percentunit", Limit(config.accuracy.min_coverage, "below")),
    )
    empty = "in the columns of scores " + NO_DETECTOR
    shown = Shown("Worst cities", says, queries, empty=empty, width=24, height=10)
    return rows_of(shown, columns, "Drift score")


def _city_links(config: Config) -> tuple[tuple[str, str], ...]:
    """To the city's dashboard, and to drift's own page of it where that has an address."""
    chosen = "".join(
        f"&var-{name}=${{{source}:percentencode}}"
        for name, source in (
            ("datasource", "datasource"), ("job", "job"),
            ("model_version", "__data.fields.model_version"), ("city", "__data.fields.city"),
        )
    )  # fmt: skip
    links = [("The city's dashboard", f"/d/{uid_of('city')}?${{__url_time_range}}{chosen}")]
    if config.notify.base_url:
        page = config.notify.base_url.rstrip("/") + "/cities/${__data.fields.city:percentencode}"
        links.append(("The city's page in drift", page))
    return tuple(links)


def _alerts() -> Panel:
    since = 'ALERTS_FOR_STATE{about="forecast"} and ignoring (alertstate) ALERTS{alertstate="firing"}'
    columns = (
        Column("alertname", "Alert"),
        Column("severity", "Severity"),
        Column("city", "City"),
        Column("model_version", "Model version"),
        Column("column", "Column"),
        Column("since", "Since", "dateTimeFromNow"),
    )
    says = "What Prometheus' own rules on forecasts fire, and since when each condition has held."
    by = "alertname, severity, city, model_version, column"
    query = Query(f"1000 * min by ({by}) ({since})", "since")
    empty = "while nothing fires, or where drift's engine pages and Prometheus does not load forecasts.yml"
    shown = Shown("Firing alerts of Prometheus", says, (query,), empty=empty, width=24)
    return rows_of(shown, columns, "Since")


def _accuracy(accuracy: Limit | None, mape: Limit | None) -> tuple[Panel, ...]:
    errors = tuple(
        Query(gauge("model_accuracy", "model_version", metric(name)), f"{name.upper()} {VERSION}")
        for name in ("mape", "wape")
    )
    horizons = gauge("model_horizon_accuracy", "model_version, horizon", metric("accuracy"))
    return (
        lines(Shown(
            "Accuracy over time", "1 − WAPE of all cities together. A small city hides in it: see the table.",
            (Query(gauge("model_accuracy", "model_version", metric("accuracy")), VERSION),),
            "percentunit", accuracy, width=8,
        )),
        lines(Shown(
            "MAPE and WAPE",
            "MAPE weighs every hour alike, WAPE by load: where they part, the small hours are wrong.",
            errors, "percentunit", mape, width=8,
        )),
        lines(Shown(
            "Accuracy by horizon",
            "Of all cities together, by how long before the target time a prediction was made.",
            (Query(horizons, f"{{{{horizon}}}} {VERSION}"),),
            "percentunit", accuracy, "unless the config has accuracy.bands", 8,
        )),
    )  # fmt: skip


def _normal() -> tuple[Panel, ...]:
    fleet = gauge("drift_fleet_score", "model_version", 'channel="all"')
    statistics = gauge("model_drift", f"{CITY}, column", 'statistic="psi"')
    return (
        lines(Shown(
            "Error ÷ normal, worst cities",
            "Mean error of 24 hours ÷ what is normal for the city and these hours.",
            (Query(f"topk({DRAWN}, {ERROR_RATIO})", EACH),), "short", None, NO_DETECTOR, 8,
        )),
        lines(Shown(
            "Drift score, worst cities",
            "Above 1, the limit that was calibrated to the budget of false alarms, is an alarm.",
            (Query(f"topk({DRAWN}, {SCORE})", EACH), Query(fleet, f"all cities {VERSION}")),
            "short", CALIBRATED, NO_DETECTOR, 8,
        )),
        lines(Shown(
            "PSI, most changed columns",
            "Population stability index of loads, errors and features against the reference.",
            (Query(f"topk({DRAWN}, {statistics})", f"{EACH} {{{{column}}}}"),), "short", width=8,
        )),
    )  # fmt: skip


def _coverage() -> str:
    """Pairs found ÷ hours of the window: of the city that has most, as all cities share the window."""
    hours = gauge("drift_pairs", f"{CITY}, outcome", f'outcome=~"{HOUR_OF_A_PAIR}"')
    used = gauge("drift_pairs", CITY, 'outcome="used"')
    most = f"max by (model_version) (sum by ({CITY}) ({hours}))"
    return f"{used} / on (model_version) group_left () {most}"


def _data() -> tuple[Panel, ...]:
    delay = gauge("drift_actuals_delay_seconds", "city", of=MONITOR)
    usual = gauge("drift_actuals_expected_delay_seconds", "job", of=MONITOR)
    passed = gauge("drift_pairs", f"{CITY}, outcome", 'outcome!="used"')
    undefined = gauge("drift_undefined", "kind, reason")
    return (
        lines(Shown(
            "Age of the newest actuals",
            "From the end of a city's newest actual to the slot; the most that is usual.",
            (Query(f"topk({DRAWN}, {delay})", "{{city}}"), Query(usual, "usual, at most")), "s", width=6,
        )),
        lines(Shown(
            "Lowest coverage",
            "Pairs found ÷ hours of the current window. Below its minimum nothing is said of a city.",
            (Query(f"bottomk({DRAWN}, {_coverage()})", EACH),), "percentunit", width=6,
        )),
        lines(Shown(
            "Rows and hours that gave no pair",
            "Of the current window, by reason: missing, late, negative, stuck …",
            (Query(f"sum by (outcome) ({passed})", "{{outcome}}"),), "short",
            empty="while every row gave a pair", width=6,
        ), stacked=True),
        lines(Shown(
            "Measurements without a value",
            "Of the last run, by reason: an undefined value is absent, never 0.",
            (Query(undefined, "{{kind}}: {{reason}}"),), "short", empty="while all have one", width=6,
        )),
    )  # fmt: skip


def _predictions() -> tuple[Panel, ...]:
    """What services count of their predictions: their jobs are not the monitor's."""
    made, cities = (
        f"sum by ({by}) (rate(model_predictions_total{{{COUNTED}}}[$__rate_interval]))"
        for by in ("model_version", CITY)
    )
    return (
        lines(Shown(
            "Predictions per second", "Predictions that services made, by model version.",
            (Query(made, VERSION),), "ops", empty=NOT_COUNTED, width=6,
        )),
        lines(Shown(
            "Predictions per second, busiest cities", "A city that is missing here gets no forecasts.",
            (Query(f"topk({DRAWN}, {cities})", EACH),), "ops", empty=NOT_COUNTED, width=6,
        )),
    )  # fmt: skip


def _how_well(config: Config) -> tuple[Panel, ...]:
    """How long services' predictions take, and how many fail."""
    seconds, count = (
        f"sum by (model_version) (rate(prediction_latency_seconds_{part}{{{COUNTED}}}[$__rate_interval]))"
        for part in ("sum", "count")
    )
    quantiles = (PREDICTION_QUANTILE.format(percent=percent) for percent in PERCENTS)
    found = (
        *(
            Query(f"max by (model_version) ({name}{{{COUNTED}}})", f"{name[-3:]} {VERSION}")
            for name in quantiles
        ),
        Query(f"{seconds} / ({count} > 0)", f"mean {VERSION}"),
    )
    errors = f"max by (model_version) ({PREDICTION_ERRORS}{{{COUNTED}}})"
    slow, failing = limit_of(config, "prediction_latency_seconds"), limit_of(config, "prediction_error_rate")
    return (
        lines(Shown(
            "Prediction latency",
            "How long a prediction takes: the mean, and the 50th, 95th and 99th percentile.",
            found, "s", slow, "while nothing is predicted", 6,
        )),
        lines(Shown(
            "Failed predictions", "Share of the predictions of five minutes that raised an error.",
            (Query(errors, VERSION),), "percentunit", failing, "while nothing is predicted", 6,
        )),
    )  # fmt: skip
