r"""PURE. What stands after the name of a secret, in whatever form names and values are written.

`password=x`, `"password": "x y"` also escaped in JSON within JSON, `password: x` and blocks of YAML,
`--password x`, `<password>x</password>`, `Authorization: Basic x`, `?token=x&…`, `IDENTIFIED BY 'x'`,
`Server=a;Password=x;`. Names are found first, left to right; only after a telling one is a value taken, as
far as its own form says that it goes, and rather too far than too short.
"""

from __future__ import annotations

import re
from typing import Final

from drift.telemetry.sensitive_keys import kind_of_key, weak_kind_of_key

_BEFORE = re.compile(
    r"(?<![\w.$-])(?:[\w.$-]++ )?([\w.$-]++)"
    r"(\\*[\"']?\]?[ \t]{0,32}(?:=>|:=|==?|:(?!//))[ \t]{0,32})"
)
_SECOND = frozenset({"key", "keys", "id", "number", "no", "nr", "string", "address"})
"""Words that tell only with the word before them: `api key: x`."""

_FLAG = re.compile(r"(?<![\w-])--?([A-Za-z][\w-]*+)[ \t]{1,8}(?![-=:])")
_ELEMENT = re.compile(r"<([\w:.-]++)(?:\s[^<>]{0,200})?>([^<]++)(?=</)")
_SQL = re.compile(r"(?i)\b(identified by|password)(\s{1,4})('(?:[^']|'')*+'?)")

_ESCAPED = re.compile(r'(\\++)"(.*?)(?:\1"|\Z)', re.DOTALL)
_QUOTED = re.compile(r"(?:[bruf]{0,2}|SecretStr\()(\"(?:[^\"\\]|\\.)*+\"?|'(?:[^'\\]|\\.)*+'?)", re.DOTALL)
_NESTED = re.compile(r"\[[^\[\]]*+\]?|\{[^{}]*+\}?")
_BLOCK = re.compile(r"[|>][+-]?(?:\n[ \t]++[^\n]*+)++")
_PLACEHOLDER = re.compile(r"\$\{\w++\}")
_COOKIES = re.compile(r"[^\s;,\"'&]++(?:;[ ]?[^\s;\"'&]*+)*+")
_REST_OF_HEADER = re.compile(r"(?i)(?:digest|oauth|signature|hawk|aws4-hmac-sha\d+)\b[^\n]*+")
_BARE = re.compile(
    r"(?:(?i:bearer|basic|digest|token|apikey|negotiate)[ \t]{1,4}(?![\w.-]{1,40}=))?"
    r"(?:[^\s&\"',;)\]}<]++"
    r"|[,;](?!\s|$|[\w.\"' -]{1,40}[=:])"  # a comma ends it only before a space, the end or the next pair
    r"|[)\]}](?![\s,;.)\]}\"']|$)|[\"'](?=[^\s,;)}\]])|<(?!/))++"
)

_MARK = re.compile(r"\[[a-z -]{3,20}\]|\$\{\w+\}|<[A-Za-z _-]+>|[*.•-]*")
"""What is no secret: a mark of ours, a placeholder, asterisks."""

_STATES: Final = frozenset(
    (
        *(
            "true",
            "false",
            "null",
            "none",
            "nil",
            "undefined",
            "yes",
            "no",
            "on",
            "off",
            "ok",
            "n/a",
            "unknown",
        ),
        *(
            "set",
            "unset",
            "reset",
            "empty",
            "missing",
            "present",
            "absent",
            "required",
            "optional",
            "enabled",
        ),
        *(
            "disabled",
            "valid",
            "invalid",
            "expired",
            "wrong",
            "incorrect",
            "changed",
            "unchanged",
            "accepted",
        ),
        *("rejected", "failed", "expected", "unexpected", "not", "was", "is", "has", "must", "too", "for"),
    )
)
_SEVERAL = ("tokens", "secrets", "passwords", "keys", "cookies")
_CODED = re.compile(r"[A-Za-z0-9+/=_.~%-]{16,}")
_IDS = re.compile(r"(?i)[0-9a-f-]{36}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[\d.:TZ+-]+")


def without_named(text: str) -> str:
    """The text without the values of telling names; each is replaced by its kind, in the quotes it had.

    >>> without_named("Server=db;Password=a;b;Database=x")
    'Server=db;Password=[password];Database=x'
    >>> without_named('{"api_key": "x", "token": null}')
    '{"api_key": "[key]", "token": null}'
    """
    if "</" in text:
        text = _ELEMENT.sub(_element, text)
    if "'" in text:
        text = _SQL.sub(r"\1\2'[password]'", text)
    done: list[str] = []
    at = 0
    while found := _BEFORE.search(text, at):
        done.append(text[at : found.end()])
        at = found.end()
        if (taken := _taken(text, found)) is not None:
            done.append(taken[0])
            at = taken[1]
    return _flags("".join((*done, text[at:])) if done else text)


def _flags(text: str) -> str:
    """Without what stands after a flag: `--password hunter2`."""
    if "-" not in text or " " not in text:
        return text
    done: list[str] = []
    at = 0
    while found := _FLAG.search(text, at):
        done.append(text[at : found.end()])
        at = found.end()
        kind = kind_of_key(found[1])
        value = _value(text, at, kind) if kind else None
        if kind and value and not is_state(found[1], value[0], kind):
            done.append(_marked(value[0], kind))
            at = value.end()
    return "".join((*done, text[at:])) if done else text


def _taken(text: str, found: re.Match[str]) -> tuple[str, int] | None:
    """What replaces the value after a name, and where it ends; None where there is nothing to replace."""
    name = found[1]
    kind = kind_of_key(name)
    if kind is None and name.lower() in _SECOND:
        kind = kind_of_key(text[found.start() : found.end(1)])
    weak = None if kind else weak_kind_of_key(name)
    if not (kind or weak):
        return None
    value = _value(text, found.end(), kind or "")
    if value is None:
        return None
    if kind:
        return None if is_state(name, value[0], kind) else (_marked(value[0], kind), value.end())
    return (_marked(value[0], weak), value.end()) if weak and looks_secret(_inner(value[0]), weak) else None


def _value(text: str, at: int, kind: str) -> re.Match[str] | None:
    """What stands there, as far as it goes: quoted, nested, a block of YAML, the rest of a header, a word."""
    first = text[at : at + 1]
    form = {
        "\\": _ESCAPED,
        "[": _NESTED,
        "{": _NESTED,
        "$": _PLACEHOLDER,
        "|": _BLOCK,
        ">": _BLOCK,
        **dict.fromkeys("\"'bruS", _QUOTED),
    }.get(first)
    if form and (found := form.match(text, at)):
        return found
    if kind == "cookie" and (found := _COOKIES.match(text, at)):
        return found
    return _REST_OF_HEADER.match(text, at) or _BARE.match(text, at)


def _inner(value: str) -> str:
    return value.strip("\\\"'")


def is_state(name: str, value: str, kind: str) -> bool:
    """Whether the value says something about a secret instead of being one: `password: required`,
    `token=null`, `tokens=512`, `email: sent`.
    """
    inner = _inner(value)
    if _MARK.fullmatch(inner) or inner.lower().rstrip(".:!") in _STATES:
        return True
    digits = sum(char.isdigit() for char in inner)
    if kind == "phone":
        return digits < 7
    if kind == "e-mail":
        return "@" not in inner
    if digits < len(inner):
        return False
    low = name.lower()  # so many of them, or of tests that passed
    return (digits < 8 and low.endswith(_SEVERAL)) or (digits < 4 and low == "pass")


def looks_secret(value: str, kind: str) -> bool:
    """Whether a value under a name like `key` or `sid` has the look of a secret: long, mixed, no known id.

    >>> looks_secret("9f86d081884c7d65", "session"), looks_secret("load_accuracy_drop", "key")
    (True, False)
    """
    if kind == "code":
        return value.isdecimal() and 4 <= len(value) <= 8
    if _CODED.fullmatch(value) is None or value.isdecimal() or not any(char.isdigit() for char in value):
        return False
    mixed = any(char.isalpha() for char in value)
    return mixed and (kind != "key" or not (set("/.") & set(value) or _IDS.fullmatch(value)))


def _marked(value: str, kind: str) -> str:
    """The mark of a kind within the quotes that the value had."""
    quote = re.match(r"\\*[\"']|", value)
    around = quote[0] if quote else ""
    return f"{around}[{kind}]{around}"


def _element(found: re.Match[str]) -> str:
    kind = kind_of_key(found[1])
    if kind is None or is_state(found[1], found[2], kind):
        return found[0]
    return f"{found[0][: -len(found[2])]}[{kind}]"
