"""The demo's models: three quantile regressors a version, and an interval made honest.

Why: quantiles fitted on three years of weather are too narrow for the fourth (about 73 % of the
actuals fall between the 0.1 and the 0.9 quantile), and an interval that is wrong from the first
day would say nothing about drift.

How: scikit-learn's HistGradientBoostingRegressor with quantile loss, kept small (few leaves, many
rows a leaf): rows of one day share one weather, so there are far fewer independent cases than
rows. The interval is then widened about the median by one factor a version, found on the last
year of training by models that have not seen that year.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

Array: TypeAlias = npt.NDArray[np.float64]
Models: TypeAlias = "dict[str, HistGradientBoostingRegressor]"

QUANTILES = {"lower": 0.1, "predicted": 0.5, "upper": 0.9}
INTERVAL_LEVEL = 0.8
SEED = 2012
_TINY = 1e-6


def fit(x: Array, y: Array, names: Sequence[str]) -> Models:
    """The three quantile models; the input named `zone` is a category."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    return {
        part: HistGradientBoostingRegressor(
            loss="quantile",
            quantile=quantile,
            categorical_features=[name == "zone" for name in names],
            max_iter=150,
            learning_rate=0.06,
            max_leaf_nodes=15,
            min_samples_leaf=3000,
            max_features=0.4,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=SEED,
        ).fit(x, y)
        for part, quantile in QUANTILES.items()
    }


def predict(models: Models, x: Array, factor: float = 1.0) -> Array:
    """Lower, predicted, upper in three columns, in order; the interval is widened by `factor`."""
    raw = np.column_stack([models[part].predict(x) for part in QUANTILES])
    ordered = np.sort(raw, axis=1)
    middle = ordered[:, 1:2]
    return np.asarray(middle + (ordered - middle) * factor, dtype=np.float64)


def widening(predicted: Array, actual: Array) -> float:
    """The factor at which INTERVAL_LEVEL of the actuals fall inside the widened interval."""
    lower, middle, upper = predicted.T
    below = (middle - actual) / np.maximum(middle - lower, _TINY)
    above = (actual - middle) / np.maximum(upper - middle, _TINY)
    return float(np.quantile(np.maximum(below, above), INTERVAL_LEVEL))
