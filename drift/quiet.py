"""PURE. Whether an alert is held back now: by a silence, or because another says it already.

A stale monitor is one alert, and what else fires is as old as it: it waits (Alertmanager calls that
inhibition), unless watchers found it, which wait for no slot. That a city has no data says that its actuals
are late, and more: while it fires, that waits. A silence that cannot be understood holds nothing back, and is
a failure: to be told too much is better than to be told nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from drift.builtin import UNINHIBITED
from drift.config_notify import LATE_ACTUALS, MONITOR_STALE, NO_DATA
from drift.domain import Alert, Failure
from drift.errors import DriftError
from drift.notices import Silence
from drift.silences import active, check_silence, labels_of, matches


@dataclass(frozen=True, slots=True)
class Quiet:
    """What holds alerts back at one moment."""

    silences: tuple[Silence, ...]
    stale: bool
    groups: Mapping[str, str]
    now: datetime
    failures: tuple[Failure, ...] = ()
    blind: Collection[str | None] = ()
    """Cities without data."""
    live: Collection[str] = ()
    """Rules that go by no slot."""

    @classmethod
    def of(
        cls,
        silences: Iterable[Silence],
        firing: Iterable[Alert],
        groups: Mapping[str, str],
        now: datetime,
        live: Collection[str] = (),
    ) -> Self:
        """From the silences there are and the alerts that fire. `groups` says which group a city is of;
        `live` are rules that go by no slot.
        """
        sound, failures = [], []
        for silence in silences:
            try:
                check_silence(silence)
                sound.append(silence)
            except (
                DriftError,
                TypeError,
                ValueError,
                AttributeError,
            ) as error:  # it may be of any other version
                failures.append(Failure("notify", f"silence {silence.id}", str(error)))
        keys = [alert.key for alert in firing]
        stale = any(key.rule == MONITOR_STALE for key in keys)
        blind = frozenset(key.city for key in keys if key.rule == NO_DATA)
        return cls(tuple(sound), stale, groups, now, tuple(failures), blind, live)

    def holds(self, alert: Alert, fingerprint: str) -> bool:
        """Whether nobody is to be told now that the alert fires."""
        if self.stale and alert.key.rule not in UNINHIBITED and alert.key.rule not in self.live:
            return True
        if alert.key.rule == LATE_ACTUALS and alert.key.city in self.blind:
            return True
        return any(active(silence, self.now) for silence in self._matching(alert, fingerprint))

    def held(self, alert: Alert, fingerprint: str) -> bool:
        """Whether a silence that is over held it back after it began to fire."""
        return any(
            silence.ends <= self.now and silence.ends > alert.changed
            for silence in self._matching(alert, fingerprint)
        )

    def _matching(self, alert: Alert, fingerprint: str) -> list[Silence]:
        if not self.silences:
            return []
        labels = labels_of(alert, fingerprint, self.groups)
        return [silence for silence in self.silences if matches(silence, labels)]
