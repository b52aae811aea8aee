"""PURE. What the detectors learnt, as JSON and back, so that a restart need not learn it anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drift.watchers.event_stream import SecurityStream
from drift.watchers.usual import Usual

VERSION = 1


def _usuals(stream: SecurityStream) -> Mapping[str, Usual]:
    return {
        "requests": stream.api_abuse.usual,
        "rows": stream.data_access.rows,
        "bytes": stream.data_access.bytes,
    }


def kept(stream: SecurityStream) -> dict[str, object]:
    """All that was learnt. Figures keep four digits: what is usual is no more exact than that."""
    began = stream.api_abuse.began
    return {
        "version": VERSION,
        "at": stream.newest if stream.newest > float("-inf") else None,
        "began": began if began < float("inf") else None,
        "familiar": stream.failed_auth.familiar.kept(),
        "readers": list(stream.data_access.readers.kept()),
        **{
            name: [
                (who, first, [float(f"{value:.4g}") for value in past]) for who, first, past in usual.kept()
            ]
            for name, usual in _usuals(stream).items()
        },
    }


def restore(stream: SecurityStream, said: Mapping[str, Any]) -> None:
    """Take in what `kept` gave. `Any`: it is JSON, and what does not fit raises.

    Raises:
        KeyError, TypeError, ValueError: it is not what `kept` gave.
    """
    if said["version"] != VERSION:
        raise ValueError(f"version {said['version']} is not {VERSION}")
    if said["at"] is None:
        return
    at = float(said["at"])
    if said["began"] is not None:
        stream.api_abuse.began = float(said["began"])
    for pair in said["familiar"]:
        stream.failed_auth.familiar.add(str(pair), at)
    for resource, first, readers in said["readers"]:
        stream.data_access.readers.restore(
            str(resource), float(first), {str(who): float(last) for who, last in readers.items()}
        )
    for name, usual in _usuals(stream).items():
        for who, first, past in said[name]:
            usual.restore(str(who), float(first), [float(value) for value in past], at)
