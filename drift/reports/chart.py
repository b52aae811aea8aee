"""What the charts of a page draw, as plain values that become one JSON block beside a fixed script.

Numbers travel as whole multiples of a scale, four digits each: that is finer than a screen, and a third
of the bytes and of the time that 64-bit floats would take. A gap in the data is null, and stays a gap.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

import numpy as np

from drift.domain import Floats, Window
from drift.reports.local import Ints, LocalTimes
from drift.reports.shown import readable, significant
from drift.reports.spans import Span
from drift.reports.strip import LIMITS

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | dict[str, Json] | None"
Style: TypeAlias = str  # a class of report.css: `actual`, `m0` … `m5` for model versions


@dataclass(frozen=True, slots=True)
class Line:
    """A line over the axis; with `low` and `high`, a band around it."""

    name: str
    style: Style
    values: Floats
    low: Floats | None = None
    high: Floats | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A span of target times `[start, end)` with a word on it."""

    start: datetime
    end: datetime
    words: str


@dataclass(frozen=True, slots=True)
class TimeChart:
    """Lines over time. Charts of one axis zoom and point together.

    The scale begins at `low`, where that is not above the values; None: where they do. `limit` is a line with
    its words. `faults` are stretches of faulty data.
    """

    axis: str
    unit: Literal["fraction", "load"]
    lines: tuple[Line, ...]
    spans: tuple[Span, ...]
    alt: str
    zero: bool = False
    limit: float | None = None
    limit_words: str = "alert above"
    low: float | None = 0.0
    faults: tuple[Stretch, ...] = ()
    usual: bool = False
    """Whether bands are what is normal around zero."""


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar a group and model version (the current window), with a mark where the reference was."""

    labels: tuple[str, ...]
    names: tuple[str, ...]
    current: tuple[Floats, ...]
    reference: tuple[Floats, ...]
    alt: str
    across: str


@dataclass(frozen=True, slots=True)
class Heat:
    """Error ÷ normal by weekday and hour of the day, `(7, 24)` from Monday, with the WAPE beside it."""

    times: Floats
    wape: Floats
    alt: str


@dataclass(frozen=True, slots=True)
class Steps:
    """Two distributions on the same bins."""

    edges: Floats
    reference: Floats
    current: Floats
    unit: str
    style: Style
    alt: str


@dataclass(frozen=True, slots=True)
class Axis:
    """Target times that charts share; `window` is the current window on it, `days`: a point a local day."""

    seconds: Ints
    offsets: Sequence[tuple[int, int]]
    zone: str
    window: Window
    days: bool = False


def axis_of(times: LocalTimes, window: Window) -> Axis:
    """The axis of these target times."""
    return Axis(times.seconds, times.offsets(), times.zone, window)


def axis_of_days(times: LocalTimes, window: Window) -> Axis:
    """The axis of their local days, a point at the start of each."""
    starts = times.day_starts
    firsts = LocalTimes(times.zone, times.seconds[starts], times.offset[starts])
    return Axis(firsts.seconds, firsts.offsets(), times.zone, window, days=True)


Chart: TypeAlias = TimeChart | Bars | Heat | Steps


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart with the words around it. `axes` are those that it brings to the page."""

    name: str
    title: str
    caption: str
    chart: Chart
    legend: tuple[tuple[str, str], ...]
    axes: tuple[tuple[str, Axis], ...] = ()


def packed(values: Floats) -> dict[str, Json]:
    """The values as whole multiples of a scale, null where there is none.

    >>> packed(np.array([1234.56, float("nan"), -7.0]))
    {'scale': 1.0, 'values': [1235, None, -7]}
    """
    finite = np.isfinite(values)
    most = float(np.max(np.abs(values), initial=0.0, where=finite))
    scale = 10.0 ** (math.floor(math.log10(most)) - 3) if most > 1e-300 else 1.0
    whole = np.rint(np.where(finite, values, 0.0) / scale).astype(np.int64).tolist()
    if not finite.all():
        whole = [v if ok else None for v, ok in zip(whole, finite.tolist(), strict=True)]
    return {"scale": scale, "values": whole}


def to_json(charts: Mapping[str, Chart], axes: Mapping[str, Axis], load_unit: str) -> Json:
    """The JSON value that the page's script draws from."""
    return {
        "unit": load_unit,
        "axes": {name: _axis(axis) for name, axis in axes.items()},
        "charts": {name: _chart(chart) for name, chart in charts.items()},
    }


def _axis(axis: Axis) -> Json:
    seconds = axis.seconds
    steps = np.diff(seconds)
    even = steps.size > 0 and bool((steps == steps[0]).all())
    return {
        "start": int(seconds[0]) if seconds.size else 0,
        "step": int(steps[0]) if steps.size else 86400,
        "count": int(seconds.size),
        "times": None if even else seconds.tolist(),
        "offsets": [list(change) for change in axis.offsets],
        "zone": axis.zone,
        "window": [_seconds(axis.window)[0], _seconds(axis.window)[1]],
        "days": axis.days,
    }


def _seconds(window: Window | Span | Stretch) -> tuple[int, int]:
    return int(window.start.timestamp()), int(window.end.timestamp())


def _chart(chart: Chart) -> Json:
    if isinstance(chart, TimeChart):
        return {
            "type": "time",
            "axis": chart.axis,
            "unit": chart.unit,
            "zero": chart.zero,
            "limit": chart.limit,
            "limit_words": chart.limit_words,
            "low": chart.low,
            "usual": chart.usual,
            "faults": [[*_seconds(fault), readable(fault.words)] for fault in chart.faults],
            "lines": [_line(line) for line in chart.lines],
            "spans": [_span(span) for span in chart.spans],
        }
    if isinstance(chart, Heat):
        cells = {"times": packed(chart.times.ravel()), "wape": packed(chart.wape.ravel())}
        return {"type": "heat", "limits": list(LIMITS), **cells}
    if isinstance(chart, Bars):
        bars = zip(chart.names, chart.current, chart.reference, strict=True)
        return {
            "type": "bars",
            "labels": list(chart.labels),
            "across": chart.across,
            "series": [{"name": n, "current": packed(c), "reference": packed(r)} for n, c, r in bars],
        }
    return {
        "type": "steps",
        "style": chart.style,
        "unit": chart.unit,
        "edges": packed(chart.edges),
        "reference": packed(chart.reference),
        "current": packed(chart.current),
    }


def _line(line: Line) -> Json:
    drawn: dict[str, Json] = {"name": readable(line.name), "style": line.style, **packed(line.values)}
    if line.low is not None and line.high is not None:
        drawn |= {"low": packed(line.low), "high": packed(line.high)}
    return drawn


def _span(span: Span) -> Json:
    start, end = _seconds(span)
    key = span.key
    about = " · ".join(readable(t) for t in (key.model_version, key.rule, key.horizon, key.column) if t)
    return {"from": start, "to": end, "level": span.level, "text": about, "open": span.open}


def highest(labels: Sequence[str], values: Floats) -> str:
    """Which group is highest, in words, for those who cannot see the chart."""
    if not np.isfinite(values).any():
        return "no values"
    worst = int(np.nanargmax(values))
    return f"highest at {labels[worst]} with {significant(100 * float(values[worst]))} %"
