"""A comparison of two model versions in a terminal: the sentences, all metrics, and a row a city."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from drift.compare_words import names, p_words, percent, sentences, signed_points, why
from drift.comparison import Answer, Comparison, Figure, Result, Value, span_of
from drift.config import Config
from drift.domain import Undefined, iso
from drift.metrics import METRICS, Metric
from drift.terminal import ROWS, WIDE, clean, console, load, new_table, print_links
from drift.terminal import percent as fraction

COLOURS = ("cyan", "yellow")
"""Of a and of b; the picture and the words say the same without them."""
CELLS = 27
NAME = 20


def print_comparison(answer: Answer, config: Config, out_file: Path | None) -> None:
    """What a person wants to know first, and then the figures it rests on."""
    out, found = console(), answer.comparison
    a, b = names(found)
    title = Text.assemble((a, f"bold {COLOURS[0]}"), (" against ", "dim"), (b, f"bold {COLOURS[1]}"))
    out.print(title.append(f"  {iso(found.window.start)} to {iso(found.window.end)}", "dim"))
    for k, sentence in enumerate(sentences(found)):
        out.print(Text(sentence, style="bold" if k == 0 else ""))
    if found.all.pairs:
        _print_metrics(out, found, config)
    if len(found.cities) > 1 and found.all.pairs:
        _print_cities(out, found)
    for failure in answer.failures:
        words = (f"{failure.stage} {failure.what}: ", clean(failure.message, 400))
        out.print(Text.assemble(("failed ", "bold red"), *words))
    runs: dict[str, str] = {}
    for run in answer.runs.runs:  # the latest of each version comes first
        runs.setdefault(f"mlflow {run.model_version}", run.link)
    compare = {} if answer.runs.compare is None else {"mlflow compare": answer.runs.compare}
    print_links(runs | compare | ({} if out_file is None else {"report": str(out_file.absolute())}))


def _print_metrics(out: Console, found: Comparison, config: Config) -> None:
    level = f"{100 * found.settings.level:g} % interval"
    where = "all cities" if len(found.cities) > 1 else "metric"
    table = new_table(where, *_heads(found), "difference", level)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, figure in found.all.figures.items():
        metric, unit = METRICS[name], config.store.unit
        cells = [_value(value, metric, unit) for value in (figure.a, figure.b)]
        table.add_row(
            metric.title, *cells, _value(figure.difference, metric, unit, signed=True), _ends(figure, metric)
        )
    out.print(table)


def _value(value: Value, metric: Metric, unit: str, *, signed: bool = False) -> str:
    if isinstance(value, Undefined):
        return "–"
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


def _print_cities(out: Console, found: Comparison) -> None:
    """The largest lead of the version that is better in all cities comes first."""
    a, b = _heads(found)
    rows = sorted(found.cities, key=lambda each: _lead(each.wape), reverse=found.all.better >= 0)
    wide = out.width >= WIDE
    reach = max(map(abs, span_of(each.wape for each in rows)))
    table = new_table("city", f"WAPE {a}", f"WAPE {b}", "points", "p", "better")
    for column in table.columns[1:5]:
        column.justify = "right"
    if wide:
        room = max(CELLS - sum(len(clean(name, NAME)) for name in names(found)) - len(" better") * 2, 1)
        table.add_column(f"{a} better{'':{room}}{b} better", no_wrap=True)
    for each in rows[:ROWS]:
        table.add_row(*_cells(each, names(found)), *([whisker(each.wape, reach)] if wide else []))
    out.print(table)
    if len(rows) > ROWS:
        out.print(f"… and {len(rows) - ROWS} more cities; --json and --out have them all", style="dim")


def _cells(result: Result, versions: tuple[str, str]) -> tuple[str | Text, ...]:
    wape, sign = result.wape, result.better
    if isinstance(wape.difference, Undefined):
        difference, better = why(wape.difference), Text("")
    else:
        difference, better = signed_points(wape.difference), Text("neither")
    if sign:
        style = COLOURS[sign > 0]
        better = Text(clean(versions[sign > 0], NAME).plain, style=f"bold {style}" if result.clear else style)
        better.append(" clearly" if result.clear else "")
    p = "–" if isinstance(result.test, Undefined) else p_words(result.test)[2:].removeprefix("= ")
    return clean(str(result.city)), percent(wape.a), percent(wape.b), difference, p, better


def _heads(found: Comparison) -> list[str]:
    """The names of both versions for the head of a column, which rich reads as markup."""
    return [escape(clean(name, NAME).plain) for name in names(found)]


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
    return Text("".join(cells), style=COLOURS[figure.sign > 0] if figure.sign else "")
