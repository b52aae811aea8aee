"""What has changed since earlier slots looked, and what that comes to: they are measured anew with what is
known now, and their alerts are replayed.

`seen.py` tells what changed, `revise.py` what that comes to. Here is what both need: what the state
remembers, and the rows of the affected cities, read once more. That it cannot be done stops nothing else:
it is tried again with the next slots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from drift.calibrations import Calibrations
from drift.config import Config
from drift.detect import Rule
from drift.domain import Failure, Panel, Revised, Window
from drift.errors import DriftError
from drift.evaluate import Evaluation
from drift.findings import Findings
from drift.reading import timeline_of
from drift.revise import NOTHING_NEW, Due, Known, due, measure_anew, replayed
from drift.seen import Entry, look
from drift.state import State
from drift.stores.base import Store
from drift.watch import UNWATCHED, Watch
from drift.windows import Windows, windows_of

MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Revisit:
    """What a slot says of those before it: what it saw, to be kept; what was measured anew; where alerts
    would stand; and what failed.
    """

    entry: Entry | None = None
    revised: Revised | None = None
    known: Known = NOTHING_NEW
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class Revisions:
    """The past of one config's slots."""

    config: Config
    store: Store
    state: State
    rules: Sequence[Rule]
    calibrations: Calibrations

    def of(self, found: Findings, how: Evaluation) -> Revisit:
        """What the slot's findings say of earlier slots. A slot before the latest one says nothing."""
        slot, last = found.windows.slot, self.state.last_slot()
        if found.seen is None or (last is not None and slot < last):
            return Revisit()
        before = self.state.seen(slot)
        seen = look(before, found.seen, slot)
        wanted = due(before, seen, self.config.windows.current)
        if wanted is None:
            return Revisit(seen.entry)
        try:
            return self._revisited(seen.entry, wanted, found, how)
        except DriftError as error:
            some = ", ".join(wanted.cities[:5]) + (" …" if len(wanted.cities) > 5 else "")
            return Revisit(seen.entry, failures=(Failure("revise", some, str(error)),))

    def _revisited(self, entry: Entry, wanted: Due, found: Findings, how: Evaluation) -> Revisit:
        slots = self._slots(wanted.since, found)
        settled = replace(entry, settled=wanted.whole)
        if not slots:
            return Revisit(settled)
        panels, unread = self._measured(slots, wanted, found, how)
        cities = [city for city in wanted.cities if city not in {failure.what for failure in unread}]
        settled = replace(settled, settled=wanted.whole and not unread)
        moments = [each.slot for each in slots]
        stood = self.state.alerts_at(moments[0] - MOMENT)
        alerts = replayed(stood, moments, panels, self.rules, wanted.why.keys() & set(cities))
        revised = Revised(dict(zip(moments, panels, strict=True)), tuple(cities), wanted.whole)
        return Revisit(settled, revised, Known(alerts, wanted.why), tuple(unread))

    def _slots(self, since: datetime, found: Findings) -> list[Windows]:
        """The slots of the ledger, before the present one, whose current window ends after the moment."""
        config = self.config
        windows = [
            windows_of(record.slot, config.windows, config.accuracy, found.cadence, found.watch.look_back)
            for record in self.state.slots(since, found.windows.slot)
        ]
        return [each for each in windows if each.current.end > since]

    def _measured(
        self, slots: Sequence[Windows], wanted: Due, found: Findings, how: Evaluation
    ) -> tuple[list[tuple[Panel, ...]], list[Failure]]:
        """The panels of each slot by what is known now, and the cities that could not be read."""
        span = Window(min(each.history.start for each in slots), slots[-1].history.end)
        timeline, unread = timeline_of(self.store, span, found.cadence, wanted.cities, self.config)
        watches: Mapping[datetime, Watch] = {each.slot: self._watch(each.slot) for each in slots}
        panels = measure_anew(
            timeline.settled_at(found.windows.slot),
            slots,
            how,
            watches.__getitem__,
            self.config,
            None if wanted.whole else found.retired,
        )
        return panels, [replace(failure, stage="revise") for failure in unread]

    def _watch(self, slot: datetime) -> Watch:
        return self.calibrations.at(slot, self.state) if self.calibrations.budgets else UNWATCHED
