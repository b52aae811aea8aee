"""The estimate of the error of hours without actuals: off, or on with its numbers."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator

from drift.config_rules import Section
from drift.config_values import Length, OpenFraction, WaitingTime


class EstimateConfig(Section):
    """The estimate is fitted to the `history` before the fit, anew every `refit`; it tells of the hours up to
    `ahead` after the current window, with bounds that hold `level` of what comes.
    """

    refit: WaitingTime = timedelta(days=7)
    history: Length = timedelta(days=180)
    ahead: Length = timedelta(hours=24)
    level: OpenFraction = 0.8


def _switched(value: object) -> object:
    """`on` and `off`, which YAML may have made true and false."""
    said = value.lower() if isinstance(value, str) else value
    if said in (False, "off", "false"):
        return None
    return {} if said in (True, "on", "true") else value


Estimated: TypeAlias = Annotated[EstimateConfig | None, BeforeValidator(_switched)]
"""`on`, `off`, or a section; None is off."""
