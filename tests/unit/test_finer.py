"""Quarter-hours on an hourly grid, worked by hand: what an hour is made of, and when there is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from drift.config import AccuracyConfig, StoreConfig
from drift.domain import Grid, Unused
from drift.finer import Finer
from drift.pairing import align
from drift.tables import Tables
from drift.timeline import Timeline

HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)
START = datetime(2026, 3, 1, tzinfo=UTC)
STAMP = pa.timestamp("us", "UTC")
NAN = float("nan")
WHOLE = 4  # hours whose quarters are all there, before the one that is looked at


def at(hour: float) -> datetime:
    return START + hour * HOUR


def actuals(*rows: tuple, city: str = "Pune", known: bool = False) -> pa.Table:
    """Rows of (hour, actual[, available at hour])."""
    table = {
        "city": pa.array([city] * len(rows), pa.string()),
        "target_time": pa.array([at(row[0]) for row in rows], STAMP),
        "actual": pa.array([row[1] for row in rows], pa.float64()),
    }
    if known:
        table["available_time"] = pa.array([None if r[2] is None else at(r[2]) for r in rows], STAMP)
    return pa.table(table)


def predictions(*rows: tuple, city: str = "Pune", version: str = "v1") -> pa.Table:
    """Rows of (hour, predicted, lower)."""
    return pa.table(
        {
            "city": pa.array([city] * len(rows), pa.string()),
            "model_version": pa.array([version] * len(rows), pa.string()),
            "target_time": pa.array([at(row[0]) for row in rows], STAMP),
            "predicted": pa.array([row[1] for row in rows], pa.float64()),
            "lower": pa.array([row[2] for row in rows], pa.float64()),
        }
    )


def quarters(*hours: int, value: float = 4.0) -> list[tuple]:
    return [(hour + q / 4, value, value) for hour in hours for q in range(4)]


def aligned(
    p: pa.Table | None = None,
    a: pa.Table | None = None,
    hours: int = 6,
    finer: Finer | None = Finer(),  # noqa: B008 - it is frozen
    features: pa.Table | None = None,
) -> Timeline:
    p = predictions((0, 1.0, 1.0)) if p is None else p
    a = actuals((0, 1.0)) if a is None else a
    grid = Grid(START, HOUR, hours)
    return align(Tables(p, a, features), grid, ["Pune", "Surat"], AccuracyConfig(), finer=finer)


def reasons(t: Timeline) -> dict[str, list[int]]:
    return {reason.value: counts[0].tolist() for reason, counts in t.actual_counts.items()}


EARLIER = [row[:2] for row in quarters(*range(WHOLE))]


def test_an_hour_of_power_is_the_mean_of_its_quarters():
    t = aligned(a=actuals(*EARLIER, (4, 1.0), (4.25, 2.0), (4.5, 3.0), (4.75, 10.0)))
    np.testing.assert_array_equal(t.revisions[0].value[0], [4, 4, 4, 4, 4.0, NAN])
    assert t.averaged == {"Pune": QUARTER}
    assert t.actual_counts == t.outside == {}


def test_an_hour_of_energy_is_their_sum():
    t = aligned(
        a=actuals(*EARLIER, (4, 1.0), (4.25, 2.0), (4.5, 3.0), (4.75, 10.0)), finer=Finer(energy=True)
    )
    np.testing.assert_array_equal(t.revisions[0].value[0], [16, 16, 16, 16, 16, NAN])


@pytest.mark.parametrize(("unit", "energy"), [("MW", False), ("kWh", True), ("GWh", True), ("W", False)])
def test_the_unit_says_which_of_the_two(unit, energy):
    store = {"unit": unit, "predictions": {"path": "x", "marks": "end"}, "actuals": {"path": "x"}}
    assert Finer.of(StoreConfig(**store)) == Finer(energy, frozenset({"predictions"}))


def test_three_quarters_are_no_hour_and_are_counted():
    t = aligned(a=actuals(*EARLIER, (4, 1.0), (4.25, 2.0), (4.75, 10.0), (5, 9.0)))
    np.testing.assert_array_equal(t.revisions[0].value[0], [4, 4, 4, 4, NAN, NAN])
    assert reasons(t) == {"partial_interval": [0, 0, 0, 0, 3, 1]}


def test_a_bad_quarter_is_counted_by_its_own_reason_and_costs_the_hour():
    t = aligned(a=actuals(*EARLIER, (4, NAN), (4.25, -2.0), (4.5, None), (4.75, 10.0)))
    assert np.isnan(t.revisions[0].value[0, 4])
    assert reasons(t) == {
        "not_finite": [0, 0, 0, 0, 1, 0],
        "negative": [0, 0, 0, 0, 1, 0],
        "partial_interval": [0, 0, 0, 0, 1, 0],
    }


def test_of_a_repeated_quarter_the_last_row_counts():
    t = aligned(a=actuals(*EARLIER, *EARLIER[:3], (0.75, 8.0)))
    np.testing.assert_array_equal(t.revisions[0].value[0], [5, 4, 4, 4, NAN, NAN])
    assert reasons(t) == {"duplicate": [4, 0, 0, 0, 0, 0]}


def test_an_hour_is_known_when_its_last_quarter_is_and_revised_with_any():
    known = [(hour, value, 0) for hour, value in EARLIER]
    t = aligned(
        a=actuals(
            *known, (4, 1.0, 5), (4.25, 2.0, 7), (4.5, 3.0, 6), (4.75, 10.0, 5), (4, 5.0, 9), known=True
        )
    )
    hour = [(float(r.value[0, 4]), r.available[0, 4] / 3.6e9 - START.timestamp() / 3600) for r in t.revisions]
    assert hour == [(4.0, 7.0), (5.0, 9.0)]


def test_bounds_are_averaged_where_every_quarter_has_one():
    p = predictions(*quarters(*range(WHOLE)), *[(4 + q / 4, q, None if q == 2 else q) for q in range(4)])
    judged = aligned(p).judged
    np.testing.assert_array_equal(judged.predicted[0, 0], [4, 4, 4, 4, 1.5, NAN])
    np.testing.assert_array_equal(judged.lower[0, 0], [4, 4, 4, 4, NAN, NAN])


def test_features_are_averaged_too_whatever_the_unit():
    table = actuals(*EARLIER, (4, 0.0), (4.25, 1.0), (4.5, 2.0), (4.75, 3.0), (5, 3.0))
    features = table.rename_columns(["city", "target_time", "temperature"])
    t = aligned(features=features, finer=Finer(energy=True))
    np.testing.assert_array_equal(t.features["temperature"][0], [4, 4, 4, 4, 1.5, NAN])


def test_ends_are_moved_by_a_quarter_and_not_by_an_hour():
    """A store takes a whole step off a mark of an end: the quarter up to 04:15 comes as 03:15."""
    rows = [
        (hour + 0.25 - 1, value) for hour, value in [*EARLIER, *((4 + q / 4, float(q)) for q in range(4))]
    ]
    t = aligned(a=actuals(*rows), finer=Finer(ends=frozenset({"actuals"})))
    # of the first hour only the last quarter lies in what was read
    np.testing.assert_array_equal(t.revisions[0].value[0], [NAN, 4, 4, 4, 1.5, NAN])


def test_hourly_cities_and_versions_beside_finer_ones_stay_as_they_are():
    p = pa.concat_tables(
        [
            predictions(*quarters(*range(6))),
            predictions(*[(h, float(h), 0.0) for h in range(6)], version="v2"),
            predictions(*[(h, float(h), 0.0) for h in range(6)], city="Surat"),
        ]
    )
    t = aligned(p)
    assert t.model_versions == ("v1", "v2")
    np.testing.assert_array_equal(t.judged.predicted[:, 0], [[4] * 6, range(6)])
    np.testing.assert_array_equal(t.judged.predicted[0, 1], range(6))
    assert t.averaged == {"Pune": QUARTER}


def test_strays_of_an_hourly_city_make_no_finer_one():
    hourly = [(h, float(h)) for h in range(6)]
    t = aligned(a=actuals(*hourly, (1.25, 9.0), (1.5, 9.0), (1.75, 9.0), (3.5, 9.0)))
    np.testing.assert_array_equal(t.revisions[0].value[0], range(6))
    assert t.averaged == {}
    assert t.outside[Unused.OFF_INTERVAL].tolist() == [4, 0]


def test_quarters_that_meet_no_hour_stay_off_the_interval():
    rows = [(hour + 0.1, value) for hour, value in EARLIER]
    t = aligned(a=actuals(*rows))
    assert t.outside[Unused.OFF_INTERVAL].tolist() == [16, 0]


def test_a_city_that_went_from_hours_to_quarters_is_both():
    """As Europe's day-ahead market did on 1 October 2025: 24 values a day, and 96 from then on."""
    a = actuals(*[(h, 1.0) for h in range(48)], *[row[:2] for row in quarters(*range(48, 96), value=2.0)])
    t = aligned(a=a, hours=96)
    np.testing.assert_array_equal(t.revisions[0].value[0], [1.0] * 48 + [2.0] * 48)
    assert t.outside == t.actual_counts == {}


def test_a_model_version_without_one_whole_hour_keeps_its_name():
    p = pa.concat_tables(
        [
            predictions(*quarters(*range(6))),
            predictions(*[row for h in range(6) for row in quarters(h)[:3]], version="v2"),
        ]
    )
    t = aligned(p)
    assert t.model_versions == ("v1", "v2")
    assert np.isnan(t.judged.predicted[1, 0]).all()
    assert t.prediction_counts[Unused.PARTIAL_INTERVAL][:, 0].tolist() == [[0] * 6, [3] * 6]


def test_without_a_word_on_it_finer_rows_stay_off_the_interval():
    t = aligned(a=actuals(*EARLIER), finer=None)
    assert t.outside[Unused.OFF_INTERVAL].tolist() == [12, 0]
