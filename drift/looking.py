"""A slot as it is known now: what can be said of it, with the alerts as they stood then, and its pages.

Nothing is written to the state, and nobody is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from drift.config_text import did_you_mean
from drift.delays import expected_delays
from drift.domain import Alert, AlertKey, Failure, Run, Transition
from drift.errors import ConfigError
from drift.findings import Findings
from drift.parts import Parts
from drift.state import State

MOMENT = timedelta(microseconds=1)


def run_of(found: Findings, parts: Parts, alerts: Mapping[AlertKey, Alert], duration_s: float = 0.0) -> Run:
    """What the findings come to, with these alerts, but for those of watchers, which are of no slot; and the
    transitions that the slot made.
    """
    slot = found.windows.slot
    return Run(
        slot=slot,
        current=found.windows.current,
        reference=found.windows.reference,
        duration_s=duration_s,
        panels=found.panels,
        verdicts=found.verdicts,
        alerts=tuple(parts.decisions.of_forecasts(alerts).values()),
        transitions=tuple(parts.state.transitions(slot=slot)),
        pair_counts=found.counts,
        actuals_delay_s=found.delays,
        actuals_expected_delay_s=expected_delays(found.lateness),
        failures=found.failures,
        calibrated=found.watch.calibrated,
        recent=found.recent,
        estimates=found.estimates,
        data_hash=found.data_hash,
        data_faults=found.data_faults,
    )


def alerts_at(state: State, slot: datetime) -> Mapping[AlertKey, Alert]:
    """Where the alerts stand, or stood at a slot that is not the latest one."""
    last = state.last_slot()
    return state.alerts() if last is None or last <= slot else state.alerts_at(slot)


def history_of(run: Run, parts: Parts) -> list[Transition]:
    """The transitions of the run's windows, which its pages show: those on forecasts."""
    first = min(run.reference.start, run.current.start)
    found = parts.state.transitions(since=first, until=run.slot + MOMENT)
    others = {rule.name for rule in parts.decisions.watched}
    return [step for step in found if step.key.rule not in others] if others else found


def report(
    parts: Parts,
    slot: datetime,
    city: str | None,
    on_page: Callable[[int], None] | None,
    *,
    single_file: bool,
    deep: Callable[[Failure], None] | None,
) -> dict[str, str]:
    """Write the pages of a slot as it is known now: see `Monitor.report`.

    Raises:
        ConfigError: the store has no such city, or the config turns reports off.
    """
    from drift.reports.publish import alerting, write_pages

    found = parts.find(slot, keep_pairs=True)
    if city is not None and city not in found.cities:
        raise ConfigError(f"--city: there is no city {city!r}{did_you_mean(city, list(found.cities))}")
    if found.pairs is None:
        raise ConfigError("cities: there is none to report on")
    run = run_of(found, parts, alerts_at(parts.state, found.windows.slot))
    cities = found.cities if city is None else (city,)
    return write_pages(
        run,
        found.pairs,
        history_of(run, parts),
        parts.config,
        cities,
        on_page,
        calibration=found.watch.calibration,
        single_file=single_file,
        deep=cities if city is not None else alerting(run, cities),
        on_failure=deep,
    )
