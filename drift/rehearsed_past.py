"""PURE. What the slots of a replay saw, and where alerts would stand by what a later one knows.

It is `revisions.py` without a store and a state: the rows are on the timeline, and what was seen is in lists.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from drift.config import Config
from drift.detect import Rule
from drift.domain import Transition
from drift.evaluate import Evaluation
from drift.retired import Forecast
from drift.revise import NOTHING_NEW, Due, Known, due, measure_anew, replayed, stood
from drift.seen import Entry, look, seen_of
from drift.timeline import Timeline
from drift.watch import Watch
from drift.windows import Windows


@dataclass
class RehearsedPast:
    """The past of a replay, which grows with its slots; whoever replays adds each slot's transitions.

    Where the store does not say when actuals came, every slot saw what there is now, and nothing changed.
    """

    timeline: Timeline
    config: Config
    how: Evaluation
    rules: Sequence[Rule]
    transitions: list[Transition] = field(default_factory=list)
    _entries: list[Entry] = field(default_factory=list)
    _slots: list[Windows] = field(default_factory=list)
    _watches: dict[datetime, Watch] = field(default_factory=dict)

    def known_at(self, windows: Windows, watch: Watch, gone: Collection[Forecast]) -> Known:
        """What the slot knows of those before it, which were shown in turn; `watch` is what looked at it, and
        `gone` who is retired.
        """
        seen = (
            None
            if self.timeline.settled
            else seen_of(self.timeline.at(windows), self.config.windows.revise_for)
        )
        if seen is None:
            return NOTHING_NEW
        found = look(self._entries, seen, windows.slot)
        wanted = due(self._entries, found, self.config.windows.current)
        known = NOTHING_NEW if wanted is None else self._known(wanted, windows.slot, gone)
        self._entries = [entry for entry in self._entries if entry.slot >= found.entry.grid.start]
        self._entries.append(replace(found.entry, settled=wanted is not None and wanted.whole))
        self._slots.append(windows)
        self._watches[windows.slot] = watch
        return known

    def _known(self, wanted: Due, slot: datetime, gone: Collection[Forecast]) -> Known:
        slots = [
            each for each in self._slots if each.slot >= wanted.since and each.current.end > wanted.since
        ]
        if not slots:
            return NOTHING_NEW
        timeline = self.timeline if wanted.whole else self.timeline.of(wanted.cities)
        panels = measure_anew(
            timeline.settled_at(slot),
            slots,
            self.how,
            self._watches.__getitem__,
            self.config,
            None if wanted.whole else gone,
        )
        moments = [each.slot for each in slots]
        before = stood(self.transitions, moments[0])
        return Known(replayed(before, moments, panels, self.rules, wanted.why), wanted.why)
