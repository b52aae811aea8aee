"""PURE. Flat fields as the document that Elastic takes: ECS objects, labels, numbers, on one line of JSON.

What drift logs itself and what `LogProcessor` makes of others' lines go through here, so that one index
template holds for both, and neither can be refused for the type of a field: a field of ECS is written only
where its value fits (`ecs.FIELDS`), and all else is a label. Labels are text (`labels.city: "Delhi"`), and
numbers stand in `numeric_labels` too, where they can be added up; dots in their names become `_`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from drift.telemetry.ecs import FIELDS, WORDED, fitted
from drift.telemetry.logged import Value

DEEPEST: Final = 20
"""Objects within objects, flattened to dotted names; what lies deeper stays an object."""

LONGEST_NAME: Final = 200
"""A label's name is cut after so many characters."""

_PLACES: Final = {name: name.rpartition(".")[::2] for name in FIELDS}
_OBJECTS: Final = {
    name[:dot]: name[:dot].rpartition(".")[::2]
    for name in FIELDS
    for dot in range(len(name))
    if name[dot] == "."
}
"""Where a field stands, and where the objects stand that it is in: what they are in, and their own name."""
_OTHER = re.compile(r"[^\w-]+")
_ENCODE = json.JSONEncoder(  # a document holds no cycle
    separators=(",", ":"), allow_nan=False, check_circular=False, default=str
).encode


def flat_fields(nested: Mapping[str, Value]) -> dict[str, Value]:
    """Objects within objects by dotted names; a name that comes about twice gets a `_` the second time.

    >>> flat_fields({"url": {"path": "/", "query": {}}, "url.path": "/x"})
    {'url.path': '/', 'url.query': {}, 'url.path_': '/x'}
    """
    found: dict[str, Value] = {}
    _flatten(nested, "", found, DEEPEST)
    return found


def _flatten(nested: Mapping[str, Value], above: str, found: dict[str, Value], deeper: int) -> None:
    for key, value in nested.items():
        name = above + key
        if type(value) is dict and value and deeper:
            _flatten(value, f"{name}.", found, deeper - 1)
            continue
        while name in found:
            name += "_"
        found[name] = value


def moment(when: datetime) -> str:
    """A moment as Elastic's `date` takes it, in UTC with microseconds.

    >>> moment(datetime(2024, 12, 8, 18, 16, 32, tzinfo=UTC))
    '2024-12-08T18:16:32.000000Z'
    """
    text = (when if when.tzinfo is UTC else when.astimezone(UTC)).isoformat()
    return f"{text[:-6]}Z" if len(text) == 32 else f"{text[:-6]}.000000Z"


def document(flat: Mapping[str, Value]) -> dict[str, Value]:
    """The nested document of flat fields: by ECS where a field is one and its value fits, else as labels.

    >>> document({"message": "ok", "url.path": "/x", "source.ip": "web-1", "rows": 3, "city": "Delhi"})
    {'message': 'ok', 'url': {'path': '/x'}, 'labels': {'source_ip': 'web-1', 'rows': '3', 'city': 'Delhi'},
     'numeric_labels': {'rows': 3}}
    """
    found: dict[str, Value] = {}
    objects = {"": found}
    labels: dict[str, Value] = {}
    numbers: dict[str, Value] = {}
    for name, value in flat.items():
        fit = value if type(value) is str and name in WORDED else fitted(name, value)
        if fit is None:
            _label(name, value, labels, numbers)
            continue
        above, leaf = _PLACES[name]
        if (at := objects.get(above)) is None:
            at = _object_at(above, objects)
        at[leaf] = fit
    if labels:
        found["labels"] = labels
    if numbers:
        found["numeric_labels"] = numbers
    return found


def _object_at(name: str, objects: dict[str, dict[str, Value]]) -> dict[str, Value]:
    """The object of that dotted name, made with those that it is in."""
    above, leaf = _OBJECTS[name]
    at = objects.get(above)
    if at is None:
        at = _object_at(above, objects)
    made: dict[str, Value] = {}
    at[leaf] = objects[name] = made
    return made


def _label(name: str, value: Value, labels: dict[str, Value], numbers: dict[str, Value]) -> None:
    name = _label_name(name)
    while name in labels:
        name += "_"
    labels[name] = _worded(value)
    if type(value) in (int, float) and _countable(value):  # type: ignore[arg-type]
        numbers[name] = value


@lru_cache(maxsize=4096)
def _label_name(name: str) -> str:
    if name.startswith(("labels.", "numeric_labels.")):
        name = name.partition(".")[2]
    return _OTHER.sub("_", name.lstrip("@"))[:LONGEST_NAME] or "_"


def _countable(value: float) -> bool:
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 2**63


def _worded(value: Value) -> Value:
    """A label's value: text, none, or a list of texts; an object is its JSON."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and not any(isinstance(one, list | dict) for one in value):
        return [_worded(one) for one in value]
    return str(value) if isinstance(value, int | float) else json.dumps(value, default=str)


def json_line(found: Mapping[str, Value]) -> str:
    r"""The document as one line of ASCII, which every reader of JSON takes: no NaN, no unpaired surrogate.

    >>> json_line({"message": "é\x1b\ud800", "x": float("nan")})
    '{"message":"\\u00e9\\u001b\\ufffd","x":"nan"}'
    """
    try:
        text = _ENCODE(found)
    except ValueError:
        return _ENCODE(_mended(found))
    return _ENCODE(_mended(found)) if "\\ud" in text else text  # an emoji is two of them, and a fault is one


def _mended(value: object) -> object:
    """What JSON or UTF-8 cannot hold, as text that they can."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {_mended(key): _mended(inner) for key, inner in value.items()}
    return [_mended(one) for one in value] if isinstance(value, list) else value
