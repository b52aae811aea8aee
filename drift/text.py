"""PURE. Text from data made fit to be seen: names of cities, columns and model versions are untrusted.

A terminal obeys some characters, a browser turns the direction of what follows others, and a line feed
fakes a line of a log. One rule says which characters those are (`hidden`), and there are two ways to treat
them: to put `�` in their place, which is for people, and to spell them out, which loses nothing.
"""

from __future__ import annotations

import unicodedata

LONGEST = 80
"""So much of a name is shown in a message, unless there is a reason for more or less."""

_HIDDEN = ("Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp")


def hidden(char: str) -> bool:
    """Whether the character does something, or nothing, instead of being seen: controls, marks of
    direction, unpaired surrogates, separators of lines, what Unicode assigns to no one.

    >>> [hidden(c) for c in (chr(27), chr(10), chr(0x202E), "a", " ", "ç")]
    [True, True, True, False, False, False]
    """
    return unicodedata.category(char) in _HIDDEN


def printable(text: object, longest: int | None = LONGEST) -> str:
    """The text on one line, with `�` for what is hidden, cut with an ellipsis where it is too long.

    >>> printable("load" + chr(27) + "[31m"), printable("x" * 99, 5)
    ('load�[31m', 'xxxx…')
    """
    given = str(text)
    if given.isprintable():  # as good as all names are, and none of theirs is hidden
        return given if longest is None or len(given) <= longest else given[: longest - 1] + "…"
    # one character more than may be seen says that there is more; a name of a megabyte is not walked through
    seen = "".join("�" if hidden(c) else c for c in (given if longest is None else given[: longest + 1]))
    return seen if longest is None or len(seen) <= longest else seen[: longest - 1] + "…"


def printable_lines(text: object) -> str:
    """Text of more than one line, such as an error with a line a fault, where line feeds are meant.

    >>> printable_lines("first" + chr(7) + chr(10) + "second").splitlines()
    ['first�', 'second']
    """
    given = str(text)
    return given if given.isprintable() else "\n".join(printable(line, None) for line in given.split("\n"))


def spelt_out(text: str) -> str:
    r"""The text on one line with all that is hidden spelt out, for a log that must not be lied to.

    Backslashes are doubled: what was spelt out can be told from what was written so.

    >>> print(spelt_out("SCL\nalert=resolved \x1b[2J C:\\"))
    SCL\nalert=resolved \x1b[2J C:\\
    """
    return "".join(c.encode("unicode_escape").decode() if c == "\\" or hidden(c) else c for c in text)
