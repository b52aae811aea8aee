"""PURE. How names, numbers and lengths of time stand in PromQL, Go templates and Alertmanager's matchers.

What comes from the config is text that a person wrote: a rule's name or a column may hold quotes, braces or a
line feed. Each language has its own way to say them, and each is written here once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

_UNITS = ((86400_000, "d"), (3600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms"))


def quoted(text: str) -> str:
    r"""A string literal of PromQL; JSON's escapes are among Go's.

    >>> print(quoted('load "north"'))
    "load \"north\""
    """
    return json.dumps(text, ensure_ascii=False)


def selector(gauge: str, labels: Mapping[str, str]) -> str:
    """The series of a gauge that have these labels.

    >>> selector("model_accuracy", {"metric": "mape"}), selector("up", {})
    ('model_accuracy{metric="mape"}', 'up')
    """
    inside = ", ".join(f"{name}={quoted(value)}" for name, value in labels.items())
    return f"{gauge}{{{inside}}}" if inside else gauge


def duration(length: timedelta) -> str:
    """A length of time as Prometheus and Alertmanager write it, to the millisecond.

    >>> duration(timedelta(minutes=130)), duration(timedelta(0)), duration(timedelta(days=1, seconds=1.5))
    ('2h10m', '0s', '1d1s500ms')
    """
    left, said = round(length.total_seconds() * 1000), ""
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        said += f"{count}{unit}" if count else ""
    return said or "0s"


def number(value: float) -> str:
    """A number as PromQL reads it back, exactly.

    >>> number(0.85), number(2.0), number(1e-7)
    ('0.85', '2', '1e-07')
    """
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def literal(text: str) -> str:
    """Text that shows as itself in a Go template.

    >>> print(literal("{{ $value }}"))
    {{"{{"}} $value }}
    """
    return text.replace("{{", '{{"{{"}}')


def matcher(label: str, value: str) -> str:
    r"""One of Alertmanager's matchers: the label equals the value.

    >>> print(matcher("alertname", 'a "b"'))
    alertname="a \"b\""
    """
    escaped = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'{label}="{escaped}"'
