"""`drift report --deep`, with Evidently itself, and what it wrote in a real browser."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from drift.config_reports import DeepConfig, ReportsConfig
from drift.reports.deep import write_deep

FACTORY = Path(__file__).resolve().parent.parent / "unit" / "reports" / "factory.py"
DRIFTED, QUIET = "2026-04-01T00:00Z", "2026-03-28T00:00Z"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>'\"`\u202e"
DRAWN = "document.querySelectorAll('.js-plotly-plot').length"
TEXT = "document.body.innerText"


def test_without_an_alert_there_is_no_deep_report_and_that_is_said(drift, made):
    answer = drift("report", "-c", made.config, "--slot", QUIET, "--deep")
    assert answer.code == 0
    assert "no city alerts, so there is no deep report: name one by --city" in answer.err
    assert list(made.folder.rglob("deep")) == []


@pytest.mark.slow
def test_a_city_that_alerts_gets_evidentlys_report_linked_from_its_page(drift, made, browser):
    made.edit("alerts:", "reports: {dir: reports, deep: {timeout: 30m}}\nalerts:")  # however busy the machine
    drift("run", "-c", made.config, "--slot", DRIFTED)
    links = drift("report", "-c", made.config, "--slot", DRIFTED, "--deep", "--json").json["links"]
    (deep,) = [Path(path) for name, path in links.items() if name.startswith("deep:")]
    assert deep == Path(links["city:Surat"]).parent.parent / "deep" / Path(links["city:Surat"]).name
    assert 3.5e6 < deep.stat().st_size < 10e6
    browser.open(Path(links["city:Surat"]))
    with browser.loading():
        browser.js("document.querySelector('.when a').click()")
    browser.wait_for(f"{DRAWN} >= 4")
    assert browser.js("location.href") == deep.as_uri()
    said = browser.js(TEXT)
    assert "Regression Model Performance" in said
    assert "Drift is detected for" in said
    assert "Model version v1" in said
    assert "Model version v2" not in said  # nothing alerts of it
    shared = {(deep.parent.parent / "assets").as_uri(), deep.parent.parent.as_uri()}
    assert all(
        url.startswith("file://") and any(url.startswith(place) for place in shared)
        for url in browser.requests
    )
    browser.open(deep)
    browser.wait_for(f"{DRAWN} >= 4")
    assert browser.requests == [deep.as_uri()]
    assert browser.complaints == []


@pytest.mark.slow
def test_hostile_names_are_text_on_a_page_of_two_model_versions(tmp_path, browser):
    """Evidently alone writes a column's name into a script as it stands, which ends the script."""
    names = runpy.run_path(str(FACTORY))["fleet"](2, called=("zone-01", HOSTILE), versions=("v1", HOSTILE))
    run, pairs, _, config = names
    cells = pairs.actual.copy()
    cells[-1, -24:] = cells[-1, -48:-24]
    heat = pairs.features["temperature"]
    pairs = replace(pairs, actual=cells, features={HOSTILE: heat, "hour": heat, "constant": heat * 0})
    patient = ReportsConfig(dir="reports", deep=DeepConfig(timeout="30m"))
    config, failed = config.model_copy(update={"reports": patient}), []
    (page,) = write_deep(run, pairs, config, [HOSTILE], tmp_path, failed.append).values()
    assert failed == []
    browser.open(page)
    browser.wait_for(f"{DRAWN} >= 8")
    assert browser.dialogs == []
    assert browser.complaints == []
    assert browser.requests == [page.as_uri()]
    assert browser.js("document.querySelector('h1').innerText").startswith("</script><script>alert(1)")
    said = browser.js(TEXT)
    assert "‹/script›‹script›alert(1)" in said  # the column
    assert "hour (2)" in said
    assert browser.js("document.querySelectorAll('img[src=x]').length") == 0


@pytest.mark.slow
def test_a_page_that_takes_too_long_is_a_failure_and_the_other_pages_are_written(drift, made):
    made.edit("alerts:", "reports: {dir: reports, deep: {timeout: 0.2s}}\nalerts:")
    answer = drift("report", "-c", made.config, "--slot", DRIFTED, "--deep", "--city", "Pune", "--json")
    assert answer.code == 1
    (failure,) = answer.json["failures"]
    assert "the deep report of 'Pune' took longer than 0.2s: raise reports.deep.timeout" in failure["message"]
    assert set(answer.json["links"]) == {"report", "city:Pune"}
