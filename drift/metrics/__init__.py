"""Accuracy metrics: one a file, and the table of them all.

To add one, write its file and put its entry into `METRICS` (docs/adding-a-metric.md). In this package's
namespace the name of a metric is its function; its module is only ever imported from by its full name.
"""

from __future__ import annotations

from collections.abc import Mapping

from drift.entry_points import with_entry_points
from drift.metrics.accuracy import ACCURACY, accuracy
from drift.metrics.base import Metric, Sample, Values
from drift.metrics.bias import BIAS, bias
from drift.metrics.coverage_of_interval import COVERAGE_OF_INTERVAL, coverage_of_interval
from drift.metrics.mae import MAE, mae
from drift.metrics.mape import MAPE, mape
from drift.metrics.mase import MASE, mase, seasonal_scale
from drift.metrics.mean_interval_width import MEAN_INTERVAL_WIDTH, mean_interval_width
from drift.metrics.pinball import PINBALL, pinball
from drift.metrics.r2 import R2, r2
from drift.metrics.rmse import RMSE, rmse
from drift.metrics.skill import SKILL, skill
from drift.metrics.smape import SMAPE, smape
from drift.metrics.wape import WAPE, wape
from drift.metrics.within_tolerance import WITHIN_TOLERANCE, within_tolerance

__all__ = [
    "METRICS",
    "Metric",
    "Sample",
    "Values",
    "accuracy",
    "bias",
    "coverage_of_interval",
    "load_metrics",
    "mae",
    "mape",
    "mase",
    "mean_interval_width",
    "pinball",
    "r2",
    "rmse",
    "seasonal_scale",
    "skill",
    "smape",
    "wape",
    "within_tolerance",
]

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        ACCURACY,
        WITHIN_TOLERANCE,
        MAPE,
        SMAPE,
        WAPE,
        MAE,
        RMSE,
        BIAS,
        R2,
        MASE,
        SKILL,
        PINBALL,
        COVERAGE_OF_INTERVAL,
        MEAN_INTERVAL_WIDTH,
    )
}


def load_metrics() -> Mapping[str, Metric]:
    """Our own metrics by name, then those of other installed packages (entry points `drift.metrics`).

    Raises:
        ConfigError: an entry point is broken or takes a name that is taken; the package is named.

    >>> list(load_metrics())[:3]
    ['accuracy', 'within_tolerance', 'mape']
    """
    return with_entry_points(METRICS, "drift.metrics", Metric)
