"""Where pages go, for how long, and what bounds a deep report, which a library of others makes."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import ByteSize, Field

from drift.config_rules import Section
from drift.config_values import Length


class DeepConfig(Section):
    """How long one city's deep page may take, how large it may be, how many cities get one at a time, and how
    many pairs of each window it is made of: the newest.
    """

    timeout: Length = timedelta(seconds=60)
    max_size: ByteSize = ByteSize(10_000_000)
    max_cities: Annotated[int, Field(ge=1, le=1000)] = 20
    max_rows: Annotated[int, Field(ge=100, le=1_000_000)] = 20_000


class ReportsConfig(Section):
    """Where pages go, a folder a slot: which cities get a page of their own, and how long slots are kept."""

    dir: str
    cities: Literal["alerting", "all"] = "alerting"
    keep: Length = timedelta(days=30)
    deep: DeepConfig = DeepConfig()
