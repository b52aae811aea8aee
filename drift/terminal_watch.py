"""What people see of a round of watchers in a terminal: what was read, its limit, and what fires."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from drift.detect import Rule
from drift.domain import AlertStatus, VerdictStatus
from drift.messages.figures import against, figure
from drift.round_shown import Row, rows_of
from drift.symbols import NOTHING, STATES
from drift.terminal import View, clean, console, more, print_failures, print_next
from drift.terminal_tables import Column, print_table
from drift.watching import Round

ROWS = 60
WORDS = {
    VerdictStatus.OK.value: Text("ok", style="green"),
    VerdictStatus.BREACH.value: Text("breach", style="bold red"),
}


def print_round(
    done: Round, rules: Sequence[Rule], view: View | None = None, unread: Sequence[str] = ()
) -> None:
    """The readings as a table, what failed, and what to do next; `unread` are parts that are watched, and not
    from here.
    """
    out, view = console(), view or View()
    rows = rows_of(done, rules)
    out.print(_summary(rows))
    shown = rows if view.everything else rows[:ROWS]
    if shown:
        print_table(out, _columns(shown))
    if len(shown) < len(rows):
        out.print(more(len(rows) - len(shown)))
    for transition in done.transitions:
        key = transition.key
        where = " ".join(filter(None, (key.model_version, key.column)))
        words = f"{key.rule} {where}: "
        out.print(Text.assemble(clean(words, 100), Text(*STATES[transition.after]), f", {transition.reason}"))
    for part in unread:
        words = "a command answers no requests: `drift serve` reads its own, watch.prometheus those of all"
        out.print(Text.assemble(("not read here ", "dim"), part, f": {words}"))
    print_failures(out, done.failures)
    if any(row.status in (AlertStatus.FIRING, AlertStatus.PENDING) for row in rows):
        print_next(out, [("all alerts", view.command("alerts", "list"))])


def _summary(rows: Sequence[Row]) -> Text:
    breaches = sum(row.verdict == VerdictStatus.BREACH.value for row in rows)
    firing = sum(row.status is AlertStatus.FIRING for row in rows)
    if not rows:
        return Text("nothing was read", style="bold yellow")
    if not breaches and not firing:
        return Text(f"{len(rows):,} readings, none beyond its limit", style="bold green")
    said = f"{len(rows):,} readings, {breaches:,} beyond {'its' if breaches == 1 else 'their'} limit"
    return Text(f"{said}, {firing:,} firing", style="bold red" if firing else "bold yellow")


def _columns(rows: Sequence[Row]) -> list[Column]:
    figures = [_figures(row) for row in rows]
    return [
        Column("what", [row.reading.metric for row in rows], cut=True),
        Column("where", [_where(row) for row in rows], cut=True),
        Column("value", [value for value, _ in figures], right=True),
        Column("limit", [limit for _, limit in figures], 1, right=True),
        Column("verdict", [WORDS.get(row.verdict, clean(row.verdict, 60)) for row in rows], cut=True),
        Column("alert", [_alert(row) for row in rows], 2),
    ]


def _where(row: Row) -> Text:
    reading = row.reading
    return clean(" ".join(filter(None, (reading.model_version, reading.column))) or "all", 60)


def _figures(row: Row) -> tuple[str, str]:
    """The value and its limit; undefined is a dash, as the verdict says why."""
    reading, threshold = row.reading, row.threshold
    name = "accuracy" if reading.metric == "model_accuracy" else reading.metric
    if threshold is None:
        return (NOTHING if reading.value is None else figure(name, reading.value, "")), NOTHING
    value, limit = against(name, reading.value, threshold.limit, "")
    sign = "<" if threshold.side == "below" else ">"
    return (NOTHING if reading.value is None else value), f"{sign} {limit}"


def _alert(row: Row) -> Text:
    return Text(NOTHING, style="dim") if row.status is None else Text(*STATES[row.status])
