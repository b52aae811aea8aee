"""The faults of a run's data as a terminal shows them: what lasts first, and capped."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from drift.config import Config, parse_config
from drift.data_fault import DataFault
from drift.domain import Run, Window
from drift.terminal import View
from drift.terminal_faults import ROWS, print_faults

SLOT, HOUR = datetime(2026, 4, 1, tzinfo=UTC), timedelta(hours=1)


def fault(city: str, hours: int, *, lasts: bool = True, **changes: object) -> DataFault:
    until = SLOT if lasts else SLOT - HOUR
    given = {"model_version": None, "kind": "stuck", "value": 1204.0} | changes
    return DataFault(city, since=until - hours * HOUR, until=until, lasts=lasts, hours=hours, **given)  # type: ignore[arg-type]


def config(**accuracy: object) -> Config:
    table = {"path": "x.parquet"}
    store = {"predictions": table, "actuals": table, "unit": "MW"}
    return parse_config({"store": store, "accuracy": accuracy}, Path())


def shown(faults: list[DataFault], given: Config, width: int = 160, *, everything: bool = False) -> list[str]:
    window = Window(SLOT - 24 * HOUR, SLOT)
    run = Run(SLOT, window, window, 0.5, (), (), (), (), (), data_faults=tuple(faults))
    stream = io.StringIO()
    print_faults(Console(file=stream, width=width), run, given, View(everything=everything))
    return stream.getvalue().splitlines()


def test_nothing_is_said_where_nothing_is_wrong():
    assert shown([], config()) == []


def test_what_lasts_comes_first_with_since_when_and_whether_its_hours_count():
    lines = shown(
        [
            fault("Pune", 9, lasts=False),
            fault("Agra", 3),
            fault("Delhi", 5, model_version="v2", kind="missing", value=None),
        ],
        config(),
    )
    assert lines[1] == "what is wrong with the data"
    assert [" ".join(line.split()) for line in lines[4:7]] == [
        "Delhi v2 predictions missing 2026-03-31 19:00Z now 5",
        "Agra actuals stuck at 1,204.0 MW 2026-03-31 21:00Z now 3 left out",
        "Pune actuals stuck at 1,204.0 MW 2026-03-31 14:00Z 31 Mar 23:00Z 9 left out",
    ]


def test_that_hours_are_left_out_is_not_said_where_they_are_not():
    assert "left out" not in "\n".join(shown([fault("Agra", 3)], config(leave_out_faults=False)))


def test_a_fleet_of_faults_is_capped_and_the_cap_says_what_it_hides():
    faults = [fault(f"city-{k:02}", 30 - k, lasts=k < 10) for k in range(12)]
    lines = shown(faults, config())
    assert len([line for line in lines if line.startswith("city-")]) == ROWS
    assert lines[-1] == "and 4 more, 2 of them last; --all shows them"
    assert len([line for line in shown(faults, config(), everything=True) if line.startswith("city-")]) == 12


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal_and_text_from_data_is_text(width):
    lines = shown([fault("[red]Agra[/]\x1b[31m" + "x" * 40, 3)], config(), width)
    assert max(map(len, lines)) <= width
    assert "\x1b" not in "".join(lines)
    assert "[red]" in "".join(lines)
