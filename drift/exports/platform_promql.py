"""PURE. How the platform's metrics are asked of Prometheus: the exported rules and drift's own watchers look
at the same expressions. Each gives a series an endpoint, a model version or a service (`job`).

A share of no requests is `0 / 0`, NaN, which is on neither side of a limit; so is the quantile of none.
"""

from __future__ import annotations

from datetime import timedelta

from drift.exports.promql import duration, number
from drift.telemetry.readings import QUANTILE

WINDOW = timedelta(minutes=5)
ENDPOINT, VERSION, SERVICE = ("job", "endpoint"), ("job", "model_version"), ("job",)
FAILED = '{status=~"5.."}'


def _rate(counter: str, by: tuple[str, ...], window: timedelta) -> str:
    return f"sum by ({', '.join(by)}) (rate({counter}[{duration(window)}]))"


def _quantile(histogram: str, by: tuple[str, ...], window: timedelta) -> str:
    rate = _rate(f"{histogram}_bucket", (*by, "le"), window)
    return f"histogram_quantile({number(QUANTILE)},\n  {rate}\n)\n"


def _share(part: str, whole: str) -> str:
    """`part / whole`, and zero where there is a whole and no series of the part."""
    return f"({part} or 0 * {whole})\n/\n{whole}\n"


def latency(window: timedelta = WINDOW) -> str:
    """How long 95 % of an endpoint's requests take at most, in seconds."""
    return _quantile("api_latency_seconds", ENDPOINT, window)


def error_rate(window: timedelta = WINDOW) -> str:
    """The share of an endpoint's requests that were answered by 5xx."""
    return _share(
        _rate(f"api_requests_total{FAILED}", ENDPOINT, window), _rate("api_requests_total", ENDPOINT, window)
    )


def availability(window: timedelta = WINDOW) -> str:
    """The share of a service's requests that were not answered by 5xx."""
    failed, whole = (_rate(f"api_requests_total{which}", SERVICE, window) for which in (FAILED, ""))
    return f"1 - {_share(failed, whole)}"


def prediction_latency(window: timedelta = WINDOW) -> str:
    """How long 95 % of a model version's predictions take at most, in seconds."""
    return _quantile("prediction_latency_seconds", VERSION, window)


def prediction_error_rate(window: timedelta = WINDOW) -> str:
    """The share of a model version's predictions that raised."""
    return _share(
        _rate("model_prediction_failures_total", VERSION, window),
        _rate("prediction_latency_seconds_count", VERSION, window),  # of all: it is taken of those that raise
    )


def resource_usage() -> str:
    """How much of a resource is used, in percent."""
    return "resource_usage\n"


def requests(window: timedelta = WINDOW) -> str:
    """How many requests an endpoint had."""
    return f"sum by ({', '.join(ENDPOINT)}) (increase(api_requests_total[{duration(window)}]))\n"


def predictions(window: timedelta = WINDOW) -> str:
    """How many predictions of a model version were asked for."""
    return f"sum by ({', '.join(VERSION)}) (increase(prediction_latency_seconds_count[{duration(window)}]))\n"


def accuracy() -> str:
    """The accuracy of a model version, of all cities together."""
    return 'max by (model_version) (model_accuracy{metric="accuracy"})\n'
