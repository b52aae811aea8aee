"""What people see in a terminal: tables, a progress bar with the time left, paths to open.

Results go to stdout; progress and logs to stderr, so that a pipe gets only what was asked for. Text from
data is shown with `rich.text.Text`, never as markup, and stripped of control characters.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from drift.config import Config, format_duration
from drift.domain import Alert, AlertKey, AlertStatus, Failure, Panel, Run, Series, Transition, iso
from drift.text import printable

if TYPE_CHECKING:
    from drift.doctor import Check
    from drift.rehearsal import Replay
    from drift.stores.compact import Compaction

# the word beside the colour says the same: it survives a terminal, or an eye, without colours
STATES = {
    AlertStatus.FIRING: ("● firing", "bold red"),
    AlertStatus.PENDING: ("◐ pending", "yellow"),
    AlertStatus.RESOLVED: ("○ resolved", "green"),
    AlertStatus.OK: ("○ ok", "green"),
}
NO_ALERT = ("· no alert", "dim")
NO_DATA = ("? no data", "dim")
ROWS = 60
EXPLAINED, SENTENCES = 10, 6
WIDE = 100  # columns of a terminal; below, the table shows less


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal; where there is none, wide enough for the tables."""
    plain = Console(stderr=stderr, highlight=False)
    width = None if plain.is_terminal else max(plain.width, 120)
    return Console(stderr=stderr, highlight=False, width=width)


def clean(text: str, limit: int = 40) -> Text:
    """Text from data, fit to print: no control characters, no markup, not longer than `limit`."""
    return Text(printable(text, limit))


@contextmanager
def progress(what: str, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr. Gives a function to call a step, with the number of all steps."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console(stderr=True),
        transient=True,
        disable=quiet,
    )
    with bar:
        task = bar.add_task(what, total=None)

        def advance(total: int) -> None:
            bar.update(task, advance=1, total=total)

        yield advance


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as people read it; a dash where there is none.

    >>> percent(0.0314), percent(None)
    ('3.1 %', '–')
    """
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def load(value: float | None) -> str:
    """A signed load in the store's unit, to three digits or so; a dash where there is none."""
    if value is None:
        return "–"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:+,.{digits}f}"


def new_table(*columns: str, title: str | None = None) -> Table:
    """A table in our style: no cell wraps unless its column says so."""
    made = Table(*columns, title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for column in made.columns:
        column.no_wrap = True
    return made


def print_run(run: Run, config: Config) -> None:
    """The run as a table: a row a city and model version, those that fire first; then what failed."""
    out = console()
    dim, took = "dim", f"{run.duration_s:.2f} s"
    out.print(
        Text.assemble(
            ("slot ", dim),
            (iso(run.slot), "bold"),
            ("  current ", dim),
            str(run.current),
            ("  took ", dim),
            took,
        )
    )
    table = new_table("city", "model version")
    figures = ["accuracy", "MAPE", f"bias {config.store.unit}", "MASE", "skill", "coverage"]
    shown = figures if out.width >= WIDE else [figures[0], figures[1], figures[-1]]
    for name in shown:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("alert", no_wrap=True)
    rows = sorted(_rows(run), key=lambda row: row.order)
    for row in rows[:ROWS]:
        cells = [row.figures[figures.index(name)] for name in shown]
        table.add_row(*row.names, *cells, row.state, style="" if row.city else "bold")
    out.print(table)
    if len(rows) > ROWS:
        out.print(f"… and {len(rows) - ROWS} more rows; --json has them all", style="dim")
    _print_transitions(out, run.transitions, "what this slot changed")
    _print_evidence(out, run.transitions)
    _print_failures(out, run.failures)
    print_links(run.links)


class _Row:
    """One line of the run's table, and where it belongs in the order."""

    def __init__(self, series: Series, panel: Panel, s: int, alert: Alert | None) -> None:
        value = {
            name: None if panel.reason[s, 0, k] else float(panel.value[s, 0, k])
            for k, name in enumerate(panel.names)
        }
        accuracy = value.get("accuracy")
        firing = alert is not None and alert.status is AlertStatus.FIRING
        state, style = STATES[alert.status] if alert else NO_ALERT
        if accuracy is None and (alert is None or alert.status in (AlertStatus.OK, AlertStatus.RESOLVED)):
            state, style = NO_DATA  # what stood last is not what is so now
        since = f" since {alert.since:%-d %b %H:%M}Z" if alert is not None and firing else ""
        self.city = series.city
        self.order = (series.city is not None, not firing, accuracy if accuracy is not None else 2.0)
        self.names = (clean(series.city or "all cities"), clean(series.model_version))
        self.state = Text(state + since, style=style)
        self.figures = (
            percent(accuracy),
            percent(value.get("mape")),
            load(value.get("bias")),
            "–" if value.get("mase") is None else f"{value['mase']:.2f}",
            "–" if value.get("skill") is None else f"{value['skill']:+.2f}",
            percent(float(panel.coverage[s, 0]), 0),
        )


def _rows(run: Run) -> list[_Row]:
    alerts = _alerts_by_series(run)
    return [
        _Row(series, panel, s, alerts.get(series))
        for panel in run.panels
        if panel.kind == "metric"
        for s, series in enumerate(panel.series)
        if series.horizon is None
    ]


def _alerts_by_series(run: Run) -> dict[Series, Alert]:
    """The gravest alert of each series."""
    grave = [AlertStatus.OK, AlertStatus.RESOLVED, AlertStatus.PENDING, AlertStatus.FIRING]
    found: dict[Series, Alert] = {}
    for alert in sorted(run.alerts, key=lambda alert: grave.index(alert.status)):
        found[Series(alert.key.model_version, alert.key.city)] = alert
    return found


def _print_transitions(out: Console, transitions: Sequence[Transition], title: str) -> None:
    if not transitions:
        return
    table = new_table("at", "city", "model version", "rule", "change", "value", "threshold", title=title)
    table.add_column("why")
    for t in transitions[-ROWS:]:
        state, style = STATES[t.after]
        table.add_row(
            f"{t.at:%Y-%m-%d %H:%M}Z",
            clean(t.key.city or "all cities"),
            clean(t.key.model_version),
            clean(t.key.rule),
            Text(state, style=style),
            "–" if t.value is None else f"{t.value:.3f}",
            f"{'<' if t.threshold.side == 'below' else '>'} {t.threshold.limit:g}",
            t.reason,
        )
    out.print(table)


def _print_evidence(out: Console, transitions: Sequence[Transition]) -> None:
    """Why each alarm began, in the few sentences that are worth waking for."""
    told = [(t, t.evidence.get("sentences")) for t in transitions if t.after is AlertStatus.FIRING]
    for t, sentences in told[:EXPLAINED]:
        if isinstance(sentences, Sequence) and not isinstance(sentences, str):
            city, version = clean(t.key.city or "all cities"), clean(t.key.model_version)
            out.print(Text.assemble((f"{city}", "bold"), (f"  {version}  {clean(t.key.rule)}", "dim")))
            for sentence in sentences[:SENTENCES]:
                out.print(Text.assemble("  ", clean(str(sentence), 400)))
            out.print()


def _print_failures(out: Console, failures: Sequence[Failure]) -> None:
    for failure in failures:
        what = f"{failure.stage} {failure.what}: "
        out.print(Text.assemble(("failed ", "bold red"), clean(what, 80), clean(failure.message, 400)))


def print_links(links: Mapping[str, str]) -> None:
    """What there is to open: the fleet's page, the folder of the cities' pages, the runs."""
    out = console()
    cities = [target for name, target in links.items() if name.startswith("city:")]
    shown = {name: target for name, target in links.items() if not name.startswith("city:")}
    if cities:
        shown["city pages"] = f"{here(Path(cities[0]).parent)} ({len(cities)})"
    width = max((len(name) for name in shown), default=0)
    for name, target in shown.items():
        place = here(Path(target)) if Path(target).is_absolute() else target
        out.print(Text.assemble((f"{clean(name).plain:{width}}  ", "dim"), place), soft_wrap=True)


def here(path: Path) -> str:
    """The path from the folder one stands in, where it is below it: shorter, and fit to copy."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def print_replay(replay: Replay, config: Config, out_file: Path | None) -> None:
    """What the rules would have done: how often each would have called, for which cities, how it ended."""
    out = console()
    fired = [t for t in replay.transitions if t.after is AlertStatus.FIRING]
    first, last = replay.slots[0], replay.slots[-1]
    out.print(
        f"with these rules, the {len(replay.slots):,} slots from {first:%-d %b %Y} to {last:%-d %b %Y} would "
        f"have called you {len(fired):,} times:"
    )
    out.print(_replayed_rules(replay, fired, config))
    table = new_table("rule", "city", "model version")
    table.add_column("alerts", justify="right")
    table.add_column("since", no_wrap=True)
    table.add_column("state at the end")
    keys = Counter(t.key for t in fired)
    for key, many in sorted(keys.items(), key=lambda item: (-item[1], str(item[0])))[:ROWS]:
        alert = replay.alerts[key]
        state, style = STATES[alert.status]
        names = (clean(key.rule), clean(key.city or "all cities"), clean(key.model_version))
        firing = alert.status is AlertStatus.FIRING
        table.add_row(
            *names, str(many), f"{alert.since:%Y-%m-%d %H:%M}Z" if firing else "", Text(state, style)
        )
    if keys:
        out.print(table)
    if len(keys) > ROWS:
        out.print(f"… and {len(keys) - ROWS} more; --json has them all", style="dim")
    _print_transitions(out, replay.transitions[-10:], "the last transitions")
    _print_failures(out, replay.failures)
    if out_file is not None:
        out.print(f"every transition is in {out_file}", soft_wrap=True)


def _replayed_rules(replay: Replay, fired: Sequence[Transition], config: Config) -> Table:
    """A row a rule: what it holds, how often it would have fired, and how much of the time it would have been
    in alarm.
    """
    first, last = replay.slots[0], replay.slots[-1]
    years = max((last - first).total_seconds() / (365.25 * 86400), 1e-9)
    table = new_table("rule", "looks at", "duration")
    for name in ("alerts", "cities", "a city-year", "in alarm"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, rule in config.alerts.items():
        own = [t for t in fired if t.key.rule == name]
        series = max(sum(key.rule == name for key in replay.alerts), 1)
        hours = sum(_alarm_hours(replay, name))
        table.add_row(
            clean(name),
            clean(rule.words),
            format_duration(rule.duration),
            f"{len(own):,}",
            f"{len({t.key.city for t in own})} of {series}",
            f"{len(own) / years / series:.2f}",
            percent(hours / (years * 8766 * series)),
        )
    return table


def _alarm_hours(replay: Replay, rule: str) -> Iterator[float]:
    """How long each alarm of the rule lasted, in hours; the last ones until the last slot."""
    began: dict[AlertKey, datetime] = {}
    for t in replay.transitions:
        if t.key.rule != rule:
            continue
        if t.after is AlertStatus.FIRING:
            began[t.key] = t.at
        elif t.key in began:
            yield (t.at - began.pop(t.key)).total_seconds() / 3600
    for start in began.values():
        yield (replay.slots[-1] - start).total_seconds() / 3600


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


def print_checks(checks: Sequence[Check]) -> None:
    """The doctor's findings, what is wrong first said in red with its remedy."""
    out = console()
    for check in checks:
        mark, style = ("✗", "bold red") if check.bad else ("!", "yellow") if check.remedy else ("✓", "green")
        out.print(Text.assemble((f"{mark} ", style), (f"{check.name}: ", "bold"), clean(check.found, 500)))
        if check.remedy:
            out.print(Text.assemble(("    → ", style), clean(check.remedy, 500)))


def print_compaction(done: Compaction) -> None:
    """What a compaction made of each path, how much faster a slot reads, and what the config must say now."""
    out = console()
    table = new_table("tables", "files", "row groups", "MB", "rows")
    for column in table.columns[1:]:
        column.justify = "right"
    for each in done.tables:
        was, now = each.before, each.after
        pairs = ((was.files, now.files), (was.row_groups, now.row_groups), (was.bytes / 1e6, now.bytes / 1e6))
        cells = [f"{before:,.0f} → {after:,.0f}" for before, after in pairs]
        table.add_row(", ".join(each.tables), *cells, f"{now.rows:,}")
    out.print(table)
    if not done.changed:
        out.print("every file is compact, or too young: nothing was written anew")
        return
    out.print(
        f"reading {done.window} of all cities took {done.before_s:.3f} s and takes {done.after_s:.3f} s: "
        f"{done.ratio:.1f} times as fast"
    )
    if not done.in_place:
        out.print("the copy is read when the config says so; the rest of each table stays as it is:\nstore:")
    for name, path in () if done.in_place else done.paths.items():
        out.print(Text(f"  {name}: {{path: {json.dumps(path)}, …}}"), soft_wrap=True)
    for name in done.left_over:
        what = "written while the folders were exchanged: move it into the table's folder"
        out.print(Text.assemble(("left over ", "bold red"), clean(name, 300), f": {what}"), soft_wrap=True)
