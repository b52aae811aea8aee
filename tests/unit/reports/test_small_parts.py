import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from drift.config import AccuracyConfig
from drift.domain import (
    Alert,
    AlertKey,
    AlertStatus,
    Grid,
    Measurement,
    Series,
    Threshold,
    Transition,
    Undefined,
)
from drift.reports.chart import packed
from drift.reports.local import local_times, two_clocks
from drift.reports.names import page_name
from drift.reports.profile import by_hour, daily, distribution, floors, grouped, wape
from drift.reports.shown import Notes, readable
from drift.reports.spans import about, alert_spans
from drift.reports.strip import code, strip

NAN = float("nan")
START = datetime(2020, 4, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = AlertKey("model_accuracy_drop", "v1", "Pune", None, None)
LIMIT = Threshold(0.85, "below")
OK, PENDING, FIRING, RESOLVED = AlertStatus.OK, AlertStatus.PENDING, AlertStatus.FIRING, AlertStatus.RESOLVED


def step(hours, before, after, since=None, key=KEY):
    at = START + hours * HOUR
    began = at if since is None else START + since * HOUR
    return Transition(at, key, "accuracy", before, after, "because", 0.8, LIMIT, began, 1)


# names ---------------------------------------------------------------------------------------------

HOSTILE = [
    "../../x", "..", ".", "/", "\\", "", " ", "\n", "a/b", "a\\b", "a\0b", "CON", "con", "nul", "Oslo", "oslo", "OSLO",
    "oslo ", " oslo", "osló", "<script>alert(1)</script>", '"', "'", "x" * 1000, "x" * 1001, "\u202eabc", "\ud800",
    "Дели", "दिल्ली", "%2e%2e", "a?b", "a#b", "a:b", "-rf", ".hidden", "index.html",
]  # fmt: skip


def test_page_names_never_meet_even_where_the_file_system_ignores_case():
    names = [page_name(city) for city in HOSTILE]
    again = [page_name(name.removesuffix(".html")) for name in names if name != "oslo.html"]
    assert len({name.casefold() for name in names}) == len(HOSTILE)
    assert not set(again) & set(names), "a city named like another's page has its own page"


@pytest.mark.parametrize("city", HOSTILE)
def test_page_names_are_plain_and_short(city):
    name = page_name(city)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
    assert name.count(".") == 1
    assert name[0] not in ".-"
    assert len(name) <= 70


# words ---------------------------------------------------------------------------------------------


def measured(value, undefined=None):
    return Measurement("metric", "mape", Series("v1", "Pune"), None, value, undefined, 24, 1.0)


def test_an_undefined_figure_is_a_dash_with_its_reason_and_a_footnote():
    notes = Notes()
    shown = notes.show(measured(None, Undefined.LOW_COVERAGE), "fraction", load_unit="MW")
    assert (shown.text, shown.value) == ("–", None)
    assert shown.why == "coverage is below the minimum"
    assert notes.reasons == {"coverage is below the minimum": shown.note}
    assert notes.show(None, "load", load_unit="MW").why == "not measured in this run"
    assert notes.number(NAN, "fraction", load_unit="MW").text == "–"


def test_figures_are_written_in_their_unit():
    notes = Notes()
    assert notes.show(measured(0.0314), "fraction", load_unit="MW").text == "3.1 %"
    assert notes.show(measured(-12.34), "load", load_unit="GWh", signed=True).text == "−12.3 GWh"
    assert notes.show(measured(0.0), "ratio", load_unit="MW").text == "0"
    assert notes.reasons == {}


def test_text_from_data_is_one_readable_line():
    assert readable("a\nb\u202ec\u200fd\x00") == "a�b�c�d�"
    assert readable("x" * 1000) == "x" * 59 + "…"
    assert readable("\ud800") == "�"
    assert readable("  ") == "(blank)"
    assert readable("नई दिल्ली") == "नई दिल्ली"


# time ----------------------------------------------------------------------------------------------


def test_two_clocks_say_the_utc_day_where_it_differs():
    late = datetime(2020, 4, 9, 20, tzinfo=UTC)
    assert two_clocks(late, "Asia/Kolkata") == "Fri 10 Apr 2020, 01:30 IST (9 Apr 20:00 UTC)"
    assert two_clocks(late, "UTC") == "Thu 9 Apr 2020, 20:00 UTC"


def test_local_hours_and_days_follow_the_clock_change():
    grid = Grid(datetime(2020, 3, 28, 23, tzinfo=UTC), HOUR, 26)  # Berlin: midnight of the 23-hour day
    times = local_times(grid, "Europe/Berlin")
    assert times.hour[:4].tolist() == [0, 1, 3, 4]
    assert times.day_starts.tolist() == [0, 23]
    assert times.offsets() == [(0, 3600), (2, 7200)]


# profile -------------------------------------------------------------------------------------------


def test_wape_of_groups_by_hand():
    error = np.array([10.0, -30.0, NAN, 5.0])
    actual = np.array([100.0, 100.0, 100.0, 1.0])
    found = grouped(error, actual, 50.0, np.array([0, 0, 1, 2]), 4)
    np.testing.assert_allclose(found, [0.2, NAN, 0.1, NAN])  # 40 ÷ 200; no pair; 5 ÷ max(1, 50); no hour
    assert wape(error, actual, 50.0) == pytest.approx(45 / 250)
    assert np.isnan(wape(error[2:3], actual[2:3], 50.0))


def test_daily_wape_leaves_out_days_with_too_few_pairs():
    times = local_times(Grid(START, 6 * HOUR, 8), "UTC")
    error = np.array([[[10.0, 10, -10, NAN, NAN, NAN, NAN, 10]]])
    found = daily(error, np.full((1, 8), 100.0), np.array([5.0]), times, 0.6)
    np.testing.assert_allclose(found, [[[0.1, NAN]]])


def test_wape_by_local_hour_of_the_day():
    times = local_times(Grid(START, HOUR, 48), "Asia/Kolkata")  # 00:00 UTC is 05:30 there
    error = np.zeros(48)
    error[0], error[24] = 8.0, 20.0
    found = by_hour(error, np.full(48, 100.0), 0.0, times, slice(24, 48), slice(0, 24))
    assert found.current[5] == pytest.approx(0.2)
    assert found.reference[5] == pytest.approx(0.08)
    assert np.delete(found.current, 5).max() == 0


def test_a_floor_is_a_share_of_the_median_load_unless_the_config_says_it(fleet):
    _, pairs, _, config = fleet(2)
    window = type(fleet(1)[0].current)(START, START + 48 * HOUR)
    cells = pairs.grid.cut(window)
    found = floors(pairs, config.accuracy, window)
    assert found[0] == pytest.approx(0.05 * np.median(np.abs(pairs.actual[0, cells])))
    assert floors(pairs, AccuracyConfig(floor=7.5), window).tolist() == [7.5, 7.5]


def test_distributions_share_bins_and_lose_no_value():
    both = distribution(np.array([0.0, 1, 2, 3, NAN]), np.array([3.0, 1e9]))
    assert both is not None
    assert (both.n_reference, both.n_current) == (4, 2)
    assert both.reference.sum() == pytest.approx(1)
    assert both.current.sum() == pytest.approx(1)
    assert distribution(np.array([NAN]), np.array([])) is None
    constant = distribution(np.full(5, 3.0), np.full(5, 3.0))
    assert constant is not None
    assert constant.edges[0] < 3 < constant.edges[-1]


# charts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e-12, 0.01, 1.0, 7e4, 3e15])
def test_packed_numbers_keep_four_digits_and_gaps(size):
    values = np.array([size, -0.1234 * size, 0.0, NAN])
    found = packed(values)
    back = [None if v is None else v * found["scale"] for v in found["values"]]
    assert back[3] is None
    np.testing.assert_allclose(back[:3], values[:3], atol=1.01e-3 * size)
    assert max(abs(v) for v in found["values"] if v is not None) < 10_001


def test_packed_numbers_of_nothing():
    assert packed(np.array([NAN, np.inf]))["values"] == [None, None]
    assert packed(np.array([]))["values"] == []


def drawn_strip(times, faulty=(), late=(), marks=(), alt="six weeks of error"):
    days = range(len(times))
    return strip(
        np.array(times),
        np.array([day in faulty for day in days]),
        np.array([day in late for day in days]),
        marks,
        alt,
    )


def test_a_strip_joins_days_of_one_level_and_leaves_the_others_their_colour():
    drawn = drawn_strip([1.0, 0.2, 3.0, NAN, NAN, 1.24], faulty=(3,), late=(4,))
    paths = dict(re.findall(r'<path class="(\w+)" d="([^"]+)"', drawn))
    assert paths == {
        "h0": "M0 4h10v16h-10zM25 4h5v16h-5z",  # two days in a row, and the last: below 1.25
        "h4": "M10 4h5v16h-5z",
        "none": "M15 4h5v16h-5z",
        "late": "M20 4h5v16h-5z",
        "fault": "M16 0h3v2h-3z",
    }
    assert 'data-days="a2u--c"' in drawn


def test_a_strip_shows_spans_below_and_lets_no_text_into_the_markup():
    drawn = drawn_strip([1.0, 1.0], marks=[(1, 2, "firing"), (0, 1, 'x"><b>')], alt='a"<b>')
    assert '<path class="firing" d="M5 21h5v3H5z"/>' in drawn
    assert drawn.count("<path") == 2
    assert "<b>" not in drawn


def test_a_days_code_is_in_tenths_and_never_longer_than_the_days():
    assert code(np.array([0.0, 0.04, 0.06, 6.1, 1e9, NAN])) == "001ZZ-"


# spans ---------------------------------------------------------------------------------------------


def test_an_alert_is_pending_then_firing_then_over():
    steps = [step(1, OK, PENDING, 1), step(3, PENDING, FIRING, 1), step(9, FIRING, RESOLVED, 9)]
    spans = alert_spans(reversed(steps), [], START + 20 * HOUR)
    assert [(s.level, s.start, s.end, s.open) for s in spans] == [
        ("pending", START + HOUR, START + 3 * HOUR, False),
        ("firing", START + 3 * HOUR, START + 9 * HOUR, False),
    ]
    assert about(spans, "Pune", "v1") == spans
    assert about(spans, "Pune", "v2") == about(spans, "Oslo") == []


def test_what_fires_still_ends_at_the_slot_and_the_future_is_unknown():
    steps = [step(3, OK, FIRING, 1), step(30, FIRING, RESOLVED)]
    pending, firing = alert_spans(steps, [], START + 20 * HOUR)
    assert (pending.level, pending.start, pending.end) == ("pending", START + HOUR, START + 3 * HOUR)
    assert (firing.end, firing.open) == (START + 20 * HOUR, True)


def test_an_alert_whose_history_was_cut_is_a_span_since_it_changed():
    alert = Alert(KEY, FIRING, START, START + 5 * HOUR, None, 0.8, LIMIT)
    (span,) = alert_spans([], [alert], START + 20 * HOUR)
    assert (span.level, span.start, span.open) == ("firing", START + 5 * HOUR, True)
    told = alert_spans([step(5, PENDING, FIRING)], [alert], START + 20 * HOUR)
    assert [s.level for s in told] == ["firing"]
