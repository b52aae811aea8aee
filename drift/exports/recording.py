"""PURE. Prometheus recording rules for what dashboards and people ask of the platform's own metrics.

`error_rate` and `availability` are the guide's own names, by job. The others are called
level:metric:operation, where the level is the labels that are left. Each is of five minutes, as the exported
alerts are.

What is undefined is absent. Without requests there is no share of them and no quantile: dividing by a rate of
nothing, or a quantile of nothing, would be NaN, so that the denominator must be above 0 and a quantile at
least 0. Where there are requests and none has ever failed, there is no series of failures, and 0 is the
truth. A counter begins with its first event, of which there is no increase: a status that an endpoint answers
for the first time is seen from the second time on.
"""

from __future__ import annotations

from drift.config import Config
from drift.exports.document import Group, Recording
from drift.exports.platform import RATE_WINDOW
from drift.exports.promql import number
from drift.exports.said import Runbooks

ERROR_RATE, AVAILABILITY = "error_rate", "availability"
REQUESTS = "job_endpoint:api_requests:rate5m"
FAILED = "job_endpoint:api_requests_failed:rate5m"
ENDPOINT_ERRORS = "job_endpoint:error_rate:ratio_rate5m"
LATENCY = "job_endpoint_le:api_latency_seconds_bucket:rate5m"
ENDPOINT_QUANTILE = "job_endpoint:api_latency_seconds:p{percent}"
JOB_QUANTILE = "job:api_latency_seconds:p{percent}"
PREDICTIONS = "job_model_version:model_predictions:rate5m"
PREDICTIONS_FAILED = "job_model_version:model_prediction_failures:rate5m"
PREDICTION_ERRORS = "job_model_version:prediction_error_rate:ratio_rate5m"
PREDICTION_LATENCY = "job_model_version_le:prediction_latency_seconds_bucket:rate5m"
PREDICTION_QUANTILE = "job_model_version:prediction_latency_seconds:p{percent}"
PERCENTS = (50, 95, 99)
"""The quantiles: the usual request, the guide's limit is held against, the unlucky."""


def recording_group(config: Config, runbooks: Runbooks) -> Group:
    """The recording rules; each reads the ones before it. They are the same for every config."""
    del config, runbooks
    return Group("drift_recordings", [*_requests(), *_latency(), *_predictions()])


def _requests() -> list[Recording]:
    """Requests, those answered 5xx, and their share by endpoint and by job."""
    failed = f'sum by (job, endpoint) (rate(api_requests_total{{status=~"5.."}}[{RATE_WINDOW}]))'
    return [
        Recording(REQUESTS, f"sum by (job, endpoint) (rate(api_requests_total[{RATE_WINDOW}]))\n"),
        Recording(FAILED, f"{failed}\nor\n0 * {REQUESTS}\n"),
        Recording(ENDPOINT_ERRORS, f"{FAILED}\n/\n({REQUESTS} > 0)\n"),
        Recording(ERROR_RATE, f"sum by (job) ({FAILED})\n/\n(sum by (job) ({REQUESTS}) > 0)\n"),
        Recording(AVAILABILITY, f"1 - {ERROR_RATE}\n"),
    ]


def _latency() -> list[Recording]:
    """Quantiles of how long requests take, by endpoint and of all of a job's."""
    rates = f"sum by (job, endpoint, le) (rate(api_latency_seconds_bucket[{RATE_WINDOW}]))\n"
    of_all = f"sum by (job, le) ({LATENCY})"
    return [
        Recording(LATENCY, rates),
        *(_quantile(ENDPOINT_QUANTILE, percent, LATENCY) for percent in PERCENTS),
        *(_quantile(JOB_QUANTILE, percent, of_all) for percent in PERCENTS),
    ]


def _predictions() -> list[Recording]:
    """Predictions by model version: how many, the share that failed, and how long they take.

    A prediction that raised is counted as a failure and not as a prediction: both were tried.
    """
    by, tried = "job, model_version", f"({PREDICTIONS} + {PREDICTIONS_FAILED} > 0)"
    made = f"sum by ({by}) (rate(model_predictions_total[{RATE_WINDOW}]))"
    failed = f"sum by ({by}) (rate(model_prediction_failures_total[{RATE_WINDOW}]))"
    buckets = f"sum by ({by}, le) (rate(prediction_latency_seconds_bucket[{RATE_WINDOW}]))\n"
    return [
        Recording(PREDICTIONS, f"{made}\nor\n0 * {failed}\n"),
        Recording(PREDICTIONS_FAILED, f"{failed}\nor\n0 * {PREDICTIONS}\n"),
        Recording(PREDICTION_ERRORS, f"{PREDICTIONS_FAILED}\n/\n{tried}\n"),
        Recording(PREDICTION_LATENCY, buckets),
        *(_quantile(PREDICTION_QUANTILE, percent, PREDICTION_LATENCY) for percent in PERCENTS),
    ]


def _quantile(name: str, percent: int, rates: str) -> Recording:
    """A quantile of a histogram whose buckets are rates. One beyond the last bucket's limit is that limit."""
    expr = f"histogram_quantile({number(percent / 100)}, {rates}) >= 0\n"
    return Recording(name.format(percent=percent), expr)
