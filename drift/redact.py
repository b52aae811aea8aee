r"""PURE. URLs without what is secret in them, for messages, logs, links and fingerprints.

Passwords that people paste into a URL hold `/`, `@`, `?` and `:` as they come, so where the user and the
password end is a matter of doubt. What is certain is shown: the scheme, the host, the path. All up to the
last `@` is cut off, everything after `?` or `#` is masked, and a URL that can be read in two ways, one of
which would show a piece of a password, is not shown at all.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, unquote_plus

UNSEEN = "the URL given"
"""What stands for a URL that cannot be shown in part."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:.*@)?\S*")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]*\]|[^:\[\]]*)(:\d*)?")
_SETTING = re.compile(r"(?i)((?:pass|pwd|secret|token|credential|signature|sig|key)\w*\s*=\s*)[^\s&;,]+")


def redact(url: str) -> str:
    """The URL without user, password and the values of its query; a plain path as it is.

    >>> redact("postgresql://me:p/w@rd@host:5432/db?sslmode=require&password=x")
    'postgresql://host:5432/db?***'
    >>> redact("sqlite:////home/me@work/drift.db"), redact("s3://key/or-folder@bucket/x")
    ('sqlite:////home/me@work/drift.db', 'the URL given')
    """
    found = _URL.fullmatch(url)
    if found is None:
        # a path may hold any character; `kind:what@ever` is neither a path nor a URL
        return UNSEEN if ":" in url and not url.startswith(("/", ".", "~")) and _telling(url) else url
    scheme, after = found.groups()
    cut = re.search("[?#]", after)
    place, rest = (after[: cut.start()], after[cut.start() :]) if cut else (after, "")
    shown = _without_user(place)
    if shown is None or "@" in rest or ("://" in after and _telling(after)):
        return UNSEEN
    return f"{scheme}://{shown}{rest[:1]}{'***' if len(rest) > 1 else ''}"


def _telling(text: str) -> bool:
    """Whether it holds one of the characters before or after which secrets stand in a URL."""
    return any(char in text for char in "@?#")


def _without_user(place: str) -> str | None:
    """Host and path; None where one cannot say where they begin."""
    if place.startswith("/"):  # no host, so no user either: an `@` is a folder's
        return place
    user, at, rest = place.rpartition("@")
    if at and "/" in user and ":" not in user.partition("/")[0]:
        return None  # a token with a slash in it, or a bucket with an `@` below it
    host = rest.partition("/")[0]
    return rest if _HOST.fullmatch(host) else None  # else what follows the colon is no port


def redact_in(text: str, *urls: str) -> str:
    """A message of another library without the secrets of the URLs in it.

    `urls` are those that it was given: they and the parts of them are found however it writes them.

    >>> redact_in("no route to http://bob:x@y@host/api, password=x", "http://bob:x@y@host/api")
    'no route to http://host/api, password=***'
    """
    for url in urls:
        text = text.replace(url, redact(url))
    text = _IN_TEXT.sub(lambda run: UNSEEN if re.search(r"\s", run[0]) else redact(run[0]), text)
    for secret in sorted({s for url in urls for s in _secrets(url)}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return _SETTING.sub(r"\1***", text)


def _secrets(url: str) -> set[str]:
    """The secret pieces of a URL, as they stand there and decoded. Very short ones would hit words."""
    _, _, place = url.partition("://")
    user, at, _ = place.rpartition("@")
    password = (user.partition(":")[2] or user) if at else ""
    _, _, query = place.partition("?")[2].partition("=")
    values = [query, *(pair.partition("=")[2] or pair for pair in re.split("[&;]", query))]
    pieces = [piece for text in (password, *values) for piece in (text, *re.split(r"[/@?#:&]", text))]
    return {
        form for piece in pieces for form in (piece, unquote(piece), unquote_plus(piece)) if len(form) > 3
    }
