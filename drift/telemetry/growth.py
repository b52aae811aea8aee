"""By how much a process's counters grew in its last minutes.

Counters only ever grow, so a window is the difference of two looks at them. A look is kept for each fiftieth
of the window, so that memory does not grow with how often somebody asks. What was counted before the first
look is of no known time, and is left out. A counter that fell was reset (`clear`), and goes on from there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import NamedTuple, TypeAlias

from prometheus_client import Counter, Histogram

LOOKS = 50
"""So many looks are kept a window."""


class Key(NamedTuple):
    """One count: its metric, the values of its labels in the order of their names, and, of a histogram, the
    upper bound of the class.
    """

    metric: str
    labels: tuple[str, ...]
    bound: str = ""


Counts: TypeAlias = Mapping[Key, float]


class _Look(NamedTuple):
    at: datetime | None  # None: before anybody asked
    counts: Counts


class Growth:
    """What counters and histograms counted in the last `window`. Threads may share it."""

    def __init__(self, metrics: Iterable[Counter | Histogram], window: timedelta) -> None:
        """Take the first look.

        Raises:
            ValueError: the window has no length.
        """
        if window <= timedelta(0):
            raise ValueError(f"a window of {window}: it should be longer than nothing")
        self._metrics, self._window = tuple(metrics), window
        self._lock = Lock()
        self._raw = dict(_counts(self._metrics))
        self._lost: dict[Key, float] = {}
        self._looks = deque((_Look(None, dict(self._raw)),))

    def until(self, now: datetime) -> dict[Key, float]:
        """By how much each grew in the window that ends now; in less where the first look is not as long ago,
        in more where nobody asked for longer. What did not grow is there, with 0.
        """
        with self._lock:
            counts = self._look()
            while len(self._looks) > 1 and _is_by(self._looks[1], now - self._window):
                self._looks.popleft()
            before, newest = self._looks[0].counts, self._looks[-1].at
            if newest is None or now - newest >= self._window / LOOKS:
                self._looks.append(_Look(now, counts))
        return {key: count - before.get(key, 0.0) for key, count in counts.items()}

    def _look(self) -> dict[Key, float]:
        """The counts as if none had ever been reset; a histogram is reset in all its classes."""
        raw = dict(_counts(self._metrics))
        reset = {key[:2] for key, before in self._raw.items() if raw.get(key, 0.0) < before}
        for key, before in self._raw.items():
            if key[:2] in reset:
                self._lost[key] = self._lost.get(key, 0.0) + before
        self._raw = raw
        return {key: raw.get(key, 0.0) + self._lost.get(key, 0.0) for key in {**self._lost, **raw}}


def _is_by(look: _Look, moment: datetime) -> bool:
    return look.at is None or look.at <= moment


def _counts(metrics: Iterable[Counter | Histogram]) -> Iterator[tuple[Key, float]]:
    for family in (family for metric in metrics for family in metric.collect()):
        for sample in family.samples:
            if sample.name in (f"{family.name}_total", f"{family.name}_bucket"):
                labels = tuple(sample.labels[name] for name in sorted(sample.labels) if name != "le")
                yield Key(family.name, labels, sample.labels.get("le", "")), sample.value
