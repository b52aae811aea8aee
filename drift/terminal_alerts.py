"""What people see of alerts in a terminal: where they stand, what is silenced, what could not be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from drift.alerts_shown import History, Standing, place_of
from drift.channel_trial import Tried
from drift.domain import Alert, AlertStatus, Transition
from drift.fingerprints import fingerprint
from drift.notices import Silence
from drift.silences import active
from drift.state_outbox import Letter
from drift.symbols import BAD, FAILED, GOOD, NOTHING, STATES
from drift.terminal import View, clean, console, held, more, print_next, print_sentences
from drift.terminal_tables import Column, print_table

SHORT = 12
"""Digits of a fingerprint that people copy."""
ROWS, DEAD, LETTERS = 60, 10, 20


def print_alerts(standing: Standing, view: View | None = None) -> None:
    """The alerts, the silences, the messages that were given up, and what to do next."""
    out, view = console(), view or View()
    out.print(_summary(standing))
    shown = standing.alerts if view.everything else standing.alerts[:ROWS]
    if shown:
        print_table(out, _columns(shown))
    if len(shown) < len(standing.alerts):
        out.print(more(len(standing.alerts) - len(shown)))
    for silence in standing.silences:
        out.print(_said(silence, standing.now))
    for name, counts in standing.outbox.items():
        if counts.waiting or counts.dead:
            text = f"{counts.waiting} waiting, {counts.dead} given up, {counts.sent} sent"
            out.print(Text.assemble(("channel ", "dim"), clean(name), f": {text}"))
    for letter in standing.dead[:DEAD]:
        what = f"{letter.notice.rule} ({letter.notice.status}): "
        error = clean(letter.error or "", 300)
        out.print(Text.assemble(("given up ", FAILED), clean(letter.channel), " ", clean(what), error))
    if len(standing.dead) > DEAD:
        out.print(more(len(standing.dead) - DEAD, "given up", "--json has them all"))
    if shown:
        print_next(out, [("why, and who was told", view.command("alerts", "show", _id(shown[0][0])))])


def _id(alert: Alert) -> str:
    return fingerprint(alert.key)[:SHORT]


def _summary(standing: Standing) -> Text:
    """How many alerts stand where."""
    many = Counter(alert.status for alert, _ in standing.alerts)
    firing, pending = many[AlertStatus.FIRING], many[AlertStatus.PENDING]
    if not firing and not pending:
        return Text("nothing fires, and nothing is pending", style="bold green")
    silenced = sum(silence is not None for _, silence in standing.alerts)
    said = Text(f"{firing:,} firing, {pending:,} pending", style="bold red" if firing else "bold yellow")
    return said.append(f", {silenced:,} silenced" if silenced else "")


def _columns(shown: Sequence[tuple[Alert, Silence | None]]) -> list[Column]:
    """The id is never cut, as it is copied; nor is who silences an alert, if anybody does."""
    alerts = [alert for alert, _ in shown]
    columns = [
        Column("id", [_id(alert) for alert in alerts]),
        Column("state", [Text(*STATES[alert.status]) for alert in alerts]),
        Column("rule", [clean(alert.key.rule) for alert in alerts], cut=True),
        Column("where", [clean(place_of(alert.key)) for alert in alerts], cut=True),
        Column("version", [clean(alert.key.model_version) for alert in alerts], 1, cut=True),
        Column("value", [held(alert.value, alert.threshold) for alert in alerts], 3, right=True),
        Column("since", [f"{alert.since:%-d %b %H:%M}Z" for alert in alerts], 2),
    ]
    of_cities = [(alert.key.column or "") if alert.key.city is not None else "" for alert in alerts]
    if any(of_cities):
        columns.insert(4, Column("column", list(map(clean, of_cities)), 1, cut=True))
    if any(silence for _, silence in shown):
        columns.append(Column("silenced by", [each.id if each else "" for _, each in shown]))
    return columns


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


def print_silence(silence: Silence, view: View | None = None) -> None:
    """What was just set, and how to end it."""
    out = console()
    out.print(_said(silence, silence.starts))
    print_next(out, [("end it early", (view or View()).command("alerts", "expire", silence.id))])


def print_history(history: History, view: View | None = None) -> None:
    """One alert, for whoever has to understand it."""
    out, alert = console(), history.alert
    key = alert.key
    column = key.column if key.city is not None else None
    parts = (key.rule, place_of(key), key.model_version, column)
    name = "  ".join(str(clean(part, 60)) for part in parts if part)
    since = f"since {alert.since:%Y-%m-%d %H:%M}Z"
    out.print(Text.assemble((name, "bold"), "  ", STATES[alert.status], f"  {since}"))
    out.print(Text(f"fingerprint {fingerprint(key)}", style="dim"), soft_wrap=True)
    if alert.worst is not None and alert.status is not AlertStatus.OK:
        out.print(Text(f"at worst {held(alert.worst, alert.threshold)}", style="dim"))
    began = [t for t in history.transitions if t.after is AlertStatus.FIRING]
    print_sentences(out, _sentences(began[-1]) if began else ())
    shown = history.transitions[-LETTERS:]
    columns = [
        Column("at", [f"{t.at:%Y-%m-%d %H:%M}Z" for t in shown]),
        Column("from", [t.before.value for t in shown], 2),
        Column("to", [Text(*STATES[t.after]) for t in shown]),
        Column("value", [NOTHING if t.value is None else f"{t.value:.3f}" for t in shown], 1, right=True),
        Column("why", [clean(t.reason, 80) for t in shown], cut=True),
    ]
    print_table(out, columns)
    if len(shown) < len(history.transitions):
        out.print(more(len(history.transitions) - len(shown), "earlier", "--json has them all"))
    for letter in history.letters[-LETTERS:]:
        out.print(_told(letter))
    if alert.status is AlertStatus.FIRING:
        words = (f"fingerprint=~{fingerprint(key)[:SHORT]}.*", "--for", "4h", "--comment", "looking into it")
        print_next(out, [("silence it for a while", (view or View()).command("alerts", "silence", *words))])


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
        mark, style = GOOD if result.sent else BAD
        out.print(Text.assemble((f"{mark} ", style), clean(result.channel), ": ", clean(result.said, 400)))
