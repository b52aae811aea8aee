"""Who was retired where, drawn: a row a model version and city, `x` an hour with a prediction, `.` one without."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.domain import Grid, Panel, Series, Undefined, Window
from drift.retired import Silence, cells_until, retire, retired, silences
from drift.timeline import Forecast, Timeline
from drift.windows import Windows

HOUR = timedelta(hours=1)
START = datetime(2026, 4, 1, tzinfo=UTC)
AFTER = 4


def timeline(*rows: str) -> Timeline:
    """Rows of a model version, a city and its hours: `v1 A xxx..`."""
    parts = [row.split() for row in rows]
    versions, cities = (tuple(sorted({part[k] for part in parts})) for k in (0, 1))
    hours = len(parts[0][2])
    predicted = np.full((len(versions), len(cities), hours), np.nan)
    for version, city, drawn in parts:
        predicted[
            versions.index(version), cities.index(city), [k for k in range(hours) if drawn[k] == "x"]
        ] = 1.0
    return Timeline(Grid(START, HOUR, hours), cities, versions, (), Forecast(predicted, None, None), {}, {})


def windows(end: int, history: int = 99, current: int = 2) -> Windows:
    """Of a slot that sees the hours before `end`, and so many of them."""
    at = START + end * HOUR
    current_window = Window(at - current * HOUR, at)
    return Windows(at, current_window, current_window, current_window, Window(at - history * HOUR, at))


def gone(*rows: str) -> set[str]:
    drawn = timeline(*rows)
    (silence,) = silences(drawn, [windows(drawn.grid.count)])
    return {f"{version} {city or '*'}" for version, city in retired(silence, AFTER)}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (("v1 A xxxxx....", "v2 A ...xxxxxx"), {"v1 A", "v1 *"}),
        (("v1 A xxxxxx...", "v2 A ...xxxxxx"), set()),  # an hour less: not yet
        (("v1 A xxxxx....",), set()),  # nobody goes on: an outage
        (("v1 A xxxxx....", "v2 A xxxxx...."), set()),  # of all
        (
            ("v1 A x........", "v2 A xxxxx...."),
            {"v1 A", "v1 *"},
        ),  # the outage of who replaced it changes nothing
        (("v1 A xxxxx....", "v1 B ....xxxxx", "v2 A xxxxxxxxx"), set()),  # it pauses in A only
        (("v1 A xxxxx....", "v1 B xxxxx....", "v2 A xxxxxxxxx"), {"v1 A"}),  # B has nobody else
        (("v1 A xxxxx....", "v1 B xx.......", "v2 A xxxxxxxxx", "v2 B xxxxxxxxx"), {"v1 A", "v1 B", "v1 *"}),
        (("v1 A xxxxx....", "v1 B xx.......", "v2 A xxxxxxxxx", "v2 B xxxxx...."), {"v1 A"}),
        (("v1 A xxxxx....", "v2 B xxxxxxxxx"), set()),  # the other one forecasts elsewhere
        (("v1 A xxxxx...x", "v2 A xxxxxxxxx"), set()),  # it is back
        (("v1 A .........", "v2 A xxxxxxxxx"), set()),  # it never was there
        (("v1 A xx.......", "v2 A xxxx.....", "v3 A xxxxxxxxx"), {"v1 A", "v1 *", "v2 A", "v2 *"}),
    ],
)
def test_who_was_retired(rows, expected):
    assert gone(*rows) == expected


def test_what_lies_before_the_history_is_not_seen():
    drawn = timeline("v1 A xx.......", "v2 A xxxxxxxxx")
    (silence,) = silences(drawn, [windows(9, history=7)])
    assert silence.cells.tolist() == [[np.inf], [0.0]]
    assert retired(silence, AFTER) == frozenset()


def test_of_no_city_and_no_model_version_nobody_is_retired():
    assert retired(Silence.join([]), AFTER) == frozenset()


drawings = st.integers(1, 3).flatmap(
    lambda cities: st.lists(
        st.lists(st.text("x.", min_size=12, max_size=12), min_size=cities, max_size=cities),
        min_size=1,
        max_size=3,
    )
)


def rows_of(drawing: list[list[str]]) -> list[str]:
    return [f"v{v} {'ABC'[c]} {hours}" for v, row in enumerate(drawing) for c, hours in enumerate(row)]


@given(drawings, st.integers(1, 20))
def test_an_outage_of_all_retires_nobody(drawing, hours):
    rows = rows_of(drawing)
    assert gone(*(row + "." * hours for row in rows)) == gone(*rows)


@given(drawings)
def test_in_a_city_with_a_prediction_someone_is_left(drawing):
    rows = rows_of(drawing)
    for c, city in enumerate("ABC"[: len(drawing[0])]):
        there = {f"v{v} {city}" for v, row in enumerate(drawing) if "x" in row[c]}
        assert not there or there - gone(*rows)


@given(drawings)
def test_slots_of_a_replay_and_blocks_of_cities_say_what_one_slot_says_of_all(drawing):
    drawn = timeline(*rows_of(drawing))
    slots = [windows(end, history=6) for end in range(6, 13)]
    alone = [next(silences(drawn, [slot])) for slot in slots]
    for one, many in zip(alone, silences(drawn, slots), strict=True):
        np.testing.assert_array_equal(one.cells, many.cells)
    blocks = [
        next(silences(timeline(*(row for row in rows_of(drawing) if row.split()[1] == city)), slots[-1:]))
        for city in drawn.cities
    ]
    np.testing.assert_array_equal(Silence.join(blocks).cells, alone[-1].cells)


@pytest.mark.parametrize(("length", "cells"), [(7 * 24 * HOUR, 168), (HOUR, 2), (2.5 * HOUR, 3)])
def test_it_takes_whole_cells_and_a_current_window_at_least(length, cells):
    assert cells_until(length, windows(9), HOUR) == cells


def test_nothing_of_who_was_retired_has_a_value():
    series = (Series("v1", "A"), Series("v1", "A", "0h-24h"), Series("v2", "A"), Series("v1"))
    value = np.arange(8.0).reshape(4, 1, 2)
    count = np.ones((4, 1), np.int64)
    panel = Panel(
        "metric", series, (None,), ("mae", "bias"), value, np.zeros(value.shape, np.uint8), count, count * 0.5
    )
    (found,) = retire([panel], frozenset({("v1", "A")}))
    assert np.isnan(found.value).all(axis=(1, 2)).tolist() == [True, True, False, False]
    assert (found.reason == Undefined.RETIRED).all(axis=(1, 2)).tolist() == [True, True, False, False]
    assert panel.value.sum() == 28, "the panel itself stays as it is"
    assert retire([panel], frozenset({("v9", "A")})) == (panel,)
