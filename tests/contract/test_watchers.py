"""What every watcher keeps to, whichever it is: over the table of watchers, each really opened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drift.config import Config, parse_config
from drift.config_rules import SECURITY
from drift.detect import PLATFORM_METRICS
from drift.detect import WATCHERS as READ_BY
from drift.state import State
from drift.telemetry.metrics import PlatformMetrics
from drift.watchers import WATCHERS, Watcher, open_watchers

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)


def config(folder: Path, **watch: object) -> Config:
    content = {
        "store": {"predictions": {"path": "p.parquet"}, "actuals": {"path": "a.parquet"}},
        "alerts": {name: {"detector": name} for name in SECURITY},
        "watch": {"logs": {"paths": ["api.log"]}, "resources": {"mounts": [str(folder)]}, **watch},
    }
    return parse_config(content, folder)


@pytest.fixture
def metrics() -> PlatformMetrics:
    return PlatformMetrics()


@pytest.fixture(params=sorted(WATCHERS))
def watcher(request, metrics, tmp_path) -> Iterator[Watcher]:
    (tmp_path / "api.log").write_text("")
    with State.open(f"sqlite:///{tmp_path / 'drift.db'}") as state:
        opened = open_watchers(config(tmp_path), metrics, state, "web-1")
        (found,) = (one for one in opened if one.name == request.param)
        yield found
        for one in opened:
            one.close()


def serve_some(metrics: PlatformMetrics) -> None:
    metrics.requests.labels("/predict", "GET", "200").inc()
    metrics.latency.labels("/predict").observe(0.3)
    with metrics.track_prediction("v7", "Pune"):
        pass


def test_it_has_the_name_of_its_part_and_a_time_of_its_own(watcher):
    assert watcher.name in WATCHERS
    assert watcher.every > timedelta(0)


def test_what_it_reads_is_one_reading_a_part_of_what_it_is_there_for(watcher, metrics):
    watcher.readings(NOW)
    serve_some(metrics)
    found = watcher.readings(NOW + watcher.every)
    keys = [(one.metric, one.model_version, one.column) for one in found]
    assert len(set(keys)) == len(keys), "two readings of one part would be one alert"
    assert {READ_BY.get(one.metric, watcher.name) for one in found} <= {watcher.name}


def test_a_value_is_a_number_or_has_a_reason(watcher, metrics):
    serve_some(metrics)
    for at in (NOW, NOW + watcher.every):
        for one in watcher.readings(at):
            assert (one.value is None) is (one.undefined is not None), one
            assert one.value is None or abs(one.value) < float("inf"), one


def test_a_clock_that_stands_still_or_goes_back_breaks_nothing(watcher):
    for at in (NOW, NOW, NOW - timedelta(hours=1)):
        watcher.readings(at)


def test_every_metric_of_the_platform_has_a_watcher():
    assert set(READ_BY.values()) == set(WATCHERS)
    assert set(SECURITY) | PLATFORM_METRICS == set(READ_BY)


@pytest.mark.parametrize("part", sorted(WATCHERS))
def test_a_part_that_is_off_has_no_watcher(part, metrics, tmp_path):
    opened = open_watchers(config(tmp_path, **{part: "off"}), metrics, None)
    assert {one.name for one in opened} == set(WATCHERS) - {part}
    for one in opened:
        one.close()


def test_without_the_section_there_is_none(metrics, tmp_path):
    made = config(tmp_path)
    assert open_watchers(made.model_copy(update={"watch": None}), metrics) == ()


def test_logs_are_not_followed_where_no_rule_asks_for_it(metrics, tmp_path):
    made = config(tmp_path).model_copy(update={"alerts": {}})
    opened = open_watchers(made, metrics)
    assert "logs" not in {one.name for one in opened}


def test_a_command_reads_what_it_can(tmp_path):
    """It answers no requests, so there are none to read; a Prometheus may know."""
    alone = {one.name for one in open_watchers(config(tmp_path, logs="off"), None)}
    assert alone == {"resources"}
    asked = config(tmp_path, logs="off", prometheus={"url": "http://prometheus:9090"})
    assert {one.name for one in open_watchers(asked, None)} == {"latency", "model", "resources"}
