"""PURE. A reading: one number of the platform as it stands now, or the reason why there is none.

What reads (a registry, Prometheus, psutil, a stream of logs) makes readings; what judges (`drift.watching`)
holds them against the thresholds of rules. Neither knows the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drift.reasons import Undefined

if TYPE_CHECKING:  # the other nouns need NumPy, which a service that takes readings need not wait for
    from drift.domain import Threshold

QUANTILE = 0.95
"""Of requests and predictions: a latency is what so many of them took at most, whoever reads it. The guide
gives a limit, and leaves open for how many it holds.
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """One number with what it is of: a `metric` of the platform, a model version where it is about one, and
    the part of the platform that it is of (an endpoint, `disk web-1:/var`, `address 203.0.113.7`).

    `threshold` is its own limit, where no rule has one, as of what is found in logs. `evidence` says in
    `sentences` what people should know of it.
    """

    metric: str
    value: float | None
    undefined: Undefined | None = None
    model_version: str = ""
    column: str | None = None
    n: int = 0
    threshold: Threshold | None = None
    evidence: Mapping[str, object] = field(default_factory=dict)
