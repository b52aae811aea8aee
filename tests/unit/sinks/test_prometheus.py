from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from drift.domain import Failure, PairCount, Panel, Run, Series, Undefined
from drift.errors import SinkError
from drift.sinks.prometheus import CONTENT_TYPE, PrometheusSink

DAY = datetime(2020, 4, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOSTILE = [
    'a"b',
    "a\\b",
    "a\nb",
    "a\\nb",
    'x",metric="mape"} 1\n#',
    "ไทย",
    "é\t\x00\x1b[2J",
    "",
    " ",
    "a\rb",
    "\u2028",
]

MakeRun = Callable[..., Run]
Found = dict[str, dict[frozenset[tuple[str, str]], float]]


class Fixed(Collector):
    """Collects what it was made with."""

    def __init__(self, family: Metric) -> None:
        self.family = family

    def collect(self) -> Iterator[Metric]:
        yield self.family


def scrape(sink: PrometheusSink) -> Found:
    families = text_string_to_metric_families(sink.render().decode())
    found: Found = {}
    for family in families:
        for sample in family.samples:
            series = found.setdefault(sample.name, {})
            labels = frozenset(sample.labels.items())
            assert labels not in series, f"{sample} stands twice"
            series[labels] = sample.value
    return found


def labels(**values: str) -> frozenset[tuple[str, str]]:
    return frozenset(values.items())


def published(*runs: Run) -> PrometheusSink:
    sink = PrometheusSink()
    for run in runs:
        assert sink.publish(run) == {}
    return sink


def test_before_any_run_there_are_only_names() -> None:
    sink = PrometheusSink()
    assert scrape(sink) == {}
    assert b"# TYPE drift_failures_total counter" in sink.render()
    assert b"model_" not in sink.render()


def test_each_series_stands_in_its_gauge(make_run: MakeRun) -> None:
    found = scrape(published(make_run()))
    assert found["model_accuracy"] == {
        labels(model_version="v1", metric="mape"): 0.02,
        labels(model_version="v2", metric="accuracy"): 0.07,
        labels(model_version="v2", metric="mape"): 0.08,
    }
    assert len(found["model_accuracy_by_city"]) == 8
    assert found["model_accuracy_by_city"][labels(model_version="v1", city="SCL", metric="accuracy")] == 0.03
    assert found["model_horizon_accuracy"] == {
        labels(model_version="v1", horizon="24h-30h", metric="accuracy"): 0.13,
        labels(model_version="v1", horizon="24h-30h", metric="mape"): 0.14,
        labels(model_version="v2", horizon="24h-30h", metric="accuracy"): 0.15,
        labels(model_version="v2", horizon="24h-30h", metric="mape"): 0.16,
    }
    assert len(found["model_drift"]) == 15
    drifted = labels(model_version="v2", city="PJM", column="temperature", statistic="ks")
    assert found["model_drift"][drifted] == 0.16


def detected(cities: Sequence[str | None], columns: Sequence[str | None], *names: str) -> Panel:
    series = tuple(Series("v1", city) for city in cities)
    shape = (len(series), len(columns), len(names))
    value = np.arange(1.0, np.prod(shape) + 1).reshape(shape)
    return Panel(
        "detector", series, tuple(columns), names, value, np.zeros(shape, np.uint8),
        np.full(shape[:2], 24), np.ones(shape[:2]),
    )  # fmt: skip


def test_what_detectors_say_has_gauges_of_its_own(make_run: MakeRun) -> None:
    panels = (
        detected(["SCL"], [None], "drift_score", "error_ratio", "bias_ratio", "fault_hours"),
        detected(["SCL"], ["size", "bias"], "channel_score"),
        detected([None], [None], "drift_score", "error_ratio"),
        detected([None], ["spread"], "channel_score"),
        detected(["SCL"], [None], "interval_score"),
        detected(["SCL"], ["temperature"], "feature_score"),
    )
    found = scrape(published(make_run(panels=panels)))
    city = {"model_version": "v1", "city": "SCL"}
    assert found["drift_score"] == {
        labels(**city, channel="all"): 1,
        labels(**city, channel="size"): 1,
        labels(**city, channel="bias"): 2,
        labels(**city, channel="interval"): 1,
    }
    assert found["model_error_ratio"] == {labels(**city): 2}
    assert found["model_bias_ratio"] == {labels(**city): 3}
    assert found["model_fault_hours"] == {labels(**city): 4}
    assert found["drift_feature_score"] == {labels(**city, column="temperature"): 1}
    assert found["drift_fleet_score"] == {
        labels(model_version="v1", channel="all"): 1,
        labels(model_version="v1", channel="spread"): 1,
    }
    assert found["model_fleet_error_ratio"] == {labels(model_version="v1"): 2}


def test_a_score_without_a_value_is_absent_and_counted(make_run: MakeRun) -> None:
    unknown = detected(["SCL"], [None], "drift_score")
    unknown = replace(
        unknown, value=unknown.value * np.nan, reason=np.full((1, 1, 1), Undefined.NOT_CALIBRATED, np.uint8)
    )
    found = scrape(published(make_run(panels=(unknown,))))
    assert "drift_score" not in found
    assert found["drift_undefined"] == {
        labels(model_version="v1", kind="detector", reason="not_calibrated"): 1
    }


def test_the_run_tells_of_itself(make_run: MakeRun) -> None:
    found = scrape(published(make_run()))
    assert found["drift_run_duration_seconds"] == {frozenset(): 1.5}
    assert found["drift_last_success_timestamp_seconds"] == {frozenset(): DAY.timestamp()}
    assert found["drift_failures_total"] == {labels(stage="read"): 1}
    assert found["drift_actuals_delay_seconds"] == {labels(city="SCL"): 3600}
    assert found["drift_actuals_expected_delay_seconds"] == {labels(city="SCL"): 7200}
    assert found["drift_pairs"] == {
        labels(model_version="v1", city="SCL", outcome="used"): 20,
        labels(model_version="v1", city="SCL", outcome="late"): 3,
    }
    assert found["drift_alerts"] == {
        labels(rule="model_accuracy_drop", severity="high", state=state): float(state == "firing")
        for state in ("ok", "pending", "firing", "resolved")
    }


def test_an_undefined_value_is_an_absent_series_and_a_counted_reason(make_run: MakeRun) -> None:
    found = scrape(published(make_run()))
    assert labels(model_version="v1", metric="accuracy") not in found["model_accuracy"]
    assert found["drift_undefined"] == {
        labels(model_version="v1", kind="metric", reason="low_coverage"): 1,
        labels(model_version="v1", kind="statistic", reason="low_coverage"): 1,
    }


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_no_value_that_is_not_finite_gets_out(make_run: MakeRun, bad: float) -> None:
    shape = (1, 1, 1)
    slipped = Panel(
        "metric",
        (Series("v1"),),
        (None,),
        ("mape",),
        np.full(shape, bad),
        np.zeros(shape, np.uint8),
        np.ones((1, 1), np.int64),
        np.ones((1, 1)),
    )
    run = make_run(panels=(slipped,), duration_s=bad, actuals_delay_s={"SCL": bad})
    found = scrape(published(run))
    assert found["drift_undefined"] == {labels(model_version="v1", kind="metric", reason="not_finite"): 1}
    assert not {"model_accuracy", "drift_run_duration_seconds", "drift_actuals_delay_seconds"} & set(found)


def test_a_city_that_left_is_gone_with_its_run(make_run: MakeRun) -> None:
    sink = published(make_run(), make_run(slot=DAY + HOUR, cities=("SCL",)))
    assert b"PJM" not in sink.render()
    assert scrape(sink) == {
        **scrape(published(make_run(slot=DAY + HOUR, cities=("SCL",)))),
        "drift_failures_total": {labels(stage="read"): 2},
    }


def test_failures_are_counted_once_a_slot_over_the_process(make_run: MakeRun) -> None:
    two = (Failure("read", "SCL", "x"), Failure("mlflow", "mlflow", "y"))
    later = make_run(slot=DAY + HOUR, failures=two)
    found = scrape(
        published(make_run(), make_run(), later, later, make_run(slot=DAY + 2 * HOUR, failures=()))
    )
    assert found["drift_failures_total"] == {labels(stage="read"): 2, labels(stage="mlflow"): 1}


def test_a_run_that_measured_nothing_is_no_success(make_run: MakeRun) -> None:
    found = scrape(published(make_run(), make_run(slot=DAY + HOUR, panels=())))
    assert found["drift_last_success_timestamp_seconds"] == {frozenset(): DAY.timestamp()}
    assert "model_accuracy" not in found


def test_an_older_slot_made_up_for_does_not_set_success_back(make_run: MakeRun) -> None:
    found = scrape(published(make_run(), make_run(slot=DAY - HOUR)))
    assert found["drift_last_success_timestamp_seconds"] == {frozenset(): DAY.timestamp()}


def test_hostile_names_are_read_back_as_they_are(make_run: MakeRun) -> None:
    found = scrape(published(make_run(cities=HOSTILE, versions=['v"1\n'])))
    cities = {dict(series)["city"] for series in found["model_accuracy_by_city"]}
    assert cities == set(HOSTILE)
    assert {dict(series)["model_version"] for series in found["model_accuracy_by_city"]} == {'v"1\n'}


def test_a_name_that_is_no_text_leaves_the_old_gauges(make_run: MakeRun) -> None:
    sink = published(make_run())
    before = sink.render()
    with pytest.raises(
        SinkError, match=r"a name that is no valid text \(surrogates not allowed\): mend the names"
    ):
        sink.publish(make_run(cities=["\ud800"]))
    assert sink.render() == before


def test_a_measurement_that_stands_twice_is_served_once(make_run: MakeRun) -> None:
    run = make_run()
    assert (
        scrape(published(make_run(panels=run.panels * 2)))["model_accuracy"]
        == scrape(published(run))["model_accuracy"]
    )


def test_a_name_and_a_type_stand_once_for_each_family(make_run: MakeRun) -> None:
    lines = published(make_run()).render().decode().splitlines()
    for kind in ("# HELP ", "# TYPE "):
        named = [line.split()[2] for line in lines if line.startswith(kind)]
        assert len(named) == len(set(named)) == 23


def test_the_text_is_rendered_once(make_run: MakeRun) -> None:
    sink = published(make_run())
    assert sink.render() is sink.render()
    assert CONTENT_TYPE.startswith("text/plain; version=0.0.4")


def test_a_registry_can_hold_it_beside_others(make_run: MakeRun) -> None:
    sink = published(make_run())
    registry = CollectorRegistry(auto_describe=False)
    registry.register(sink)
    assert generate_latest(registry) == sink.render()
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        registry.register(PrometheusSink())


NUMBERS = [
    0.0,
    -0.0,
    1.0,
    0.1,
    1e-5,
    5e-324,
    999_999.5,
    1e6,
    1_234_567.25,
    1e15,
    1e16,
    1e22,
    1.7e308,
    -2e6,
    3.14,
]


def test_the_bytes_are_those_that_the_client_writes_of_the_same_series(make_run: MakeRun) -> None:
    run = make_run(cities=HOSTILE, versions=['v"1\n', "v2"])
    panels = tuple(
        replace(panel, value=np.resize(NUMBERS, panel.value.shape), reason=np.zeros_like(panel.reason))
        for panel in run.panels
    )
    accuracy = GaugeMetricFamily(
        "model_accuracy_by_city", "Accuracy figures a city.", labels=("model_version", "city", "metric")
    )
    drift = GaugeMetricFamily(
        "model_drift",
        "Drift statistics a city and column.",
        labels=("model_version", "city", "column", "statistic"),
    )
    for panel in panels:
        for m in panel:
            version, city, horizon = m.series
            if m.kind == "statistic":
                drift.add_metric((version, str(city), str(m.column), m.name), m.value)
            elif city is not None and horizon is None:
                accuracy.add_metric((version, city, m.name), m.value)
    ours = published(replace(run, panels=panels)).render()
    for family in (accuracy, drift):
        theirs = CollectorRegistry(auto_describe=False)
        theirs.register(Fixed(family))
        written = generate_latest(theirs)
        assert written.count(b"\n") > 30
        assert written in ours


def test_a_scrape_never_sees_two_runs_at_once(make_run: MakeRun) -> None:
    versions = {f"v{i}": make_run(slot=DAY + i * HOUR, versions=(f"v{i}",)) for i in range(8)}
    sink, seen, stop = PrometheusSink(), set(), threading.Event()

    def scraping() -> None:
        while not stop.is_set():
            found = scrape(sink).get("model_drift", {})
            seen.add(frozenset(dict(series)["model_version"] for series in found))

    thread = threading.Thread(target=scraping)
    thread.start()
    try:
        for i, run in enumerate(islice(cycle(versions.values()), 50_000)):
            sink.publish(replace(run, slot=DAY + i * HOUR))
            if i > 80 and len(seen) > 3:
                break
    finally:
        stop.set()
        thread.join()
    assert seen <= {frozenset(), *(frozenset({version}) for version in versions)}
    assert len(seen) > 3


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("hostile", [False, True])
def test_promtool_finds_nothing_to_say(make_run: MakeRun, hostile: bool) -> None:
    run = make_run(cities=HOSTILE) if hostile else make_run()
    for text in (published(run).render(), PrometheusSink().render()):
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_hundred_thousand_series_are_rendered_once_and_served_as_they_are(make_run: MakeRun) -> None:
    sink = PrometheusSink()
    sink.publish(make_run(cities=[f"city {i}" for i in range(8_500)]))
    assert sink.render().count(b"\n") > 100_000
    assert sink.render() is sink.render()


def test_only_the_current_window_is_counted(make_run: MakeRun) -> None:
    run = make_run(pair_counts=(PairCount("v1", "SCL", 7, {}, "reference"),))
    assert "drift_pairs" not in scrape(published(run))
