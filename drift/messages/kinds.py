"""PURE. What kinds of alert there are: what each says has happened, what to do where no evidence says better,
and which page of `docs/runbooks` tells the rest. One more kind is an entry in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Mapping

from drift.estimate import NAMES as ESTIMATED
from drift.messages.platform_kinds import PLATFORM_KINDS, Kind
from drift.messages.words import name_of
from drift.metrics import METRICS
from drift.notices import Told
from drift.statistics import STATISTICS

METRIC = Kind(
    "model_accuracy_drop",
    "{what} is {value}, {side} its limit of {limit}",
    "{what} {side} its limit of {limit}",
    "{what} within its limit of {limit} again",
    "Open the city's report: see which hours are wrong, and whether its actuals are whole.",
)
KINDS: Mapping[str, Kind] = {
    "metric": METRIC,
    "ratio": Kind(
        "forecast_worse",
        "{what} is {value}, {side} its limit of {limit}",
        "{what} {side} its limit of {limit}",
        "{what} within its limit of {limit} again",
        "Open the city's report: see which hours are wrong, and since when.",
    ),
    "profile": Kind(
        "forecast_worse",
        "forecast worse than normal, score {value}",
        "forecast worse than normal",
        "forecast as good as normal again",
        "Open the city's report: see which hours are wrong, and since when.",
    ),
    "fleet": Kind(
        "fleet_worse",
        "forecasts worse together, score {value}",
        "forecasts worse together",
        "forecasts as good as normal again",
        "Look for one cause: a release of the model, or an input that all cities share, such as weather.",
    ),
    "faults": Kind(
        "data_fault",
        "data fault: {value}",
        "data faults",
        "data sound again",
        "Check the feeds of actuals and predictions before the model: the faulty hours are in the report.",
    ),
    "interval": Kind(
        "interval",
        "prediction interval no longer holds its share of the actuals, score {value}",
        "prediction interval no longer holds its share of the actuals",
        "prediction interval holds its share of the actuals again",
        "See in the report whether the interval is too narrow or the forecast is off; refit its quantiles.",
    ),
    "features": Kind(
        "features",
        "{input} not as it was in the reference, score {value}",
        "{input} not as it was in the reference",
        "{input} as it was in the reference again",
        "Check that input at its source; if it is right, see whether the forecast suffers before retraining.",
    ),
    "statistic": Kind(
        "features",
        "{what} is {value}, {side} its limit of {limit}",
        "{what} {side} its limit of {limit}",
        "{what} within its limit of {limit} again",
        "Check that input at its source; if it is right, see whether the forecast suffers before retraining.",
    ),
    "slow": Kind(
        "slow",
        "forecast worse for weeks, score {value}",
        "forecast worse for weeks",
        "forecast as good as in the reference again",
        "Nothing tonight: plan to retrain, and compare the model versions in the report by daylight.",
    ),
    "estimate": Kind(
        "estimate",
        "{what} is {value}, {side} its limit of {limit}, for hours whose actuals are not in",
        "{what} {side} its limit of {limit}, for hours whose actuals are not in",
        "{what} within its limit of {limit} again",
        "Nothing is measured yet: see in the report which hours it is about, and what is forecast for them.",
    ),
    "no_data": Kind(
        "no_data",
        "nothing to judge the forecast by for {value}: actuals or predictions are missing",
        "nothing to judge the forecast by",
        "there is data to judge the forecast by again",
        "Check whether the feeds of actuals and predictions still write to the store: run drift doctor.",
    ),
    "late_actuals": Kind(
        "late_actuals",
        "actuals are late: the newest is {value} old, by this time of day usually {limit} at most",
        "actuals are late",
        "actuals come as usual again",
        "Ask who delivers them what became of the delivery: nothing newer can be judged until then.",
    ),
    "monitor_stale": Kind(
        "monitor_stale",
        "drift has finished no slot for {value}: no other alert can be trusted to come",
        "drift has finished no slot lately: no other alert can be trusted to come",
        "drift finishes its slots again",
        "Run drift doctor; then look at the log of drift serve, or of the scheduled job, for its last error.",
    ),
    "delivery_failed": Kind(
        "delivery_failed",
        "messages to {channel} were given up ({value}): people were not told",
        "messages were given up: people were not told",
        "messages to {channel} arrive again",
        "Run drift alerts test: it says which channel fails, and why. Then read what was missed.",
    ),
    "watchdog": Kind(
        "watchdog",
        "this message is always sent: alerts can reach you",
        "this message is always sent",
        "the watchdog stopped",
        "Nothing, as long as it keeps coming. When it stops coming, look after drift.",
    ),
    "relayed": Kind(
        "README",
        "{said}",
        "{said}",
        "over: {said}",
        "Open its runbook, or the Alertmanager that sent it.",
    ),
    **PLATFORM_KINDS,
}
RELAYED = "relayed"
"""What Alertmanager has told through drift: its words are its own."""
OWN = (RELAYED, "no_data", "late_actuals", "monitor_stale", "delivery_failed", "watchdog")
"""What is named by its rule, or by what was measured, and is no figure of a forecast."""
_BY_MEASUREMENT: Mapping[str, str] = {
    "drift_score": "profile",
    "error_ratio": "ratio",
    "bias_ratio": "ratio",
    "fault_hours": "faults",
    "interval_score": "interval",
    "feature_score": "features",
    "slow_score": "slow",
    **dict.fromkeys(ESTIMATED, "estimate"),
    **{name: name for name in PLATFORM_KINDS},
}


def kind_of(told: Told) -> Kind:
    """The kind of an alert, by what was measured; a rule on a metric where nothing else fits."""
    for word in (told.name, told.key.rule):
        if word in OWN:
            return KINDS[word]
    if told.name in STATISTICS:
        return KINDS["statistic"]
    kind = _BY_MEASUREMENT.get(told.name, "metric")
    return KINDS["fleet" if kind == "profile" and told.key.city is None else kind]


def of_platform(told: Told) -> bool:
    """Whether it is of the platform: of no city, and of a model version only where predictions are made."""
    return kind_of(told) in PLATFORM_KINDS.values()


def called(name: str) -> str:
    """What a measurement is called in a sentence.

    >>> called("accuracy"), called("psi"), called("mape"), called("my_metric")
    ('accuracy', 'PSI', 'MAPE', 'my_metric')
    """
    if name in ESTIMATED:
        return f"estimated {called(name.removeprefix('estimated_'))}"
    if name.endswith("_ratio"):
        return name.removesuffix("_ratio")
    if name in STATISTICS:
        return STATISTICS[name].title  # the names of people, or an abbreviation
    title = METRICS[name].title if name in METRICS else name_of(name)
    return title[0].lower() + title[1:] if title[1:2].islower() else title
