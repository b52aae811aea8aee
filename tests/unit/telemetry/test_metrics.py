"""The platform's metrics, and predictions counted by them."""

from __future__ import annotations

import asyncio
import inspect
import shutil
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY, CollectorRegistry, Gauge
from prometheus_client.parser import text_string_to_metric_families

import drift.telemetry
from drift.telemetry import PlatformMetrics, Tracked

GUIDE = {
    "api_requests_total": ("counter", "Total API requests", ["endpoint", "method", "status"]),
    "api_latency_seconds": ("histogram", "API request latency", ["endpoint"]),
    "model_predictions_total": ("counter", "Total model predictions", ["model_version", "city"]),
    "prediction_latency_seconds": ("histogram", "Model prediction latency", ["model_version"]),
    "model_accuracy": ("gauge", "Model accuracy score", ["model_version", "metric"]),
    "resource_usage": ("gauge", "Resource utilization", ["resource_type", "instance"]),
}
"""What the platform's guide says of them."""
OURS = {"model_version": "v2", "city": "Pune"}


@pytest.fixture
def metrics() -> PlatformMetrics:
    return PlatformMetrics()


def counts(metrics: PlatformMetrics) -> tuple[float, float, float]:
    """Of Pune by v2: predictions made, failed, and timed."""
    value = metrics.registry.get_sample_value
    return (
        value("model_predictions_total", OURS) or 0.0,
        value("model_prediction_failures_total", OURS) or 0.0,
        value("prediction_latency_seconds_count", {"model_version": "v2"}) or 0.0,
    )


def test_they_are_those_of_the_guide(metrics):
    own = (
        metrics.requests,
        metrics.latency,
        metrics.predictions,
        metrics.prediction_latency,
        metrics.accuracy,
        metrics.resource_usage,
    )
    for metric in own:
        metric.labels(*(f"a {name}" for name in metric._labelnames))
    families = {family.name: family for family in metrics.registry.collect()}
    for name, (kind, text, labels) in GUIDE.items():
        family = families[name.removesuffix("_total")]
        assert (family.type, family.documentation) == (kind, text)
        sample = next(sample for sample in family.samples if sample.name.startswith(name))
        assert set(sample.labels) - {"le"} == set(labels)
    bounds = [s.labels["le"] for s in families["api_latency_seconds"].samples if s.name.endswith("_bucket")]
    assert bounds == ["0.1", "0.5", "1.0", "2.0", "5.0", "+Inf"]


def test_twice_on_one_registry_says_what_to_do():
    registry = CollectorRegistry()
    PlatformMetrics(registry)
    with pytest.raises(ValueError, match="make PlatformMetrics once in a process and hand it on"):
        PlatformMetrics(registry)


def test_a_name_that_is_taken_leaves_the_registry_as_it_was():
    registry = CollectorRegistry()
    taken = Gauge("model_accuracy", "Another's", registry=registry)
    with pytest.raises(ValueError, match="has a metric model_accuracy already"):
        PlatformMetrics(registry)
    registry.unregister(taken)
    assert list(registry.collect()) == []
    PlatformMetrics(registry)


def test_the_registry_of_the_process_can_be_handed_in():
    metrics = PlatformMetrics(REGISTRY)
    try:
        assert "python_info" in metrics.render().decode()
        assert PlatformMetrics().registry is not REGISTRY
    finally:
        for name in (
            "requests",
            "latency",
            "predictions",
            "prediction_latency",
            "accuracy",
            "resource_usage",
            "prediction_failures",
            "collection_failures",
        ):
            REGISTRY.unregister(getattr(metrics, name))


def plain(tracked: Tracked, fails: bool) -> None:
    @tracked
    def predict() -> int:
        if fails:
            raise KeyError("load")
        return 1

    assert predict() == 1


def coroutine(tracked: Tracked, fails: bool) -> None:
    @tracked
    async def predict() -> int:
        await asyncio.sleep(0)
        if fails:
            raise KeyError("load")
        return 1

    assert asyncio.run(predict()) == 1


def generator(tracked: Tracked, fails: bool) -> None:
    @tracked
    def predict():
        sent = yield 1
        if fails:
            raise KeyError("load")
        return sent

    items = predict()
    assert next(items) == 1
    with pytest.raises(StopIteration, match="back"):
        items.send("back")


def async_generator(tracked: Tracked, fails: bool) -> None:
    @tracked
    async def predict():
        yield 1
        if fails:
            raise KeyError("load")
        yield 2

    async def all_of() -> list[int]:
        return [item async for item in predict()]

    assert asyncio.run(all_of()) == [1, 2]


def block(tracked: Tracked, fails: bool) -> None:
    with tracked:
        if fails:
            raise KeyError("load")


def async_block(tracked: Tracked, fails: bool) -> None:
    async def work() -> None:
        async with tracked:
            if fails:
                raise KeyError("load")

    asyncio.run(work())


def callable_object(tracked: Tracked, fails: bool) -> None:
    class Model:
        async def __call__(self) -> int:
            return coroutine_result(fails)

    assert asyncio.run(tracked(Model())()) == 1


def coroutine_result(fails: bool) -> int:
    if fails:
        raise KeyError("load")
    return 1


KINDS = [plain, coroutine, generator, async_generator, block, async_block, callable_object]


@pytest.mark.parametrize("kind", KINDS)
def test_a_prediction_counts_when_it_succeeded(metrics, kind):
    kind(metrics.track_prediction("v2", "Pune"), False)
    assert counts(metrics) == (1, 0, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_raises_is_a_failure_timed_all_the_same_and_raised_on(metrics, kind):
    with pytest.raises(KeyError, match="load"):
        kind(metrics.track_prediction("v2", "Pune"), True)
    assert counts(metrics) == (0, 1, 1)


def test_a_cancelled_prediction_is_a_failure(metrics):
    async def work() -> None:
        begun = asyncio.Event()

        @metrics.track_prediction("v2", "Pune")
        async def predict() -> None:
            begun.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(predict())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    assert counts(metrics) == (0, 1, 1)


def test_who_stops_asking_a_generator_has_had_what_was_wanted(metrics):
    @metrics.track_prediction("v2", "Pune")
    def predict():
        yield from range(48)

    hours = predict()
    assert next(hours) == 0
    assert counts(metrics) == (0, 0, 0)  # it is not through
    hours.close()
    assert counts(metrics) == (1, 0, 1)


def test_a_generator_that_nobody_asks_is_no_prediction(metrics):
    @metrics.track_prediction("v2", "Pune")
    def predict():
        yield 1

    predict().close()
    assert counts(metrics) == (0, 0, 0)


def test_a_function_keeps_its_kind_name_and_signature(metrics):
    tracked = metrics.track_prediction("v2", "Pune")

    async def predict(hours: int, *, city: str = "Pune") -> list[float]:
        """What it says."""
        return [float(len(city))] * hours

    def hours_of(start: int) -> list[int]:
        return [start]

    assert inspect.iscoroutinefunction(tracked(predict))
    assert not inspect.iscoroutinefunction(tracked(hours_of))
    assert tracked(predict).__name__ == "predict"
    assert tracked(predict).__doc__ == "What it says."
    assert inspect.signature(tracked(predict)) == inspect.signature(predict)


def test_a_method_keeps_its_object(metrics):
    class Model:
        level = 400.0

        @metrics.track_prediction("v2", "Pune")
        def predict(self, hours: int) -> list[float]:
            return [self.level] * hours

    assert Model().predict(2) == [400.0, 400.0]
    assert counts(metrics) == (1, 0, 1)


def test_a_recursive_prediction_counts_each_time(metrics):
    @metrics.track_prediction("v2", "Pune")
    def predict(parts: int) -> int:
        return 1 + (predict(parts - 1) if parts else 0)

    assert predict(4) == 5
    assert counts(metrics) == (5, 0, 5)


class Ticks:
    """A clock that shows what it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_one_object_entered_again_times_each_by_itself():
    clock, told = Ticks(), []
    tracked = Tracked(lambda seconds, _: told.append(seconds), clock)
    with tracked:
        clock.now = 1.0
        with tracked:
            clock.now = 3.0
        clock.now = 10.0
    assert told == [2.0, 10.0]


@given(st.permutations([task for task in range(5) for _ in range(2)]))
def test_tasks_that_share_one_object_each_keep_their_own_time(order):
    """`order` says which task takes its next step: its first is to enter, its second to leave."""
    clock, told = Ticks(), []
    tracked = Tracked(lambda seconds, _: told.append(seconds), clock)

    async def work() -> list[float]:
        turns = [asyncio.Semaphore(0) for _ in range(5)]
        stepped = asyncio.Semaphore(0)

        async def one(turn: asyncio.Semaphore) -> None:
            await turn.acquire()
            with tracked:
                stepped.release()
                await turn.acquire()
            stepped.release()

        tasks = [asyncio.create_task(one(turn)) for turn in turns]
        entered: dict[int, float] = {}
        expected = []
        for step, task in enumerate(order):
            clock.now = float(step)
            if task in entered:
                expected.append(step - entered[task])
            entered.setdefault(task, step)
            turns[task].release()
            await stepped.acquire()
        await asyncio.gather(*tasks)
        return expected

    assert told == asyncio.run(work())


def test_threads_that_share_one_object_lose_no_count(metrics):
    tracked, together = metrics.track_prediction("v2", "Pune"), threading.Barrier(8)

    def work() -> None:
        together.wait()
        for _ in range(200):
            with tracked:
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts(metrics) == (1600, 0, 1600)


def test_who_enters_in_one_thread_and_leaves_in_another_is_timed(metrics):
    """As a server does that runs the two halves of a dependency in its pool."""
    tracked = metrics.track_prediction("v2", "Pune")
    for half in (tracked.__enter__, lambda: tracked.__exit__(None, None, None)):
        thread = threading.Thread(target=half)
        thread.start()
        thread.join()
    assert counts(metrics) == (1, 0, 1)


@given(st.text(st.characters(), max_size=12), st.text(st.characters(), max_size=12))
def test_no_label_keeps_the_page_from_being_written(version, city):
    metrics = PlatformMetrics()
    with metrics.track_prediction(version, city):
        pass
    families = {family.name: family for family in text_string_to_metric_families(metrics.render().decode())}
    (sample,) = families["model_predictions"].samples
    assert sample.labels["city"] == city.encode("utf-8", "replace").decode()


def filled() -> PlatformMetrics:
    metrics = PlatformMetrics()
    metrics.requests.labels("/cities/{city}", "GET", "200").inc()
    metrics.latency.labels("/cities/{city}").observe(0.2)
    metrics.accuracy.labels("v2", "wape").set(0.04)
    metrics.resource_usage.labels("disk", 'web-1:/a "b" \\').set(80.8)
    metrics.collection_failures.labels("system").inc()
    with metrics.track_prediction("v2", "Pune\nNagar"):
        pass
    with pytest.raises(ZeroDivisionError), metrics.track_prediction("v2", "Pune"):
        _ = 1 / 0
    return metrics


def test_only_what_is_asked_for_is_written_and_nothing_of_the_library():
    metrics = filled()
    text = metrics.render(metrics.requests, metrics.resource_usage).decode()
    assert [family.name for family in text_string_to_metric_families(text)] == [
        "api_requests",
        "resource_usage",
    ]
    assert "_created" not in metrics.render().decode()
    assert metrics.render().decode().count("# TYPE") == 8


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_to_say_but_of_the_names_that_are_the_guides():
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=filled().render(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def modules_after(*statements: str) -> set[str]:
    code = "; ".join((*statements, "import sys; print(*sys.modules)"))
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


HEAVY = {"numpy", "pandas", "mlflow", "sklearn", "pydantic", "sqlalchemy"}


def test_importing_telemetry_costs_next_to_nothing():
    assert (
        modules_after("import drift.telemetry") & {*HEAVY, "prometheus_client", "structlog", "starlette"}
        == set()
    )


@pytest.mark.parametrize(
    "name",
    [
        "PlatformMetrics",
        "MetricsMiddleware",
        "RegistryReadings",
        "Reading",
        "MetricsCollector",
        "ResourceSampler",
    ],
)
def test_a_service_does_not_wait_for_what_only_a_slot_needs(name):
    loaded = modules_after(f"from drift.telemetry import {name}")
    assert loaded & {*HEAVY, "starlette", "fastapi", "psutil"} == set()


def test_every_public_name_is_there_and_no_other():
    for name in drift.telemetry.__all__:
        assert getattr(drift.telemetry, name).__name__ == name
    assert set(drift.telemetry.__all__) <= set(dir(drift.telemetry))
    with pytest.raises(AttributeError, match="no attribute 'metrix'"):
        _ = drift.telemetry.metrix
