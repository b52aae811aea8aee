"""The detection benchmark reads what it is given, and its forms of the rivals are what their libraries do."""

# ruff: noqa: S314 - it parses what it has just written

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

pytest.importorskip("scipy")

from benchmarks.detection import data, fleet, injections, rivals, streams, targets, two_samples
from benchmarks.detection.compare import HALVES, Plan, interval_rows, judged_by, ours
from benchmarks.detection.curve import curve
from benchmarks.detection.environment import Libraries
from benchmarks.detection.judging import DOUBLED, figures
from benchmarks.detection.null import Null
from benchmarks.detection.simulated import simulate
from benchmarks.detection.store import read_store
from benchmarks.detection.targets import Target
from benchmarks.peers.environments import MissingError

FIRST = np.datetime64("2021-01-04T00", "h")  # a Monday


def python(repository: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.detection", *map(str, words)]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)


def write(path: Path, names: dict[str, str], hours: int = 48, minutes: int = 60, zones: int = 2) -> Path:
    """Zones whose actual is 100 + the hour, and whose forecast is 10 % more, at the start of each interval."""
    rows = hours * 60 // minutes
    stamps = FIRST.astype("datetime64[s]") + np.arange(rows) * np.timedelta64(60 * minutes, "s")
    actual = 100.0 + np.arange(rows) * minutes // 60
    table = {
        "zone": np.repeat([f"Z{k}" for k in range(zones)], rows),
        "timestamp": pa.array(np.tile(stamps, zones)).cast(pa.timestamp("us", "UTC")),
        "actual": np.tile(actual, zones),
        "forecast": np.tile(1.1 * actual, zones),
    }
    pq.write_table(pa.table({names.get(name, name): values for name, values in table.items()}), path)
    return path


STORE = {"zone": "city", "timestamp": "target_time", "forecast": "predicted"}


@pytest.fixture(scope="module")
def world() -> data.Zones:
    return simulate(HALVES, 2, seed=5)


@pytest.mark.parametrize("minutes", [5, 15, 30, 60])
@pytest.mark.parametrize("names", [{}, STORE])
def test_a_file_is_read_by_either_names_and_by_the_hour(tmp_path: Path, names: dict[str, str], minutes: int):
    zones = data.read(write(tmp_path / "load.parquet", names, minutes=minutes), marks="start")
    assert (zones.names, zones.first, zones.load.shape) == (["Z0", "Z1"], FIRST, (48, 2))
    assert zones.load[:, 1] == pytest.approx(100 + np.arange(48))
    assert zones.error == pytest.approx(0.1)
    assert (zones.hours.hour[:24, 0] == np.arange(24)).all()  # of no known clock: UTC
    assert not zones.hours.holiday.any()


def test_a_timestamp_at_the_end_is_an_hour_earlier(tmp_path: Path):
    path = write(tmp_path / "load.parquet", {})
    assert data.read(path).first == FIRST - np.timedelta64(1, "h")
    quarters = write(tmp_path / "quarters.parquet", {}, minutes=15)
    assert data.read(quarters).first == FIRST - np.timedelta64(1, "h")
    assert data.read(quarters).load[1, 0] == pytest.approx(100.25)  # of 100, 100, 100 and 101


def test_an_hour_needs_half_of_its_intervals_with_both_values():
    seconds = np.array([0, 900, 1800, 3600, 4500, 5400, 6300])
    actual = np.array([1.0, 3.0, np.nan, 5.0, np.nan, np.nan, 9.0])
    forecast = np.array([2.0, 4.0, 9.0, 6.0, 1.0, 1.0, np.nan])
    first, load, predicted = data.gridded(seconds, np.zeros(7, int), [actual, forecast], 1, ends=False)
    assert first == np.datetime64("1970-01-01T00", "h")
    np.testing.assert_array_equal(load.ravel(), [2.0, np.nan])
    np.testing.assert_array_equal(predicted.ravel(), [3.0, np.nan])


@pytest.mark.parametrize(
    ("names", "hours", "minutes", "words"),
    [
        ({"actual": "load"}, 48, 60, "has no column actual; it needs zone, timestamp, actual, forecast"),
        ({}, 48, 120, "an interval of 120 minutes: give it hourly data, or finer"),
        ({}, 24 * 300, 60, "300 days are too few, 425 are needed (14 months)"),
    ],
)
def test_data_that_cannot_be_judged_is_refused_in_a_sentence(
    tmp_path: Path,
    repository: Path,
    names: dict[str, str],
    hours: int,
    minutes: int,
    words: str,
):
    path = write(tmp_path / "load.parquet", names, hours, minutes)
    ran = python(repository, "--data", path, "--marks", "start")
    assert ran.returncode == 2
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr


def test_no_parquet_and_no_config_are_refused(tmp_path: Path, repository: Path):
    (tmp_path / "load.csv").write_text("zone,actual\n")
    ran = python(repository, "--data", tmp_path / "load.csv")
    assert (ran.returncode, ran.stderr.strip()) == (2, "load.csv is no Parquet file")
    ran = python(repository, "--config", tmp_path / "none.yaml")
    assert ran.returncode == 2
    assert "no config at" in ran.stderr


def test_without_its_data_it_is_skipped(repository: Path, tmp_path: Path):
    ran = python(repository, "--data", tmp_path / "none.parquet")
    assert ran.returncode == 0, ran.stderr
    assert "skipped: none.parquet is not there; --data names another file" in ran.stdout


def test_a_config_reads_what_the_file_reads(tmp_path: Path):
    path = write(tmp_path / "load.parquet", STORE, minutes=30)
    config = tmp_path / "drift.yaml"
    config.write_text(
        "store:\n"
        "  predictions: {path: load.parquet, model_version: v1}\n"
        "  actuals: {path: load.parquet}\n"
        "timezones: {Z1: America/New_York}\n"
        "detection: {countries: {Z1: US}}\n"
    )
    ours, theirs = read_store(config), data.read(path, marks="start")
    assert (list(ours.names), ours.first) == (theirs.names, theirs.first)
    np.testing.assert_array_equal(ours.load, theirs.load)
    np.testing.assert_array_equal(ours.forecast, theirs.forecast)
    assert (ours.hours.hour[:, 0] - ours.hours.hour[:, 1]).tolist()[:6] == [5 - 24] * 5 + [5]


samples = arrays(
    float, st.integers(60, 200), elements=st.floats(0.0, 1.0).map(lambda value: round(value, 2)), unique=False
)


@settings(max_examples=60, deadline=None)
@given(samples, samples)
def test_the_distances_are_those_of_scipy(before: np.ndarray, current: np.ndarray):
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import ks_2samp, wasserstein_distance

    if np.ptp(np.concatenate([before, current])) == 0:
        return
    found = dict(
        zip(two_samples.DISTANCES, two_samples.distances(np.sort(before), np.sort(current)), strict=True)
    )
    edges = np.histogram_bin_edges(np.concatenate([before, current]), bins="sturges")
    shares = [np.histogram(each, edges)[0] / len(each) for each in (before, current)]
    said = ks_2samp(before, current, method="asymp")
    assert found["ks"] == pytest.approx(said.statistic, abs=1e-12)
    assert two_samples.p_value(found["ks"], len(before), len(current)) == pytest.approx(said.pvalue, abs=1e-9)
    assert found["wasserstein"] == pytest.approx(
        wasserstein_distance(before, current) / max(before.std(), 0.001), abs=1e-9
    )
    assert found["jensenshannon"] == pytest.approx(jensenshannon(*shares), abs=1e-7)
    assert found["psi"] == pytest.approx(two_samples.stability(*shares), abs=1e-9)


def test_an_empty_bin_is_filled_as_evidently_does():
    # (0.5 - 0.5) ln 1 + (0.5 - 0.0001) ln 5000
    assert two_samples.stability(np.array([0.5, 0.5]), np.array([0.5, 0.0])) == pytest.approx(
        0.4999 * np.log(5000)
    )
    assert two_samples.p_value(two_samples.critical(100), 200, 200) == pytest.approx(0.05)


def test_chunks_are_calendar_days_and_weeks_from_monday(world: data.Zones):
    assert world.first == np.datetime64("2021-01-01T00", "h")  # a Friday
    days, weeks = rivals.chunk_numbers(world, 1), rivals.chunk_numbers(world, 7)
    assert np.flatnonzero(np.diff(days))[:2].tolist() == [23, 47]
    assert np.flatnonzero(np.diff(weeks))[:2].tolist() == [71, 71 + 168]
    values = np.array([[1.0], [3.0], [np.nan], [5.0], [np.nan]])
    np.testing.assert_array_equal(
        rivals.chunk_means(values, np.array([4, 4, 5, 5, 6])).ravel(), [2.0, 5.0, np.nan]
    )


def test_a_stream_says_its_setting_and_needs_its_library(world: data.Zones):
    assert str(streams.ADWIN[0]) == "delta 0.002"
    assert str(streams.PAGE_HINKLEY[1]) == "threshold 50, rises only"
    with pytest.raises(MissingError, match="river: not asked for"):
        streams.call(Libraries(None), np.abs(world.error), streams.ADWIN)


def test_a_fleet_without_a_drift_scores_as_it_did(world: data.Zones):
    split = data.splits(len(world.load))[0]
    fitted = fleet.Fitted.of(world, split)
    at = split.test.start + 100 * data.DAY
    rows = slice(at - fleet.LEAD, at + 72)
    same = fitted.drifted(at, world.error[rows])
    assert same == pytest.approx(fitted.scores[at : at + 72], abs=1e-3)
    twice = fitted.drifted(
        at, np.concatenate([world.error[rows][: fleet.LEAD], 3 * world.error[at : at + 72]])
    )
    assert twice[-1] > same[-1] + 0.5


def test_days_around_holidays_and_clock_changes_are_wide(world: data.Zones):
    around = fleet.wide(world)  # the fourth of July, a Sunday, is kept on the fifth
    day = (world.first + np.arange(len(around))).astype("datetime64[D]")
    assert around[day == np.datetime64("2021-07-03")].all()
    assert not around[day == np.datetime64("2021-07-20")].any()


def test_shares_and_rates_have_intervals_of_chance():
    assert fleet.share_interval(0, 10)[0] == 0.0
    assert fleet.share_interval(10, 10) == pytest.approx((0.787, 1.0), abs=0.001)
    assert fleet.rate_interval(0, 2.0) == pytest.approx((0.0, -np.log(0.05) / 2))
    of_seeds = Null(0.5, np.array([40.0, 60.0]), np.array([100.0, 100.0]))
    assert of_seeds.ratio == 1.0
    assert of_seeds.interval == pytest.approx((0.0, 1 + 6.3138 * 0.2), abs=0.001)
    assert Null(0.5, np.array([10.0]), np.array([20.0])).interval == pytest.approx((0.543, 1.696), abs=0.001)


def test_a_target_says_whether_it_holds():
    assert Target("found", "once", 0.9, (0.85, 0.95), 0.88, None, True).row() == [
        *("found", "once", "≥ 88 %", "90 %", "85 % to 95 %", "yes, within chance")
    ]
    assert Target("delay", "once", 260.0, None, high=250).row()[2:] == ["≤ 250", "260", None, "no"]
    assert Target("null", "", 1.3, (1.25, 1.4), low=0.8, high=1.2).row()[2:] == [
        *("0.8 to 1.2", "1.3", "1.25 to 1.4", "no")
    ]
    missing = Target("spikes", "", None, None, None, 0.1, True)
    assert missing.row()[-1] == "not measured"
    assert not missing.holds


def test_a_curve_has_a_line_a_detector_and_leaves_out_what_is_off_it():
    drawn = ElementTree.fromstring(
        curve("A <b>", {"drift": [(2.0, 0.9), (1.0, 0.8)], "KS": [(0.01, 0.1), (5.0, 0.4)]}, "x", "y")
    )
    svg = "{http://www.w3.org/2000/svg}"
    assert drawn.attrib["aria-label"] == "A <b>"
    assert len(drawn.findall(f"{svg}polyline")) == 2
    circles = [(float(each.attrib["cx"]), float(each.attrib["cy"])) for each in drawn.findall(f"{svg}circle")]
    assert len(circles) == 3
    assert circles[0][0] < circles[1][0]  # sorted by alarms
    assert circles[1][1] < circles[0][1]  # more are found further up


def test_years_are_fitted_and_judged_apart():
    two = data.splits(2 * data.YEAR + 100)
    assert [(split.reference.start, split.test.stop) for split in two] == [
        (0, 2 * data.YEAR + 100),
        (data.YEAR, data.YEAR),
    ]
    four = data.splits(4 * data.YEAR + 100)
    assert [split.reference.start // data.YEAR for split in four] == [0, 1, 2]
    assert [split.test.stop for split in four] == [2 * data.YEAR, 3 * data.YEAR, 4 * data.YEAR + 100]
    for split in (*two, *four):
        assert set(range(*split.reference.indices(10**6))).isdisjoint(range(*split.test.indices(10**6)))


@pytest.mark.parametrize("kind", ["scale", "noise", "bias", "peak", "night"])
def test_a_drift_is_as_large_as_it_is_said_to_be(world: data.Zones, kind: str):
    split = data.splits(len(world.load))[0]
    drifts = injections.draw(world, split, 20, seed=4)
    own = np.abs(world.error[split.reference])
    size = injections.sizes(drifts, kind, 2.0) if kind in injections.SIZED else None
    added = np.abs(drifts.error(kind, 2.0, size)[injections.LEAD :])
    assert np.nanmean(added) / np.nanmean(own) == pytest.approx(2.0, rel=0.2)
    before = drifts.error(kind, 2.0, size)[: injections.LEAD]
    np.testing.assert_array_equal(before, world.error[drifts.rows[: injections.LEAD], drifts.city])


def test_a_ramp_grows_and_yesterday_is_a_day_late(world: data.Zones):
    drifts = injections.draw(world, data.splits(len(world.load))[0], 1, seed=4)
    own = world.error[drifts.rows, drifts.city]
    grown = drifts.error("ramp", 2.0)[injections.LEAD :] / own[injections.LEAD :]
    assert np.nanmean(grown[0]) == pytest.approx(1.0)
    assert np.nanmean(grown[14 * data.DAY]) == pytest.approx(1.5)
    rows, city = drifts.rows[injections.LEAD :], drifts.city
    late = (1 + drifts.error("yesterday", 2.0)[injections.LEAD :]) * world.load[rows, city]
    np.testing.assert_allclose(late, world.load[rows - data.DAY, city])
    with pytest.raises(KeyError, match="no kind of drift 'sunspots'"):
        drifts.error("sunspots", 2.0)


@pytest.mark.slow
def test_one_zone_is_judged_as_a_service_would(world: data.Zones):
    one = world.cities(np.array([0]))
    plan = Plan.of(one, np.array([0]), seed=3, each=1, small=True)
    found = ours(plan)
    assert found.name == "drift, as a service fits it"
    assert interval_rows(found, plan) == []
    assert np.isfinite(figures(found.default, plan.judged)["alarms a zone-year"])
    seed = judged_by("seed", rivals.seed_rule, plan, plan.tried, plan.judged)
    rows = targets.targets(targets.Findings(found, [seed], plan.judged, plan.seed))
    assert {row[0]: row[-1] for row in rows}["fleet"] == "not measured"
    assert set(plan.tried[0].errors) == {DOUBLED[0], DOUBLED[2]}


@pytest.mark.slow
@pytest.mark.data
def test_a_small_run_judges_drift_and_rivals(repository: Path, tmp_path: Path, shared_data: Path):
    ran = python(repository, "--small", "--out", tmp_path, "--data", shared_data / "eia930_dev.parquet")
    assert ran.returncode == 0, ran.stderr
    document = json.loads((tmp_path / "detection.json").read_text())
    found = {(row[0], row[1]): dict(zip(document["columns"], row, strict=True)) for row in document["rows"]}
    assert {"default", "once a year"} <= {at for name, at in found if name.startswith("CUSUM")}
    mine = found["drift, limits of other zones", "once a year"]
    assert 0 <= mine["alarms a zone-year"] <= 1
    assert mine["bias"] > 0
    for name in ("null", "fleet", "faults"):
        assert json.loads((tmp_path / f"detection-{name}.json").read_text())["rows"]
    held = json.loads((tmp_path / "detection-targets.json").read_text())
    assert {row[-1].split(",")[0] for row in held["rows"]} <= {"yes", "no", "not measured"}
    assert ran.stdout.rindex("# What must hold") > ran.stdout.rindex("# Hard faults")
    assert ElementTree.parse(tmp_path / "detection.svg").getroot().tag.endswith("svg")
