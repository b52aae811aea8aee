"""What columns a store gives, and what of them is another since the last slot.

Why: a feature that is gone from a table, or a bound that came, changes what is measured, and nobody is told
by a figure that is merely absent. A column without which nothing can be said fails the read with its name.

How: the mapped columns of a slot's tables, by name and type, are held against those of the slot before, kept
in the state where fits are; what differs is a failure of the run, told once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, TypeAlias

from drift.domain import Failure, Window
from drift.errors import DriftError
from drift.state_rows import CalibrationRecord
from drift.text import printable

if TYPE_CHECKING:
    from drift.config import Config
    from drift.state import State

Schema: TypeAlias = Mapping[str, str]
"""The type of each column, named `table.column`."""


def differences(before: Schema, now: Schema) -> list[str]:
    """What changed, a sentence a column: gone, new, or of another type.

    >>> differences({"features.wind": "double"}, {"features.wind": "float", "features.rain": "double"})
    ['features: the column rain is new (double)', 'features: the column wind is float, and was double']
    """
    said = []
    for name in sorted({*before, *now}):
        old, new = before.get(name), now.get(name)
        table, _, column = name.partition(".")
        what = f"{table}: the column {printable(column)}"
        if new is None:
            said.append(f"{what} is gone (it was {old})")
        elif old is None:
            said.append(f"{what} is new ({new})")
        elif old != new:
            said.append(f"{what} is {new}, and was {old}")
    return said


def united(parts: Iterable[Schema]) -> Schema:
    """Of blocks of cities; one column may be of two types."""
    types: dict[str, set[str]] = {}
    for part in parts:
        for name, kind in part.items():
            types.setdefault(name, set()).add(kind)
    return {name: " or ".join(sorted(kinds)) for name, kinds in sorted(types.items())}


def schema_changes(now: Schema, current: Window, state: State, config: Config) -> list[Failure]:
    """What is another since the last slot before the end of the window; that is kept, to be told once."""
    store = config.store.model_dump_json()  # of another one nothing is known
    key = f"schema:{sha256(store.encode()).hexdigest()[:16]}"
    try:
        record = state.calibration(key, current.end)
        before = None if record is None else _read(record.data)
        if not now or before == now:
            return []
        data = json.dumps(now).encode()
        made = CalibrationRecord(current.end, key, current.start, current.end, len(now), "schema", data)
        state.keep_calibrations([made], config.detection.history)
    except DriftError as error:
        return [Failure("schema", "state", str(error))]
    told = [] if before is None else differences(before, now)
    return [Failure("schema", "columns", f"{text}, since the last slot: see the store") for text in told]


def _read(data: bytes) -> Schema | None:
    """A schema that was kept; None where it is damaged, so that it is kept anew."""
    try:
        read = json.loads(data)
    except ValueError:
        return None
    return read if isinstance(read, dict) else None
