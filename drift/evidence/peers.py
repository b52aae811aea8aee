"""PURE. Whether other cities of the same model version have it too: one common cause, or this city's own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from drift.evidence.case import Peer
from drift.evidence.part import Lack, Reason
from drift.text import printable

NEAR = 0.7
"""Of the limit: nearly."""
LARGE_RATIO = 1.35
"""Times normal, which counts as 1 where no city has a score; nearly is then 0.7 of the way from 1."""
FLEET_SHARE, LEAST_FLEET = 1 / 3, 2
"""Of the other cities, from which it looks like one cause; and so many of them at least."""
GROUP_SHARE = 1 / 2
"""Of the other cities of the group."""


@dataclass(frozen=True, slots=True)
class Peers:
    """How many of the other cities breach too (above 1) or come near it (above 0.7)."""

    cities: int
    above: int
    near: int
    """Above 0.7, those above 1 included."""
    pattern: Literal["fleet", "group", "some", "alone"]
    group: str | None
    basis: Literal["score", "error_ratio"]
    """`error_ratio` where nothing is calibrated: 1.35 times normal stands for 1."""

    def sentence(self) -> str:
        """Whether it looks like one common cause."""
        of = f"{self.above} of {self.cities} other {'city' if self.cities == 1 else 'cities'}"
        have = "has" if self.above == 1 else "have"
        nearly = f", {self.near - self.above} more nearly" if self.near > self.above else ""
        if self.pattern == "fleet":
            return f"{of} {have} it too{nearly}: it looks like one common cause."
        if self.pattern == "group":
            return f"{of} {have} it too{nearly}, mostly in the group {printable(self.group)}."
        if self.pattern == "some":
            return f"{of} {have} it too{nearly}."
        nearly = f" ({self.near} nearly)" if self.near else ""
        none = "The only other city does not have it" if self.cities == 1 else f"None of {of[5:]} has it"
        return f"{none}{nearly}: it looks like this city's own."


def find_peers(peers: Mapping[str, Peer], group: str | None) -> Peers | Reason:
    """Counts over the peers that were judged; NO_PEERS if none was.

    >>> find_peers({"Pune": Peer(1.4, 1.9), "Surat": Peer(0.8, 1.3), "Delhi": Peer(1.1, 1.6)}, None).pattern
    'fleet'
    """
    scores = {city: p.score for city, p in peers.items() if _known(p.score)}
    levels = scores or {city: _level(p.error_ratio) for city, p in peers.items() if _known(p.error_ratio)}
    known = {city: float(level) for city, level in levels.items() if level is not None}
    if not known:
        return Lack.NO_PEERS
    above = {city for city, level in known.items() if level > 1}
    near = sum(level > NEAR for level in known.values())
    basis: Literal["score", "error_ratio"] = "score" if scores else "error_ratio"
    pattern = _pattern(above, set(known), {city for city in known if group and peers[city].group == group})
    return Peers(len(known), len(above), near, pattern, group, basis)


def _pattern(above: set[str], known: set[str], kin: set[str]) -> Literal["fleet", "group", "some", "alone"]:
    enough = len(above) >= LEAST_FLEET
    outside = known - kin
    in_group = kin and len(above & kin) >= GROUP_SHARE * len(kin) and len(above & kin) >= LEAST_FLEET
    if in_group and len(above & outside) < FLEET_SHARE * len(outside):
        return "group"
    if enough and len(above) >= FLEET_SHARE * len(known):
        return "fleet"
    return "some" if above else "alone"


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _level(error_ratio: float | None) -> float | None:
    return None if error_ratio is None else (error_ratio - 1) / (LARGE_RATIO - 1)
