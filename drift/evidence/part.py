"""PURE. What every part of the evidence is: figures, or the reason why there are none; and that as JSON.

Figures keep six digits in a document, for programs; sentences round them, as people would say them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import TypeAlias

from drift.domain import iso
from drift.reasons import Undefined


class Lack(Enum):
    """Why a part of the evidence has no figures, where no reason of a measurement fits."""

    SHORT_HISTORY = "there is too little history before the breach to hold it against"
    FEW_DAYS = "there are fewer than ten usable days since the onset"
    NO_CHANGE = "no hour stands out as the onset"
    NO_EXCESS = "the error is not larger than normal"
    NO_CHANNELS = "no channel has a score"
    NO_FEATURES = "no feature has values here"
    NO_PATTERN = "the forecast does not look like that"
    NO_PEERS = "no other city of this model version was judged"
    NO_OTHER_VERSION = "no other model version has pairs in these hours"

    @property
    def text(self) -> str:
        """The reason as a person reads it."""
        return self.value


Reason: TypeAlias = Undefined | Lack


def plain(value: object) -> object:
    """A part, or anything in it, in what JSON has; floats to six digits, None where they are not finite.

    >>> plain((Lack.NO_PEERS, 0.123456789))
    [{'undefined': 'no_peers', 'undefined_text': 'no other city of this model version was judged'}, 0.123457]
    """
    if isinstance(value, Undefined | Lack):
        return {"undefined": value.name.lower(), "undefined_text": value.text}
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value
