"""Six weeks of daily error as a strip of colour in a table cell: drawn here, so that it needs no script.

A calm day is nearly paper; the further above normal, the darker. Equal neighbours are one stretch, so that a
quiet city is one quiet band and a page of a thousand cities stays small.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from drift.domain import Floats
from drift.values import Bools

LIMITS = (1.25, 1.5, 2.0, 3.0)
"""Times normal, from which on a day is of the next darker level; level 0 is below the first."""
WORDS = ("up to 1.25 × normal", "to 1.5", "to 2", "to 3", "more")
DAY, HIGH, TOP = 5, 16, 4
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
Mark = tuple[float, float, str]  # from, to, in days from the first; and its level


def strip(times: Floats, faulty: Bools, late: Bools, marks: Iterable[Mark], alt: str) -> str:
    """An inline SVG of the days `(days,)`, oldest first: a colour a level; outlined without a figure.

    A dot above marks a day with faults of the data; a line below, spans of alerts.
    Only numbers and `alt`, which is escaped, reach the markup.
    """
    from markupsafe import escape

    kinds = [_kind(value, bool(later)) for value, later in zip(times.tolist(), late, strict=True)]
    stretches = "".join(
        f'<path class="{kind}" d="{"".join(_box(start, stop) for start, stop in runs)}"/>'
        for kind, runs in _runs(kinds).items()
    )
    dots = "".join(f"M{day * DAY + 1} 0h3v2h-3z" for day in np.flatnonzero(faulty).tolist())
    dotted = f'<path class="fault" d="{dots}"/>' if dots else ""
    return (
        f'<svg class="strip" viewBox="0 0 {len(kinds) * DAY} {TOP + HIGH + 4}" role="img" '
        f'data-days="{code(times)}" aria-label="{escape(alt)}">{stretches}{dotted}{_spans(marks)}</svg>'
    )


def level(times: float) -> int:
    """How far above normal, 0 to 4.

    >>> level(1.0), level(1.25), level(9.0)
    (0, 1, 4)
    """
    return int(np.searchsorted(LIMITS, times, side="right"))


def code(times: Floats) -> str:
    """A character a day, in tenths up to 6.1 and more; a dash where there is no figure.

    >>> code(np.array([0.0, 1.04, 99.0, np.nan]))
    '0aZ-'
    """
    return "".join(
        DIGITS[min(round(10 * value), len(DIGITS) - 1)] if np.isfinite(value) else "-"
        for value in times.tolist()
    )


def _kind(times: float, late: bool) -> str:
    if np.isfinite(times):
        return f"h{level(times)}"
    return "late" if late else "none"


def _runs(kinds: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
    """Of each kind, the stretches of days that have it."""
    found: dict[str, list[tuple[int, int]]] = {}
    start = 0
    for day in range(1, len(kinds) + 1):
        if day == len(kinds) or kinds[day] != kinds[start]:
            found.setdefault(kinds[start], []).append((start, day))
            start = day
    return found


def _box(start: int, stop: int) -> str:
    return f"M{start * DAY} {TOP}h{(stop - start) * DAY}v{HIGH}h-{(stop - start) * DAY}z"


def _spans(marks: Iterable[Mark]) -> str:
    return "".join(
        f'<path class="{kind}" d="M{start * DAY:.0f} {TOP + HIGH + 1}h{max((end - start) * DAY, 3):.0f}v3'
        f'H{start * DAY:.0f}z"/>'
        for start, end, kind in marks
        if kind in ("began", "firing", "pending")
    )
