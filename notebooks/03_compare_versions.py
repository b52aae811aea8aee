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
# # Is the new model version better?
#
# `v2` knows recent load and the zone's own weather station, `v1` does not. On average `v2` wins. But an
# average leaves two questions open: is the lead more than luck, and does it hold in every city, hour and
# weather?
#
# `compare_versions` is `drift compare v1 v2` as a function.

# %%
import logging
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

import drift
from drift import plots
from drift.comparing import Ask, compare_versions
from drift.demo.show import build

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
folder = Path(tempfile.mkdtemp())
build(folder)
(folder / "drift.yaml").write_text("""
store:
  unit: kW
  predictions: {path: data/predictions.parquet}
  actuals: {path: data/actuals.parquet}
  features: {path: data/features.parquet}
timezone: America/New_York
windows: {current: 24h, reference: 90d}
accuracy: {interval_level: 0.8}
detection: {country: US}
reports: null
mlflow: {tracking_uri: "sqlite:///mlflow.db", experiment: drift}
alerts:
  model_accuracy_drop: {metric: accuracy, threshold: 0.85, duration: 1h, severity: high, scope: pooled}
""")
config = drift.load_config(folder / "drift.yaml")

# %% [markdown]
# First two slots of the scheduled job, so that there are runs in MLflow to link to. Each slot logs one
# MLflow run a model version.

# %%
slot = datetime(2008, 6, 28, tzinfo=UTC)
with drift.Monitor(config) as monitor:
    for each in (slot - timedelta(days=1), slot):
        run = monitor.run(each)
run

# %% [markdown]
# ## The answer, in sentences
#
# Both versions are judged on the same hours: those that both forecast, whose actual is known and sound.
# What was left out is counted. The range is nine months here.

# %%
answer = compare_versions(config, Ask("v1", "v2", slot, start=slot - timedelta(days=270), end=slot))
found = answer.comparison
found

# %% [markdown]
# How to read the figures:
#
# * **a − b** is `v1` − `v2` on the same hours. Of an error, positive says that `v2` is better.
# * **The interval** is a paired block bootstrap: weeks are drawn again, of both versions together, because
#   the errors of neighbouring days go together. An interval with zero in it says that another nine months
#   might turn out the other way.
# * **Diebold and Mariano's test** asks the same of daily mean errors. Its variance allows for days that
#   depend on each other; taking hours as independent would make nearly everything "significant".

# %%
test = found.all.test
print(f"{test.n} days, difference {test.difference:,.0f} kW")
print(f"statistic {test.statistic:.2f}, p = {test.p_value:.4f}")

# %% [markdown]
# ## City by city
#
# With twenty cities, one in twenty looks better by chance. Full points are those that stand after a
# correction for looking at all of them (Benjamini and Yekutieli). A city far beyond the others is a number
# at the edge.

# %%
plots.by_city(found)

# %% [markdown]
# One city dwarfs the others: zone-10, whose load trebled in January. `v2` scales with the last four weeks
# and followed, `v1` never did. That is a fact about how the two models age, and no reason to think that
# `v2` is much better elsewhere. Without it:

# %%
figures = found.to_pandas()
cities = figures.query("by == 'city' and metric == 'wape'").set_index("city")
cities.drop("zone-10")[["a", "b", "difference"]].mean().map("{:.2%}".format).to_frame("mean over 19 cities")

# %% [markdown]
# ## Hour by hour, and by weather
#
# Where the lead is tells what it is made of, and what a third version should learn.

# %%
plots.by_hour(found)

# %%
plots.by_regime(found)

# %% [markdown]
# Thirds of the temperature are each city's own. The words below the bars are the interval of the
# difference; one that spans zero is not to be acted upon.
#
# All of it is one tidy table, a row a part of the hours and metric:

# %%
figures.query("by in ['week', 'regime']").drop(
    columns=["city", "metric", "p_value", "clear", "undefined"]
).round(4)

# %% [markdown]
# ## The runs in MLflow
#
# `drift run` logs to MLflow what each slot measured, so a model's registry page and its life in production
# are one search apart. Where the tracking URI is a server, these are links.

# %%
[(each.model_version, each.first_slot, each.last_slot) for each in answer.runs.runs]

# %%
import mlflow

mlflow.set_tracking_uri(config.tracking_url())
runs = mlflow.search_runs(experiment_names=["drift"])
columns = ["tags.drift.model_version", "metrics.accuracy", "metrics.wape", "metrics.mase"]
runs[columns].sort_values(columns, ignore_index=True).round(3)

# %% [markdown]
# ## What it cannot say
#
# * Better on these nine months. A summer that neither model has seen is not in them.
# * Hours with a faulty prediction are left out for both, and not held against the version that made them:
#   the last sentence counts them. A version with many is not the better one.
# * WAPE weighs every kWh alike. If a peak costs more than a night, say so in a metric: `04_add_a_metric`.
