"""What commands and pages show of alerts, as values and as JSON: where they stand, who silences them, their
history, and how delivery stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from drift.config import Config
from drift.config_notify import BUILTIN
from drift.document import Document, alert_document, plain, transition_document
from drift.domain import Alert, AlertKey, AlertStatus, Transition, iso
from drift.fingerprints import fingerprint
from drift.notices import Silence
from drift.silences import active, labels_of, matches
from drift.state import State
from drift.state_outbox import Counts, Letter

ORDER = (AlertStatus.FIRING, AlertStatus.PENDING, AlertStatus.RESOLVED, AlertStatus.OK)
"""The gravest first."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Alerts with who silences them, the silences there are, and how delivery stands, by channel."""

    now: datetime
    alerts: tuple[tuple[Alert, Silence | None], ...]
    silences: tuple[Silence, ...]
    outbox: Mapping[str, Counts]
    dead: tuple[Letter, ...]


@dataclass(frozen=True, slots=True)
class History:
    """One alert, its transitions, and the notices about it."""

    alert: Alert
    transitions: tuple[Transition, ...]
    letters: tuple[Letter, ...]


def place_of(key: AlertKey) -> str:
    """What an alert is about, as untrusted as names are: a city or all of them; of drift itself, a channel or
    drift; of the platform, the part of it.

    >>> place_of(AlertKey("high_latency", "", None, None, "/v1/predict on api"))
    '/v1/predict on api'
    """
    if key.city is not None:
        return key.city
    if key.column is not None:
        return key.column
    if key.rule in BUILTIN:
        return "drift"
    return "all cities" if key.model_version else "the platform"


def standing_of(state: State, config: Config, now: datetime, *, everything: bool) -> Standing:
    """Where alerts stand, the gravest first."""
    silences = tuple(state.silences.list(after=now))
    wanted = ORDER if everything else ORDER[:2]
    alerts = [alert for alert in state.alerts().values() if alert.status in wanted]
    alerts.sort(key=lambda alert: (ORDER.index(alert.status), alert.since, str(alert.key)))
    return Standing(
        now,
        tuple((alert, silenced_by(alert, silences, config.groups, now)) for alert in alerts),
        silences,
        state.outbox.counts(),
        tuple(state.outbox.letters(dead=True)),
    )


def silenced_by(
    alert: Alert, silences: Sequence[Silence], groups: Mapping[str, str], now: datetime
) -> Silence | None:
    """The first of the silences that is active and matches the alert; None where none does."""
    standing = [silence for silence in silences if active(silence, now)]
    if not standing:
        return None
    labels = labels_of(alert, fingerprint(alert.key), groups)
    return next((silence for silence in standing if matches(silence, labels)), None)


def alert_history(state: State, alert: Alert) -> History:
    """All that is known of one alert."""
    letters = state.outbox.about(fingerprint(alert.key))
    return History(alert, tuple(state.transitions(key=alert.key)), tuple(letters))


def alerts_document(standing: Standing) -> Document:
    """What `drift alerts list --json` prints."""
    return {
        "alerts": [
            {
                **alert_document(alert),
                "fingerprint": fingerprint(alert.key),
                "silenced_by": silence.id if silence else None,
            }
            for alert, silence in standing.alerts
        ],
        "silences": [silence_document(silence) for silence in standing.silences],
        "outbox": {
            name: {"waiting": counts.waiting, "sent": counts.sent, "dead": counts.dead}
            for name, counts in standing.outbox.items()
        },
        "dead": [_letter_document(letter) for letter in standing.dead],
    }


def silence_document(silence: Silence) -> Document:
    """A silence as JSON has it."""
    return {
        "id": silence.id,
        "matchers": ["".join(matcher) for matcher in silence.matchers],
        "starts": iso(silence.starts),
        "ends": iso(silence.ends),
        "author": silence.author,
        "comment": silence.comment,
    }


def history_document(history: History) -> Document:
    """What `drift alerts show --json` prints."""
    return {
        **alert_document(history.alert),
        "fingerprint": fingerprint(history.alert.key),
        "transitions": [transition_document(t) for t in history.transitions],
        "notices": [_letter_document(letter) for letter in history.letters],
    }


def _letter_document(letter: Letter) -> Document:
    return {
        "key": letter.key,
        "channel": letter.channel,
        "status": letter.notice.status,
        "why": letter.notice.why,
        "rule": letter.notice.rule,
        "alerts": len(letter.notice.alerts),
        "created": iso(letter.created),
        "attempts": letter.attempts,
        "error": letter.error,
        "sent": plain(letter.sent),
        "dead": plain(letter.dead),
    }
