"""A run in a terminal: what is wrong in one line, every series worst first, why, and what to do next.

Worst is what fires, then what is pending, then what has no data, then the error against the city's own
normal. The course of that error stands beside it: fourteen days, a character a day, on one scale for all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from drift.config import Config, format_duration
from drift.domain import Alert, AlertStatus, Floats, Panel, Run, Series, Transition, iso
from drift.evidence.wording import times
from drift.fingerprints import fingerprint
from drift.sparklines import sparkline
from drift.symbols import NO_ALERT, NO_DATA, NOTHING, STATES, Mark, error_style
from drift.terminal import (
    View,
    clean,
    console,
    held,
    here,
    load,
    more,
    percent,
    print_failures,
    print_links,
    print_next,
    print_sentences,
)
from drift.terminal_faults import print_faults
from drift.terminal_tables import Column, print_table

ROWS = 24
"""Rows of a table, unless all are asked for: with what stands around them they fill a screen."""
TOP = 3.5
"""Times normal at which a sparkline is full: a step is half of what is normal, `▃` is normal."""
EXPLAINED, SENTENCES = 10, 6
GRAVITY = (AlertStatus.FIRING, AlertStatus.PENDING, AlertStatus.RESOLVED, AlertStatus.OK)
NOT_KNOWN: Floats = np.zeros(0)
SHORT = 12
"""Digits of a fingerprint that tell it from all others."""


@dataclass(frozen=True, slots=True)
class Row:
    """One series of a run: its figures by name, its gravest alert, and its error ÷ what is normal for it."""

    series: Series
    figures: Mapping[str, float | None]
    coverage: float
    alert: Alert | None
    ratio: float | None
    recent: Floats

    @property
    def blind(self) -> bool:
        """Whether nothing could be measured: what stood last is not what is so now."""
        lively = self.alert is not None and self.alert.status in GRAVITY[:2]
        return self.figures.get("accuracy") is None and not lively

    @property
    def mark(self) -> Mark:
        """Where it stands, in a word."""
        return NO_DATA if self.blind else STATES[self.alert.status] if self.alert else NO_ALERT

    @property
    def order(self) -> tuple[bool, int, float, float]:
        """All cities together first, then the worst."""
        rank = {AlertStatus.FIRING: 0, AlertStatus.PENDING: 1}
        grave = 3 if self.alert is None else rank.get(self.alert.status, 3)
        accuracy = self.figures.get("accuracy")
        return (
            self.series.city is not None,
            2 if self.blind else grave,
            -self.ratio if self.ratio is not None else 0.0,
            1.0 if accuracy is None else accuracy,
        )


def rows_of(run: Run) -> list[Row]:
    """A row a series, worst first."""
    alerts, ratios = gravest(run.alerts), _ratios(run.panels)
    found = [
        Row(
            series,
            {
                name: None if panel.reason[s, 0, k] else float(panel.value[s, 0, k])
                for k, name in enumerate(panel.names)
            },
            float(panel.coverage[s, 0]),
            alerts.get(series),
            ratios.get(series),
            run.recent.get(series, NOT_KNOWN),
        )
        for panel in run.panels
        if panel.kind == "metric"
        for s, series in enumerate(panel.series)
        if series.horizon is None
    ]
    return sorted(found, key=lambda row: row.order)


def gravest(alerts: Sequence[Alert]) -> dict[Series, Alert]:
    """The gravest alert of each series; of equal ones the latest."""
    ordered = sorted(alerts, key=lambda alert: (-GRAVITY.index(alert.status), alert.changed))
    return {Series(alert.key.model_version, alert.key.city): alert for alert in ordered}


def _ratios(panels: Sequence[Panel]) -> dict[Series, float]:
    found: dict[Series, float] = {}
    for panel in panels:
        if panel.kind == "detector" and "error_ratio" in panel.names:
            k = panel.names.index("error_ratio")
            found.update(
                (series, float(panel.value[s, 0, k]))
                for s, series in enumerate(panel.series)
                if not panel.reason[s, 0, k]
            )
    return found


def print_run(run: Run, config: Config, view: View | None = None) -> None:
    """The run: one line that says how things are, a row a series, what changed and why, what failed."""
    view = view or View()
    out, rows = console(), rows_of(run)
    out.print(_headline(run, rows))
    out.print(_about(run))
    shown = rows if view.everything else rows[:ROWS]
    if rows:
        print_table(out, _columns(shown, config))
    if len(rows) > len(shown):
        out.print(more(len(rows) - len(shown), _hidden(rows[len(shown) :])))
    if any(len(row.recent) for row in shown):
        legend = "error by day ÷ normal: ▃ is normal, █ 3.5 × or more, a gap a holiday or no data"
        out.print(Text(legend, style="dim"))
    print_faults(out, run, config, view)
    print_transitions(out, run.transitions, "what this slot changed", view)
    _print_evidence(out, run.transitions)
    print_failures(out, run.failures)


def _headline(run: Run, rows: Sequence[Row]) -> Text:
    """How many alerts fire, and where."""
    many = Counter(alert.status for alert in run.alerts)
    firing, pending = many[AlertStatus.FIRING], many[AlertStatus.PENDING]
    if not firing:
        said = Text("nothing fires", style="bold green" if not run.failures else "bold")
    else:
        of = {a.key.city for a in run.alerts if a.status is AlertStatus.FIRING}
        names = sorted(clean(city or "all cities", 24).plain for city in of)
        where = ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
        alerts = "alert fires" if firing == 1 else "alerts fire"
        said = Text(f"{firing:,} {alerts}: {where}", style="bold red")
    blind = sum(row.blind for row in rows)
    said.append(f", {pending:,} pending" if pending else "")
    said.append(f", {blind:,} of {len(rows):,} rows without data" if blind else "")
    return said.append(f", {len(run.failures):,} failed" if run.failures else "")


def _about(run: Run) -> Text:
    """Which slot, which window, how long it took."""
    window = format_duration(run.current.length)
    return Text(
        f"slot {iso(run.slot)}, current window {window} to {run.current.end:%Y-%m-%d %H:%M}Z, "
        f"took {run.duration_s:.2f} s",
        style="dim",
    )


def _hidden(rows: Sequence[Row]) -> str:
    firing = sum(row.alert is not None and row.alert.status is AlertStatus.FIRING for row in rows)
    return f"{firing:,} of them firing" if firing else "none of them firing"


def _columns(rows: Sequence[Row], config: Config) -> list[Column]:
    """The table's columns; what matters least at night has the highest rank."""

    def figure(name: str, digits: str) -> list[str]:
        values = [row.figures.get(name) for row in rows]
        return [NOTHING if value is None else format(value, digits) for value in values]

    names = [clean(row.series.city or "all cities") for row in rows]
    for row, name in zip(rows, names, strict=True):
        name.stylize("bold" if row.series.city is None else "")
    columns = [
        Column("city", names, cut=True),
        Column("version", [clean(row.series.model_version) for row in rows], cut=True),
        Column("alert", [Text(row.mark.text, row.mark.style) for row in rows]),
        Column("since", [_since(row) for row in rows], 5),
        Column("rule", [_rule(row) for row in rows], 9, cut=True),
    ]
    if any(len(row.recent) for row in rows):
        columns.append(Column("error, 14 days", [_course(row) for row in rows], 1))
    if any(row.ratio is not None for row in rows):
        ratios = [NOTHING if row.ratio is None else times(row.ratio) for row in rows]
        columns.append(Column("× normal", ratios, 2, right=True))
    return [
        *columns,
        Column("accuracy", [percent(row.figures.get("accuracy")) for row in rows], 0, right=True),
        Column("MAPE", [percent(row.figures.get("mape")) for row in rows], 4, right=True),
        Column(f"bias {config.store.unit}", [load(row.figures.get("bias")) for row in rows], 6, right=True),
        Column("MASE", figure("mase", ".2f"), 7, right=True),
        Column("skill", figure("skill", "+.2f"), 8, right=True),
        Column("coverage", [percent(row.coverage, 0) for row in rows], 3, right=True),
    ]


def _since(row: Row) -> str:
    alert = row.alert
    return "" if alert is None or alert.status not in GRAVITY[:2] else f"{alert.since:%-d %b %H:%M}Z"


def _rule(row: Row) -> Text:
    alert = row.alert
    return Text("") if alert is None or alert.status not in GRAVITY[:2] else clean(alert.key.rule)


def _course(row: Row) -> Text:
    return Text(sparkline(row.recent, TOP), style=error_style(row.ratio))


def print_transitions(out: Console, transitions: Sequence[Transition], title: str, view: View) -> None:
    """Changes of alerts, the last ones, in their order."""
    if not transitions:
        return
    shown = transitions if view.everything else transitions[-ROWS:]
    columns = [
        Column("at", [f"{t.at:%Y-%m-%d %H:%M}Z" for t in shown], 2),
        Column("city", [clean(t.key.city or "all cities") for t in shown], cut=True),
        Column("version", [clean(t.key.model_version) for t in shown], 1, cut=True),
        Column("rule", [clean(t.key.rule) for t in shown], cut=True),
        Column("change", [Text(*STATES[t.after]) for t in shown]),
        Column("value", [held(t.value, t.threshold) for t in shown], 3, right=True),
        Column("why", [clean(t.reason, 60) for t in shown], 4),
    ]
    print_table(out, columns, title)
    if len(shown) < len(transitions):
        out.print(more(len(transitions) - len(shown), "earlier"))


def _print_evidence(out: Console, transitions: Sequence[Transition]) -> None:
    """Why each alarm began, in the few sentences that are worth waking for."""
    told = [(t, t.evidence.get("sentences")) for t in transitions if t.after is AlertStatus.FIRING]
    for t, sentences in told[:EXPLAINED]:
        if isinstance(sentences, Sequence) and not isinstance(sentences, str):
            city, version = clean(t.key.city or "all cities"), clean(t.key.model_version)
            out.print(Text.assemble((f"{city}", "bold"), (f"  {version}  {clean(t.key.rule)}", "dim")))
            print_sentences(out, [str(sentence) for sentence in sentences[:SENTENCES]])
            out.print()


def print_run_next(run: Run, config: Config, view: View) -> None:
    """What there is to open, and what to do next: the worst alert, the page, what failed."""
    out = console()
    if run.links:
        out.print()
        print_links(run.links)
    firing = [a for a in run.alerts if a.status is AlertStatus.FIRING]
    steps = []
    if firing:
        order = {row.series: k for k, row in enumerate(rows_of(run))}
        places = [order.get(Series(a.key.model_version, a.key.city), len(order)) for a in firing]
        cities = [a.key.city is None for a in firing]  # a city says more than all of them together
        worst = firing[min(range(len(firing)), key=lambda k: (cities[k], places[k]))]
        steps.append(("why the worst fires", view.command("alerts", "show", fingerprint(worst.key)[:SHORT])))
        steps.append(("all that fires", view.command("alerts", "list")))
    if "report" not in run.links and config.reports is not None:
        steps.append(("pages of this slot", view.command("report", "--slot", iso(run.slot))))
    if run.failures:
        steps.append(("what is wrong", view.command("doctor")))
    print_next(out, steps)


def print_demo(run: Run, alerts_fired: int, folder: Path, program: Path) -> None:
    """What the demo did, and what to do next; `program` is how drift was called."""
    out = console()
    out.print(f"\nthe demo's slots fired {alerts_fired} alerts on real data; next:")
    drift, mlflow, config = here(program), here(program.with_name("mlflow")), here(folder / "drift.yaml")
    database = here((folder / "mlflow.db").absolute())
    for command, why in (
        (f"{drift} serve -c {config} --at {iso(run.slot)}", "metrics and reports on http://127.0.0.1:9109"),
        (f"{mlflow} ui --backend-store-uri sqlite:///{database}", "compare v1 and v2"),
        (
            f"{drift} replay -c {config} --from 2008-01-01T00:00Z --to {iso(run.slot)}",
            "what would have alerted",
        ),
        (f"{drift} doctor -c {config}", "what a set-up lacks"),
    ):
        out.print(Text.assemble("  ", (command, "bold"), (f"   # {why}", "dim")), soft_wrap=True)
