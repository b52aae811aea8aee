"""Limits for a team whose own history is too short to set any: those of other utilities, shipped with drift.

What is normal differs from city to city and is always a city's own; how far a statistic in units of that
normal strays in a quiet year differs much less. So limits, typical spreads and correlations of some zones
serve others until these have about half a year, and steady the limits of few cities after that.

`standard.json` is learnt on US balancing authorities (EIA Form 930), as it says itself; the command
`python -m benchmarks.detection.standard` prints it. There are none for fleets: how far a pooled error strays
depends on how many cities there are and how alike their weather is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from drift.detectors.learn import Pooled
from drift.detectors.limits import Tail, Tails


@cache
def standard() -> Pooled:
    """What came with drift."""
    return pooled_of(json.loads(files("drift.detectors").joinpath("standard.json").read_text("utf-8")))


def document_of(pooled: Pooled, source: str) -> dict[str, object]:
    """As JSON: numbers to six digits, with the words that say what they were learnt on."""
    return {
        "source": source,
        "city_years": _rounded(pooled.city_years),
        "spread": _rounded(pooled.spread),
        "variance": {str(days): _rounded(value) for days, value in pooled.variance.items()},
        "factor": _rounded(pooled.tails.factor),
        "statistics": [
            {
                "channel": channel,
                "window_days": days,
                "yearly": _rounded(tail.yearly),
                "slope": _rounded(tail.slope),
                "root": _rounded(pooled.root[channel, days]),
            }
            for (channel, days), tail in pooled.tails.of.items()
        ],
    }


def pooled_of(document: Mapping[str, Any]) -> Pooled:
    """Of such a document."""
    each = {(one["channel"], one["window_days"]): one for one in document["statistics"]}
    return Pooled(
        np.array(document["spread"]),
        {int(days): np.array(value) for days, value in document["variance"].items()},
        {key: np.array(one["root"]) for key, one in each.items()},
        Tails({key: Tail(one["yearly"], one["slope"]) for key, one in each.items()}, document["factor"]),
        document["city_years"],
    )


def _rounded(values: Any) -> Any:
    return np.vectorize(lambda value: float(f"{value:.6g}"))(values).tolist()
