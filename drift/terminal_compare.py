"""A comparison of two model versions in a terminal: the sentences, all metrics, and a row a city."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from drift.compare_words import names, p_words, percent, sentences, signed_points, why
from drift.comparison import Answer, Comparison, Figure, Result, Value, span_of
from drift.config import Config
from drift.domain import Undefined, iso
from drift.metrics import METRICS, Metric
from drift.symbols import NOTHING, SERIES_STYLES
from drift.terminal import View, clean, console, load, more, print_failures, print_links
from drift.terminal import percent as fraction
from drift.terminal_tables import Column, print_table

CELLS = 27
NAME = 20
ROWS = 24
"""Cities, unless all are asked for."""


def print_comparison(answer: Answer, config: Config, out_file: Path | None, view: View | None = None) -> None:
    """What a person wants to know first, and then the figures it rests on."""
    out, found = console(), answer.comparison
    a, b = names(found)
    title = Text.assemble(
        (a, f"bold {SERIES_STYLES[0]}"), (" against ", "dim"), (b, f"bold {SERIES_STYLES[1]}")
    )
    out.print(title.append(f"  {iso(found.window.start)} to {iso(found.window.end)}", "dim"))
    for k, sentence in enumerate(sentences(found)):
        out.print(Text(sentence, style="bold" if k == 0 else ""))
    if found.all.pairs:
        _print_metrics(out, found, config)
    if len(found.cities) > 1 and found.all.pairs:
        _print_cities(out, found, view or View())
    print_failures(out, answer.failures)
    runs: dict[str, str] = {}
    for run in answer.runs.runs:  # the latest of each version comes first
        runs.setdefault(f"mlflow {run.model_version}", run.link)
    compare = {} if answer.runs.compare is None else {"mlflow compare": answer.runs.compare}
    print_links(runs | compare | ({} if out_file is None else {"report": str(out_file.absolute())}))


def _print_metrics(out: Console, found: Comparison, config: Config) -> None:
    figures, unit = found.all.figures, config.store.unit
    metrics = [METRICS[name] for name in figures]
    pairs = list(zip(figures.values(), metrics, strict=True))
    heads = [clean(name, NAME).plain for name in names(found)]
    columns = [
        Column("all cities" if len(found.cities) > 1 else "metric", [metric.title for metric in metrics]),
        Column(heads[0], [_value(figure.a, metric, unit) for figure, metric in pairs], right=True),
        Column(heads[1], [_value(figure.b, metric, unit) for figure, metric in pairs], right=True),
        Column(
            "difference",
            [_value(figure.difference, metric, unit, signed=True) for figure, metric in pairs],
            1,
            right=True,
        ),
        Column(
            f"{100 * found.settings.level:g} % interval",
            [_ends(figure, metric) for figure, metric in pairs],
            2,
            right=True,
        ),
    ]
    print_table(out, columns)


def _value(value: Value, metric: Metric, unit: str, *, signed: bool = False) -> str:
    if isinstance(value, Undefined):
        return NOTHING
    if metric.unit == "fraction":
        return f"{signed_points(value)} points" if signed else fraction(value)
    if metric.unit == "load":
        text = load(value).replace("-", "−")
        return f"{text if signed or metric.better == 'zero' else text.lstrip('+')} {unit}"
    return f"{value + 0.0:{'+' if signed else ''}.2f}".replace("-", "−")


def _ends(figure: Figure, metric: Metric) -> str:
    if not isinstance(figure.interval, tuple):
        return why(figure.interval or Undefined.LOW_COVERAGE)
    ends = (_value(end, metric, "", signed=True).removesuffix("points").strip() for end in figure.interval)
    return " to ".join(ends)


def _print_cities(out: Console, found: Comparison, view: View) -> None:
    """The largest lead of the version that is better in all cities comes first."""
    rows = sorted(found.cities, key=lambda each: _lead(each.wape), reverse=found.all.better >= 0)
    shown = rows if view.everything else rows[:ROWS]
    a, b = (clean(name, NAME).plain for name in names(found))
    wapes = [each.wape for each in shown]
    reach = max(map(abs, span_of(each.wape for each in rows)))
    room = max(CELLS - len(a) - len(b) - len(" better") * 2, 1)
    columns = [
        Column("city", [clean(str(each.city)) for each in shown], cut=True),
        Column(f"WAPE {a}", [percent(wape.a) for wape in wapes], 2, right=True),
        Column(f"WAPE {b}", [percent(wape.b) for wape in wapes], 2, right=True),
        Column("points", [_points(wape) for wape in wapes], right=True),
        Column("p", [_chance(each) for each in shown], 3, right=True),
        Column("better", [_better(each, names(found)) for each in shown]),
        Column(f"{a} better{'':{room}}{b} better", [whisker(wape, reach) for wape in wapes], 4),
    ]
    print_table(out, columns)
    if len(rows) > len(shown):
        out.print(more(len(rows) - len(shown), "cities"))


def _points(wape: Figure) -> str:
    return why(wape.difference) if isinstance(wape.difference, Undefined) else signed_points(wape.difference)


def _chance(result: Result) -> str:
    test = result.test
    return NOTHING if isinstance(test, Undefined) else p_words(test)[2:].removeprefix("= ")


def _better(result: Result, versions: tuple[str, str]) -> Text:
    """Which version is, clearly or not; nothing where the difference is not known."""
    sign = result.better
    if isinstance(result.wape.difference, Undefined):
        return Text("")
    if not sign:
        return Text("neither")
    style = SERIES_STYLES[sign > 0]
    better = Text(clean(versions[sign > 0], NAME).plain, style=f"bold {style}" if result.clear else style)
    return better.append(" clearly" if result.clear else "")


def _lead(figure: Figure) -> float:
    return float("-inf") if isinstance(figure.difference, Undefined) else figure.difference


def whisker(figure: Figure, reach: float) -> Text:
    """The interval of a difference around zero, in `CELLS` characters; an arrow where it goes on.

    >>> whisker(Figure(0.10, 0.05, 0.05, (0.03, 0.07)), 0.13).plain
    '             │  ├─●─┤      '
    """
    cells = [" "] * CELLS
    middle = CELLS // 2
    cells[middle] = "│"
    if not isinstance(figure.interval, tuple) or isinstance(figure.difference, Undefined) or reach <= 0:
        return Text("".join(cells), style="dim")
    low, dot, high = (
        middle + round(middle * min(max(value / reach, -1.0), 1.0))
        for value in (figure.interval[0], figure.difference, figure.interval[1])
    )
    for k in range(low, high + 1):
        cells[k] = "┼" if k == middle else "─"
    cells[low] = "◂" if figure.interval[0] < -reach else "├"
    cells[high] = "▸" if figure.interval[1] > reach else "┤"
    if abs(figure.difference) <= reach:
        cells[dot] = "●"
    return Text("".join(cells), style=SERIES_STYLES[figure.sign > 0] if figure.sign else "")
