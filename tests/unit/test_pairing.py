"""Pairing, worked by hand on a grid of six hours: what is used, and why each other row is not."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from drift.config import AccuracyConfig, WindowsConfig
from drift.domain import Grid, Unused
from drift.fleet import join
from drift.pairing import align
from drift.tables import Skipped, Tables
from drift.timeline import Timeline
from drift.windows import Windows, windows_of

HOUR = timedelta(hours=1)
START = datetime(2020, 4, 10, tzinfo=UTC)
GRID = Grid(START, HOUR, 6)
NAN = float("nan")
INF = float("inf")
# one season and one floor window of an hour: the history is exactly the current and the reference window
ACCURACY = AccuracyConfig(season=HOUR, floor_window=HOUR)
WINDOWS = WindowsConfig(current=3 * HOUR, reference=2 * HOUR)
STAMP = pa.timestamp("us", "UTC")


def at(hour: float) -> datetime:
    return START + hour * HOUR


def predictions(*rows: tuple, issued: bool = False) -> pa.Table:
    """Rows of (city, model version, hour, predicted[, issued at hour])."""
    table = {
        "city": pa.array([r[0] for r in rows], pa.string()),
        "model_version": pa.array([r[1] for r in rows], pa.string()),
        "target_time": pa.array([at(r[2]) for r in rows], STAMP),
        "predicted": pa.array([r[3] for r in rows], pa.float64()),
    }
    if issued:
        table["issue_time"] = pa.array([at(r[4]) for r in rows], STAMP)
    return pa.table(table)


def actuals(*rows: tuple, available: bool = False) -> pa.Table:
    """Rows of (city, hour, actual[, available at hour])."""
    table = {
        "city": pa.array([r[0] for r in rows], pa.string()),
        "target_time": pa.array([at(r[1]) for r in rows], STAMP),
        "actual": pa.array([r[2] for r in rows], pa.float64()),
    }
    if available:
        table["available_time"] = pa.array([None if r[3] is None else at(r[3]) for r in rows], STAMP)
    return pa.table(table)


def windows(slot_hour: float = 6, accuracy: AccuracyConfig = ACCURACY) -> Windows:
    return windows_of(at(slot_hour), WINDOWS, accuracy)


def timeline(p: pa.Table, a: pa.Table, accuracy: AccuracyConfig = ACCURACY, **more) -> Timeline:
    return align(Tables(p, a, **more), GRID, ["Pune", "Surat"], accuracy)


def counts(t: Timeline, city: str = "Pune", window: str = "current", slot: float = 6) -> dict[str, int]:
    (count,) = (c for c in t.count(windows(slot)) if c.city == city and c.window == window)
    return {"used": count.used, **{reason.value: n for reason, n in count.unused.items()}}


def test_values_land_on_their_hour_and_city_whatever_the_order_of_the_rows():
    t = timeline(
        predictions(("Surat", "v1", 5, 50.0), ("Pune", "v1", 4, 40.0), ("Pune", "v1", 3, 30.0)),
        actuals(("Pune", 3, 31.0), ("Surat", 5, 51.0)),
    )
    pairs = t.at(windows())
    assert pairs.model_versions == ("v1",)
    np.testing.assert_array_equal(pairs.judged.predicted[0, 0], [NAN, NAN, NAN, 30, 40, NAN])
    np.testing.assert_array_equal(pairs.judged.predicted[0, 1], [NAN, NAN, NAN, NAN, NAN, 50])
    np.testing.assert_array_equal(pairs.actual[:, 3:], [[31, NAN, NAN], [NAN, NAN, 51]])


def test_an_hour_with_one_side_only_is_counted_as_missing_the_other():
    t = timeline(
        predictions(("Pune", "v1", 3, 1.0), ("Pune", "v1", 4, 1.0)),
        actuals(("Pune", 4, 1.0), ("Pune", 5, 1.0)),
    )
    assert counts(t) == {"used": 1, "missing_actual": 1, "missing_prediction": 1}
    assert counts(t, "Surat") == {"used": 0}


def test_a_null_is_missing_and_a_nan_is_not_finite():
    t = timeline(
        predictions(("Pune", "v1", 3, None), ("Pune", "v1", 4, NAN), ("Pune", "v1", 5, INF)),
        actuals(("Pune", 3, 1.0), ("Pune", 4, 1.0), ("Pune", 5, 1.0)),
    )
    assert counts(t) == {"used": 0, "missing_prediction": 3, "not_finite": 2}


def test_a_negative_actual_is_no_load_and_a_negative_prediction_is_the_models_error():
    t = timeline(
        predictions(("Pune", "v1", 3, 1.0), ("Pune", "v1", 4, -9.0)),
        actuals(("Pune", 3, -1.0), ("Pune", 4, 1.0)),
    )
    assert counts(t) == {"used": 1, "missing_actual": 1, "negative": 1}


def test_zero_is_a_load():
    t = timeline(predictions(("Pune", "v1", 3, 1.0)), actuals(("Pune", 3, 0.0)))
    assert counts(t) == {"used": 1}


def test_of_equal_rows_the_last_wins_and_the_others_are_duplicates():
    t = timeline(
        predictions(("Pune", "v1", 3, 1.0), ("Pune", "v1", 3, 2.0), ("Pune", "v1", 3, 3.0)),
        actuals(("Pune", 3, 7.0), ("Pune", 3, 8.0)),
    )
    pairs = t.at(windows())
    assert pairs.judged.predicted[0, 0, 3] == 3.0
    assert pairs.actual[0, 3] == 8.0
    assert counts(t) == {"used": 1, "duplicate": 3}


def test_the_latest_issue_at_or_before_the_horizon_wins():
    accuracy = AccuracyConfig(season=HOUR, floor_window=HOUR, horizon=24 * HOUR)
    t = timeline(
        predictions(
            ("Pune", "v1", 5, 10.0, -48),  # 53 h ahead: superseded
            ("Pune", "v1", 5, 20.0, -19),  # exactly 24 h ahead: judged
            ("Pune", "v1", 5, 30.0, -18),  # 23 h ahead: too late to be judged
            issued=True,
        ),
        actuals(("Pune", 5, 1.0)),
        accuracy,
    )
    assert t.at(windows()).judged.predicted[0, 0, 5] == 20.0
    assert counts(t) == {"used": 1, "superseded": 1, "late": 1}


def test_each_band_has_the_latest_issue_within_it():
    accuracy = AccuracyConfig(
        season=HOUR, floor_window=HOUR, bands=[0 * HOUR, 6 * HOUR, 24 * HOUR, 48 * HOUR]
    )
    t = timeline(
        predictions(
            ("Pune", "v1", 5, 10.0, -1),  # 6 h ahead: the edge belongs to the longer band
            ("Pune", "v1", 5, 20.0, 1),  # 4 h
            ("Pune", "v1", 5, 30.0, 4),  # 1 h: later in the same band
            issued=True,
        ),
        actuals(("Pune", 5, 1.0)),
        accuracy,
    )
    bands = {label: band.predicted[0, 0, 5] for label, band in join([t.at(windows())]).bands.items()}
    assert bands == {"0h-6h": 30.0, "6h-24h": 10.0}  # the band without any issue is left out


def test_an_actual_counts_from_the_moment_it_is_available():
    t = timeline(predictions(("Pune", "v1", 3, 1.0)), actuals(("Pune", 3, 7.0, 5), available=True))
    assert counts(t, slot=4) == {"used": 0, "missing_actual": 1, "late": 1}
    assert counts(t, slot=5) == {"used": 1}


def test_each_slot_knows_the_revision_of_its_time():
    t = timeline(
        predictions(("Pune", "v1", 3, 1.0)),
        actuals(("Pune", 3, 9.0, 6), ("Pune", 3, 7.0, 4), ("Pune", 3, 8.0, 5), available=True),
    )
    assert [t.at(windows(slot)).actual[0, -3 + (6 - slot) :][0] for slot in (6,)] == [9.0]
    assert t.at(windows(4)).actual[0, -1] == 7.0
    assert t.at(windows(5)).actual[0, -2] == 8.0
    assert counts(t, slot=6) == {"used": 1, "superseded": 2}
    assert counts(t, slot=5) == {"used": 1, "superseded": 1, "late": 1}


def test_arrivals_are_delays_to_the_first_value_and_what_was_revised_since():
    t = timeline(
        predictions(("Pune", "v1", 1, 1.0)),
        actuals(
            ("Pune", 1, 9.0, 4), ("Pune", 1, 7.0, 2), ("Pune", 2, 8.0, 5.5), ("Pune", 3, 8.0, 7), ("Pune", 4, 1.0, None),
            available=True,
        ),
    )  # fmt: skip
    found = t.arrivals(windows(6))
    hours = np.full((2, 6), NAN)
    hours[0, 1], hours[0, 2] = 0, 2.5  # that of 03:00 has not come, and nobody says when that of 04:00 did
    np.testing.assert_array_equal(found.delay / 3600, hours[:, -found.delay.shape[1] :])
    assert found.revised.sum() == 1
    assert (
        timeline(predictions(("Pune", "v1", 1, 1.0)), actuals(("Pune", 1, 9.0))).arrivals(windows(6)) is None
    )


def test_an_actual_without_available_time_is_known_at_once():
    t = timeline(predictions(("Pune", "v1", 3, 1.0)), actuals(("Pune", 3, 7.0, None), available=True))
    assert counts(t, slot=4) == {"used": 1}


def test_rows_off_the_interval_or_outside_the_grid_are_counted():
    t = timeline(
        predictions(("Pune", "v1", 3.5, 1.0), ("Pune", "v1", 9, 1.0), ("Pune", "v1", -1, 1.0)),
        actuals(("Pune", 3.25, 1.0)),
    )
    assert t.model_versions == ()
    t = timeline(
        predictions(("Pune", "v1", 3, 1.0), ("Pune", "v1", 3.5, 1.0), ("Pune", "v1", 9, 1.0)),
        actuals(("Pune", 3, 1.0), ("Pune", 3.25, 1.0)),
    )
    assert counts(t) == {"used": 1}
    assert counts(t, window="history") == {"used": 1, "off_interval": 2, "out_of_window": 1}


def test_what_the_store_left_out_is_in_the_count():
    t = timeline(
        predictions(("Pune", "v1", 3, 1.0)),
        actuals(("Pune", 3, 1.0)),
        skipped=(
            Skipped("actuals", "Pune", Unused.NAIVE_TIMESTAMP, 2),
            Skipped("predictions", None, Unused.NULL_KEY, 5),
            Skipped("features", "Pune", Unused.NAIVE_TIMESTAMP, 9),
        ),
    )
    assert counts(t, window="history") == {"used": 1, "naive_timestamp": 2}
    assert t.unkeyed == {Unused.NULL_KEY: 5}


def test_rows_of_other_cities_are_left_alone():
    t = timeline(predictions(("Pune", "v1", 3, 1.0), ("Delhi", "v9", 3, 1.0)), actuals(("Delhi", 3, 1.0)))
    assert t.model_versions == ("v1",)
    assert counts(t) == {"used": 0, "missing_actual": 1}


def test_features_lie_on_the_same_grid():
    features = pa.table(
        {
            "city": pa.array(["Surat", "Pune"], pa.string()),
            "target_time": pa.array([at(3), at(4)], STAMP),
            "temperature": pa.array([20.0, None], pa.float64()),
        }
    )
    t = timeline(predictions(("Pune", "v1", 3, 1.0)), actuals(("Pune", 3, 1.0)), features=features)
    np.testing.assert_array_equal(
        t.at(windows()).features["temperature"][:, 3:], [[NAN, NAN, NAN], [20.0, NAN, NAN]]
    )


def test_the_interval_is_placed_where_the_store_has_one():
    p = predictions(("Pune", "v1", 3, 1.0)).append_column("lower", pa.array([0.5], pa.float64()))
    judged = timeline(p, actuals(("Pune", 3, 1.0))).at(windows()).judged
    assert judged.lower is not None
    assert judged.lower[0, 0, 3] == 0.5
    assert judged.upper is None


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["Pune", "Surat", "Delhi"]),
        st.sampled_from([-1, 0, 1, 2, 2.5, 3, 4, 5, 7]),
        st.one_of(st.none(), st.sampled_from([NAN, INF, -1.0, 0.0, 1.0, 2.0])),
        st.sampled_from([0, 2, 4, 5, 9, None]),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(ROWS, st.sampled_from([4, 5, 6]))
def test_every_row_of_the_actuals_is_used_or_counted_once(rows, slot):
    """used + passed over by any reason = rows, over the whole grid, whatever is thrown at it."""
    t = timeline(predictions(("Pune", "v1", 3, 1.0)), actuals(*rows, available=True))
    cells = slice(0, GRID.count)
    known = ~np.isnan(t.known(cells, windows(slot)))
    passed = sum(int(count.sum()) for count in t.actual_reasons(cells, windows(slot)).values())
    outside = sum(int(count.sum()) for count in t.outside.values())
    ours = [r for r in rows if r[0] != "Delhi"]
    on_grid = [r for r in ours if r[1] in range(6)]
    nulls = sum(r[2] is None for r in on_grid)  # no value at all: the hour is missing, not the row unfit
    assert outside == len(ours) - len(on_grid)
    assert known.sum() + passed == len(on_grid) - nulls


@settings(max_examples=100, deadline=None)
@given(ROWS, st.randoms())
def test_the_order_of_rows_with_distinct_keys_does_not_matter(rows, random):
    distinct = list({(r[0], r[1], r[3]): r for r in rows}.values())
    shuffled = distinct.copy()
    random.shuffle(shuffled)
    one, other = (
        timeline(predictions(("Pune", "v1", 3, 1.0)), actuals(*r, available=True))
        for r in (distinct, shuffled)
    )
    for slot in (4, 5, 6):
        np.testing.assert_array_equal(one.at(windows(slot)).actual, other.at(windows(slot)).actual)


def test_no_rows_at_all_give_no_versions_and_no_fault():
    t = timeline(predictions(), actuals())
    assert t.at(windows()).judged.predicted.shape == (0, 2, 6)
    assert t.count(windows()) == ()


def test_blocks_of_cities_join_to_what_they_are_together():
    p = predictions(("Pune", "v1", 3, 1.0), ("Surat", "v2", 4, 2.0), ("Surat", "v1", 4, 3.0))
    a = actuals(("Pune", 3, 1.0), ("Surat", 4, 1.0))
    together = align(Tables(p, a), GRID, ["Pune", "Surat"], ACCURACY).at(windows())
    apart = join([align(Tables(p, a), GRID, [city], ACCURACY).at(windows()) for city in ("Pune", "Surat")])
    assert apart.cities == together.cities
    assert apart.model_versions == together.model_versions == ("v1", "v2")
    np.testing.assert_array_equal(apart.actual, together.actual)
    np.testing.assert_array_equal(apart.judged.predicted, together.judged.predicted)
