"""What the doctor found, in a terminal: each thing with its remedy, the lines to write, and the first rows.

Lines of the config are never wrapped or cut, as they are copied. Rows are text from data, and shown as such.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from drift.doctor_check import Check, Line, Sample
from drift.symbols import ADVICE, BAD, GOOD
from drift.terminal import clean, console
from drift.terminal_tables import Column, table_of
from drift.text import printable

_RANK = {"city": 0, "target_time": 0, "predicted": 0, "actual": 0, "by its clock": 1, "model_version": 2}
_OTHERS = 3
_INDENT = 2


def print_checks(checks: Sequence[Check]) -> None:
    """The doctor's findings in the order of a slot; and how many there are of each kind."""
    out = console()
    for check in checks:
        mark, style = BAD if check.bad else ADVICE if check.remedy else GOOD
        found = Table.grid(padding=(0, 1, 0, 0))
        found.add_row(
            Text(mark, style), Text.assemble((f"{printable(check.name)}: ", "bold"), clean(check.found, 500))
        )
        if check.remedy:
            found.add_row("", Text.assemble(("→ ", style), clean(check.remedy, 500)))
        out.print(found)
        _print_lines(out, check.write)
        if check.sample is not None and check.sample.rows:
            _print_sample(out, check.sample)
    bad = sum(check.bad for check in checks)
    advice = sum(bool(check.remedy) and not check.bad for check in checks)
    said = f"{bad} of {len(checks)} checks failed" if bad else f"all {len(checks)} checks are well"
    notes = f", {advice} with advice ({ADVICE.text})" if advice else ""
    out.print(Text(f"{said}{notes}", style="bold red" if bad else "bold"))


def _print_lines(out: Console, ways: Sequence[Sequence[Line]]) -> None:
    for number, lines in enumerate(ways):
        for line in lines:
            under = f"under {line.under}" if line.under else "at the top"
            said = "or " if number and line is lines[0] else ""
            words = Text.assemble((f"    {said}{under}:  ", "dim"), (printable(line.text, None), "bold"))
            out.print(words, soft_wrap=True)


def _print_sample(out: Console, sample: Sample) -> None:
    """The rows below the names that they have here and in the store."""
    columns = []
    for at, (ours, theirs) in enumerate(sample.columns.items()):
        cells: list[str | Text] = [clean(row[at], 32) for row in sample.rows]
        head = printable(ours, 32)
        if theirs != ours:
            head = f"{head} ← {printable(theirs, 24)}"
        number = all(_is_number(row[at]) for row in sample.rows)
        columns.append(Column(head, cells, _RANK.get(ours, _OTHERS), right=number, cut=not number))
    out.print(Padding(table_of(columns, out.width - _INDENT), (0, 0, 0, _INDENT)))


def _is_number(text: str) -> bool:
    return text in ("–", "nan") or text.replace(",", "").replace(".", "").lstrip("-").isdigit()
