"""What a city's page says of its loss, its model versions side by side, and its own data."""

import re
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from drift.domain import AlertStatus
from drift.reports.bar import bar, scale_of
from drift.reports.book import book_of
from drift.reports.city import city_view
from drift.reports.names import compare_name
from drift.reports.site import write_site
from drift.timeline import Arrivals

HOUR = timedelta(hours=1)


def calm(made):
    """The fleet without its alert, so that the loss is of the current window."""
    run, pairs, transitions, config = made
    return (
        replace(run, alerts=()),
        pairs,
        [t for t in transitions if t.after is not AlertStatus.FIRING],
        config,
    )


def with_forecast(made, change):
    """The fleet with the first version's forecast of the first city changed."""
    run, pairs, transitions, config = made
    predicted = pairs.judged.predicted.copy()
    predicted[0, 0] = change(predicted[0, 0], pairs.actual[0])
    return run, replace(pairs, judged=replace(pairs.judged, predicted=predicted)), transitions, config


# the loss -----------------------------------------------------------------------------------------------


def test_a_forecast_at_the_wrong_scale_is_said_to_be_one(fleet):
    view = city_view(book_of(*fleet(3)), "zone-01")
    assert view.loss_words == "the time since Tue 7 Apr 05:30 IST"
    first, second = view.losses
    scale = next(row for row in first.remedies if row.words.startswith("With every prediction × "))
    assert float(scale.words.rsplit(" ", 1)[1]) == pytest.approx(1 / 1.22, abs=0.01)
    assert re.fullmatch(rf"{re.escape(scale.words)}, (all|9\d %) of it would be gone\.", first.sentences[-2])
    assert first.sentences[-1] == "v2 would have been better: all of it would be gone."
    assert {row.words for row in first.remedies} >= {"With v2 instead", "Without the worst 4 h"}
    assert second.sentences == (
        "There is no loss to explain: all hours together, the error is no larger than normal.",
    )
    assert second.remedies == second.parts == ()


def test_an_error_of_the_evening_is_said_to_fall_there(fleet):
    made = calm(fleet(2))
    zone = book_of(*made).local("zone-01")
    evening = (zone.hour >= 18) & (zone.hour < 22) & (zone.day >= zone.day[-1] - 1)
    late = np.arange(len(zone.hour)) >= len(zone.hour) - 96  # where the factory's forecast is 22 % too high
    made = with_forecast(made, lambda p, a: np.where(evening, a * 0.7, np.where(late, p / 1.22, p)))
    view = city_view(book_of(*made), "zone-01")
    assert view.loss_words == "the current window"
    loss = view.losses[0]
    assert loss.parts[0].words == "in the evening (18–22)"
    assert any(
        re.fullmatch(
            r"(All|\d+ %) of the extra error falls in the evening \(18–22\), which is 17 % of the hours\.", s
        )
        for s in loss.sentences
    )


def test_by_now_stands_with_the_alert_and_the_page_holds_the_bars(fleet, tmp_path):
    page = write_site(*fleet(2), tmp_path)["city:zone-01"].read_text("utf-8")
    assert "<b>By now:</b> <bdi>The error is " in page
    assert page.count('<svg class="share"') > 8
    assert "With every prediction × 0.8" in page


def test_faulty_hours_are_told_as_such(fleet):
    run, pairs, transitions, config = calm(fleet(2))
    actual = pairs.actual.copy()
    actual[0, -5:] = 0.0
    view = city_view(book_of(run, replace(pairs, actual=actual), transitions, config), "zone-01")
    assert "Without the 5 h of faulty data" in [row.words for row in view.losses[1].remedies]


def test_a_city_without_pairs_has_no_loss(fleet):
    view = city_view(book_of(*calm(fleet(2))), "zone-02")
    assert [loss.sentences for loss in view.losses] == 2 * [
        ("There is no loss to explain: no pairs of a prediction and an actual.",)
    ]


def test_a_bar_lies_between_zero_and_its_share_on_a_scale_that_all_share():
    scale = scale_of([0.5, -0.25])
    drawn = bar(-0.25, scale, "m0", mark=0.75)
    assert 'x="0.0" width="40.0"' in drawn  # −¼ to 0 of −¼ … 1, 200 wide
    assert 'd="M160.0 ' in drawn
    assert 'x="40.0" width="160.0"' in bar(9.0, scale, "m0"), "a bar beyond the scale is cut off"


# versions side by side ----------------------------------------------------------------------------------


def test_versions_are_compared_on_the_hours_that_all_have(fleet):
    book = book_of(*fleet(2))
    table = city_view(book, "zone-01").versions
    rows = {row.title: row for row in table.rows}
    now = rows["Current window, accuracy"]
    cells = book.current
    expected = 1 - np.abs(book.error[:, 0, cells]).sum(axis=1) / book.pairs.actual[0, cells].sum()
    assert [shown.value for shown in now.figures] == pytest.approx(expected.tolist())
    assert now.best == {1}
    assert rows["Six weeks, days best"].best == {1}
    assert sum(shown.value for shown in rows["Six weeks, days best"].figures) == 42
    assert table.sentences[0].startswith("On the same hours v2 was the most accurate: ")
    assert " of v1 in the current window, " in table.sentences[0]
    assert re.fullmatch(
        r"Over six weeks v2 had the least error on \d+ of 42 days, and in \d+ of 24 hours of the day\.",
        table.sentences[1],
    )


def test_a_version_that_is_new_is_compared_on_its_own_hours(fleet):
    run, pairs, transitions, config = fleet(1)
    predicted = pairs.judged.predicted.copy()
    predicted[1, :, :-48] = np.nan
    new = replace(pairs, judged=replace(pairs.judged, predicted=predicted))
    table = city_view(book_of(run, new, transitions, config), "zone-01").versions
    rows = {row.title: row for row in table.rows}
    assert table.hours == "48"  # on three local days
    assert rows["Reference, accuracy"].figures[1].value is not None
    assert rows["Six weeks, days best"].figures[0].text.endswith(" of 3")


def test_equal_versions_have_no_best(fleet):
    run, pairs, transitions, config = fleet(1)
    predicted = np.stack([pairs.judged.predicted[1]] * 2)
    same = replace(pairs, judged=replace(pairs.judged, predicted=predicted))
    table = city_view(book_of(run, same, transitions, config), "zone-01").versions
    assert all(not row.best for row in table.rows if row.title.endswith("accuracy"))
    assert table.sentences == ("No model version was better than the others on the same hours.",)


def test_one_version_is_not_held_against_itself(fleet, tmp_path):
    made = fleet(1, versions=("only",))
    assert city_view(book_of(*made), "zone-01").versions is None
    assert "side by side" not in write_site(*made, tmp_path)["city:zone-01"].read_text("utf-8")


def test_the_page_of_a_comparison_is_linked_where_it_is_written(fleet, tmp_path):
    made = fleet(1)
    page = write_site(*made, tmp_path / "slot")["city:zone-01"]
    assert "../../compare/" not in page.read_text("utf-8")
    there = tmp_path / "compare" / compare_name("v2", "v1")
    there.parent.mkdir()
    there.write_text("compared")
    page = write_site(*made, tmp_path / "slot")["city:zone-01"]
    (link,) = re.findall(r'href="([^"]*compare/[^"]*)"', page.read_text("utf-8"))
    assert (page.parent / link).resolve() == there.resolve()
    assert "<bdi>v2 against v1</bdi>" in page.read_text("utf-8")


# the data's own faults ----------------------------------------------------------------------------------


def arriving(made, delay, revised=None):
    run, pairs, transitions, config = made
    none = np.zeros(pairs.actual.shape, bool)
    arrivals = Arrivals(
        np.where(np.isfinite(pairs.actual), delay, np.nan), none if revised is None else revised
    )
    return book_of(run, replace(pairs, arrivals=arrivals), transitions, config)


def test_the_usual_delay_is_said_and_late_runs_are_listed(fleet):
    made = fleet(2)
    delay = np.full(made[1].actual.shape, 7200.0)
    delay[0, -20:-14] = np.linspace(9, 4, 6) * 7200
    revised = np.zeros(delay.shape, bool)
    revised[0, -100:-90] = True
    view = city_view(arriving(made, delay, revised), "zone-01")
    assert view.fault_sentences[1:] == (
        "An actual usually comes 2 h after its interval; in the current window 2 h.",
        "6 actuals came late, and 10 were revised after they came.",
    )
    (line,) = view.late
    assert (line.what, line.words, line.length, line.values) == (
        "actual",
        "came late",
        "6 h",
        "up to 18 h after",
    )


def test_quick_actuals_are_not_late_for_a_few_minutes(fleet):
    made = fleet(1)
    delay = np.full(made[1].actual.shape, 300.0)
    delay[0, -5:] = 3600.0
    view = city_view(arriving(made, delay), "zone-01")
    assert view.late == ()
    assert view.fault_sentences[1] == (
        "An actual usually comes 5 min after its interval; in the current window 5 min."
    )


def test_without_available_times_the_page_says_so(fleet):
    view = city_view(book_of(*fleet(2)), "zone-01")
    assert view.fault_sentences[0].startswith("No fault of the data in ")
    assert view.fault_sentences[1] == "When actuals came is not known: the store gives no available_time."
    assert (
        city_view(book_of(*fleet(2)), "zone-02")
        .fault_sentences[0]
        .endswith(" 24 h not there yet, 20 h missing.")
    )
