from dataclasses import replace
from datetime import timedelta

import pytest

from drift.config import ReportsConfig
from drift.domain import AlertStatus
from drift.errors import ConfigError
from drift.reports.publish import alerting, write_pages, write_reports


def configured(config, base, **reports):
    return config.model_copy(update={"base": base, "reports": ReportsConfig(dir="pages", **reports)})


def test_only_cities_in_trouble_get_a_page_unless_all_are_asked_for(fleet, tmp_path):
    run, pairs, transitions, config = fleet(3)
    few = write_reports(run, pairs, transitions, configured(config, tmp_path / "few"))
    assert list(few) == ["report", "city:zone-01"]
    assert few["report"] == str(tmp_path / "few" / "pages" / "2020-04-10T00-00Z" / "index.html")
    every = write_reports(run, pairs, transitions, configured(config, tmp_path / "all", cities="all"))
    assert len(every) == 4


def test_a_city_whose_alert_was_resolved_in_this_slot_still_has_a_page(fleet):
    run, pairs, transitions, _ = fleet(3)
    resolved = tuple(replace(alert, status=AlertStatus.RESOLVED) for alert in run.alerts)
    assert alerting(replace(run, alerts=resolved), pairs.cities) == ()
    last = replace(transitions[-1], key=transitions[-1].key._replace(city="zone-02"))
    assert alerting(replace(run, alerts=resolved, transitions=(last,)), pairs.cities) == ("zone-02",)


def test_old_slots_are_cleared_away_and_nothing_else(fleet, tmp_path):
    run, pairs, transitions, config = fleet(1)
    settings = configured(config, tmp_path, keep=timedelta(days=2))
    for name in ("2020-04-07T23-00Z", "2020-04-08T00-00Z", "notes", "2020-04-07"):
        (tmp_path / "pages" / name).mkdir(parents=True)
    write_reports(run, pairs, transitions, settings)
    left = sorted(path.name for path in (tmp_path / "pages").iterdir())
    assert left == ["2020-04-07", "2020-04-08T00-00Z", "2020-04-10T00-00Z", "notes"]


def test_reports_that_are_turned_off(fleet, tmp_path):
    run, pairs, transitions, config = fleet(1)
    off = config.model_copy(update={"base": tmp_path, "reports": None})
    assert write_reports(run, pairs, transitions, off) == {}
    with pytest.raises(ConfigError, match="reports: the config turns them off"):
        write_pages(run, pairs, transitions, off, pairs.cities)
    assert list(tmp_path.iterdir()) == []


def test_progress_is_told_a_page(fleet, tmp_path):
    run, pairs, transitions, config = fleet(2)
    told = []
    write_pages(run, pairs, transitions, configured(config, tmp_path), pairs.cities, told.append)
    assert told == [3, 3, 3]
