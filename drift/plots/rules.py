"""Rules on the past: a measurement over the slots of a replay, and false alarms against delay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import StrMethodFormatter

from drift.compare_words import percent
from drift.config_text import did_you_mean
from drift.errors import ConfigError
from drift.metrics import load_metrics
from drift.plots import base
from drift.plots.base import DASHES, INK, SOFT, VERSIONS, Plot, shown

if TYPE_CHECKING:
    import pandas as pd

MARKERS = ("o", "s", "^", "D", "v", "P")
POOLED = "all cities pooled"
RATED = ("family", "rule", "false_alarms", "delay", "found")


def over_slots(
    measurements: pd.DataFrame,
    name: str = "accuracy",
    cities: Sequence[str] = (),
    *,
    threshold: float | None = None,
    zone: str = "UTC",
    unit: str = "",
) -> Plot:
    """A measurement over the slots of a replay: a line a model version, for all cities pooled or for each of
    these cities; gaps where it is undefined. `unit` is that of load, for metrics that have it.

    `measurements` is `replay.to_pandas("measurements")`.

    Raises:
        ConfigError: it has no measurement of that name, or none of such a city.
    """
    lines = _lines(measurements, name, cities)
    metric = load_metrics().get(name)
    title = name if metric is None else metric.title
    plot, axes = base.new_plot(f"{shown(title)} of {', '.join(map(shown, cities)) or POOLED}, slot by slot")
    entries: list[tuple[Artist, str]] = []
    for words, colour, dash, line in lines:
        x = base.places(line["slot"].dt.tz_localize(None).to_numpy())
        drawn = axes.plot(x, line["value"].to_numpy(), linewidth=1.2, color=colour, linestyle=dash)
        entries.append((drawn[0], words))
    kind = "ratio" if metric is None else metric.unit
    if threshold is not None:
        words = percent(threshold) if kind == "fraction" else f"{threshold:g}"
        entries.append((axes.axhline(threshold, color=INK, linewidth=1, linestyle=":"), f"threshold {words}"))
    base.named(axes, "", f"{title}, {unit}" if kind == "load" and unit else title)
    if kind == "fraction":
        base.in_percent(axes)
    base.time_axis(axes, zone)
    base.legend(axes, entries)
    return plot


def _lines(
    measurements: pd.DataFrame, name: str, cities: Sequence[str]
) -> list[tuple[str, str, str, pd.DataFrame]]:
    """What each line is called, its colour and dash, and its rows by slot."""
    kept = measurements[measurements["horizon"].isna() & measurements["column"].isna()]
    known = list(kept["name"].dropna().unique())
    if name not in known:
        raise ConfigError(f"nothing was kept of {name!r}{did_you_mean(name, known)}: see `keep` of replay")
    rows = kept[kept["name"] == name]
    versions = list(rows["model_version"].dropna().unique())
    found = []
    for k, city in enumerate(cities or (None,)):
        part = rows[rows["city"].isna()] if city is None else rows[rows["city"] == city]
        if part.empty:
            there = list(rows["city"].dropna().unique())
            raise ConfigError(f"nothing was kept of {city or POOLED!r}{did_you_mean(str(city), there)}")
        for v, version in enumerate(versions):
            hue = v if len(versions) > 1 else k  # a colour a version; a city, where there is one version
            words = version if len(cities) < 2 else f"{version}, {city}"
            line = part[part["model_version"] == version].sort_values("slot")
            found.append((words, VERSIONS[hue % len(VERSIONS)], DASHES[k % len(DASHES)], line))
    return found


def false_alarms_against_delay(rated: pd.DataFrame) -> Plot:
    """What a rule costs against what it gives: false alarms a city-year to the right (by tenfold from 1 on),
    the hours until a fault is found upwards, so that the best rules are at the lower left. Rules of a family
    are joined by a line; the words beside a point are the rule and the share of faults that it found.

    `rated` has a row a rule: `family`, `rule`, `false_alarms` (a city-year), `delay` (hours; NaN where it
    found nothing, and then it is not drawn) and `found` (a fraction).

    Raises:
        ValueError: a column is missing.
    """
    missing = [name for name in RATED if name not in rated.columns]
    if missing:
        raise ValueError(f"a rule is rated by {', '.join(RATED)}; missing: {', '.join(missing)}")
    plot, axes = base.new_plot("False alarms against delay", 4.2)
    entries = [_family(axes, k, rated, str(name)) for k, name in enumerate(dict.fromkeys(rated["family"]))]
    axes.set_xscale("symlog", linthresh=1)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.set_xlim(-0.1, 4 * max(1.0, float(rated["false_alarms"].max())))
    axes.set_ylim(bottom=0)
    base.named(axes, "false alarms a city-year", "median hours until a fault is found")
    base.legend(axes, entries)
    return plot


def _family(axes: Axes, k: int, rated: pd.DataFrame, name: str) -> tuple[Artist, str]:
    """The rules of a family as a line with words; what belongs into the legend."""
    part = rated[(rated["family"] == name) & np.isfinite(rated["delay"])].sort_values("false_alarms")
    colour, marker, dash = (each[k % len(each)] for each in (VERSIONS, MARKERS, DASHES))
    line = axes.plot(part["false_alarms"], part["delay"], color=colour, marker=marker, linestyle=dash)
    for row in part.itertuples():
        words = f"{shown(str(row.rule), 24)}: {row.found:.0%} found"
        at = (row.false_alarms, row.delay)
        axes.annotate(words, at, (6, 5), textcoords="offset points", fontsize=8, color=SOFT, parse_math=False)
    return line[0], name
