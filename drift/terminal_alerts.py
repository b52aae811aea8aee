"""What people see of alerts in a terminal: where they stand, what is silenced, what could not be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.text import Text

from drift.channel_trial import Tried
from drift.config import Config
from drift.document import Document, alert_document, plain, transition_document
from drift.domain import Alert, AlertStatus, Transition, iso
from drift.fingerprints import fingerprint
from drift.notices import Silence
from drift.silences import active, labels_of, matches
from drift.state import State
from drift.state_outbox import Counts, Letter
from drift.terminal import STATES, clean, console, new_table

ORDER = (AlertStatus.FIRING, AlertStatus.PENDING, AlertStatus.RESOLVED, AlertStatus.OK)
SHORT = 12  # digits of a fingerprint that people copy
SILENCED = len("silenced by ") + 12


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


def standing_of(state: State, config: Config, now: datetime, *, everything: bool) -> Standing:
    """Where alerts stand, the gravest first."""
    silences = tuple(state.silences.list(after=now))
    wanted = ORDER if everything else ORDER[:2]
    alerts = [alert for alert in state.alerts().values() if alert.status in wanted]
    alerts.sort(key=lambda alert: (ORDER.index(alert.status), alert.since, str(alert.key)))
    return Standing(
        now,
        tuple((alert, _silenced(alert, silences, config, now)) for alert in alerts),
        silences,
        state.outbox.counts(),
        tuple(state.outbox.letters(dead=True)),
    )


def _silenced(alert: Alert, silences: Sequence[Silence], config: Config, now: datetime) -> Silence | None:
    labels = labels_of(alert, fingerprint(alert.key), config.groups)
    return next((each for each in silences if active(each, now) and matches(each, labels)), None)


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


def print_alerts(standing: Standing) -> None:
    """The alerts, the silences, and the messages that were given up."""
    out = console()
    if standing.alerts:
        shown = new_table("id", "state", "rule", "city", "model version", "value", "since", "")
        shown.columns[0].min_width, shown.columns[-1].min_width = (
            SHORT,
            SILENCED if any(s for _, s in standing.alerts) else 0,
        )  # to be copied whole
        for alert, silence in standing.alerts:
            shown.add_row(*_cells(alert, silence))
        out.print(shown)
    else:
        out.print("nothing fires, and nothing is pending")
    for silence in standing.silences:
        out.print(_said(silence, standing.now))
    for name, counts in standing.outbox.items():
        if counts.waiting or counts.dead:
            text = f"{counts.waiting} waiting, {counts.dead} given up, {counts.sent} sent"
            out.print(Text.assemble(("channel ", "dim"), clean(name), f": {text}"))
    for letter in standing.dead[:10]:
        what = f"{letter.notice.rule} ({letter.notice.status}): "
        error = clean(letter.error or "", 300)
        out.print(Text.assemble(("given up ", "bold red"), clean(letter.channel), " ", clean(what), error))


def _cells(alert: Alert, silence: Silence | None) -> tuple[str | Text, ...]:
    state, style = STATES[alert.status]
    side = "<" if alert.threshold.side == "below" else ">"
    value = "–" if alert.value is None else f"{alert.value:.3f}"
    return (
        fingerprint(alert.key)[:SHORT],
        Text(state, style=style),
        clean(alert.key.rule),
        clean(alert.key.city or "all cities"),
        clean(alert.key.model_version),
        f"{value} {side} {alert.threshold.limit:g}",
        f"{alert.since:%Y-%m-%d %H:%M}Z",
        Text(f"silenced by {silence.id}", style="dim") if silence else "",
    )


def _said(silence: Silence, now: datetime) -> Text:
    words = " ".join("".join(matcher) for matcher in silence.matchers)
    when = "until" if active(silence, now) else f"from {silence.starts:%Y-%m-%d %H:%M}Z until"
    return Text.assemble(
        ("silence ", "dim"),
        (silence.id, "bold"),
        " ",
        clean(words, 200),
        f" {when} {silence.ends:%Y-%m-%d %H:%M}Z, by ",
        clean(silence.author),
        ": ",
        clean(silence.comment, 200),
    )


def print_silence(silence: Silence) -> None:
    """What was just set, and how to end it."""
    out = console()
    out.print(_said(silence, silence.starts))
    out.print(f"end it early with `drift alerts expire {silence.id}`", style="dim")


def alert_history(state: State, alert: Alert) -> History:
    """All that is known of one alert."""
    letters = state.outbox.about(fingerprint(alert.key))
    return History(alert, tuple(state.transitions(key=alert.key)), tuple(letters))


def history_document(history: History) -> Document:
    """What `drift alerts show --json` prints."""
    return {
        **alert_document(history.alert),
        "fingerprint": fingerprint(history.alert.key),
        "transitions": [transition_document(t) for t in history.transitions],
        "notices": [_letter_document(letter) for letter in history.letters],
    }


def print_history(history: History) -> None:
    """One alert, for whoever has to understand it."""
    out = console()
    alert = history.alert
    state, style = STATES[alert.status]
    name = (
        f"{clean(alert.key.rule)}  {clean(alert.key.city or 'all cities')}  {clean(alert.key.model_version)}"
    )
    out.print(Text.assemble((name, "bold"), "  ", (state, style), f"  since {alert.since:%Y-%m-%d %H:%M}Z"))
    out.print(Text(f"fingerprint {fingerprint(alert.key)}", style="dim"), soft_wrap=True)
    began = [t for t in history.transitions if t.after is AlertStatus.FIRING]
    for sentence in _sentences(began[-1]) if began else ():
        out.print(Text.assemble("  ", clean(sentence, 400)))
    shown = new_table("at", "from", "to", "value", "why")
    for t in history.transitions[-20:]:
        value = "–" if t.value is None else f"{t.value:.3f}"
        when = f"{t.at:%Y-%m-%d %H:%M}Z"
        shown.add_row(when, t.before.value, t.after.value, value, clean(t.reason, 80))
    out.print(shown)
    for letter in history.letters[-20:]:
        out.print(_told(letter))


def _told(letter: Letter) -> Text:
    if letter.sent is not None:
        end = f"sent {letter.sent:%Y-%m-%d %H:%M}Z"
    elif letter.dead is not None:
        end = f"given up {letter.dead:%Y-%m-%d %H:%M}Z"
    else:
        end = f"waits, tried {letter.attempts} times, next {letter.due:%Y-%m-%d %H:%M}Z"
    why = clean(f"{letter.channel}: {letter.notice.status} ({letter.notice.why}), ", 80)
    return Text.assemble(("told ", "dim"), why, end)


def _sentences(transition: Transition) -> list[str]:
    told = transition.evidence.get("sentences")
    return [str(one) for one in told] if isinstance(told, Sequence) and not isinstance(told, str) else []


def print_tests(results: Sequence[Tried]) -> None:
    """What became of each test message."""
    out = console()
    for result in results:
        mark, style = ("✓", "green") if result.sent else ("✗", "bold red")
        out.print(Text.assemble((f"{mark} ", style), clean(result.channel), ": ", clean(result.said, 400)))
