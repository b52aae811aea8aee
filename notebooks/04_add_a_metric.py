# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Adding a metric of your own
#
# WAPE weighs every hour alike. Whoever buys capacity cares about one hour a day: the peak. This notebook
# writes `peak_error`, the error in the hour of the highest load, tests it, and lets drift measure and watch
# it as if it had been there from the start. Nothing in drift is changed.

# %% [markdown]
# ## The formula
#
# A metric is one file: the formula for a block of series, an entry for the table, and the function that
# people call. Here it is written where a package of yours would have it.

# %%
import importlib
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

folder = Path(tempfile.mkdtemp())
package = folder / "site"
(package / "grid_metrics").mkdir(parents=True)
(package / "grid_metrics" / "__init__.py").touch()
(package / "grid_metrics" / "peak_error.py").write_text('''
"""The error in the hour of the highest load."""

import numpy as np
from numpy.typing import ArrayLike

from drift.domain import Undefined
from drift.metrics.base import Metric, Sample, Values, as_rows, scalar, where_undefined
from drift.values import quiet


def peak_error(actual: ArrayLike, predicted: ArrayLike, floor: float = 0.0) -> float:
    """|predicted − actual| ÷ actual, in the hour of the highest actual.

    >>> peak_error([100.0, 400.0, 200.0], [100.0, 300.0, 999.0])
    0.25
    """
    a, p = as_rows(actual, predicted)
    return scalar(PEAK_ERROR, Sample(a, p, floor=floor))


@quiet
def _rows(sample: Sample) -> Values:
    load = np.where(sample.scored, sample.actual, -np.inf)
    peak = load.argmax(axis=1)[:, np.newaxis]
    height = np.take_along_axis(load, peak, axis=1)[:, 0]
    error = np.take_along_axis(sample.absolute_error, peak, axis=1)[:, 0]
    lowest = np.broadcast_to(sample.floor, sample.actual.shape)[:, 0]
    return where_undefined(
        error / height,
        (sample.n == 0, Undefined.NO_PAIRS),
        (height <= lowest, Undefined.ACTUALS_AT_FLOOR),
    )


PEAK_ERROR = Metric("peak_error", _rows, better="lower", unit="fraction", title="Error at the peak")
''')

# %% [markdown]
# Three things to notice:
#
# * `_rows` takes a *block*: a row a series, NaN where there is no pair. So one call measures a thousand
#   cities.
# * No value is a value with a reason. A city without pairs, or whose peak is at the floor, is `Undefined`
#   and says why. It is never 0, infinity or NaN.
# * The function for people is the same formula on a block of one.

# %%
sys.path.insert(0, str(package))
from grid_metrics.peak_error import peak_error

peak_error([100, 400, 200], [100, 300, 999])

# %% [markdown]
# The peak was 400, forecast as 300: 25 %. The 999 does not matter: that hour was no peak.

# %%
from drift.errors import UndefinedError

try:
    peak_error([0.0, 0.0], [1.0, 2.0])
except UndefinedError as error:
    print(error)

# %% [markdown]
# ## Test it by what must hold
#
# A few examples prove little. Hypothesis tries hundreds of samples, and shrinks one that fails to the
# smallest that does. What must hold for any load and any forecast:
#
# 1. a perfect forecast has no error;
# 2. the unit does not matter: kW or MW, the same fraction;
# 3. the order of the hours does not matter (where the highest is one alone);
# 4. a gap in the data is left out, not counted as zero.

# %%
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

loads = st.lists(st.integers(1, 10**6), min_size=2, max_size=48, unique=True)


@settings(derandomize=True, deadline=None, database=None)
@given(loads, st.randoms(use_true_random=False))
def check(load, rng):
    actual = np.array(load, float)
    predicted = actual * np.array([rng.uniform(0.5, 1.5) for _ in load])
    found = peak_error(actual, predicted)
    assert peak_error(actual, actual) == 0
    assert np.isclose(peak_error(actual / 1000, predicted / 1000), found)
    order = rng.sample(range(len(load)), len(load))
    assert peak_error(actual[order], predicted[order]) == found
    assert peak_error([*actual, np.nan], [*predicted, 1.0]) == found
    assert peak_error([*actual, 2e6], [*predicted, np.nan]) == found


check()

# %% [markdown]
# And the block form must equal the function, row by row, wherever the gaps are. drift's own test suite asks
# that of every metric (`tests/contract/test_metrics_table.py`).

# %%
from grid_metrics.peak_error import PEAK_ERROR

from drift.metrics import Sample

rng = np.random.default_rng(7)
actual = rng.uniform(50, 150, (20, 24))
actual[rng.random(actual.shape) < 0.3] = np.nan
predicted = actual * rng.normal(1, 0.1, actual.shape)
block = PEAK_ERROR.rows(Sample(actual, predicted))
assert np.allclose(block.value, [peak_error(a, p) for a, p in zip(actual, predicted, strict=True)])

# %% [markdown]
# ## Tell drift about it
#
# drift looks for the entry point `drift.metrics` of every installed package. In your `pyproject.toml` that
# is
#
# ```toml
# [project.entry-points."drift.metrics"]
# peak_error = "grid_metrics.peak_error:PEAK_ERROR"
# ```
#
# and `pip install` writes it beside the package. Here we write that file ourselves. (A metric for everybody
# goes into drift's own table instead: one file and one line, `docs/adding-a-metric.md`.)

# %%
installed = package / "grid_metrics-1.0.dist-info"
installed.mkdir()
(installed / "METADATA").write_text("Metadata-Version: 2.1\nName: grid-metrics\nVersion: 1.0\n")
(installed / "entry_points.txt").write_text(
    "[drift.metrics]\npeak_error = grid_metrics.peak_error:PEAK_ERROR\n"
)
importlib.invalidate_caches()

from drift.metrics import load_metrics

list(load_metrics())[-2:]

# %% [markdown]
# ## See it in a run
#
# From here on it is a metric like any other: measured in every slot for every city and model version, and a
# rule can name it.

# %%
import drift
from drift import plots
from drift.demo.show import build

build(folder)
(folder / "drift.yaml").write_text("""
store:
  unit: kW
  predictions: {path: data/predictions.parquet}
  actuals: {path: data/actuals.parquet}
timezone: America/New_York
windows: {current: 24h, reference: 28d}
reports: null
alerts:
  peak_missed: {metric: peak_error, threshold: 0.3, duration: 6h, severity: warning}
""")
monitor = drift.Monitor(drift.load_config(folder / "drift.yaml"))

# %%
slot = datetime(2008, 1, 5, 12, tzinfo=UTC)
frame = monitor.look(slot).to_pandas()
wide = frame.query("name in ['wape', 'peak_error'] and city.notna()").pivot(
    index=["city", "model_version"], columns="name", values="value"
)
wide.sort_values("peak_error").tail(5).style.format("{:.1%}")

# %% [markdown]
# The two rank cities differently, which is why it is worth having.
#
# ## Watch it
#
# A replay says what the rule would have done in December, before it calls anybody.

# %%
played = monitor.replay(
    datetime(2007, 12, 10, tzinfo=UTC), slot, timedelta(hours=3), keep=["peak_error", "wape"]
)
played

# %%
plots.over_slots(
    played.to_pandas("measurements"), "peak_error", ["zone-12"], threshold=0.3, zone="America/New_York"
)

# %% [markdown]
# It moves in steps: a window of 24 hours has one peak, and that counts until it leaves the window or a
# higher one comes. So **one hour decides**, and an hour is noisy. That is the price of this metric, and the
# reason for `duration: 6h`.
#
# ## What drift does not know about it
#
# * Pooled over all cities, "the peak" is that of the largest city, since all pairs form one sample. Look at
#   it city by city.
# * `drift compare` has its own fixed list of figures. A metric of yours is in runs, gauges, MLflow, reports
#   and rules.

# %%
monitor.close()
