"""`drift compare` on a real store: what it prints, writes and exits with; and its page in a real browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from .browser import WIDTHS

RANGE = ("--from", "2026-03-15T00:00Z", "--to", "2026-04-01T00:00Z")


def test_it_says_who_is_better_and_why_hours_were_left_out(drift, made):
    answer = drift("compare", "v1", "v2", "-c", made.config, *RANGE)
    assert answer.code == 0
    assert "v1 against v2  2026-03-15T00:00:00Z to 2026-04-01T00:00:00Z" in answer.out
    assert "There is no clear difference between v1 and v2: WAPE 3.5 % and" in answer.out
    for word in ("Accuracy", "MAPE", "Skill over seasonal naive", "95 % interval", "Delhi", "Pune"):
        assert word in answer.out


def test_the_document_is_strict_and_whole(drift, made):
    found = drift("compare", "v1", "v2", "-c", made.config, *RANGE, "--json").json
    assert (found["a"], found["b"]) == ("v1", "v2")
    assert found["range"] == {"start": "2026-03-15T00:00:00Z", "end": "2026-04-01T00:00:00Z"}
    assert found["interval_s"] == 3600
    assert [city["city"] for city in found["cities"]] == ["Delhi", "Pune", "Surat"]
    wape = found["all"]["metrics"]["wape"]
    assert wape["difference"] == pytest.approx(wape["a"] - wape["b"])
    assert wape["interval"][0] < wape["difference"] < wape["interval"][1]
    assert found["all"]["diebold_mariano"]["days"] == 17
    assert found["wins"]["hours"]["of"] == 24
    assert found["by_regime"]["feature"] == "temperature"
    assert found["all"]["n"] + sum(found["all"]["left_out"].values()) == 3 * 17 * 24
    assert found["mlflow"] == {"compare": None, "runs": []}
    assert found["failures"] == []


def test_the_other_way_round_says_the_same(drift, made):
    there, back = (
        drift("compare", *versions, "-c", made.config, *RANGE, "--json").json["all"]
        for versions in (("v1", "v2"), ("v2", "v1"))
    )
    assert there["metrics"]["mape"]["difference"] == pytest.approx(-back["metrics"]["mape"]["difference"])
    assert there["better"] == {"a": "b", "b": "a"}[back["better"]]


def test_by_default_it_is_the_reference_and_the_current_window_before_the_datas_end(drift, made):
    found = drift("compare", "v1", "v2", "-c", made.config, "--json").json
    assert found["range"] == {"start": "2026-03-26T00:00:00Z", "end": "2026-04-10T00:00:00Z"}
    assert found["cities"][0]["left_out"]["no_actual"] == 5 * 24  # Delhi's stop after day 35


def test_one_city_alone(drift, made):
    found = drift("compare", "v1", "v2", "-c", made.config, *RANGE, "--city", "Surat", "--json").json
    assert [city["city"] for city in found["cities"]] == ["Surat"]
    assert found["all"]["n"] == found["cities"][0]["n"]
    assert (
        "between v1 and v2 in Surat: WAPE"
        in drift("compare", "v1", "v2", "-c", made.config, *RANGE, "--city", "Surat").out
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("v1", "v22"), "no model version 'v22' in the predictions of [2026-03-26T00:00:00Z, 2026-04-10T00:00:00Z); did you mean `v2`?"),
        (("v1", "v2", "--city", "Surrat"), "--city: there is no city 'Surrat'; did you mean `Surat`?"),
        (("v1", "v2", "--feature", "temprature"), "--feature: there is no feature 'temprature'; did you mean `temperature`?"),
        (("v1", "v2", "--from", "2026-03-20"), "--from: '2026-03-20' has no time zone"),
        (("v1", "v2", "--from", "2026-03-20T00:00Z", "--to", "2026-03-20T00:00Z"), "which is not after its start"),
        (("v1", "v2", "--from", "2027-01-01T00:00Z", "--to", "2027-02-01T00:00Z"), "holds no data: the store spans"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_said_and_exits_with_2(drift, made, words, said):
    answer = drift("compare", *words, "-c", made.config)
    assert answer.code == 2
    assert said in answer.err


def test_no_hour_in_common_is_a_failure_that_is_named(drift, made):
    times = [datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=h) for h in range(480)]
    rows = pa.array(times, pa.timestamp("us", "UTC"))
    load = 100 + np.random.default_rng(1).random(480)
    version = np.where(np.arange(480) < 240, "v1", "v2")  # ten days each, one after the other
    made.write(
        "predictions", city=np.full(480, "Pune"), model_version=version, target_time=rows, predicted=load
    )
    answer = drift(
        "compare", "v1", "v2", "-c", made.config, "--from", "2026-03-01T00:00Z", "--to", "2026-03-21T00:00Z"
    )
    assert answer.code == 1
    assert "v1 and v2 have no good hour in common" in answer.out
    assert "failed compare hours: no hour of" in answer.out


def test_hostile_names_are_only_shown(drift, made, tmp_path):
    hostile = "[bold]\x1b[2J<img src=x>[/]"
    times = [datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=h) for h in range(960)]
    rows = pa.array(times * 4, pa.timestamp("us", "UTC"))
    rng = np.random.default_rng(2)
    load = np.tile(100 + rng.random(960), 4)
    city = np.repeat([hostile, "Pune"], 1920)
    version = np.tile(np.repeat([hostile, "v2"], 960), 2)
    made.write(
        "predictions", city=city, model_version=version, target_time=rows, predicted=load + rng.random(3840)
    )
    made.write("actuals", city=np.repeat([hostile, "Pune"], 960), target_time=rows[:1920], actual=load[:1920])
    page = tmp_path / "page.html"
    answer = drift("compare", hostile, "v2", "-c", made.config, "--out", page)
    assert answer.code == 0
    assert "\x1b" not in answer.out
    assert "[bold]�[2J<img src=x>[/]" in answer.out
    assert "<img" not in page.read_text()


def test_the_page_opens_from_disk_without_network_or_complaint(drift, made, browser, tmp_path):
    page = tmp_path / "page.html"
    assert str(page) in drift("compare", "v1", "v2", "-c", made.config, *RANGE, "--out", page).out.replace(
        "\n", ""
    )
    for width, scheme in ((390, "dark"), (1280, "light"), (1920, "light")):
        browser.open(page, width=width, scheme=scheme)
        assert browser.requests == [page.as_uri()]
        assert browser.complaints == []
        wide, room = browser.js(WIDTHS)
        assert wide <= room
        shown = (
            "[...document.querySelectorAll('svg.hours')].filter(s => getComputedStyle(s).display !== 'none')"
        )
        assert browser.js(f"{shown}.map(s => s.getAttribute('class'))") == [
            "hours narrow" if width == 390 else "hours wide"
        ]
    assert browser.js("document.querySelectorAll('.compare circle').length") == 3 + 24 + 5
    assert browser.js("document.querySelector('h1').textContent") == "v1 against v2"
