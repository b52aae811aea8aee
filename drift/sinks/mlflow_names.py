"""Names that MLflow takes, made of names that come from data.

MLflow allows word characters, dots, dashes, spaces, colons and slashes in a metric's name, reads it as a
path and stops at 250 characters. Cities and columns may hold anything, so every other character, and the
colon itself, becomes `:hex:`; no two names become one.
"""

from __future__ import annotations

import hashlib
import re

from drift.domain import Kind, Series

LONGEST = 250

_FOREIGN = re.compile(r"[^\w.\- ]")


def segment(text: str) -> str:
    """One part of a path-like name.

    >>> segment("SCL"), segment("São Paulo"), segment("a/b:c"), segment(".."), segment("")
    ('SCL', 'São Paulo', 'a:2f:b:3a:c', ':2e:.', '::')
    """
    if not text:
        return "::"
    safe = _FOREIGN.sub(lambda match: f":{ord(match[0]):x}:", text)
    return safe if safe.strip(".") else f":2e:{safe[1:]}"


def metric_name(kind: Kind, name: str, series: Series, column: str | None) -> str:
    """What a measurement is called in the run of its model version.

    What stands before the last slash is a section of charts in MLflow. Pooled accuracy stands at the top, so
    that two versions compare by `accuracy`; the prefixes of the rest are such that MLflow sorts them after
    most of it. A detector's column is its channel.

    >>> metric_name("metric", "mape", Series("v1"), None)
    'mape'
    >>> metric_name("metric", "mape", Series("v1", "SCL", "24h-30h"), None)
    'per-city/SCL/horizon/24h-30h/mape'
    >>> metric_name("statistic", "psi", Series("v1", "SCL"), "actual")
    'per-city-drift/SCL/actual/psi'
    >>> metric_name("detector", "channel_score", Series("v1", "SCL"), "bias")
    'per-city/SCL/channel_score.bias'
    """
    parts: list[str] = []
    if series.city is not None:
        parts = ["per-city-drift" if kind == "statistic" else "per-city", segment(series.city)]
    elif kind == "statistic":
        parts = ["pooled-drift"]
    if kind == "statistic":
        parts.append(segment(column or ""))
    if series.horizon is not None:
        parts += ["horizon" if parts else "per-horizon", segment(series.horizon)]
    return _bounded("/".join([*parts, _figure(kind, name, column)]))


def worst_name(kind: Kind, name: str, column: str | None) -> str:
    """What the worst city's figure is called.

    >>> worst_name("metric", "mape", None), worst_name("statistic", "psi", "actual")
    ('worst-city/mape', 'worst-city-drift/actual/psi')
    >>> worst_name("detector", "channel_score", "bias")
    'worst-city/channel_score.bias'
    """
    parts = ["worst-city-drift", segment(column or "")] if kind == "statistic" else ["worst-city"]
    return _bounded("/".join([*parts, _figure(kind, name, column)]))


def _figure(kind: Kind, name: str, column: str | None) -> str:
    channel = "" if kind == "statistic" or column is None else f".{segment(column)}"
    return segment(name) + channel


def _bounded(name: str) -> str:
    """The name, its end replaced by a digest of the whole when it is too long; `:h` begins no escape."""
    if len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{name[: LONGEST - 40]}:h{digest}"
