"""What a process's own counters say of its last minutes, held against Prometheus and against counting by hand."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.reasons import Undefined
from drift.telemetry import PlatformMetrics, RegistryReadings
from drift.telemetry.growth import LOOKS, Growth
from drift.telemetry.metrics import API_BUCKETS
from drift.telemetry.registry_readings import quantile

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WINDOW = 5 * MINUTE


@pytest.fixture
def metrics() -> PlatformMetrics:
    return PlatformMetrics()


def answer(
    metrics: PlatformMetrics, endpoint: str, status: int, number: int = 1, seconds: float = 0.05
) -> None:
    for _ in range(number):
        metrics.requests.labels(endpoint, "GET", status).inc()
        metrics.latency.labels(endpoint).observe(seconds)


def test_what_was_counted_before_it_was_made_is_of_no_known_time(metrics):
    answer(metrics, "/old", 500, 9)
    readings = RegistryReadings(metrics, WINDOW)
    answer(metrics, "/new", 200, 4)
    found = {reading.column: reading for reading in readings.error_rate(NOON)}
    assert (found["/new"].value, found["/new"].n) == (0.0, 4)
    assert (found["/old"].value, found["/old"].undefined) == (None, Undefined.NO_TRAFFIC)


def test_shares_are_of_the_window_and_of_5xx(metrics):
    readings = RegistryReadings(metrics, WINDOW)
    for status, number in ((200, 90), (404, 4), (499, 1), (500, 3), (503, 2)):
        answer(metrics, "/cities/{city}", status, number)
    answer(metrics, "/health", 200, 100)
    rates = {reading.column: reading for reading in readings.error_rate(NOON)}
    assert rates["/cities/{city}"].value == 0.05
    assert rates["/cities/{city}"].evidence == {"sentences": ["5 of 100 requests were answered with 5xx."]}
    assert rates["/health"].value == 0.0
    (available,) = readings.availability(NOON)
    assert (available.metric, available.column, available.value, available.n) == (
        "availability",
        None,
        0.975,
        200,
    )


def test_what_is_over_leaves_the_window(metrics):
    readings = RegistryReadings(metrics, WINDOW)
    readings.error_rate(NOON)
    answer(metrics, "/", 500, 10)
    at = {}
    for minute in range(1, 8):
        (reading,) = readings.error_rate(NOON + minute * MINUTE)
        at[minute] = reading.n
        answer(metrics, "/", 200, 1)
    # the errors came between noon and 12:01: the window that ends at 12:06 begins after they were seen
    assert at == {1: 10, 2: 11, 3: 12, 4: 13, 5: 14, 6: 5, 7: 5}


def test_nothing_in_the_window_is_undefined_and_never_0(metrics):
    readings = RegistryReadings(metrics, WINDOW)
    answer(metrics, "/", 200)
    with metrics.track_prediction("v2", "Pune"):
        pass
    readings.error_rate(NOON)
    readings.prediction_error_rate(NOON)
    later = NOON + 2 * WINDOW
    said = [*readings.latency(later), *readings.error_rate(later), *readings.availability(later)]
    said += [*readings.prediction_latency(later), *readings.prediction_error_rate(later)]
    assert [reading.metric for reading in said] == [
        "api_latency_seconds",
        "error_rate",
        "availability",
        "prediction_latency_seconds",
        "prediction_error_rate",
    ]
    assert {(reading.value, reading.undefined) for reading in said} == {(None, Undefined.NO_TRAFFIC)}
    assert RegistryReadings(PlatformMetrics(), WINDOW).availability(NOON)[0].undefined is Undefined.NO_TRAFFIC


def test_latency_is_the_95th_percentile_of_each_endpoint(metrics):
    readings = RegistryReadings(metrics, WINDOW)
    answer(metrics, "/quick", 200, 100, 0.05)
    answer(metrics, "/slow", 200, 90, 0.05)
    answer(metrics, "/slow", 200, 10, 1.5)  # rank 95 is in the middle of (1, 2]
    found = {reading.column: reading for reading in readings.latency(NOON)}
    assert found["/quick"].value == pytest.approx(0.095)
    assert found["/slow"].value == pytest.approx(1.5)
    assert found["/slow"].evidence == {"sentences": []}


def test_seed_latency_above_2_s_is_seen(metrics):
    readings = RegistryReadings(metrics, WINDOW)
    answer(metrics, "/predict", 200, 20, 3.0)
    answer(metrics, "/predict", 200, 2, 9.0)
    (reading,) = readings.latency(NOON)
    assert reading.value is not None
    assert reading.value > 2.0
    assert reading.value == 5.0  # at least: what the highest class holds is not known
    assert reading.evidence == {"sentences": ["2 of 22 took longer than 5 s."]}


def test_predictions_by_model_version_over_all_cities(metrics):
    readings = RegistryReadings(metrics, WINDOW)
    for city in ("Pune", "Mumbai"):
        for _ in range(8):
            with metrics.track_prediction("v2", city):
                pass
        for _ in range(2):
            with pytest.raises(ZeroDivisionError), metrics.track_prediction("v2", city):
                _ = 1 / 0
    (rate,) = readings.prediction_error_rate(NOON)
    assert (rate.metric, rate.model_version, rate.column, rate.value, rate.n) == (
        "prediction_error_rate",
        "v2",
        None,
        0.2,
        20,
    )
    (latency,) = readings.prediction_latency(NOON)
    assert (latency.model_version, latency.n) == ("v2", 20)
    assert latency.value is not None
    assert latency.value < 0.01


def test_accuracy_is_what_the_gauge_has(metrics):
    metrics.accuracy.labels("v2", "accuracy").set(0.975)
    metrics.accuracy.labels("v1", "accuracy").set(float("nan"))
    found = {reading.model_version: reading for reading in RegistryReadings(metrics, WINDOW).accuracy(NOON)}
    assert (found["v2"].metric, found["v2"].value, found["v2"].column) == (
        "model_accuracy",
        0.975,
        "accuracy",
    )
    assert (found["v1"].value, found["v1"].undefined) == (None, Undefined.NOT_FINITE)


def test_counters_that_fall_were_reset_and_lose_nothing(metrics):
    readings = RegistryReadings(metrics, WINDOW)
    answer(metrics, "/", 200, 10)
    assert readings.availability(NOON)[0].n == 10
    metrics.requests.clear()
    metrics.latency.clear()
    answer(metrics, "/", 500, 3)
    (available,) = readings.availability(NOON + MINUTE)
    assert (available.n, available.value) == (13, pytest.approx(10 / 13))
    assert readings.latency(NOON + MINUTE)[0].n == 13


def test_a_histogram_is_reset_in_all_its_classes(metrics):
    readings = RegistryReadings(metrics, WINDOW)
    answer(metrics, "/", 200, 10, 0.05)
    readings.latency(NOON)
    metrics.latency.clear()
    answer(metrics, "/", 200, 12, 1.5)  # more than before in all, and none of the quick ones
    (reading,) = readings.latency(NOON + MINUTE)
    assert reading.n == 22
    assert reading.value == pytest.approx(1 + (0.95 * 22 - 10) / 12)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 5)), min_size=1, max_size=40))
def test_every_window_holds_what_was_counted_in_it(steps):
    """Asked after so many seconds, and with so many requests in between: all, and nothing from before the look
    that is at least a window old.
    """
    metrics = PlatformMetrics()
    growth, now, asked = Growth((metrics.requests,), WINDOW), NOON, []
    for seconds, number in steps:
        now += timedelta(seconds=seconds)
        answer(metrics, "/", 200, number)
        asked.append((now, number))
        grown = sum(growth.until(now).values())
        surely = sum(
            count for (at, count), before in zip(asked[1:], asked, strict=False) if before[0] >= now - WINDOW
        )
        assert surely <= grown <= sum(count for _, count in asked)
        kept = [look for look in growth._looks if look.at is not None]
        assert len(kept) <= LOOKS + 2


def test_memory_does_not_grow_with_how_often_somebody_asks(metrics):
    growth = Growth((metrics.requests,), WINDOW)
    for second in range(3000):
        answer(metrics, "/", 200)
        grown = growth.until(NOON + timedelta(seconds=second))
    assert len(growth._looks) <= LOOKS + 2
    assert sum(grown.values()) == pytest.approx(300, abs=300 / LOOKS + 1)


def test_a_window_without_a_length_is_refused(metrics):
    with pytest.raises(ValueError, match="longer than nothing"):
        RegistryReadings(metrics, timedelta(0))


@given(st.lists(st.integers(0, 50), min_size=6, max_size=6), st.floats(0.01, 1.0))
def test_a_quantile_lies_in_the_class_of_its_rank(counts, q):
    bounds = [*API_BUCKETS, inf]
    classes, total = {}, 0
    for bound, count in zip(bounds, counts, strict=True):
        total += count
        classes[bound] = float(total)
    found = quantile(q, classes)
    if total == 0:
        assert found is None
        return
    at = next(i for i, bound in enumerate(bounds) if classes[bound] >= q * total)
    lower, upper = ([0.0, *bounds][at], bounds[at]) if bounds[at] < inf else (5.0, 5.0)
    assert found is not None
    assert lower <= found <= upper * (1 + 1e-12)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_a_quantile_is_what_prometheus_says(tmp_path):
    """A hundred histograms, each with what we say of it as the value that Prometheus has to come to."""
    chance, series, expected = random.Random(4), [], []  # noqa: S311 - no secret
    for case in range(100):
        counts = [chance.choice((0, 1, chance.randrange(1000))) for _ in range(6)]
        counts[chance.randrange(6)] += 1
        classes = {bound: float(sum(counts[: i + 1])) for i, bound in enumerate((*API_BUCKETS, inf))}
        for bound, count in classes.items():
            name = "+Inf" if bound == inf else str(bound)
            series.append({"series": f'lat_bucket{{case="{case}", le="{name}"}}', "values": str(count)})
        expected.append({"labels": f'{{case="{case}"}}', "value": quantile(0.95, classes)})
    test = {"expr": "histogram_quantile(0.95, lat_bucket)", "eval_time": "0m", "exp_samples": expected}
    file = tmp_path / "tests.yml"
    file.write_text(
        json.dumps({"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [test]}]})
    )
    ran = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
