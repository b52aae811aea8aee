"""Deep pages within their bounds: real child processes that hang, die, write too much or lack Evidently."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.config import ReportsConfig
from drift.config_reports import DeepConfig
from drift.domain import Alert, AlertStatus
from drift.errors import ReportError
from drift.reports.book import book_of
from drift.reports.deep import urgency, versions_of, write_deep
from drift.reports.deep_job import MOST_VERSIONS, harmless, job_of
from drift.reports.deep_maker import Maker
from drift.reports.deep_page import taken_apart
from drift.reports.publish import write_pages
from drift.reports.site import write_site

CHILD = """
import os, pickle, sys, threading
from drift.reports.deep_maker import Answer
while True:
    try:
        job = pickle.load(sys.stdin.buffer)
    except EOFError:
        break
    {does}
    pickle.dump(Answer("<p>" + job.city), sys.stdout.buffer)
    sys.stdout.buffer.flush()
"""


def child(does: str = "pass") -> Maker:
    """A real child that does so before it answers."""
    return Maker((sys.executable, "-c", CHILD.format(does=does)))


def limited(config, base, **limits):
    reports = ReportsConfig(dir="pages", deep=DeepConfig(**limits))
    return config.model_copy(update={"base": base, "reports": reports})


def written(made, tmp_path, cities, maker, **limits):
    """What was written, and what failed."""
    run, pairs, _, config = made
    failed = []
    links = write_deep(
        run, pairs, limited(config, tmp_path, **limits), cities, tmp_path, failed.append, maker=maker
    )
    return links, failed


def files(folder):
    return sorted(path.name for path in (folder / "deep").rglob("*")) if (folder / "deep").exists() else []


def test_each_city_gets_its_page(fleet, tmp_path):
    links, failed = written(fleet(4), tmp_path, ["zone-01", "zone-02"], child())
    assert failed == []
    assert {name: path.read_text() for name, path in links.items()} == {
        "deep:zone-01": "<p>zone-01", "deep:zone-02": "<p>zone-02",
    }  # fmt: skip
    assert files(tmp_path) == ["zone-01.html", "zone-02.html"]


@pytest.mark.slow
def test_a_child_that_hangs_is_killed_and_the_other_cities_go_on(fleet, tmp_path):
    note = tmp_path / "pid"
    hang = f"if job.city == 'zone-01': open({str(note)!r}, 'w').write(str(os.getpid())); threading.Event().wait()"
    made = fleet(4)
    links, (failure,) = written(
        made, tmp_path, ["zone-01", "zone-02"], child(hang), timeout=timedelta(seconds=8)
    )
    assert failure.what == "zone-01"
    assert failure.message == (
        "the deep report of 'zone-01' took longer than 8s: raise reports.deep.timeout, "
        "or lower reports.deep.max_rows (20,000)"
    )
    assert list(links) == ["deep:zone-02"]
    assert files(tmp_path) == ["zone-02.html"]
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_a_child_that_dies_is_a_failure_of_its_city_alone(fleet, tmp_path):
    die = "if job.city == 'zone-01': os._exit(9)"
    links, (failure,) = written(fleet(4), tmp_path, ["zone-01", "zone-02"], child(die))
    assert "'zone-01' was not made: the process that makes it ended" in failure.message
    assert list(links) == ["deep:zone-02"]


def test_a_page_that_is_too_large_is_not_written(fleet, tmp_path):
    much = "job = type('Job', (), {'city': 'x' * 2_000_000})()"
    links, (failure,) = written(fleet(4), tmp_path, ["zone-01"], child(much), max_size="1MB")
    assert failure.message == (
        "the deep report of 'zone-01' has 2.0 MB, more than 1.0: raise reports.deep.max_size, "
        "or name fewer features in store.features.use"
    )
    assert (links, files(tmp_path)) == ({}, [])


def test_without_evidently_one_failure_says_what_to_install(fleet, tmp_path, monkeypatch):
    """A real child of ours, and an Evidently that cannot be imported, as with pandas 3.1."""
    (tmp_path / "broken" / "evidently").mkdir(parents=True)
    (tmp_path / "broken" / "evidently" / "__init__.py").write_text(
        "raise ImportError('not with this pandas')"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    links, (failure,) = written(fleet(4), tmp_path, ["zone-01", "zone-02"], Maker())
    assert (failure.stage, failure.what) == ("reports", "evidently")
    assert failure.message.startswith(
        "Evidently cannot be imported (not with this pandas): install `evidently>="
    )
    assert (links, files(tmp_path)) == ({}, [])


def test_the_most_urgent_cities_come_first_and_the_rest_is_said(fleet, tmp_path):
    run, pairs, transitions, config = fleet(4)
    pending = replace(
        run.alerts[0], key=run.alerts[0].key._replace(city="zone-03"), status=AlertStatus.PENDING
    )
    run = replace(run, alerts=(pending, *run.alerts))
    assert [urgency(run, city) for city in pairs.cities] == [0, 2, 1, 2]
    made = (run, pairs, transitions, config)
    links, (failure,) = written(made, tmp_path, ["zone-02", "zone-03", "zone-01"], child(), max_cities=2)
    assert list(links) == ["deep:zone-01", "deep:zone-03"]
    assert failure.message == (
        "1 of 3 cities have no deep report: raise reports.deep.max_cities (2), or name a city by --city"
    )


def test_a_city_without_pairs_is_a_failure_that_says_so(fleet, tmp_path):
    _, (failure,) = written(fleet(4), tmp_path, ["zone-04"], child())
    assert failure.what == "zone-04"
    assert "v1 has 0 pairs in the current window, of 5 needed" in failure.message


def test_pages_link_what_is_there(fleet, tmp_path):
    run, pairs, transitions, config = fleet(4)
    written((run, pairs, transitions, config), tmp_path, ["zone-01"], child())
    links = write_site(run, pairs, transitions, config, tmp_path)
    assert '<a href="../deep/zone-01.html">Deep report by Evidently</a>' in links["city:zone-01"].read_text()
    assert "deep/" not in links["city:zone-02"].read_text()


def test_progress_counts_deep_pages_too(fleet, tmp_path):
    run, pairs, transitions, config = fleet(4)
    told, failed = [], []
    write_pages(
        run, pairs, transitions, limited(config, tmp_path), ["zone-01"], told.append,
        deep=["zone-04"], on_failure=failed.append,
    )  # fmt: skip
    assert told == [3, 3, 3]
    assert [failure.what for failure in failed] == ["zone-04"]


def book(fleet, cities=4, **kwargs):
    run, pairs, _, config = fleet(cities, **kwargs)
    return book_of(run, pairs, (), config)


def test_a_job_has_our_columns_on_the_citys_clock(fleet):
    job = job_of(book(fleet), "zone-01", ["v1"], 20_000, "home")
    (part,) = job.parts
    assert list(part.current) == ["target_time", "actual", "predicted", "hour", "temperature"]
    assert {name: values.shape for name, values in part.current.items()} == dict.fromkeys(part.current, (24,))
    assert {values.size for values in part.reference.values()} == {90 * 24}
    # the window begins at 00:00 UTC, which is 05:30 in Kolkata
    assert part.current["hour"].tolist() == [*range(5, 24), *range(5)]
    assert job.left_out == ("weekday is left out: the current window is too short to hold all alike",)


def test_of_many_pairs_the_newest_are_shown_and_the_page_says_so(fleet):
    everything = job_of(book(fleet), "zone-01", ["v1"], 20_000, "home").parts[0].reference
    job = job_of(book(fleet), "zone-01", ["v1"], 500, "home")
    assert "the newest 500 of 2,160 pairs of the reference window are shown" in job.left_out
    for name, values in job.parts[0].reference.items():
        np.testing.assert_array_equal(values, everything[name][-500:])


def test_what_is_not_finite_is_missing_and_an_empty_column_is_left_out(fleet):
    run, pairs, _, config = fleet(4)
    heat = pairs.features["temperature"].copy()
    heat[0, -3] = np.inf
    features = {"temperature": heat, "wind": np.full_like(heat, np.nan)}
    job = job_of(
        book_of(run, replace(pairs, features=features), (), config), "zone-01", ["v1"], 20_000, "home"
    )
    assert np.isnan(job.parts[0].current["temperature"]).tolist() == [*[False] * 21, True, False, False]
    assert "wind" not in job.parts[0].current
    assert "wind is left out: a window has no value of it" in job.left_out


def test_model_versions_that_alert_are_shown_or_else_all_but_only_so_many(fleet):
    versions = tuple(f"v{n}" for n in range(5))
    run, pairs, _, config = fleet(4, versions=versions)
    assert versions_of(run, pairs, "zone-01") == ["v0"]
    assert versions_of(run, pairs, "zone-02") == list(versions)
    job = job_of(book_of(run, pairs, (), config), "zone-02", versions, 20_000, "home")
    assert [part.model_version for part in job.parts] == ["v0", "v1", "v2"]
    assert f"a page shows {MOST_VERSIONS} model versions; left out: v3, v4" in job.left_out


def test_an_alert_of_the_whole_city_chooses_no_model_version(fleet):
    run, pairs, _, _ = fleet(4)
    alert: Alert = replace(run.alerts[0], key=run.alerts[0].key._replace(model_version="gone"))
    assert versions_of(replace(run, alerts=(alert,)), pairs, "zone-01") == ["v1", "v2"]


@given(st.lists(st.text(max_size=70), max_size=8))
def test_no_name_can_begin_a_tag_or_pass_for_another(names):
    taken = {"hour", "actual"}
    found = [harmless(name, taken) for name in names]
    assert len({*found, "hour", "actual"}) == len(found) + 2
    assert not set("".join(found)) & set("<>&\n\u2028\u202e")


def test_a_page_of_another_form_is_refused():
    with pytest.raises(ReportError, match="Evidently's pages have another form"):
        taken_apart("<html><script>1</script></html>")


def test_the_docs_table_says_the_defaults(repository):
    """As the config would be written: `60s`, `10MB`."""
    lines = [line.split("|") for line in (repository / "docs" / "reports.md").read_text("utf-8").splitlines()]
    said = {cells[1].strip(" `"): cells[2].strip(" `") for cells in lines if len(cells) > 3}
    defaults = DeepConfig()
    assert DeepConfig.model_validate({key: said[key] for key in DeepConfig.model_fields}) == defaults
