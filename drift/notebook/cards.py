"""A run, a replay, a comparison and an alert as a small piece of HTML, for a notebook to show.

A card is self-contained: no script, no style sheet, no colour of its own behind text, so that it sits on a
dark page as on a light one. Every long table is cut at a few rows and says what it left out. All text passes
`text`, which escapes it: names from data are shown, never obeyed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Protocol

from drift.compare_words import names, percent, sentences, signed_points
from drift.comparison import Answer, Comparison, Figure
from drift.domain import Alert, AlertKey, AlertStatus, Failure, Run, Transition, Undefined
from drift.evidence.wording import digits
from drift.metrics import METRICS
from drift.text import printable

ROWS = 8
"""So many rows of a table are shown."""
LONGEST = 400
SHOWN = ("accuracy", "wape", "mape", "bias")
COLOURS = {"firing": "#d1495b", "pending": "#b7791f", "resolved": "#2e8b57", "ok": "#2e8b57"}
"""Of the dot beside a status; they stand out from white and from black alike, and the word says the same."""
FACT = "display:inline-block;min-width:11em;opacity:.7"
LINE = "1px solid rgba(128,128,128,.35)"
ORDER = (AlertStatus.FIRING, AlertStatus.PENDING, AlertStatus.RESOLVED, AlertStatus.OK)


def run_html(run: Run) -> str:
    """A run: its windows, the accuracy of each model version, what fires or is pending, what failed."""
    measured = sum(len(panel) for panel in run.panels)
    undefined = sum(int((panel.reason != 0).sum()) for panel in run.panels)
    standing = [a for a in run.alerts if a.status in ORDER[:2]]
    facts = {
        "current window": _window(run.current.start, run.current.end),
        "reference": _window(run.reference.start, run.reference.end),
        "measurements": f"{measured:,}, {undefined:,} of them undefined with a reason",
        "alerts": _tally(Counter(a.status.value for a in run.alerts)) or "none",
    }
    tables = [_pooled(run), alerts_table(standing, 'run.to_pandas("alerts")'), failures_table(run.failures)]
    return card(f"Run of {clock(run.slot)}", facts, tables)


def alert_html(alert: Alert) -> str:
    """An alert: what it is about, where it stands, since when, and its value beside its limit."""
    facts = {
        "status": f"{alert.status.value} (severity {alert.severity})",
        "value": f"{number(alert.value)}; alerts {alert.threshold.side} {number(alert.threshold.limit)}",
        "since": clock(alert.since),
        "episode": str(alert.episode),
    }
    return card(about(alert.key), facts, [], dot=alert.status.value)


def transition_html(transition: Transition) -> str:
    """A change of an alert, with the sentences of its evidence, where it has some."""
    limit = transition.threshold
    facts = {
        "at": clock(transition.at),
        "change": f"{transition.before.value} → {transition.after.value}: {transition.reason}",
        "value": f"{transition.name} {number(transition.value)}; alerts {limit.side} {number(limit.limit)}",
        "since": clock(transition.since),
    }
    said = transition.evidence.get("sentences", ())
    lines = [str(each) for each in said] if isinstance(said, list | tuple) else []
    return card(about(transition.key), facts, [items(lines)], dot=transition.after.value)


def replay_html(
    slots: Sequence[datetime],
    transitions: Sequence[Transition],
    alerts: Mapping[AlertKey, Alert],
    failures: Sequence[Failure],
) -> str:
    """A replay: how often each rule fired, for how many series, and how many fire still."""
    fired = Counter(t.key.rule for t in transitions if t.after is AlertStatus.FIRING)
    series: dict[str, set[AlertKey]] = {}
    for each in transitions:
        series.setdefault(each.key.rule, set()).add(each.key)
    last = Counter(key.rule for key, alert in alerts.items() if alert.status is AlertStatus.FIRING)
    rules = [
        (rule, f"{fired[rule]:,}", f"{len(keys):,}", f"{last[rule]:,}")
        for rule, keys in sorted(series.items())
    ]
    facts = {"slots": f"{len(slots):,}", "changes of alerts": f"{len(transitions):,}"}
    by_rule = table(("rule", "fired", "series with a change", "firing at the end"), rules)
    title = f"Replay from {clock(slots[0])} to {clock(slots[-1])}" if slots else "Replay of no slot"
    return card(title, facts, [by_rule, failures_table(failures)])


def comparison_html(found: Comparison) -> str:
    """A comparison: what a colleague would say, all metrics, and the cities that differ most."""
    a, b = names(found)
    facts = {"hours": f"{_window(found.window.start, found.window.end)}; {found.all.pairs:,} pairs of each"}
    metrics = [_metric_row(name, figure) for name, figure in found.all.figures.items()]
    level = f"{100 * found.settings.level:g} % interval"
    cities = sorted(found.cities, key=lambda each: -abs(_size(each.wape)))
    rows = [
        (
            str(each.city),
            percent(each.wape.a),
            percent(each.wape.b),
            *_lead(each.wape),
            "yes" if each.clear else "",
        )
        for each in cities
    ]
    tables = [
        items(sentences(found)),
        table(("all cities", a, b, "a − b", level), metrics),
        table(("WAPE by city", a, b, "a − b, points", level, "clear"), rows, "to_pandas()"),
    ]
    return card(f"{a} against {b}", facts, tables)


def answer_html(answer: Answer) -> str:
    """A comparison with the MLflow runs of both versions, and what failed."""
    runs = [(run.model_version, run.first_slot, run.last_slot, run.link) for run in answer.runs.runs]
    listed = table(("MLflow runs of", "first slot", "last slot", "where"), runs, "in runs.runs")
    return comparison_html(answer.comparison) + listed + failures_table(answer.failures)


class Page(Protocol):
    """What IPython hands to a value that wants to be written in few words."""

    def text(self, obj: str) -> object:
        """Write this."""


def run_line(run: Run) -> str:
    """A run in a line: a fleet's would fill a book."""
    measured = sum(len(panel) for panel in run.panels)
    alerts = _tally(Counter(a.status.value for a in run.alerts)) or "no alerts"
    return f"Run of {clock(run.slot)}: {measured:,} measurements; {alerts}"


def alert_line(alert: Alert) -> str:
    """An alert in a line."""
    return f"Alert {about(alert.key)}: {alert.status.value} since {clock(alert.since)}"


def transition_line(transition: Transition) -> str:
    """A change of an alert in a line."""
    change = f"{transition.before.value} → {transition.after.value}"
    return f"Transition {about(transition.key)}: {change} at {clock(transition.at)}"


def replay_line(slots: Sequence[datetime], transitions: Sequence[Transition]) -> str:
    """A replay in a line."""
    return f"Replay of {len(slots):,} slots: {len(transitions):,} changes of alerts"


def comparison_line(found: Comparison) -> str:
    """A comparison in a line: what a colleague would say first."""
    return sentences(found)[0]


def card(title: str, facts: Mapping[str, str], parts: Sequence[str], dot: str | None = None) -> str:
    """A title, facts a line each, and parts that are HTML already."""
    mark = "" if dot is None else f'<span style="color:{COLOURS.get(dot, "inherit")}">●</span> '
    lines = "".join(
        f'<div><span style="{FACT}">{text(name)}</span>{text(fact)}</div>' for name, fact in facts.items()
    )
    return (
        f'<div style="border:{LINE};border-radius:6px;padding:.6em .9em;margin:.3em 0;max-width:60em">'
        f'<div style="font-weight:600;font-size:1.05em;margin-bottom:.3em">{mark}{text(title)}</div>'
        f"{lines}{''.join(parts)}</div>"
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], rest: str | None = None) -> str:
    """Rows as a table; nothing without rows. With `rest`, which says where all of them are, the first few
    and how many more there are.
    """
    if not rows:
        return ""
    few = rows if rest is None else rows[:ROWS]
    style = f'style="text-align:left;padding:.15em 1.2em .15em 0;border-bottom:{LINE}"'
    line = '<tr style="background:none">'
    head = "".join(f'<th scope="col" {style}>{text(each)}</th>' for each in heads)
    cells = ("".join(f"<td {style}>{_cell(cell)}</td>" for cell in row) for row in few)
    body = "".join(f"{line}{each}</tr>" for each in cells)
    more = len(rows) - len(few)
    left = f'<div style="opacity:.7">and {more:,} more: {text(rest or "")}</div>' if more else ""
    return (
        '<div style="overflow-x:auto;margin-top:.5em"><table style="border-collapse:collapse">'
        f"<thead>{line}{head}</tr></thead><tbody>{body}</tbody></table></div>{left}"
    )


def alerts_table(alerts: Sequence[Alert], rest: str) -> str:
    """Alerts as a table, the worst status first."""
    ordered = sorted(alerts, key=lambda a: (ORDER.index(a.status), a.since))
    rows = [
        (
            a.status.value,
            a.key.rule,
            where(a.key),
            number(a.value),
            f"{a.threshold.side} {number(a.threshold.limit)}",
            clock(a.since),
        )
        for a in ordered
    ]
    return table(("status", "rule", "of", "value", "alerts", "since"), rows, rest)


def failures_table(failures: Sequence[Failure]) -> str:
    """What went wrong, by name."""
    rows = [(f.stage, f.what, f.message) for f in failures]
    return table(("failed", "what", "message"), rows, "in failures")


def items(lines: Sequence[str]) -> str:
    """Sentences as a list."""
    said = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f'<ul style="margin:.5em 0 0;padding-left:1.2em">{said}</ul>' if said else ""


def text(value: str) -> str:
    """Text fit for a card: escaped, on one line, in its own direction, and no longer than a paragraph.

    >>> text("<b>")
    '<bdi>&lt;b&gt;</bdi>'
    """
    return f"<bdi>{escape(printable(value, LONGEST))}</bdi>"


def number(value: float | None) -> str:
    """A value as people read it; a dash where there is none."""
    return "–" if value is None else digits(value).replace("-", "−")


def clock(moment: datetime) -> str:
    """The moment in UTC.

    >>> clock(datetime(2020, 4, 10, 6, tzinfo=UTC))
    '2020-04-10 06:00 UTC'
    """
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def where(key: AlertKey) -> str:
    """What an alert looks at: the model version, and where it is narrower the city, horizon and column."""
    parts = (key.model_version, key.city or "all cities", key.horizon, key.column)
    return " · ".join(printable(part, 40) for part in parts if part is not None)


def about(key: AlertKey) -> str:
    """The rule and what it looks at."""
    return f"{printable(key.rule, 40)}: {where(key)}"


def _cell(cell: str) -> str:
    dot = f'<span style="color:{COLOURS[cell]}">●</span> ' if cell in COLOURS else ""
    return dot + (text(cell) if cell else "")


def _window(start: datetime, end: datetime) -> str:
    return f"{clock(start)} to {clock(end)}"


def _tally(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[status.value]:,} {status.value}" for status in ORDER if counts[status.value])


def _pooled(run: Run) -> str:
    """The metrics that matter of each model version, all cities pooled."""
    rows: dict[str, dict[str, str]] = {}
    for panel in (panel for panel in run.panels if panel.kind == "metric"):
        for s, series in enumerate(panel.series):
            if series.city is None and series.horizon is None:
                found = [panel.at(s, 0, k, series, None) for k in range(len(panel.names))]
                rows[series.model_version] = {m.name: _figure(m.name, m.value) for m in found}
    heads = ("all cities pooled", *(METRICS[name].title for name in SHOWN))
    cells = [(version, *(row.get(name, "–") for name in SHOWN)) for version, row in rows.items()]
    return table(heads, cells)


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    metric = METRICS.get(name)
    signed = metric is not None and metric.better == "zero"
    shown = percent(value) if metric is not None and metric.unit == "fraction" else number(value)
    return f"+{shown}" if signed and value > 0 else shown


def _metric_row(name: str, figure: Figure) -> tuple[str, ...]:
    sides = [None if isinstance(side, Undefined) else side for side in (figure.a, figure.b)]
    shown = (METRICS[name].title, *(_figure(name, side) for side in sides))
    if isinstance(figure.difference, Undefined):
        return *shown, "–", figure.difference.text
    fraction = METRICS[name].unit == "fraction"
    write = (lambda value: f"{signed_points(value)} points") if fraction else number
    ends = figure.interval if isinstance(figure.interval, tuple) else None
    between = "" if ends is None else f"{write(ends[0])} to {write(ends[1])}"
    return *shown, write(figure.difference), between


def _size(figure: Figure) -> float:
    return 0.0 if isinstance(figure.difference, Undefined) else figure.difference


def _lead(figure: Figure) -> tuple[str, str]:
    """A difference of fractions in points, and its interval."""
    if isinstance(figure.difference, Undefined):
        return "–", figure.difference.text
    ends = figure.interval if isinstance(figure.interval, tuple) else None
    between = "" if ends is None else f"{signed_points(ends[0])} to {signed_points(ends[1])}"
    return signed_points(figure.difference), between
