"""PURE. Which channels of the detector saw it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from drift.evidence.part import Lack, Reason
from drift.text import printable

SEEN: Mapping[str, str] = {
    "size": "What stands out is how large and rough the error is",
    "bias": "What stands out is that the error keeps to one side",
    "profile": "What stands out is that the error moved to another part of the day",
    "timing": "What stands out is timing: the error follows the forecast's ramps",
    "stale": "What stands out is staleness: the error follows the change of load since last week",
}


@dataclass(frozen=True, slots=True)
class Channels:
    """Each channel's score in units of its limit, the largest first, and its share of their sum."""

    score: Mapping[str, float]
    share: Mapping[str, float]

    @property
    def leading(self) -> str:
        """The channel with the largest score."""
        return next(iter(self.score))

    def sentence(self) -> str:
        """What the leading channel sees, then the shares."""
        named = [(printable(channel), round(100 * share)) for channel, share in self.share.items()]
        shares = ", ".join(f"{channel} {points} %" for channel, points in named if points)
        seen = SEEN.get(self.leading, "Each channel has its part in it")
        return f"{seen} (share of the score: {shares})." if len(self.score) > 1 else f"{seen}."


def known_scores(by_channel: Mapping[str, float]) -> dict[str, float]:
    """The scores above zero, the largest first.

    >>> known_scores({"size": 0.4, "bias": 1.2, "stale": 0.0, "timing": float("nan")})
    {'bias': 1.2, 'size': 0.4}
    """
    known = {name: float(score) for name, score in by_channel.items() if math.isfinite(score) and score > 0}
    return dict(sorted(known.items(), key=lambda item: -item[1]))


def find_channels(by_channel: Mapping[str, float]) -> Channels | Reason:
    """Scores and shares; NO_CHANNELS where nothing is calibrated, or nothing has a score.

    >>> find_channels({"size": 0.5, "bias": 1.5}).share
    {'bias': 0.75, 'size': 0.25}
    """
    score = known_scores(by_channel)
    if not score:
        return Lack.NO_CHANNELS
    total = sum(score.values())
    return Channels(score, {name: value / total for name, value in score.items()})
