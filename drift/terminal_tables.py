"""Tables that fit a terminal: what matters least is left out of a narrow one, and nothing wraps.

A table is given all its columns, each with its rank; those are shown that there is room for. Where even the
columns of rank 0 do not fit, names are cut, the longest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

GAP = 3
READABLE, LEAST = 16, 8
"""Cells of a name: it is cut to so many rather than a column left out, and never below the second."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its head, a cell a row. `rank` 0 is always shown; the higher, the sooner it is left out.

    `cut` lets its cells be cut, as of names; others are never cut, because half a number is a wrong number.
    """

    head: str
    cells: Sequence[str | Text]
    rank: int = 0
    right: bool = False
    cut: bool = False

    @property
    def width(self) -> int:
        """Cells of its widest line."""
        return max(cell_len(self.head), *map(_width, self.cells), 0)

    @property
    def needs(self) -> int:
        """Cells that it must have at least to be worth showing."""
        return min(self.width, max(READABLE, cell_len(self.head))) if self.cut else self.width


def _width(cell: str | Text) -> int:
    return cell.cell_len if isinstance(cell, Text) else cell_len(cell)


def fitting(columns: Sequence[Column], room: int) -> list[Column]:
    """The columns that there is room for, in their order: by rank, until one does not fit, be names cut.

    >>> a, b, c = (Column(head, ["x" * 8], rank) for head, rank in (("a", 0), ("b", 2), ("c", 1)))
    >>> [column.head for column in fitting([a, b, c], 24)], [column.head for column in fitting([a, b, c], 8)]
    (['a', 'c'], ['a'])
    """
    shown = [column for column in columns if column.rank == 0]
    for column in sorted((each for each in columns if each.rank), key=lambda each: each.rank):
        if sum(each.needs + GAP for each in [*shown, column]) - GAP > room:
            break
        shown.append(column)
    return [column for column in columns if column in shown]


def taken(columns: Sequence[Column]) -> int:
    """How many cells wide a table of these columns is."""
    return sum(column.width + GAP for column in columns) - GAP


def print_table(out: Console, columns: Sequence[Column], title: str = "") -> None:
    """The table below its title, set apart by a line, as wide as there is room for."""
    out.print()
    if title:
        out.print(Text(title, style="bold"))
    out.print(table_of(columns, out.width))


def table_of(columns: Sequence[Column], room: int) -> Table:
    """The table in so many cells, without a frame."""
    shown = fitting(columns, room)
    widths = _cut(shown, room)
    made = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column, width in zip(shown, widths, strict=True):
        made.add_column(
            Text(column.head),
            justify="right" if column.right else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=width,
        )
    for row in zip(*(column.cells for column in shown), strict=True):
        made.add_row(*row)
    return made


def _cut(columns: Sequence[Column], room: int) -> list[int]:
    """The columns' widths: of those that may be cut the widest loses a cell, until all fit."""
    widths = [column.width for column in columns]
    over = taken(columns) - room
    while over > 0:
        cuttable = [k for k, column in enumerate(columns) if column.cut and widths[k] > LEAST]
        if not cuttable:
            break
        widths[max(cuttable, key=lambda k: widths[k])] -= 1
        over -= 1
    return widths
