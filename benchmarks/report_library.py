"""What should draw a city page? Measures Bokeh, Altair with vl-convert, Plotly and drift's own charts.

Every library draws the same content: 28 days of hours of a forecast against its actual with an 80 %
interval for two model versions, its error with a shaded span, two bar charts and four histograms. Each
page is then opened from file:// in headless Chromium under `default-src 'none'` without `unsafe-eval`,
which is what the report promises, and a picture of it is kept to look at.

    python benchmarks/report_library.py [FOLDER]

Needs bokeh, altair, vl-convert-python and plotly beside drift; Chromium where it is on the path.
"""

# ruff: noqa: T201, S603 - it prints its table, and starts the browser that it found
from __future__ import annotations

import gzip
import importlib
import json
import platform
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
ROOT = Path(__file__).resolve().parent.parent
PAGES = 5
HOURS = 28 * 24
VERSIONS = ("v1", "v2")
POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:\">"
)


@dataclass(frozen=True, slots=True)
class Content:
    """What a city page shows."""

    times: NDArray[np.datetime64]
    actual: Values
    predicted: dict[str, Values]
    lower: dict[str, Values]
    upper: dict[str, Values]
    by_hour: dict[str, Values]
    by_band: dict[str, Values]
    edges: Values
    shares: dict[str, tuple[Values, Values]]


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is written: what every page repeats, and what is of this city."""

    shared: str
    own: str
    whole: str | None = None

    @property
    def html(self) -> str:
        """The self-contained page."""
        if self.whole is not None:
            return self.whole
        head = f"<!doctype html><html><head><meta charset=utf-8>{POLICY}{self.shared}</head>"
        return f"{head}<body>{self.own}</body>"


def content(seed: int = 7) -> Content:
    """The same page for every library: a load with a daily shape, and a forecast that drifts."""
    draw = np.random.default_rng(seed)
    hours = np.arange(HOURS)
    times = np.datetime64("2020-03-13T00:00:00", "s") + hours * np.timedelta64(3600, "s")
    actual = 900 + 250 * np.sin((hours - 8) * 2 * np.pi / 24) + draw.normal(0, 20, HOURS)
    drift = np.where(hours > 500, 120.0, 0.0)
    predicted = {v: actual + draw.normal(0, 30, HOURS) + drift / (i + 1) for i, v in enumerate(VERSIONS)}
    edges = np.linspace(-3, 3, 31)
    bins = [np.histogram(draw.normal(m, 1, 2000), edges)[0] / 2000 for m in (0, 0.1, 0.4, 1)]
    return Content(
        times,
        actual,
        predicted,
        {v: p - 60 for v, p in predicted.items()},
        {v: p + 60 for v, p in predicted.items()},
        {v: np.abs(p - actual).reshape(-1, 24).mean(axis=0) for v, p in predicted.items()},
        {v: np.abs(p - actual).reshape(4, -1).mean(axis=1) for v, p in predicted.items()},
        edges,
        {c: (bins[0], b) for c, b in zip(("actual", "predicted", "error", "temperature"), bins, strict=True)},
    )


def bokeh_page(data: Content) -> Page:
    """Bokeh: figures with one shared x range, crosshair zoom and hover."""
    from bokeh.embed import components
    from bokeh.models import BoxAnnotation, ColumnDataSource, HoverTool
    from bokeh.plotting import figure
    from bokeh.resources import Resources

    figures = []
    tools = "xpan,xwheel_zoom,box_zoom,reset"
    line = {"x_axis_type": "datetime", "height": 260, "sizing_mode": "stretch_width", "tools": tools}
    for version in VERSIONS:
        source = ColumnDataSource(
            {
                "t": data.times,
                "a": data.actual,
                "p": data.predicted[version],
                "l": data.lower[version],
                "u": data.upper[version],
                "e": data.predicted[version] - data.actual,
            }
        )
        for columns in (("a", "p"), ("e",)):
            share = {"x_range": figures[0].x_range} if figures else {}
            plot = figure(title=f"{version}: {columns}", **line, **share)
            if columns[0] == "a":
                plot.varea("t", "l", "u", source=source, alpha=0.2)
            else:
                plot.add_layout(BoxAnnotation(left=data.times[500], right=data.times[-1], fill_color="red"))
            for column, colour in zip(columns, ("black", "blue"), strict=False):
                plot.line("t", column, source=source, color=colour)
            plot.add_tools(HoverTool(tooltips=[("at", "@t{%F %H:%M}")], formatters={"@t": "datetime"}))
            figures.append(plot)
    for bars in (data.by_hour, data.by_band):
        plot = figure(height=220, sizing_mode="stretch_width", tools=tools)
        for i, values in enumerate(bars.values()):
            plot.vbar(np.arange(len(values)) + i * 0.4, top=values, width=0.35, color=("navy", "orange")[i])
        figures.append(plot)
    for column, shares in data.shares.items():
        plot = figure(title=column, height=220, sizing_mode="stretch_width", tools=tools)
        for share, colour in zip(shares, ("grey", "blue"), strict=True):
            plot.quad(
                left=data.edges[:-1], right=data.edges[1:], top=share, bottom=0, color=colour, alpha=0.4
            )
        figures.append(plot)
    script, divs = components(figures)
    only_plots = Resources(mode="inline", components=["bokeh"])  # without widgets, tables, MathJax
    return Page(only_plots.render(), "".join(divs) + script)


def altair_page(data: Content) -> Page:
    """Altair: one concatenated spec, compiled and bundled by vl-convert."""
    import altair as alt
    import pandas as pd
    import vl_convert

    alt.data_transformers.disable_max_rows()
    zoom = lambda name: alt.selection_interval(name=name, bind="scales", encodings=["x"])  # noqa: E731
    charts: list[alt.Chart | alt.LayerChart] = []
    for version in VERSIONS:
        frame = pd.DataFrame(
            {
                "t": data.times,
                "actual": data.actual,
                "predicted": data.predicted[version],
                "lower": data.lower[version],
                "upper": data.upper[version],
            }
        )
        frame["error"] = frame["predicted"] - frame["actual"]
        base = alt.Chart(frame, width=900, height=200)
        band = base.mark_area(opacity=0.2).encode(x="t:T", y="lower:Q", y2="upper:Q")
        lines = [
            base.mark_line().encode(x="t:T", y=f"{c}:Q", tooltip=["t:T", f"{c}:Q"])
            for c in ("actual", "predicted")
        ]
        charts.append(alt.layer(band, *lines).add_params(zoom(version)))
        span = pd.DataFrame({"s": [data.times[500]], "e": [data.times[-1]]})
        shade = alt.Chart(span).mark_rect(opacity=0.2, color="red").encode(x="s:T", x2="e:T")
        charts.append(alt.layer(shade, base.mark_line().encode(x="t:T", y="error:Q")))
    for bars in (data.by_hour, data.by_band):
        rows = [(i, v, y) for v, values in bars.items() for i, y in enumerate(values)]
        frame = pd.DataFrame(rows, columns=["x", "version", "y"])
        charts.append(
            alt.Chart(frame, width=900, height=180)
            .mark_bar()
            .encode(x="x:O", y="y:Q", color="version:N", xOffset="version:N")
        )
    for column, shares in data.shares.items():
        rows = [
            (e, n, s)
            for n, values in zip("rc", shares, strict=True)
            for e, s in zip(data.edges, values, strict=False)
        ]
        frame = pd.DataFrame(rows, columns=["edge", "sample", "share"])
        charts.append(
            alt.Chart(frame, width=900, height=180, title=column)
            .mark_bar(opacity=0.5)
            .encode(x="edge:O", y=alt.Y("share:Q", stack=None), color="sample:N")
        )
    spec = alt.vconcat(*charts).to_json(indent=None).replace("</", "<\\/")
    return Page(
        f"<script>{_vega_bundle(vl_convert.javascript_bundle)}</script>",
        f"<div id=v></div><script>vegaEmbed('#v',{spec}, {{actions: false}})</script>",
    )


_BUNDLES: list[str] = []


def _vega_bundle(make: Callable[[], str]) -> str:
    if not _BUNDLES:  # made once a process: it costs seconds and is the same for every page
        _BUNDLES.append(make().replace("</script", "<\\/script"))
    return _BUNDLES[0]


def plotly_page(data: Content) -> Page:
    """Plotly: one figure of subplots with matched x axes."""
    from plotly.graph_objects import Bar, Scatter
    from plotly.offline import get_plotlyjs
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=10, cols=1, vertical_spacing=0.02)
    row = 0
    for version in VERSIONS:
        low, high, predicted = data.lower[version], data.upper[version], data.predicted[version]
        row += 1
        figure.add_trace(Scatter(x=data.times, y=low, line={"width": 0}), row=row, col=1)
        figure.add_trace(Scatter(x=data.times, y=high, fill="tonexty", line={"width": 0}), row=row, col=1)
        figure.add_trace(Scatter(x=data.times, y=data.actual, name="actual"), row=row, col=1)
        figure.add_trace(Scatter(x=data.times, y=predicted, name=version), row=row, col=1)
        row += 1
        figure.add_trace(Scatter(x=data.times, y=predicted - data.actual, name="error"), row=row, col=1)
        figure.add_vrect(
            x0=str(data.times[500]), x1=str(data.times[-1]), opacity=0.2, fillcolor="red", row=row, col=1
        )
    for bars in (data.by_hour, data.by_band):
        row += 1
        for version, values in bars.items():
            figure.add_trace(Bar(x=np.arange(len(values)), y=values, name=version), row=row, col=1)
    for column, shares in data.shares.items():
        row += 1
        for share in shares:
            figure.add_trace(Bar(x=data.edges[:-1], y=share, name=column, opacity=0.5), row=row, col=1)
    figure.update_layout(height=2200)
    body = figure.to_html(full_html=False, include_plotlyjs=False)
    return Page(f"<script>{get_plotlyjs()}</script>", body)


def drift_page(made: tuple[object, ...], folder: Path) -> Page:
    """The charts of drift itself: the real city page of `drift.reports`, tables and fleet page and all."""
    from drift.reports.site import write_site

    links = write_site(*made, folder, single_file=True)  # type: ignore[arg-type]
    page = next(path for name, path in links.items() if name.startswith("city:")).read_text("utf-8")
    style, scripts = page.index("<style>"), page.index("<script>")
    own = page[:style] + page[page.index("</style>") : scripts]
    return Page(page[scripts:], own, page)


def opened(page: Path, picture: Path) -> tuple[str, str]:
    """Whether Chromium draws the page under the policy, and how long that took; keeps a picture."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        return "no Chromium", "–"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as profile:
        view = ["--enable-logging=stderr", f"--user-data-dir={profile}", "--window-size=1280,2400"]
        shot = [chromium, *flags, *quiet, *view, "--virtual-time-budget=4000", f"--screenshot={picture}"]
        done = subprocess.run(
            [*shot, page.as_uri()], capture_output=True, text=True, timeout=120, check=False
        )
    bad = [
        line
        for line in done.stderr.splitlines()
        if "CONSOLE" in line and ("rror" in line or "unsafe" in line)
    ]
    return ("no: " + bad[0].split('"')[1][:60] if bad else "yes"), f"{time.perf_counter() - begun:.1f} s"


def row_of(name: str, draw: Callable[[], Page], folder: Path) -> list[str]:
    """One library's figures."""
    begun = time.process_time()
    draw()
    first = time.process_time() - begun
    begun = time.process_time()
    for _ in range(PAGES):
        page = draw()
    each = (time.process_time() - begun) / PAGES
    path = folder / f"{name}.html"
    path.write_text(page.html, encoding="utf-8")
    drawn, took = opened(path, folder / f"{name}.png")
    sizes = [f"{len(text.encode()) / 1000:,.0f} kB" for text in (page.html, page.own)]
    packed = f"{len(gzip.compress(page.html.encode())) / 1000:,.0f} kB"
    return [name, *sizes, packed, f"{first * 1000:,.0f} ms", f"{each * 1000:,.1f} ms", drawn, took]


def main() -> None:
    """Print the table."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="report-library-"))
    folder.mkdir(parents=True, exist_ok=True)
    data = content()
    made = runpy.run_path(str(ROOT / "tests/unit/reports/factory.py"))["fleet"](1)
    candidates: dict[str, Callable[[], Page]] = {
        "bokeh": lambda: bokeh_page(data),
        "altair": lambda: altair_page(data),
        "plotly": lambda: plotly_page(data),
        "drift": lambda: drift_page(made, folder / "site"),
    }
    versions = {name: importlib.import_module(name).__version__ for name in candidates}
    print(f"{platform.machine()}, Python {platform.python_version()}, {json.dumps(versions)}")
    print(f"pictures: {folder}\n")
    head = [
        "library",
        "one file",
        "beside assets",
        "gzipped",
        "CPU first",
        "CPU a page",
        "drawn, no eval",
        "open",
    ]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for name, draw in candidates.items():
        print("| " + " | ".join(row_of(name, draw, folder)) + " |", flush=True)


if __name__ == "__main__":
    main()
