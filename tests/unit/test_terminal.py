"""Tables that fit, rows worst first, caps that say what they hide: what people see, without a terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from drift.config import Config, parse_config
from drift.domain import (
    Alert,
    AlertKey,
    AlertStatus,
    Failure,
    Panel,
    Run,
    Series,
    Threshold,
    Transition,
    Window,
)
from drift.rehearsal import Replay
from drift.terminal import View, speaks_utf8
from drift.terminal_replay import print_replay
from drift.terminal_run import print_run, print_run_next, rows_of
from drift.terminal_tables import LEAST, Column, fitting, table_of

SLOT = datetime(2026, 4, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIMIT = Threshold(2.0, "above")
NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Zl", "Zp", "Cs", "Mn", "Me")), max_size=40
)


@pytest.fixture(scope="module")
def config() -> Config:
    table = {"path": "x.parquet"}
    return parse_config({"store": {"predictions": table, "actuals": table}}, Path())


def alert(city: str | None, status: AlertStatus = AlertStatus.FIRING, rule: str = "worse") -> Alert:
    key = AlertKey(rule, "v1", city, None, None)
    return Alert(key, status, SLOT - HOUR, SLOT, SLOT, 2.5, LIMIT, "high", 1)


def panel(kind: str, cities: list[str | None], values: dict[str, list[float]]) -> Panel:
    value = np.array(list(values.values())).T[:, None, :]
    n = np.full((len(cities), 1), 24)
    return Panel(
        kind, tuple(Series("v1", city) for city in cities), (None,), tuple(values), value,  # type: ignore[arg-type]
        np.isnan(value).astype(np.uint8), n, np.ones(n.shape),
    )  # fmt: skip


def make_run(cities: list[str | None], accuracy: list[float], ratio: list[float], **changes: object) -> Run:
    panels = (
        panel("metric", cities, {"accuracy": accuracy}),
        panel("detector", cities, {"error_ratio": ratio}),
    )
    current, reference = Window(SLOT - 24 * HOUR, SLOT), Window(SLOT - 240 * HOUR, SLOT - 24 * HOUR)
    run = Run(SLOT, current, reference, 0.5, panels, (), (), (), ())
    return replace(run, **changes)  # type: ignore[arg-type]


def lines(table, width: int) -> list[str]:
    out = Console(file=io.StringIO(), width=width)
    out.print(table)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue().splitlines()


@given(st.lists(NAMES, min_size=1, max_size=5), st.integers(40, 160))
def test_no_table_is_wider_than_its_room_and_no_number_is_cut(names, width):
    figures = [f"{k}12.5 %" for k in range(len(names))]
    columns = [
        Column("city", names, cut=True),
        Column("accuracy", figures, right=True),
        Column("much too wide to be shown on a narrow terminal", figures, 1),
        Column("more", figures, 2),
    ]
    shown = lines(table_of(columns, width), width)
    assert all(cell_len(line) <= width for line in shown)
    assert len(shown) == len(names) + 2
    assert all(figure in line for figure, line in zip(figures, shown[2:], strict=True))


def test_columns_go_by_rank_and_names_are_cut_before_any_goes():
    columns = [Column("city", ["x" * 40], cut=True), Column("a", ["1" * 10], 1), Column("b", ["2" * 10], 2)]
    assert [each.head for each in fitting(columns, 80)] == ["city", "a", "b"]
    assert [each.head for each in fitting(columns, 45)] == ["city", "a", "b"]
    assert [each.head for each in fitting(columns, 41)] == ["city", "a"]
    cut = lines(table_of(columns, 45), 45)[2]
    assert "…" in cut
    assert "1" * 10 in cut
    assert "2" * 10 in cut
    assert "x" * (LEAST - 1) in lines(table_of(columns, 12), 12)[2]


def test_the_worst_comes_first():
    """All cities, then what fires, what is pending, what has no data, and the rest by its own normal."""
    cities = ["calm", "bad", "blind", "waits", "fires", None]
    run = make_run(
        cities,
        [0.99, 0.98, np.nan, 0.97, 0.99, 0.9],
        [0.9, 3.0, np.nan, 1.0, 1.2, 1.1],
        alerts=(alert("waits", AlertStatus.PENDING), alert("fires")),
    )
    assert [row.series.city for row in rows_of(run)] == [None, "fires", "waits", "blind", "bad", "calm"]


def test_the_gravest_alert_of_a_series_is_the_one_that_is_shown():
    alerts = (alert("a"), alert("a", AlertStatus.OK, "other"), alert("b", AlertStatus.RESOLVED))
    states = {
        row.series.city: row.mark.text
        for row in rows_of(make_run(["a", "b", "c"], [0.9] * 3, [1.0] * 3, alerts=alerts))
    }
    assert states == {"a": "● firing", "b": "○ resolved", "c": "· no alert"}


def test_a_thousand_cities_are_capped_and_the_cap_says_what_it_hides(config, capsys):
    cities: list[str | None] = [f"city {k:04}" for k in range(1000)]
    alerts = tuple(alert(city) for city in cities[:30])
    run = make_run(cities, [0.9] * 1000, [1.0] * 1000, alerts=alerts)
    print_run(run, config)
    said = capsys.readouterr().out
    assert said.startswith("30 alerts fire: city 0000, city 0001, city 0002 and 27 more")
    assert "and 976 more, 6 of them firing; --all shows them" in said
    print_run(run, config, View(everything=True))
    said = capsys.readouterr().out
    assert "city 0999" in said
    assert "--all" not in said


def test_the_course_of_each_city_stands_beside_it_on_one_scale(config, capsys):
    recent = {
        Series("v1", "worse"): np.array([1.0] * 12 + [np.nan, 4.0]),
        Series("v1", "calm"): np.array([1.0] * 14),
    }
    run = make_run(["worse", "calm", "new"], [0.5, 0.9, 0.9], [4.0, 1.0, np.nan], recent=recent)
    print_run(run, config)
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert "▃▃▃▃▃▃▃▃▃▃▃▃ █" in rows["worse"]
    assert "▃" * 14 in rows["calm"]
    assert not set(rows["new"]) & set("▁▂▃▄▅▆▇█")


def test_a_run_without_detectors_has_no_empty_picture(config, capsys):
    run = make_run(["a"], [0.9], [np.nan])
    print_run(run, config)
    said = capsys.readouterr().out
    assert said.startswith("nothing fires")
    assert "14 days" not in said
    assert "× normal" not in said


def test_the_footer_says_what_to_do_next(config, capsys):
    run = make_run(
        [None, "Surat", "Pune"], [0.9] * 3, [1.0, 1.0, 3.0], alerts=(alert(None), alert("Surat"), alert("Pune")),
        failures=(Failure("read", "Delhi", "no rows"),),
    )  # fmt: skip
    print_run_next(run, config, View(Path("my fleet.yaml")))
    said = capsys.readouterr().out
    from drift.fingerprints import fingerprint

    worst = fingerprint(AlertKey("worse", "v1", "Pune", None, None))[:12]
    assert f"drift alerts show {worst} -c 'my fleet.yaml'" in said
    assert "drift alerts list -c 'my fleet.yaml'" in said
    assert "drift report --slot 2026-04-01T00:00:00Z -c 'my fleet.yaml'" in said
    assert "drift doctor -c 'my fleet.yaml'" in said


def test_names_from_data_are_text_everywhere(config, capsys):
    hostile = "[red]x[/] \x1b[2J\u202e <b>"
    run = make_run([hostile], [0.9], [1.0], alerts=(alert(hostile),))
    print_run(run, config)
    said = capsys.readouterr().out
    assert "[red]x[/] �[2J� <b>" in said
    assert "\x1b" not in said


def transition(city: str, at: datetime, after: AlertStatus, onset: datetime | None = None) -> Transition:
    key = AlertKey("worse", "v1", city, None, None)
    evidence = {} if onset is None else {"explanation": {"onset": {"at": onset}}}
    return Transition(at, key, "score", AlertStatus.OK, after, "why", 2.5, LIMIT, at, 1, evidence=evidence)


def test_a_replay_says_how_often_when_and_how_late(capsys):
    table = {"path": "x.parquet"}
    rules = {"worse": {"metric": "mase", "threshold": 2.0}}
    config = parse_config({"store": {"predictions": table, "actuals": table}, "alerts": rules}, Path())
    slots = tuple(SLOT + k * 24 * HOUR for k in range(365))
    fires = [
        transition("Pune", slots[10], AlertStatus.FIRING, slots[10] - 5 * HOUR),
        transition("Pune", slots[200], AlertStatus.FIRING, slots[198]),
        transition("Surat", slots[201], AlertStatus.FIRING),
    ]
    ends = [transition("Pune", slots[11], AlertStatus.RESOLVED)]
    alerts = {t.key: replace(alert(t.key.city), since=t.at) for t in fires}
    transitions = tuple(sorted([*fires, *ends], key=lambda t: t.at))
    print_replay(Replay(slots, alerts, transitions, {}), config, None)
    said = capsys.readouterr().out
    assert "would have called you 3 times, 3 a year" in said
    assert "by week" in said
    course = next(line for line in said.splitlines() if "▁" in line)
    assert course.count("█") == 1  # two in the week of day 200: on the scale it is full
    assert course.count("▅") == 1
    assert "at most 2, from 14 Oct 2026" in course
    assert "slowest to detect, of 2 whose onset is known" in said
    slowest = said[said.index("slowest to detect") :].splitlines()
    assert [line.split()[:2] for line in slowest[3:5]] == [["2", "d"], ["5", "h"]]


def test_a_replay_without_evidence_says_how_to_get_it(config, capsys):
    fires = transition("Pune", SLOT, AlertStatus.FIRING)
    print_replay(Replay((SLOT,), {fires.key: alert("Pune")}, (fires,), {}), config, None)
    said = capsys.readouterr().out
    assert "called you once" in said
    assert "--explain" in said


@pytest.mark.parametrize(("encoding", "speaks"), [("utf-8", True), ("ascii", False), ("latin-1", False)])
def test_a_stream_that_is_not_utf8_is_written_in_ascii(encoding, speaks):
    assert speaks_utf8(io.TextIOWrapper(io.BytesIO(), encoding=encoding)) is speaks
