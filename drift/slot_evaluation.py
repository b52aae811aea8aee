"""One slot evaluated: find → explain → revise → commit → publish → fit behind it.

The state, the slot, its transitions and what is to be told of them are committed before anything is
published, so a crash can lose a page or a gauge, never an alert; the ledger says which slots still have to be
published. A city, a sink or a page that fails is a named failure of the run and stops nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from drift import alerts as machine
from drift.decisions import Decision
from drift.document import config_hash
from drift.domain import Alert, AlertKey, Failure, Run
from drift.findings import Findings
from drift.investigate import investigate, with_evidence, worth_explaining
from drift.looking import alerts_at, history_of, run_of
from drift.notify import Standing
from drift.parts import Parts
from drift.publishing import Way, published
from drift.revisions import Revisit
from drift.schema import schema_changes
from drift.state import SlotCommit, fingerprint
from drift.telemetry.traces import span
from drift.telling import pages_of, slot_commit


def evaluate_slot(parts: Parts, slot: datetime, token: int | None) -> Run:
    """The slot, committed under the lease's `token` and published; see `Monitor.run`."""
    started = parts.clock()
    found, unfit = _found(parts, slot)
    evidence, unexplained = _explained(parts, found)
    with span("revise"):
        past = parts.revisions.of(found, parts.how)
    changed = schema_changes(found.schema, found.windows.current, parts.state, parts.config)
    found = replace(found, failures=(*found.failures, *unfit, *unexplained, *past.failures, *changed))
    alerts, undecided = _committed(parts, found, evidence, past, token)
    run = run_of(found, parts, alerts, (parts.clock() - started).total_seconds())
    run = replace(run, failures=(*run.failures, *undecided), revised=past.revised)
    record = parts.state.slot(found.windows.slot)
    if record is not None and record.published_at is not None:
        return run
    return _fitted_behind(parts, slot, found, _published(parts, run, found))


def _found(parts: Parts, slot: datetime) -> tuple[Findings, list[Failure]]:
    """The slot's findings, after the first fit where there is none yet and the slot has what it takes."""
    keep = parts.config.reports is not None
    found = parts.find(slot, keep_pairs=keep)
    if found.watch.calibrated is not None or not _fit_due(parts, found):
        return found, []
    unfit = parts.calibrations.attempt(slot, parts.store, parts.state)
    if parts.calibrations.at(slot, parts.state).calibration is None:
        return found, unfit
    return parts.find(slot, keep_pairs=keep), unfit


def _fit_due(parts: Parts, found: Findings) -> bool:
    return found.watch.fit_due(found.windows.slot, found.uncalibrated, parts.config.detection.refit)


def _explained(parts: Parts, found: Findings) -> tuple[dict[AlertKey, Mapping[str, object]], list[Failure]]:
    """Why alerts are about to fire. Asked before the transaction, which should be short: should another
    process change the alerts in between, some go without.
    """
    slot, state = found.windows.slot, parts.state
    if state.slot(slot) is not None:
        return {}, []
    ahead = machine.step(state.alerts(), found.verdicts, parts.decisions.rules, slot, found.cities)
    begin = worth_explaining(ahead.transitions)
    if not begin:
        return {}, []
    with span("explain", alerts=len(begin)):
        return investigate(
            begin, found.panels, found.windows, found.cadence, parts.store, found.watch, parts.config
        )


def _committed(
    parts: Parts,
    found: Findings,
    evidence: Mapping[AlertKey, Mapping[str, object]],
    past: Revisit,
    token: int | None,
) -> tuple[Mapping[AlertKey, Alert], Sequence[Failure]]:
    """Decide on the alerts and write the slot, unless the ledger has it; where the alerts stand then."""
    slot, now, state = found.windows.slot, parts.clock(), parts.state
    pages = pages_of(parts.config, slot)
    made: list[Decision] = []

    def decision(standing: Standing) -> SlotCommit:
        made[:] = [
            parts.decisions.of_slot(
                standing,
                found.verdicts,
                slot,
                now,
                cities=found.cities,
                unread=[failure.what for failure in found.failures if failure.stage == "read"],
                explained=lambda transition: with_evidence(transition, evidence),
                links=pages,
                known=past.known,
                delays=found.lateness,
            )
        ]
        return slot_commit(slot, made[0], len(found.failures), past.entry)

    with span("commit") as committing:
        commit = state.decide(slot, decision, at=now, config_hash=config_hash(parts.config), token=token)
        if commit is not None:
            committing.set(transitions=len(commit.transitions), notices=len(commit.notices))
    if commit is None:
        return alerts_at(state, slot), ()
    failures = (*made[0].failures, *parts.telling.write_lines(commit.transitions))
    if state.last_slot() != slot:
        return alerts_at(state, slot), failures
    # what was just written need not be read again: a fleet has thousands of alerts
    return dict(sorted(made[0].after.items(), key=lambda item: fingerprint(item[0]))), failures


def _published(parts: Parts, run: Run, found: Findings) -> Run:
    """Write the pages, then hand the run to each sink; the run comes back with links and failures."""
    pairs, ways = found.pairs, []
    if pairs is not None:
        from drift.reports.publish import write_reports

        history, normal = history_of(run, parts), found.watch.calibration
        # the run as it is now: pages do not say what else failed
        ways.append(
            Way("reports", "pages", lambda _: write_reports(run, pairs, history, parts.config, normal))
        )
    ways += [Way("sink", sink.name, sink.publish) for sink in parts.sinks]
    with span("publish", ways=len(ways)):
        done = published(run, ways)
    if len(done.failures) == len(run.failures):
        parts.state.mark_published(run.slot, parts.clock())
    return done


def _fitted_behind(parts: Parts, slot: datetime, found: Findings, run: Run) -> Run:
    """The fits that are due, for the slots after this one: nobody waits for it now."""
    if found.watch.calibrated is not None and _fit_due(parts, found):
        unfit = parts.calibrations.attempt(slot, parts.store, parts.state)
        run = replace(run, failures=(*run.failures, *unfit))
    estimates = parts.estimates
    return estimates.behind(run, parts.store, parts.state) if estimates.wanted else run
