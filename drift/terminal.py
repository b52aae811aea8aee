"""What all that people see in a terminal has in common: the console, names, figures, paths to open.

Results go to stdout; progress and logs to stderr, so that a pipe gets only what was asked for. Text from
data is shown with `rich.text.Text`, never as markup, and stripped of control characters. On a terminal that
is not known to show more than ASCII everything comes in ASCII (`symbols.in_ascii`).
"""

from __future__ import annotations

import json
import locale
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, TextIO, cast

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from drift.domain import Failure, Threshold
from drift.symbols import FAILED, NOTHING, in_ascii
from drift.terminal_tables import Column, print_table
from drift.text import printable

if TYPE_CHECKING:
    from drift.stores.compact import Compaction

PIPE_WIDTH = 120
"""Columns where there is no terminal to ask."""
WIDE = 100
"""Columns of a terminal; below, pictures are left out."""


@dataclass(frozen=True, slots=True)
class View:
    """How much is shown, and how people call drift: `everything` is every row of a table; `config` is what
    they gave as the config, None where it need not be given.
    """

    config: Path | None = None
    everything: bool = False

    def command(self, *words: str) -> str:
        """The command for the same config, ready to be pasted.

        >>> View(Path("my fleet.yaml")).command("alerts", "list")
        "drift alerts list -c 'my fleet.yaml'"
        """
        given = () if self.config is None else ("-c", str(self.config))
        return shlex.join(("drift", *words, *given))


class _Ascii:
    """A stream that is written to in ASCII, cell for cell."""

    encoding = "utf-8"
    """What the writer may write; it is translated on the way."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(in_ascii(text))

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def speaks_utf8(stream: TextIO) -> bool:
    """Whether more than ASCII can be shown: the stream says so, and the user did not ask for the locale C.

    Python writes UTF-8 in the locale C too, which is right for files; but who sets it wants ASCII.
    """
    if not (stream.encoding or "utf-8").lower().startswith("utf"):
        return False
    said = os.environ.keys() & {"PYTHONUTF8", "PYTHONIOENCODING"}
    return bool(said) or locale.setlocale(locale.LC_CTYPE) not in ("C", "POSIX")


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal; where there is none, wide enough for the tables."""
    stream = sys.stderr if stderr else sys.stdout
    file = cast("IO[str]", stream if speaks_utf8(stream) else _Ascii(stream))
    plain = Console(file=file, highlight=False)
    width = None if plain.is_terminal else max(plain.width, PIPE_WIDTH)
    return Console(file=file, highlight=False, width=width)


def clean(text: str, limit: int = 40) -> Text:
    """Text from data, fit to print: no control characters, no markup, not longer than `limit`."""
    return Text(printable(text, limit))


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as people read it; a dash where there is none.

    >>> percent(0.0314), percent(None)
    ('3.1 %', '–')
    """
    return NOTHING if value is None else f"{100 * value:.{digits}f} %"


def load(value: float | None) -> str:
    """A signed load in the store's unit, to three digits or so; a dash where there is none.

    >>> load(-14565.2), load(4.25), load(None)
    ('-14,565', '+4.25', '–')
    """
    if value is None:
        return NOTHING
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:+,.{digits}f}"


def held(value: float | None, threshold: Threshold) -> str:
    """A value beside the limit that begins an alarm.

    >>> held(0.8391, Threshold(0.85, "below")), held(None, Threshold(2.0, "above"))
    ('0.839 < 0.85', '– > 2')
    """
    shown = NOTHING if value is None else f"{value:.3f}"
    return f"{shown} {'<' if threshold.side == 'below' else '>'} {threshold.limit:g}"


def more(hidden: int, what: str = "", remedy: str = "--all shows them") -> Text:
    """That there are rows which are not shown.

    >>> print(more(988, "3 of them firing"))
    and 988 more, 3 of them firing; --all shows them
    """
    return Text(f"and {hidden:,} more{f', {what}' if what else ''}; {remedy}", style="dim")


def print_sentences(out: Console, sentences: Sequence[str]) -> None:
    """Sentences of evidence, a little to the right, the lines that they wrap into too."""
    for sentence in sentences:
        out.print(Padding(clean(sentence, 400), (0, 0, 0, 2)))


def print_failures(out: Console, failures: Sequence[Failure]) -> None:
    """What went wrong, each with what it was about."""
    for failure in failures:
        what = f"{failure.stage} {failure.what}: "
        out.print(Text.assemble(("failed ", FAILED), clean(what, 80), clean(failure.message, 400)))


def print_next(out: Console, steps: Sequence[tuple[str, str]]) -> None:
    """What to do next: commands and places, each with what it is for. Never wrapped, as they are copied."""
    if steps:
        out.print()
    width = max((len(what) for what, _ in steps), default=0)
    for what, target in steps:
        out.print(Text.assemble((f"{what:{width}}  ", "dim"), (target, "bold")), soft_wrap=True)


def print_links(links: Mapping[str, str]) -> None:
    """What there is to open: the fleet's page, the folder of the cities' pages, the runs."""
    out = console()
    cities = [target for name, target in links.items() if name.startswith("city:")]
    shown = {name: target for name, target in links.items() if not name.startswith("city:")}
    if cities:
        shown["city pages"] = f"{here(Path(cities[0]).parent)} ({len(cities)})"
    width = max((len(name) for name in shown), default=0)
    for name, target in shown.items():
        place = here(Path(target)) if Path(target).is_absolute() else target
        out.print(Text.assemble((f"{clean(name).plain:{width}}  ", "dim"), place), soft_wrap=True)


def here(path: Path) -> str:
    """The path from the folder one stands in, where it is below it: shorter, and fit to copy."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def print_compaction(done: Compaction) -> None:
    """What a compaction made of each path, how much faster a slot reads, and what the config must say now."""
    out = console()
    before, after = ([each.before for each in done.tables], [each.after for each in done.tables])

    def change(was: Sequence[float], now: Sequence[float]) -> list[str]:
        return [f"{a:,.0f} → {b:,.0f}" for a, b in zip(was, now, strict=True)]

    columns = [
        Column("tables", [", ".join(each.tables) for each in done.tables], cut=True),
        Column("files", change([x.files for x in before], [x.files for x in after]), 1, right=True),
        Column(
            "row groups", change([x.row_groups for x in before], [x.row_groups for x in after]), 2, right=True
        ),
        Column("MB", change([x.bytes / 1e6 for x in before], [x.bytes / 1e6 for x in after]), 3, right=True),
        Column("rows", [f"{x.rows:,}" for x in after], 4, right=True),
    ]
    print_table(out, columns)
    if not done.changed:
        out.print("every file is compact, or too young: nothing was written anew")
        return
    out.print(
        f"reading {done.window} of all cities took {done.before_s:.3f} s and takes {done.after_s:.3f} s: "
        f"{done.ratio:.1f} times as fast"
    )
    if not done.in_place:
        out.print("the copy is read when the config says so; the rest of each table stays as it is:\nstore:")
    for name, path in () if done.in_place else done.paths.items():
        out.print(Text(f"  {name}: {{path: {json.dumps(path)}, …}}"), soft_wrap=True)
    for name in done.left_over:
        what = "written while the folders were exchanged: move it into the table's folder"
        out.print(Text.assemble(("left over ", FAILED), clean(name, 300), f": {what}"), soft_wrap=True)
