"""What is normal, what the pages say of it, and where the error lies: by hand, and against plainer forms."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from drift.domain import AlertStatus, Grid, Window
from drift.reports.book import book_of
from drift.reports.city import city_view
from drift.reports.city_faults import faults_of
from drift.reports.city_where import lately
from drift.reports.fleet import fleet_view
from drift.reports.health import DAYS, health_of
from drift.reports.normal import normal_size, usual_shares
from drift.reports.said import troubles_of

NAN = float("nan")
HOUR = timedelta(hours=1)
ZONE1 = np.array([0])


# what is normal ----------------------------------------------------------------------------------------


def test_what_is_usual_is_the_median_day_whatever_one_bad_day_says():
    actual = np.full((1, 9 * 24), 100.0)
    error = np.full((1, 1, 9 * 24), 5.0)
    error[..., :24] = -300.0
    error[..., 24:48] = NAN  # a day without pairs is none
    assert usual_shares(error, actual, np.array([1.0]), 24).tolist() == [[0.05]]
    assert np.isnan(usual_shares(error[..., 48:-24], actual[:, 48:-24], np.array([1.0]), 24)).all()


def test_without_a_calibration_an_hour_is_held_against_the_citys_own_median_day(fleet):
    book = book_of(*fleet(2))
    size = normal_size(book, 0, ZONE1, book.current)
    reference = np.abs(book.error[0, 0, book.reference]).reshape(-1, 24).sum(1)
    loads = book.pairs.actual[0, book.reference].reshape(-1, 24).sum(1)
    share = np.nanmedian(reference / loads)
    np.testing.assert_allclose(size[0], share * book.pairs.actual[0, book.current], rtol=1e-9)


@pytest.fixture(scope="module")
def calibrated(fleet):
    """A fleet whose detectors were fitted on the hours before the trouble, and what they were fitted to."""
    from drift.detectors import FleetSettings, Settings
    from drift.detectors.calibration import calibrate
    from drift.watch import block_hours, hours_of

    run, pairs, transitions, config = fleet(3)
    window = Window(pairs.grid.start, pairs.grid.end - timedelta(days=7))
    block = block_hours(pairs, window, config)
    series = {name: hours_of(block, v).series for v, name in enumerate(pairs.model_versions)}
    hours = len(series["v1"].actual)
    wide = dict.fromkeys(series, np.zeros(hours, bool))
    names = dict.fromkeys(series, pairs.cities)
    return (
        run,
        pairs,
        transitions,
        config,
        calibrate(series, names, wide, window, Settings(), FleetSettings()),
    )


def test_with_a_calibration_the_page_says_what_the_detector_says(calibrated):
    from drift.detectors import watch
    from drift.watch import LOOK_BACK, block_hours, hours_of

    run, pairs, transitions, config, fit = calibrated
    book = book_of(run, pairs, transitions, config, fit)
    window = Window(run.current.end - LOOK_BACK, run.current.end)
    series = hours_of(block_hours(pairs, window, config), 1).series
    limits, found = fit.of("v2", pairs.cities)
    said = watch(limits, None, series.cities(np.array(found))).error_ratio
    # the detector averages ratios of hours, the page divides sums of them
    np.testing.assert_allclose(book.health.now[1, :2], said[:2], rtol=0.1)
    assert fleet_view(book, {}).fitted


def test_the_strip_is_a_loop_over_days_and_hours(fleet):
    book = book_of(*fleet(2))
    days = defaultdict(lambda: [0.0, 0.0])
    zone = book.local("zone-01")
    size = normal_size(book, 0, ZONE1, slice(0, book.current.stop))[0]
    for cell in range(book.current.stop):
        if np.isfinite(book.error[0, 0, cell]):
            days[int(zone.day[cell])][0] += abs(book.error[0, 0, cell])
            days[int(zone.day[cell])][1] += size[cell]
    expected = [e / s for e, s in (days[d] for d in sorted(days)[-DAYS:])]
    np.testing.assert_allclose(book.health.times[0, 0], expected, rtol=1e-9)
    assert (book.health.times[0, 0, -4:] > 5).all()
    assert np.median(book.health.times[0, 0, :-5]) == pytest.approx(1, abs=0.1)


def test_holes_are_faults_and_the_end_without_actuals_is_late(fleet):
    health = health_of(book_of(*fleet(2)))
    assert np.flatnonzero(health.faulty[0, 1]).tolist() == [DAYS - 10, DAYS - 9]
    assert np.flatnonzero(health.late[0, 1]).tolist() == [DAYS - 2, DAYS - 1]
    assert np.isnan(health.times[0, 1, -1])
    assert np.isnan(health.now[0, 1])
    assert not health.faulty[:, 0].any()


@pytest.mark.parametrize("minutes", [15, 30, 120])
def test_finer_and_coarser_data_have_pages(fleet, minutes):
    run, pairs, transitions, config = fleet(2)
    step = timedelta(minutes=minutes)
    grid = Grid(pairs.grid.end - pairs.grid.count * step, step, pairs.grid.count)
    book = book_of(run, replace(pairs, grid=grid), transitions, config)
    assert np.isfinite(book.health.times[0, 0, -1])
    assert fleet_view(book, {}).rows
    assert city_view(book, "zone-01").panels


# what is said --------------------------------------------------------------------------------------------


def told(made, *, ago=6 * HOUR, **explanation):
    run, pairs, transitions, config = made
    sentences = ["The error is 1.8 × what is normal.", "Do first: Check the feed.", "None has it."]
    evidence = {"sentences": sentences, "explanation": explanation}
    steps = [*transitions[:-1], replace(transitions[-1], at=run.slot - ago, evidence=evidence)]
    return book_of(run, pairs, steps, config)


def test_the_evidence_speaks_before_the_pages_own_figures(fleet):
    book = told(
        fleet(3),
        effect={"ratio": 1.78},
        bias={"direction": "under-forecast"},
        hours={"first": 18, "last": 22, "stand_out": True},
        onset={"at": "2020-04-06T01:00:00Z"},
    )
    (trouble,) = troubles_of(book)
    said = trouble.sentence("Asia/Kolkata", ["v1"])
    assert said == (
        "zone-01 under-forecasts with v1, 1.8 × normal, mostly 18:00 to 22:00, since Mon 6 Apr 06:30 IST."
    )
    assert trouble.first == "Check the feed."
    assert trouble.sentences == ("The error is 1.8 × what is normal.", "None has it.")
    began = [span for span in book.marks if span.level == "began"]
    assert [(span.start, span.end) for span in began] == [
        (datetime(2020, 4, 6, 1, tzinfo=UTC), datetime(2020, 4, 7, tzinfo=UTC))
    ]


def test_evidence_of_days_ago_says_why_and_the_current_window_how_much(fleet):
    explanation = {
        "effect": {"ratio": 1.78},
        "bias": {"direction": "under-forecast"},
        "hours": {"first": 18, "last": 22, "stand_out": True},
        "onset": {"at": "2020-04-06T01:00:00Z"},
        "level": {"ratio": 3.12, "expected": 1.0},
    }
    (trouble,) = troubles_of(told(fleet(3), ago=60 * HOUR, **explanation))
    said = trouble.sentence("Asia/Kolkata", ["v1"])
    assert said.startswith("zone-01 over-forecasts with v1, ")
    assert said.endswith(" × normal, since Mon 6 Apr 06:30 IST: the load is 3.1 × what it was.")
    assert trouble.times > 8
    assert trouble.fired.startswith("Tue 7 Apr 2020, 17:30 IST")


@pytest.mark.parametrize(
    ("explanation", "cause"),
    [
        ({"shift": {"late_hours": -1.0}}, "the forecast is 1 h early"),
        (
            {"repeat": {"lag_hours": 168}, "shift": {"late_hours": 1}},
            "the forecast repeats the load of 168 h before",
        ),
        ({"level": {"ratio": "3"}}, ""),
        ({"shift": {"undefined": "no_pattern"}}, ""),
    ],
)
def test_the_cause_is_said_where_the_evidence_points_to_one(fleet, explanation, cause):
    (trouble,) = troubles_of(told(fleet(2), **explanation))
    assert trouble.cause == cause


@pytest.mark.parametrize(
    "broken",
    [
        {"onset": {"at": "yesterday"}, "effect": {"ratio": "1.8"}, "hours": {"stand_out": "yes"}},
        {"onset": {"at": "2020-04-06T01:00:00"}, "bias": {"direction": "<b>"}},
        {"onset": None, "effect": 3, "bias": []},
    ],
)
def test_evidence_of_another_form_costs_no_page(fleet, broken):
    book = told(fleet(2), **broken)
    (trouble,) = city_view(book, "zone-01").troubles
    assert trouble.times is not None
    assert "<b>" not in trouble.what


def test_faulty_data_are_told_since_they_began(fleet):
    run, pairs, transitions, config = fleet(2)
    actual = pairs.actual.copy()
    actual[0, -30:] = 777.0
    key = transitions[-1].key._replace(rule="data_fault")
    steps = [replace(transitions[-1], key=key, name="fault_hours")]
    alerts = (replace(run.alerts[0], key=key, value=24.0),)
    book = book_of(replace(run, alerts=alerts), replace(pairs, actual=actual), steps, config)
    (trouble,) = troubles_of(book)
    assert trouble.what == "has faulty data in 24.0 h of the current window"
    assert trouble.since == run.current.end - 30 * HOUR
    assert trouble.times is None


def test_a_city_that_fires_with_two_versions_is_one_sentence(fleet):
    run, pairs, transitions, config = fleet(2)
    other = replace(run.alerts[0], key=run.alerts[0].key._replace(model_version="v2"))
    predicted = pairs.judged.predicted.copy()
    predicted[1, 0, -96:] *= 1.1
    both = replace(pairs, judged=replace(pairs.judged, predicted=predicted))
    view = fleet_view(book_of(replace(run, alerts=(*run.alerts, other)), both, transitions, config), {})
    (said,) = [sentence for sentence in view.sentences if "zone-01" in sentence]
    assert said.startswith("zone-01 over-forecasts with v1 and v2, ")


def test_the_worst_cities_are_told_and_the_others_are_counted(fleet):
    run, pairs, transitions, config = fleet(9)
    alerts = tuple(replace(run.alerts[0], key=run.alerts[0].key._replace(city=city)) for city in pairs.cities)
    view = fleet_view(book_of(replace(run, alerts=alerts), pairs, transitions, config), {})
    assert view.sentences[1].startswith("zone-01 over-forecasts")
    assert "4 more cities have firing alerts: see the table." in view.sentences


# where the error lies -------------------------------------------------------------------------------------


def chart(view, name):
    return next(panel.chart for panel in view.panels if panel.name == name)


def test_the_map_of_the_week_is_a_loop_over_hours(fleet):
    book = book_of(*fleet(2))
    cells = lately(book, "zone-01", troubles_of(book, "zone-01")).cells
    size = normal_size(book, 0, ZONE1, cells)[0]
    sums = defaultdict(lambda: [0.0, 0.0])
    for at, cell in enumerate(range(cells.start, cells.stop)):
        local = datetime.fromtimestamp(int(book.local("zone-01").seconds[cell]), UTC) + timedelta(hours=5.5)
        sums[local.weekday(), local.hour][0] += abs(book.error[0, 0, cell])
        sums[local.weekday(), local.hour][1] += size[at]
    times = chart(city_view(book, "zone-01"), "week-0").times
    assert np.isfinite(times).sum() == len(sums) == 72
    for (day, hour), (error, usual) in sums.items():
        assert times[day, hour] == pytest.approx(error / usual)


def test_a_firing_alert_is_looked_at_since_it_began_else_two_weeks(fleet):
    run, pairs, transitions, config = fleet(2)
    book = book_of(run, pairs, transitions, config)
    firing = lately(book, "zone-01", troubles_of(book, "zone-01"))
    assert firing.cells.stop - firing.cells.start == 72
    assert firing.words == "the time since Tue 7 Apr 05:30 IST"
    calm = lately(book, "zone-02", [])
    assert calm.cells.stop - calm.cells.start == 14 * 24
    long_ago = [replace(trouble, since=run.slot - timedelta(days=90)) for trouble in troubles_of(book)]
    assert lately(book, "zone-01", long_ago).cells.stop - lately(book, "zone-01", long_ago).cells.start == 672


def test_regimes_are_thirds_of_the_reference(fleet):
    run, pairs, transitions, config = fleet(1)
    heat = np.arange(pairs.grid.count, dtype=float) % 24
    book = book_of(run, replace(pairs, features={"temperature": heat[None]}), transitions, config)
    bars = chart(city_view(book, "zone-01"), "regime")
    assert bars.labels == ("below 8", "8 to 16", "above 16")
    cells = np.arange(book.current.stop - 72, book.current.stop)
    cells = cells[heat[cells] > 16]
    expected = np.abs(book.error[0, 0, cells]).sum() / pairs.actual[0, cells].sum()
    assert bars.current[0][2] == pytest.approx(expected)


def test_the_feature_that_tells_the_error_apart_is_shown(fleet):
    run, pairs, transitions, config = fleet(1)
    bad = np.abs(pairs.judged.predicted[0] - pairs.actual)
    noise = np.random.default_rng(1).normal(size=bad.shape)
    book = book_of(run, replace(pairs, features={"noise": noise, "wind": bad}), transitions, config)
    titles = [panel.title for panel in city_view(book, "zone-01").panels]
    assert "Error by wind" in titles
    assert "Error by noise" not in titles


def test_the_share_inside_the_interval_is_a_days_mean(fleet):
    book = book_of(*fleet(2))
    line = chart(city_view(book, "zone-02"), "inside").lines[0]
    zone = book.local("zone-02")
    last = zone.day == zone.day[-1] - 4
    actual = book.pairs.actual[1, last]
    low, high = book.pairs.judged.lower[0, 1, last], book.pairs.judged.upper[0, 1, last]
    assert line.values[-5] == pytest.approx(np.mean((low <= actual) & (actual <= high)))
    assert np.isnan(line.values[-1]), "the last day has no actual"


# faults of the data ------------------------------------------------------------------------------------------


def test_runs_of_faults_are_listed_newest_first(fleet):
    run, pairs, transitions, config = fleet(1)
    actual = pairs.actual.copy()
    actual[0, -60:-50] = 1204.0
    actual[0, -3:] = NAN
    predicted = pairs.judged.predicted.copy()
    predicted[1, 0, -40:-38] = -5.0
    broken = replace(pairs, actual=actual, judged=replace(pairs.judged, predicted=predicted))
    book = book_of(run, broken, transitions, config)
    end = run.current.end
    found = [(f.what, f.words, f.start, f.end) for f in faults_of(book, 0)]
    assert found == [
        ("actual", "not there yet", end - 3 * HOUR, end),
        ("predicted by v2", "not above zero", end - 40 * HOUR, end - 38 * HOUR),
        ("actual", "stuck", end - 60 * HOUR, end - 50 * HOUR),
        ("actual", "missing", end - 200 * HOUR, end - 180 * HOUR),
    ]
    view = city_view(book, "zone-01")
    assert [line.values for line in view.faults] == ["", "−5.00 MW", "1,204 MW", ""]
    assert [line.length for line in view.faults] == ["3 h", "2 h", "10 h", "20 h"]
    marks = [stretch.words for stretch in chart(view, "forecast-0").faults]
    assert marks == ["actual: not there yet", "actual: stuck", "actual: missing"]


def test_what_lies_before_a_model_versions_first_prediction_is_no_fault(fleet):
    run, pairs, transitions, config = fleet(1)
    predicted = pairs.judged.predicted.copy()
    predicted[1, 0, :-500] = NAN
    young = replace(pairs, judged=replace(pairs.judged, predicted=predicted))
    book = book_of(run, young, transitions, config)
    assert not [f for f in faults_of(book, 0) if f.version == "v2"]
    assert not book.health.faulty[1, 0, :20].any()
    assert AlertStatus.FIRING in {alert.status for alert in run.alerts}
