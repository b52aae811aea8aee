r"""PURE. Text and values without what is secret or personal in them; what is replaced says what it was.

Why: logs go where their readers are not asked for a password. Two things give a secret away: the name that
stands before it (`sensitive_named.py`, `sensitive_keys.py`) and its own shape (`sensitive_shapes.py`). Here
both are looked for in text of any kind and in values of any nesting. Cheap tests go first: most text of a log
holds neither a `=` nor an `@`.

What no name and no shape gives away, stays: a word that happens to be a password, a person's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Final

from drift.redact import UNSEEN, redact
from drift.telemetry import sensitive_shapes as shapes
from drift.telemetry.sensitive_keys import kind_of_key, weak_kind_of_key
from drift.telemetry.sensitive_named import is_state, looks_secret, without_named

DEEPEST: Final = 32
"""So deep is looked into values; what lies deeper is replaced whole."""

MOST: Final = 100_000
"""So many values are looked at within one; the others are replaced."""

SHORT: Final = 64
"""Logs say most short things over and over, so what became of shorter text is remembered."""

_URL = re.compile(r"://\S++")
_SOME_DIGITS = re.compile(r"\d(?:[ ()-]{0,2}\d){6}")
_MANY_DIGITS = re.compile(r"\d(?:[ ()-]{0,2}\d){8}")
_LONG_RUN = re.compile(r"[\w./+-]{12}")
_TOO_SHORT = re.compile(r"[\w.]{0,7}")
"""No shape is as short, and no name stands before it: a number, a word, how long something took."""


def redact_text(text: str) -> str:
    """The text with what is secret or personal in it replaced by its kind in brackets.

    Text without such is returned as it is; what was redacted once is not changed again. Costs time in
    proportion to the length.

    >>> redact_text("login of alice@example.com failed, password=hunter2 city=Delhi")
    'login of [e-mail] failed, password=[password] city=Delhi'
    >>> redact_text("token_count=512 password_reset=true load=123456.789")
    'token_count=512 password_reset=true load=123456.789'
    """
    if len(text) >= SHORT:
        return _redacted(text)
    return text if _TOO_SHORT.fullmatch(text) else _remembered(text)


@lru_cache(maxsize=16_384)
def _remembered(text: str) -> str:
    return _redacted(text)


def _redacted(text: str) -> str:
    if "-----BEGIN" in text:
        text = shapes.PRIVATE_KEY.sub("[private key]", text)
    if "@" in text and "://" in text:
        text = _URL.sub(_without_login, text)
    if "=" in text or ":" in text or "'" in text or "<" in text or " -" in text or text.startswith("-"):
        text = without_named(text)
        if "-u" in text and ":" in text:
            text = shapes.USER_FLAG.sub(r"\1[credentials]", text)
    if _LONG_RUN.search(text):
        text = _without_tokens(text)
    if " " in text and _holds(text.lower(), shapes.SCHEME_SIGNS):
        text = shapes.SCHEME.sub(_scheme, text)
    if "@" in text or "%40" in text:
        text = shapes.LOGIN.sub("[credentials]@", shapes.EMAIL.sub("[e-mail]", text))
    return _without_numbers(text) if _SOME_DIGITS.search(text) else text


def _without_tokens(text: str) -> str:
    """Without tokens, and without what follows the addresses of hooks."""
    if _holds(text, shapes.TOKEN_SIGNS):
        text = shapes.TOKEN.sub("[token]", text)
    low = text.lower()
    return shapes.HOOK.sub(r"\1[token]", text) if "hook" in low or "telegram" in low else text


def _holds(text: str, signs: tuple[str, ...]) -> bool:
    """Whether one of the signs is in it. A loop, as `any` of a generator takes twice as long."""
    for sign in signs:  # noqa: SIM110 - see above
        if sign in text:
            return True
    return False


def _scheme(found: re.Match[str]) -> str:
    """`Bearer` and its token; "basic authentication" and other prose stay."""
    blob = found[3]
    prose = blob.isalpha() and (blob.islower() or blob.istitle()) and len(blob) < 24
    named = "=" in blob.rstrip("=") or blob.endswith(":")
    return found[0] if prose or named else f"{found[1]}{found[2]}[token]"


def _without_numbers(text: str) -> str:
    """Without the numbers of people: cards, phones, Aadhaar and its like."""
    if "+" in text or "0091" in text:
        text = shapes.ABROAD.sub(partial(_checked, "[phone]", shapes.is_phone), text)
    if _MANY_DIGITS.search(text):
        for pattern, mark, holds in shapes.NUMBERS:
            text = pattern.sub(partial(_checked, mark, holds), text)
    low = text.lower()
    return shapes.CALLED.sub(r"\1[phone]", text) if any(word in low for word in shapes.CALLS) else text


def _checked(mark: str, holds: Callable[[str], bool], found: re.Match[str]) -> str:
    return mark if holds(found[0]) else found[0]


def _without_login(found: re.Match[str]) -> str:
    """A URL without user and password; one that can be read in two ways is not shown."""
    run = found[0].rstrip("\"'`>),;]}")
    after = run[3:]
    authority = re.split(r"[/?#]", after, maxsplit=1)[0]
    port = authority.partition(":")[2] if not authority.startswith("[") else ""
    if "@" not in after or not ("@" in authority or "://" in after or (port and not port.isdecimal())):
        return found[0]
    shown = redact(f"scheme{run}")
    rest = "[url]" if shown == UNSEEN else f"[credentials]@{shown.removeprefix('scheme://')}"
    return f"://{rest}{found[0][len(run) :]}"


@lru_cache(maxsize=4096)
def redact_name(name: str) -> str:
    """A field's name without secrets. Names are few, so what became of them is remembered."""
    return redact_text(name)


def redact_value(value: object) -> object:
    """A value of any nesting without secrets: those under a telling name, and those in the text of names,
    strings, bytes and exceptions.

    The type stays where it is one that JSON has, a tuple, or bytes. A set becomes a list, an exception and
    anything else its text. A cycle ends, and depth and size are bounded.

    >>> redact_value({"user": "alice", "db": [{"password": "x"}, ("token", "abc")], "n": 7, "ok": True})
    {'user': 'alice', 'db': [{'password': '[password]'}, ('token', '[token]')], 'n': 7, 'ok': True}
    >>> redact_value(ValueError("no access with api_key=abc123"))
    'ValueError: no access with api_key=[key]'
    """
    return redact_text(value) if type(value) is str else _Walk().clean(value, DEEPEST)


def redact_field(name: str, value: object) -> object:
    """The value under that name: replaced whole where the name tells, else as `redact_value` does.

    >>> redact_field("db_password", "x"), redact_field("tokens", 512), redact_field("password", None)
    ('[password]', 512, None)
    """
    if type(value) is str and kind_of_key(name) is None and weak_kind_of_key(name) is None:
        return redact_text(value)
    return _Walk().under(name, value, DEEPEST)


class _Walk:
    """One walk through a value, which counts what it has seen."""

    def __init__(self) -> None:
        self._left = MOST

    def clean(self, value: object, deeper: int) -> object:
        if isinstance(value, str):
            return redact_text(value)
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return "[card]" if 10**12 <= value < 10**19 and shapes.is_card(str(value)) else value
        self._left -= 1
        if deeper <= 0 or self._left < 0:
            return "[nested too deep]" if deeper <= 0 else "[too much]"
        if isinstance(value, Mapping):
            return self._mapping(value, deeper - 1)
        if isinstance(value, list | tuple | set | frozenset):
            return self._several(value, deeper - 1)
        return _told(value)

    def _mapping(self, value: Mapping[object, object], deeper: int) -> dict[str, object]:
        """Fields under their names; `{"name": "Authorization", "value": …}` is a field too."""
        told = next((str(value[key]) for key in ("name", "key", "header") if key in value), "")
        found: dict[str, object] = {}
        for key, inner in value.items():
            name = key if type(key) is str else str(_told(key))
            clean = redact_name(name)
            while clean in found:  # two addresses as names are one mark
                clean += "'"
            about = told if name == "value" and kind_of_key(told) else name
            found[clean] = self.under(about, inner, deeper)
        return found

    def _several(
        self, value: list[object] | tuple[object, ...] | set[object] | frozenset[object], deeper: int
    ) -> object:
        """Values in a row; a pair whose first tells what the second is, as headers are kept, is a field."""
        each = list(value)
        name = each[0].decode("latin-1") if each and type(each[0]) is bytes else each[0] if each else None
        if len(each) == 2 and type(name) is str and kind_of_key(name):
            cleaned = [each[0], self.under(name, each[1], deeper)]
        else:
            cleaned = [self.clean(one, deeper) for one in each]
        return tuple(cleaned) if isinstance(value, tuple) else cleaned

    def under(self, name: str, value: object, deeper: int) -> object:
        """What stands under a name."""
        kind = kind_of_key(name)
        if kind is None:
            weak = weak_kind_of_key(name)
            secret = weak is not None and isinstance(value, str) and looks_secret(value, weak)
            return f"[{weak}]" if secret else self.clean(value, deeper)
        if value is None or isinstance(value, bool):
            return value
        return value if isinstance(value, str | int) and is_state(name, str(value), kind) else f"[{kind}]"


def _told(value: object) -> object:
    """Bytes as bytes, an exception with its type, anything else as its text, all of it without secrets."""
    if isinstance(value, bytes | bytearray):
        text = bytes(value).decode("utf-8", "backslashreplace")
        clean = redact_text(text)
        return value if clean == text else clean.encode()
    try:
        text = f"{type(value).__name__}: {value}" if isinstance(value, BaseException) else str(value)
    except Exception:  # noqa: BLE001 — a value that cannot be shown must not stop the line that it is in
        return f"[a {type(value).__name__} that cannot be shown]"
    return redact_text(text)
