"""PURE. Patterns of URL paths as people write them, as one expression that a path is matched against once."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PARTS = re.compile(r"(\*\*|\*|\{resource\})")
_MEANT = {"**": ".*", "*": "[^/]*", "{resource}": "([^/]+)"}


def expression(pattern: str) -> str:
    r"""The regular expression of one pattern: `*` is anything but `/`, `**` anything, `{resource}` one part.

    >>> expression("/data/{resource}/*.csv")
    '/data/([^/]+)/[^/]*\\.csv'
    """
    return "".join(_MEANT.get(part) or re.escape(part) for part in _PARTS.split(pattern))


def any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """One expression for all of the patterns; of none it matches nothing. Case does not matter.

    >>> bool(any_of(["**/login"]).fullmatch("/api/v1/Login")), bool(any_of([]).fullmatch(""))
    (True, False)
    """
    said = "|".join(expression(pattern) for pattern in patterns)
    return re.compile(f"(?:{said})" if said else r"(?!)", re.IGNORECASE | re.DOTALL)
