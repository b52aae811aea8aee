"""How far a long command is: a bar with the time left, on stderr, where that is a terminal, and nowhere else.

The time left follows the rate of the last half minute, because the steps of a replay or a report are not
alike: the first wait for the reading, the later ones do not. It is said in words, rounded as a guess should
be. When the work is done the bar goes, and a line stays that says what was done and in which time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from drift.terminal import console

STRETCH = 30.0
"""Seconds over which the rate is taken."""
MINUTE, HOUR = 60, 3600


def left_in_words(seconds: float | None) -> str:
    """The time left as a person would guess it; nothing where it is not known.

    >>> left_in_words(4), left_in_words(38), left_in_words(170), left_in_words(5000), left_in_words(None)
    ('a few seconds left', 'about 40 s left', 'about 3 min left', 'about 1 h 25 min left', '')
    """
    if seconds is None:
        return ""
    if seconds < 10:
        return "a few seconds left"
    if seconds < 55:
        return f"about {10 * round(seconds / 10)} s left"
    if seconds < 55 * MINUTE:
        return f"about {max(1, round(seconds / MINUTE))} min left"
    hours, minutes = divmod(5 * round(seconds / 300), 60)
    return f"about {hours} h {minutes} min left" if minutes else f"about {hours} h left"


def took_in_words(seconds: float) -> str:
    """The time that something took.

    >>> took_in_words(0.042), took_in_words(12.34), took_in_words(75), took_in_words(7320)
    ('0.04 s', '12 s', '1 min 15 s', '2 h 2 min')
    """
    if seconds < 10:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        minutes, rest = divmod(whole, MINUTE)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(whole / MINUTE), 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


class _Count(ProgressColumn):
    """`12 of 240`; where all is not known, how many; before the first, nothing."""

    def render(self, task: Task) -> Text:
        done = f"{task.completed:,.0f}"
        return Text(f"{done} of {task.total:,.0f}" if task.total else done if task.completed else "")


class _Left(ProgressColumn):
    """The time left by the last stretch; until that is known, the time that has passed."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        left = left_in_words(task.time_remaining) if task.total and not task.finished else ""
        return Text(left or f"{took_in_words(int(task.elapsed or 0))} so far", style="dim")


@contextmanager
def progress(
    doing: str,
    done: str,
    *,
    quiet: bool,
    out: Console | None = None,
    clock: Callable[[], float] | None = None,
) -> Iterator[Callable[[int | None], None]]:
    """A bar that says what one is `doing`, and a last line with what was `done`, how often and how long.

    Gives a function to call after each step, with the number of all steps where it is known. Quiet, and where
    stderr is no terminal, nothing is written; on one that cannot move its cursor, the last line alone. Work
    that fails leaves no line: its error is the last word.
    """
    out = out or console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        _Count(),
        _Left(),
        console=out,
        transient=True,
        disable=quiet or not out.is_interactive,
        speed_estimate_period=STRETCH,
        get_time=clock,
    )
    task = bar.add_task(doing, total=None)
    started = bar.get_time()
    steps = 0

    def advance(total: int | None) -> None:
        nonlocal steps
        steps += 1
        bar.update(task, advance=1, total=total)

    with bar:
        yield advance
    if out.is_terminal and not quiet:
        said = done.format(count=f"{steps:,}")
        out.print(Text(f"{said} in {took_in_words(bar.get_time() - started)}", style="dim"))
