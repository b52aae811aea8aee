"""PURE. The marks and colours of a terminal in one place, and what stands for them where only ASCII is shown.

A mark never stands alone and a colour never says anything: the word beside them says the same, for a
terminal, a pipe or an eye without colours. All texts are written with our signs (`2.3 × normal`, `●`, `▃`);
`in_ascii` puts others in their place, one for one, so that columns stay in line.
"""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

from rich.cells import cell_len

from drift.domain import AlertStatus
from drift.sparklines import BLOCKS


class Mark(NamedTuple):
    """A sign with its word, and the colour that both have."""

    text: str
    style: str


STATES = {
    AlertStatus.FIRING: Mark("● firing", "bold red"),
    AlertStatus.PENDING: Mark("◐ pending", "yellow"),
    AlertStatus.RESOLVED: Mark("○ resolved", "green"),
    AlertStatus.OK: Mark("○ ok", "green"),
}
NO_ALERT = Mark("· no alert", "dim")
NO_DATA = Mark("? no data", "magenta")
GOOD, ADVICE, BAD = Mark("✓", "green"), Mark("!", "yellow"), Mark("✗", "bold red")
NOTHING = "–"
"""Stands where there is no value."""
FAILED = "bold red"
SERIES_STYLES = ("cyan", "yellow")
"""Of the first and the second of two things that are compared."""
HIGH, VERY_HIGH = 1.5, 2.0
"""Times normal, from which on an error has a colour."""

_STAND_INS = str.maketrans(
    dict(zip(BLOCKS, ".:-=+*#@", strict=True))
    | dict(zip("●◐○✓✗→←…–—−×÷·•±≤≥√", "*~o+x><~---x/..~<>V", strict=True))
    | dict(zip("─━╸╺│├┤┼◂▸▶└", "-=>-||||<>>`", strict=True))
    | dict(zip("“”‘’′°µ�\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}", "\"\"'''ou?  ", strict=True))
    | dict.fromkeys("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "-")
)


def in_ascii(text: str) -> str:
    """The text in ASCII and as wide as before: our signs by their stand-ins, letters without their accents,
    and `?` for each column of the rest.

    >>> in_ascii("● firing  ▁▃█  2.3 × normal – São Paulo, 東京")
    '* firing  .-@  2.3 x normal - Sao Paulo, ????'
    """
    if text.isascii():
        return text
    return "".join(char if char.isascii() else _letter(char) for char in text.translate(_STAND_INS))


def _letter(char: str) -> str:
    base = unicodedata.normalize("NFKD", char)[0]
    width = cell_len(char)
    return base if base.isascii() and base.isprintable() and width == 1 else "?" * width


def error_style(ratio: float | None) -> str:
    """The colour of an error ÷ what is normal; none at what is normal, or where that is not known.

    >>> error_style(1.1), error_style(1.6), error_style(9.0), error_style(None)
    ('', 'yellow', 'red', '')
    """
    if ratio is None or not ratio >= HIGH:
        return ""
    return "red" if ratio >= VERY_HIGH else "yellow"
