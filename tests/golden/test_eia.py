"""Real day-ahead forecasts of eight US balancing authorities, against plain pandas and slot by slot."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from drift import Monitor, load_config
from drift.domain import AlertStatus

pytestmark = pytest.mark.data

CONFIG = """\
store:
  kind: parquet
  interval: 1h
  predictions: {{path: {path}, columns: {{city: zone, target_time: timestamp, predicted: forecast}}, marks: end, model_version: day-ahead}}
  actuals: {{path: {path}, columns: {{city: zone, target_time: timestamp, actual: actual}}, marks: end}}
windows: {{current: {current}, reference: 90d}}
reports: null
history: null
alerts:
  model_accuracy_drop: {{metric: model_accuracy, threshold: 0.85, duration: 1h, severity: high, channels: [log]}}
  biased: {{metric: mase, threshold: 1.5, duration: 6h}}
  shifted: {{metric: ks, threshold: 0.8, column: error, duration: 3h}}
"""
SLOT = datetime(2020, 4, 10, tzinfo=UTC)


@pytest.fixture
def sample(shared_data):
    return shared_data / "eia930_dev_sample.parquet"


def config_of(tmp_path, sample, current: str, extra: str = ""):
    file = tmp_path / "drift.yaml"
    file.write_text(CONFIG.format(path=sample, current=current) + extra)
    return file


def test_mape_of_every_zone_is_what_plain_pandas_gives(drift, tmp_path, sample):
    import pandas as pd

    everything = "accuracy: {leave_out_faults: false}\n"
    document = drift(
        "run", "-c", config_of(tmp_path, sample, "28d", everything), "--slot", "2020-04-10T00:00Z", "--json"
    ).json
    rows = pd.read_parquet(sample)
    start = rows["timestamp"] - pd.Timedelta(hours=1)  # hour-ENDING
    window = rows[(start >= SLOT - timedelta(days=28)) & (start < SLOT)].dropna(subset=["actual", "forecast"])
    expected = ((window.forecast - window.actual).abs() / window.actual).groupby(window.zone).mean()
    pairs = window.groupby("zone").size()
    got = {m["city"]: m for m in document["measurements"] if m["name"] == "mape" and m["city"]}
    assert sorted(got) == sorted(expected.index)
    for zone, measurement in got.items():
        assert measurement["n"] == pairs[zone]
        if measurement["value"] is None:  # JEA had forecasts for 148 of 672 hours
            assert (measurement["undefined"], pairs[zone] / 672 < 0.6) == ("low_coverage", True)
        else:
            assert measurement["value"] == pytest.approx(expected[zone], rel=1e-9)
    assert sum(m["value"] is not None for m in got.values()) == 7


def test_without_faulty_hours_it_is_what_pandas_gives_of_the_others(drift, tmp_path, sample):
    """The 28 days hold two hours whose published, cleaned value is another by a third and by nine tenths."""
    import pandas as pd

    config = config_of(tmp_path, sample, "28d")
    document = drift("run", "-c", config, "--slot", "2020-04-10T00:00Z", "--json").json
    rows = pd.read_parquet(sample)
    start = rows["timestamp"] - pd.Timedelta(hours=1)
    window = rows[(start >= SLOT - timedelta(days=28)) & (start < SLOT)]
    off = (window.actual / window.actual_cleaned - 1).abs() > 0.3
    assert window[off].set_index("zone").actual.to_dict() == {"EPE": 1382.0, "TAL": 3338.0}
    window = window[~off].dropna(subset=["actual", "forecast"])
    expected = ((window.forecast - window.actual).abs() / window.actual).groupby(window.zone).mean()
    pairs = window.groupby("zone").size()
    got = {m["city"]: m for m in document["measurements"] if m["name"] == "mape" and m["city"]}
    for zone, measurement in got.items():
        assert measurement["n"] == pairs[zone]
        assert measurement["coverage"] == pytest.approx(pairs[zone] / 672)
        if measurement["value"] is not None:
            assert measurement["value"] == pytest.approx(expected[zone], rel=1e-9)
    current = {p["city"]: p for p in document["pairs"] if p["window"] == "current" and p["city"]}
    assert {zone: p["unused"].get("spike", 0) for zone, p in current.items()} == {
        zone: int(zone in ("EPE", "TAL")) for zone in current
    }
    assert all(p["used"] == pairs[zone] for zone, p in current.items())
    told = [f for f in document["data_faults"] if f["kind"] == "spike"]
    assert [(f["city"], f["since"], f["hours"], f["value"]) for f in told] == [
        ("EPE", "2020-03-16T16:00:00Z", 1.0, 1382.0), ("TAL", "2020-03-21T19:00:00Z", 1.0, 3338.0),
    ]  # fmt: skip


def test_a_replay_gives_the_transitions_of_its_slots_run_one_by_one(tmp_path, sample):
    config = load_config(config_of(tmp_path, sample, "24h"))
    first, hours = datetime(2020, 3, 25, tzinfo=UTC), 96
    replayed = Monitor(config).replay(first, first + timedelta(hours=hours), timedelta(hours=1), explain=True)
    monitor = Monitor(config, sinks=())
    for hour in range(hours + 1):
        monitor.run(first + timedelta(hours=hour))
    assert monitor.state.transitions() == list(replayed.transitions)
    assert len(replayed.transitions) > 5


@pytest.mark.slow
def test_a_replay_of_fifteen_months_finds_what_happened(drift, tmp_path, sample):
    """Hurricane season, the heat wave of September 2020 in Los Angeles, the cold front in El Paso."""
    out = tmp_path / "out.jsonl"
    answer = drift(
        "replay", "-c", config_of(tmp_path, sample, "24h"),
        "--from", "2019-07-01T00:00Z", "--to", "2020-10-01T00:00Z", "--out", out,
    )  # fmt: skip
    assert answer.code == 0
    assert "10,993 slots" in answer.out
    fired = [t for t in map(json.loads, out.read_text().splitlines()) if t["to"] == AlertStatus.FIRING.value]
    at = {(t["city"], t["at"][:10]) for t in fired if t["rule"] == "model_accuracy_drop"}
    assert ("EPE", "2020-09-10") in at
    assert any(city == "LDWP" and "2020-09-05" <= day <= "2020-09-12" for city, day in at)
    assert all(t["value"] < 0.85 for t in fired if t["rule"] == "model_accuracy_drop")
