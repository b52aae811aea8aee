"""What commands show of a round of watchers: each reading beside the rules that look at it, and its alert."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from drift.detect import GAUGES, Rule
from drift.document import Document, transition_document
from drift.domain import Alert, AlertKey, AlertStatus, Threshold, Verdict, iso
from drift.platform_verdicts import key_of
from drift.telemetry.readings import Reading
from drift.watching import Round

NO_RULE = "no rule"
BY_SLOTS = "judged by slots"


@dataclass(frozen=True, slots=True)
class Row:
    """A reading, and one rule that looks at it, if there is one. `verdict` is in words."""

    reading: Reading
    threshold: Threshold | None
    verdict: str
    rule: str = ""
    alert: Alert | None = None

    @property
    def status(self) -> AlertStatus | None:
        """Where the alert stands."""
        return None if self.alert is None else self.alert.status


def rows_of(done: Round, rules: Sequence[Rule]) -> list[Row]:
    """A row a reading and rule, in the order in which they were read."""
    verdicts = {verdict.key: verdict for verdict in done.verdicts}
    return [row for reading in done.readings for row in _rows(reading, rules, verdicts, done)]


def _rows(
    reading: Reading, rules: Sequence[Rule], verdicts: Mapping[AlertKey, Verdict], done: Round
) -> Iterator[Row]:
    looking = [rule for rule in rules if rule.measured == reading.metric]
    for rule in looking:
        key = key_of(rule, reading)
        verdict = verdicts[key]
        said = verdict.undefined.text if verdict.undefined is not None else verdict.status.value
        yield Row(reading, verdict.threshold, said, rule.name, done.alerts.get(key))
    if not looking:
        own = BY_SLOTS if reading.metric in GAUGES else NO_RULE
        said = reading.undefined.text if reading.undefined is not None else own
        yield Row(reading, reading.threshold, said)


def fires(done: Round) -> bool:
    """Whether an alert of the watchers fires after the round."""
    return any(alert.status is AlertStatus.FIRING for alert in done.alerts.values())


def round_document(done: Round, rules: Sequence[Rule]) -> Document:
    """What `drift watch --json` prints."""
    return {
        "at": iso(done.at),
        "readings": [_row_document(row) for row in rows_of(done, rules)],
        "transitions": [transition_document(transition) for transition in done.transitions],
        "failures": [
            {"stage": failure.stage, "what": failure.what, "message": failure.message}
            for failure in done.failures
        ],
    }


def _row_document(row: Row) -> Document:
    reading, threshold = row.reading, row.threshold
    return {
        "metric": reading.metric,
        "model_version": reading.model_version or None,
        "column": reading.column,
        "value": reading.value,
        "undefined": None if reading.undefined is None else reading.undefined.name.lower(),
        "n": reading.n,
        "rule": row.rule or None,
        "limit": None if threshold is None else threshold.limit,
        "side": None if threshold is None else threshold.side,
        "verdict": row.verdict,
        "alert": None if row.status is None else row.status.value,
        "evidence": dict(reading.evidence),
    }
