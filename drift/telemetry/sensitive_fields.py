"""PURE. Flat fields by their ECS names, stripped: as `sensitive.py` does it, with what ECS says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from drift.telemetry.ecs import FIELDS, fitted
from drift.telemetry.logged import Value
from drift.telemetry.sensitive import redact_field, redact_name, redact_text
from drift.telemetry.sensitive_keys import kind_of_key

_CARDS: Final = 10**12
"""Numbers of cards are longer than this."""

_IS_TEXT, _IS_SAFE = range(2)
_HOW: Final = {
    name: _IS_SAFE if kind in ("date", "long", "ip", "hex16", "hex32") else _IS_TEXT
    for name, kind in FIELDS.items()
    if kind_of_key(name) is None
}
"""How the text of a field is looked at. A time, a number, an address of a machine or an id of a trace that is
one holds no secret. What is personal by its name, such as `user.email`, is not here.
"""


def stripped(flat: Mapping[str, Value]) -> tuple[dict[str, Value], int]:
    """The fields without what is secret or personal in them, and how many of them were changed by that.

    >>> stripped({"message": "token=abc", "http.response.status_code": 401, "db_password": "x"})
    ({'message': 'token=[token]', 'http.response.status_code': 401, 'db_password': '[password]'}, 2)
    """
    found: dict[str, Value] = {}
    changed = 0
    for name, value in flat.items():
        how = _HOW.get(name)
        if type(value) is str and how is not None:
            safe = how == _IS_SAFE and fitted(name, value) is not None
            clean: object = value if safe else redact_text(value)
        elif type(value) in (int, float) and value < _CARDS and (how or kind_of_key(name) is None):  # type: ignore[operator]
            clean = value
        else:
            clean = redact_field(name, value)
            name = name if name in FIELDS else redact_name(name)
        changed += clean is not value and clean != value
        found[name] = clean  # type: ignore[assignment]
    return found, changed
