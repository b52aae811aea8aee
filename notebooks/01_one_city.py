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
# # One city, from the alert to its cause
#
# Someone was called: *zone-10, the forecast is broken*. This notebook does what you would do next. It looks
# at the forecast, the error, what is normal for this city, the alert, and what drift found out about it.
#
# The data are real: hourly load of twenty zones of a US utility, and two day-ahead models (`v1` and `v2`)
# that were trained for the demo.

# %% [markdown]
# ## A store to look at
#
# `build` lays out the demo's three tables in a folder: predictions, actuals, features. With your own data
# you would skip this cell and write where your tables are into the config below. drift logs every change of
# an alert; here we ask for errors only.

# %%
import logging
import tempfile
from pathlib import Path

import structlog

import drift
from drift import plots
from drift.demo.show import build, play

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
folder = Path(tempfile.mkdtemp())
build(folder)
sorted(path.name for path in (folder / "data").iterdir())

# %% [markdown]
# The config says where the tables are and which rules watch them. Three rules are enough here:
#
# * `forecast_worse` holds each city against what is normal for that city, those hours and that season;
# * `fleet_worse` does so for all cities of a model version together;
# * `city_forecast_broken` is a fixed threshold: twice the error of repeating last week.

# %%
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
alerts:
  forecast_worse: {detector: profile, budget: 0.5 per city-year, severity: high}
  fleet_worse: {detector: fleet, budget: 0.35 per year, severity: critical}
  city_forecast_broken: {metric: mase, threshold: 2.0, duration: 3h, severity: critical}
""")
config = drift.load_config(folder / "drift.yaml")

# %% [markdown]
# ## Sixteen days, slot by slot
#
# `play` does what a scheduler would have done from 20 December 2007 to 5 January 2008: every hour is one
# *slot*, each judged only by what was known then. It returns the last slot's `Run`.

# %%
run, fired = play(config, lambda _: None)
run

# %% [markdown]
# A run is also a table: a row a measurement, with its reason where it has no value. `city` is missing where
# all cities are pooled, `horizon` where it is the one that is judged.

# %%
measurements = run.to_pandas()
measurements.drop(columns="slot").head(4)

# %% [markdown]
# So the worst cities of the last 24 hours are one query away. Accuracy is 1 − WAPE, a fraction.

# %%
accuracy = measurements.query("name == 'accuracy' and horizon.isna() and city.notna()")
(
    accuracy.pivot(index="city", columns="model_version", values="value")
    .sort_values("v1")
    .head(5)
    .style.format("{:.1%}")
)

# %% [markdown]
# ## Look at it
#
# `open_book` gathers what the plots of one slot need. Every plot returns a matplotlib figure: save it, or
# go on drawing on its axes. Times are on the city's clock.

# %%
monitor = drift.Monitor(config)
book = plots.open_book(monitor, run.slot)
plots.forecast(book, "zone-10", "v1")

# %% [markdown]
# The load trebled between two hours of 2 January, and the model went on as before. The model did not get
# worse; the world it was trained on ended.
#
# Is an error of 20,000 kW large? That depends on the city. The grey band is what is normal for these hours.

# %%
plots.error(book, "zone-10", "v1")

# %% [markdown]
# By weekday and hour, as multiples of normal. A fault of the calendar would show as a column, a fault of
# some days as rows. Here it is rows, all day long: no hour stands out.

# %%
plots.hours_of_week(book, "zone-10", "v1")

# %% [markdown]
# ## What the alert said
#
# The state keeps every change of every alert, with the evidence that was found when it began to fire.

# %%
changes = monitor.state.transitions(since=book.run.reference.start)
began = [each for each in changes if each.key.city == "zone-10" and each.after == "firing"]
began[0]

# %% [markdown]
# Read it as a colleague's note. Figures in brackets are intervals: the error is 4 times normal, and surely
# more than twice. After three hours of it the onset is not yet clear, and the note says so. "Do first" is a
# suggestion, no diagnosis; here it is the right one.

# %% [markdown]
# ## Is it this city, or all of them?
#
# A cold snap caught both models in all zones on the same days. zone-12 shows it: the error leaves its band,
# and comes back. Its alert resolved by itself; that of zone-10 stands.

# %%
plots.error(book, "zone-12", "v2")

# %%
standing = run.to_pandas("alerts").query("status == 'firing'")
standing[["rule", "model_version", "city", "value", "threshold", "since"]]

# %% [markdown]
# `fleet_worse` fires although its score is below 1 again: an alert of a detector ends after a calm day, so
# that nobody is called twice for one thing.

# %% [markdown]
# ## What this does not show
#
# * The band is what was normal *before*. Where a load changes for good, as in zone-10, "normal" has to be
#   fitted anew, and until then every hour is an alarm, rightly.
# * `forecast_worse` leaves out hours whose data cannot be right. A load that trebles looks like a wrong
#   scale at first, so here the fixed threshold spoke, and the calibrated one had nothing sound to judge.
# * One slot is 24 hours. To choose thresholds, look at a year: `02_alert_rules_on_history`.

# %%
monitor.close()
