"""The monitor of one config, and all that can be asked of it: a slot, a look at one, its pages, a replay.

A slot is evaluated, which commits and publishes it (`slot_evaluation.py`), and then people are told; what the
outbox still has to tell, a later run or another process tells.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta

from drift import looking
from drift.dead_man import is_good
from drift.domain import AlertStatus, Failure, Run
from drift.parts import Parts
from drift.rehearsal import Rehearsal, Replay
from drift.slot_evaluation import evaluate_slot
from drift.telemetry.traces import lone_span, span
from drift.windows import slots_between


class Monitor(Parts):
    """The monitor of one config. What it is made of (`Parts`) can be handed in; the rest is opened from the
    config.

    Use it as a context manager, or close it.
    """

    def look(self, slot: datetime) -> Run:
        """The slot as it is known now, with the alerts as they stood then; nothing is written."""
        found = self.find(slot)
        return looking.run_of(found, self, looking.alerts_at(self.state, found.windows.slot))

    def run(self, slot: datetime, token: int | None = None) -> Run:
        """Evaluate one slot: commit it, publish it, and tell the channels what is due.

        A slot that is in the ledger is measured again with the data as it is now, and decides nothing: the
        alerts stay, nobody is told again, and only what was not published yet is published. The `token` is
        that of the lease under which the slot is evaluated, where several processes watch over one state.

        Raises:
            DriftError: the slot cannot be evaluated at all; the ledger does not have it then, and it
                can be run again.
        """
        with span("slot", slot=slot) as whole:
            run = self._told(slot, token)
            firing = sum(alert.status is AlertStatus.FIRING for alert in run.alerts)
            whole.set(failures=len(run.failures), transitions=len(run.transitions), firing=firing)
            return run

    def _told(self, slot: datetime, token: int | None) -> Run:
        """The slot, evaluated; and people told of it, or whoever tells them woken."""
        started = self.clock()
        run = evaluate_slot(self, slot, token)
        record = self.state.slot(run.slot)
        # one that was done before says nothing of whether slots are done now
        good = is_good(run) and record is not None and record.committed_at >= started
        if self.long_lived:
            self.telling.delivery.wake()
            if good:
                self.dead_man.wake()
            return run
        failures = (*self.telling.deliver(), *(self.dead_man.ping() if good else ()))
        return replace(run, failures=(*run.failures, *failures))

    def report(
        self,
        slot: datetime,
        city: str | None = None,
        on_page: Callable[[int], None] | None = None,
        *,
        single_file: bool = False,
        deep: Callable[[Failure], None] | None = None,
    ) -> dict[str, str]:
        """Write the pages of a slot as it is known now: the fleet's, and every city's or only this one's.

        With `single_file` each page is complete, to be mailed. With `deep` Evidently's report is made of this
        city, or of those that alert, and it hears what failed. Neither the state nor a sink is touched.

        Raises:
            ConfigError: the store has no such city, or the config turns reports off.
        """
        with span("report", slot=slot):
            return looking.report(self, slot, city, on_page, single_file=single_file, deep=deep)

    def replay(
        self,
        first: datetime,
        last: datetime,
        every: timedelta,
        *,
        explain: bool = False,
        keep: Collection[str] = (),
        on_slot: Callable[[int], None] | None = None,
    ) -> Replay:
        """The same pipeline over past slots, starting with no alerts; nothing is written or delivered.

        With `explain`, alarms that begin carry their evidence, as those of a slot do. Measurements of a name
        in `keep` stay in the replay. `on_slot` is told, after each slot, how many there are.
        """
        slots = len(slots_between(first, last, every))
        how = replace(self.how, kernel=self.kernel_for(slots))
        rehearsal = Rehearsal(
            self.store, self.config, how, self.rules, self.calibrations, self.decisions.rules, explain, keep
        )
        with lone_span("replay", slots=slots, start=first, end=last):
            return rehearsal.play(first, last, every, on_slot)
