"""The platform's monitoring guide, snippet by snippet: what it asks for, asked of what was built.

Each test is named after the guide's own class, and holds one of its behaviours. The parts have tests of their
own that go further; these are for who has the guide open beside them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from drift import Monitor, load_config
from drift.domain import Threshold
from drift.errors import ChannelError, ConfigError, WatchError
from drift.outbox import Way
from drift.telemetry import (
    LogProcessor,
    MetricsCollector,
    PlatformMetrics,
    Reading,
    configure_logging,
    log_event,
)
from drift.watchers import open_watchers
from drift.watching import Watching
from tests.conftest import Made

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GUIDE_ALERTS = """
  high_latency:
    {metric: api_latency_seconds, threshold: 2.0, duration: 5m, severity: critical, channels: [slack, email]}
  model_accuracy_drop:
    {metric: model_accuracy, threshold: 0.85, duration: 1h, severity: high, channels: [slack, email]}
  resource_usage:
    {metric: resource_usage, threshold: 80.0, duration: 10m, severity: warning, channels: [slack]}
"""


# ---- Core metrics


def test_core_metrics_have_the_guides_names_labels_and_buckets():
    metrics = PlatformMetrics()
    metrics.requests.labels(endpoint="/forecast", method="GET", status="200").inc()
    metrics.latency.labels(endpoint="/forecast").observe(0.3)
    metrics.predictions.labels(model_version="v1", city="Pune").inc()
    metrics.prediction_latency.labels(model_version="v1").observe(0.01)
    metrics.accuracy.labels(model_version="v1", metric="accuracy").set(0.975)
    metrics.resource_usage.labels(resource_type="cpu", instance="web-1").set(12.5)
    lines = metrics.render().decode().splitlines()
    assert 'api_requests_total{endpoint="/forecast",method="GET",status="200"} 1.0' in lines
    assert 'model_predictions_total{city="Pune",model_version="v1"} 1.0' in lines
    assert 'model_accuracy{metric="accuracy",model_version="v1"} 0.975' in lines
    assert 'resource_usage{instance="web-1",resource_type="cpu"} 12.5' in lines
    assert any(line.startswith("prediction_latency_seconds_bucket") for line in lines)
    buckets = [
        line.split('le="')[1].split('"')[0] for line in lines if line.startswith("api_latency_seconds_b")
    ]
    assert buckets == ["0.1", "0.5", "1.0", "2.0", "5.0", "+Inf"]


# ---- MetricsCollector


def test_metrics_collector_refuses_an_unknown_collector():
    with pytest.raises(ValueError, match="'disks': there are api, model, system"):
        asyncio.run(MetricsCollector(PlatformMetrics()).collect_metrics("disks"))


def test_metrics_collector_collects_then_stores_then_checks_thresholds():
    steps: list[str] = []
    hot = Reading("resource_usage", 91.0, column="cpu web-1")

    async def collect(_: datetime) -> Sequence[Reading]:
        steps.append("collect")
        return [hot]

    async def store(kind: str, readings: Sequence[Reading]) -> None:
        steps.append(f"store {len(readings)} of {kind}")

    async def check(readings: Sequence[Reading]) -> Sequence[Reading]:
        steps.append("check")
        return readings

    collector = MetricsCollector(PlatformMetrics(), collectors={"system": collect}, store=store, check=check)
    assert asyncio.run(collector.collect_metrics("system")) == (hot,)
    assert steps == ["collect", "store 1 of system", "check"]


def test_metrics_collector_records_a_collection_error_and_raises_it():
    metrics = PlatformMetrics()

    async def broken(_: datetime) -> Sequence[Reading]:
        raise OSError("no such sensor")

    with pytest.raises(OSError, match="no such sensor"):
        asyncio.run(MetricsCollector(metrics, collectors={"system": broken}).collect_metrics("system"))
    assert 'metrics_collection_failures_total{collector="system"} 1.0' in metrics.render().decode()


def test_metrics_collector_has_the_guides_collectors():
    collector = MetricsCollector(PlatformMetrics(), {"resource_usage": Threshold(100.0, "above")})
    for kind in ("api", "model", "system"):
        assert asyncio.run(collector.collect_metrics(kind)) == ()
    assert {reading.column.split()[0] for reading in collector.last["system"]} >= {"cpu", "memory", "disk"}


# ---- LogManager


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict]]:
    """What was logged since, as Elastic would get it."""
    import structlog

    before = structlog.get_config()
    configure_logging("ecs", service="energy-forecast", level="debug")
    yield lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    structlog.configure(**before)


def test_log_manager_refuses_an_unknown_level():
    with pytest.raises(ValueError, match=r"loud.*debug.*info.*warning.*error.*critical"):
        log_event("loud", "a model was loaded")


def test_log_manager_logs_at_each_of_the_guides_levels(lines):
    for level in ("debug", "info", "warning", "error", "critical"):
        log_event(level, "a model was loaded")
    assert [line["log"]["level"] for line in lines()] == ["debug", "info", "warning", "error", "critical"]


def test_log_manager_adds_timestamp_service_and_trace_id(lines):
    log_event("info", "a model was loaded", model_version="v3")
    log_event("info", "a model was loaded", service="billing", trace_id="0af7651916cd43dd8448eb211c80319c")
    first, second = lines()
    assert datetime.fromisoformat(first["@timestamp"]).tzinfo is not None
    assert first["service"]["name"] == "energy-forecast"
    assert len(first["trace"]["id"]) == 32
    assert second["service"]["name"] == "billing"
    assert second["trace"]["id"] == "0af7651916cd43dd8448eb211c80319c"


# ---- LogProcessor


def test_log_processor_parses_enriches_strips_and_adds_metadata():
    line = "2024-12-08T23:46:32+05:30 ERROR login of alice@example.com failed password=hunter2"
    (found,) = asyncio.run(LogProcessor(clock=lambda: NOON, host="web-1").process_logs(line))
    assert found["@timestamp"].startswith("2024-12-08T18:16:32")
    assert found["log"]["level"] == "error"
    assert "login of [e-mail] failed" in found["message"]
    assert found["service"]["name"] == "energy-forecast"
    assert found["event"]["ingested"].startswith("2026-04-01T12:00:00")
    assert "hunter2" not in json.dumps(found)
    assert "alice@" not in json.dumps(found)


# ---- AlertConfig


def test_alert_config_takes_the_guides_alerts_in_its_own_words(made: Made):
    config = load_config(guided(made))
    latency, accuracy, resources = (
        config.alerts[name] for name in ("high_latency", "model_accuracy_drop", "resource_usage")
    )
    assert (latency.threshold, latency.duration, latency.severity) == (2.0, 5 * MINUTE, "critical")
    assert (accuracy.threshold, accuracy.duration, accuracy.severity) == (0.85, 60 * MINUTE, "high")
    assert (resources.threshold, resources.duration, resources.severity) == (80.0, 10 * MINUTE, "warning")
    assert (latency.channels, resources.channels) == (("slack", "email"), ("slack",))


# ---- AlertManager


@dataclass
class Inbox:
    """A channel that keeps what it is sent; while `error` is set it takes nothing."""

    error: ChannelError | None = None
    got: list[tuple[str, str, str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def check(self) -> str:
        return "an inbox"

    def send(self, notice, message) -> None:
        if self.error is not None:
            raise self.error
        self.got.append((notice.rule, notice.why, " ".join(told.key.column or "" for told in notice.alerts)))
        self.texts.append(f"{message.title}\n{message.text}")

    def close(self) -> None:
        pass


@dataclass
class Source:
    """A watcher that reads what it is given, or raises it."""

    name: str
    every: timedelta
    now: Sequence[Reading] | Exception = ()

    def readings(self, _: datetime) -> Sequence[Reading]:
        if isinstance(self.now, Exception):
            raise self.now
        return self.now

    def close(self) -> None:
        pass


@dataclass
class Rig:
    """A monitor whose clock is ours, with a watching and an inbox a channel."""

    monitor: Monitor
    watching: Watching
    inboxes: dict[str, Inbox]
    at: datetime = NOON

    def rounds(self, count: int, every: timedelta = MINUTE) -> None:
        """So many rounds, and what they tell is delivered."""
        for _ in range(count):
            self.watching.round(self.at)
            self.monitor.telling.delivery.deliver_due(10 * MINUTE)
            self.at += every


def guided(made: Made, more: str = "", watch: str = "on") -> str:
    """The made config with the guide's alerts, its three channels, and watchers."""
    inboxes = ", ".join(f"{name}: {{url: 'json://127.0.0.1:9/'}}" for name in ("slack", "email", "sms"))
    head = made.config.read_text().split("alerts:", maxsplit=1)[0]
    made.config.write_text(f"{head}channels: {{{inboxes}}}\nwatch: {watch}\nalerts:{GUIDE_ALERTS}{more}")
    return made.config


@contextmanager
def rig(made: Made, sources: Callable[[Monitor], Sequence[object]], **how: str) -> Iterator[Rig]:
    inboxes = {name: Inbox() for name in ("slack", "email", "sms")}
    config = load_config(guided(made, **how))
    found: list[Rig] = []
    with Monitor(config, sinks=(), clock=lambda: found[0].at if found else NOON, long_lived=True) as monitor:
        watching = Watching(monitor.decisions, monitor.state, monitor.telling, sources(monitor))
        for name, inbox in inboxes.items():
            monitor.telling.delivery.ways[name] = Way(lambda inbox=inbox: inbox)
        found.append(Rig(monitor, watching, inboxes))
        try:
            yield found[0]
        finally:
            watching.close()


def slow(seconds: float) -> Reading:
    return Reading("api_latency_seconds", seconds, column="/forecast", n=100)


def test_alert_manager_drops_a_duplicate_alert(made: Made):
    with rig(made, lambda _: [Source("latency", MINUTE, [slow(3.0)])]) as it:
        it.rounds(60)
        assert it.inboxes["slack"].got == [("high_latency", "began", "/forecast")]


def test_alert_manager_enriches_what_it_tells(made: Made):
    with rig(made, lambda _: [Source("latency", MINUTE, [slow(3.0)])]) as it:
        it.rounds(10)
        (text,) = it.inboxes["email"].texts
    assert "/forecast" in text
    assert "critical" in text.lower()
    assert "runbooks/platform" in text
    assert "drift alerts silence" in text


def test_alert_manager_routes_an_alert_to_its_own_channels(made: Made):
    hot = Reading("resource_usage", 93.0, column="disk web-1:/var")
    with rig(
        made, lambda _: [Source("latency", MINUTE, [slow(3.0)]), Source("resources", MINUTE, [hot])]
    ) as it:
        it.rounds(12)
        told = {name: {rule for rule, _, _ in inbox.got} for name, inbox in it.inboxes.items()}
    assert told == {"slack": {"high_latency", "resource_usage"}, "email": {"high_latency"}, "sms": set()}


def test_alert_manager_refuses_an_unknown_channel(made: Made):
    """The guide's sketch drops what goes to a channel that it does not know: nobody would hear of it."""
    path = guided(made, "  other: {metric: error_rate, threshold: 0.05, channels: [slak]}\n")
    with pytest.raises(ConfigError, match=r"alerts\.other\.channels: there is no channel 'slak'.*slack"):
        Monitor(load_config(path))


def test_alert_manager_has_the_guides_channels_before_they_are_configured(made: Made):
    path = guided(made)
    path.write_text(path.read_text().split("channels:")[0] + "alerts:" + GUIDE_ALERTS)
    with Monitor(load_config(path)) as monitor:
        assert {channel for rule in monitor.decisions.rules for channel in rule.channels} == {
            "slack",
            "email",
        }


def test_alert_manager_tracks_every_alert(made: Made):
    with rig(made, lambda _: [Source("latency", MINUTE, [slow(3.0)])]) as it:
        it.rounds(10)
        kept = [t for t in it.monitor.state.transitions() if t.key.rule == "high_latency"]
    assert [(t.before.value, t.after.value) for t in kept] == [("ok", "pending"), ("pending", "firing")]


def test_alert_manager_keeps_what_a_channel_does_not_take_and_tells_the_others(made: Made):
    with rig(made, lambda _: [Source("latency", MINUTE, [slow(3.0)])]) as it:
        it.inboxes["slack"].error = ChannelError("slack is away", permanent=False)
        it.rounds(8)
        assert (it.inboxes["slack"].got, len(it.inboxes["email"].got)) == ([], 1)
        it.inboxes["slack"].error = None
        it.rounds(30)
        assert len(it.inboxes["slack"].got) == 1


# ---- Scenario 1: LatencyMonitor


def own_watchers(metrics: PlatformMetrics) -> Callable[[Monitor], Sequence[object]]:
    return lambda monitor: open_watchers(monitor.config, metrics, monitor.state, host="web-1")


def test_latency_monitor_triggers_above_two_seconds(made: Made):
    metrics = PlatformMetrics()
    with rig(made, own_watchers(metrics), watch="{resources: off, model: off}") as it:
        for _ in range(20):
            metrics.latency.labels("/slow").observe(3.0)
            metrics.latency.labels("/quick").observe(0.3)
            it.rounds(1)
        assert it.inboxes["slack"].got == [("high_latency", "began", "/slow on web-1")]


def test_latency_monitor_is_quiet_at_two_seconds(made: Made):
    with rig(made, lambda _: [Source("latency", MINUTE, [slow(2.0)])]) as it:
        it.rounds(20)
        assert it.inboxes["slack"].got == []


def test_latency_monitor_checks_every_minute(made: Made):
    with rig(made, own_watchers(PlatformMetrics())) as it:
        assert [
            w.every for w in open_watchers(it.monitor.config, PlatformMetrics()) if w.name == "latency"
        ] == [MINUTE]


def test_latency_monitor_logs_an_error_and_goes_on(made: Made):
    source = Source("latency", MINUTE, WatchError("prometheus: no route to it"))
    with rig(made, lambda _: [source]) as it:
        assert [failure.message for failure in it.watching.round(NOON).failures] == [
            "prometheus: no route to it"
        ]
        source.now = [slow(3.0)]
        it.at += MINUTE
        it.rounds(8)
        assert len(it.inboxes["slack"].got) == 1


# ---- Scenario 2: ModelMonitor


MODEL_RULES = """
  predictions_slow: {metric: prediction_latency_seconds, threshold: 1.0, channels: [slack]}
  predictions_fail: {metric: prediction_error_rate, threshold: 0.05, channels: [slack]}
"""


def test_model_monitor_hands_on_value_and_threshold_of_each_metric(made: Made):
    read = [
        Reading("model_accuracy", 0.8, model_version="v1"),
        Reading("prediction_latency_seconds", 1.5, model_version="v1"),
        Reading("prediction_error_rate", 0.2, model_version="v1"),
    ]
    with rig(made, lambda _: [Source("model", MINUTE, read)], more=MODEL_RULES) as it:
        found = it.watching.round(NOON)
        assert [reading.metric for reading in found.readings] == [reading.metric for reading in read]
        values = {v.key.rule: (v.value, v.threshold.limit, v.status.value) for v in found.verdicts}
    # accuracy is judged by slots, on the same rule of the guide: nobody hears of it twice
    assert values == {"predictions_slow": (1.5, 1.0, "breach"), "predictions_fail": (0.2, 0.05, "breach")}


def test_model_monitor_alerts_an_accuracy_drop_by_its_slots(made: Made):
    drifted = datetime(2026, 4, 1, tzinfo=UTC)  # the made store's v1 is a quarter too high in Surat then
    with rig(made, lambda _: []) as it:
        for hour in range(3):
            it.at = drifted + hour * timedelta(hours=1)
            it.monitor.run(it.at)
            it.monitor.telling.delivery.deliver_due(10 * MINUTE)
        (told,) = it.inboxes["slack"].texts
    assert "Surat" in told
    assert "85" in told


# ---- Scenario 3: ResourceMonitor


def test_resource_monitor_triggers_above_eighty_percent(made: Made):
    hot, well = (
        Reading("resource_usage", value, column=f"{kind} web-1")
        for value, kind in ((80.5, "cpu"), (80.0, "memory"))
    )
    with rig(made, lambda _: [Source("resources", 5 * MINUTE, [hot, well])]) as it:
        it.rounds(4, every=5 * MINUTE)
        assert it.inboxes["slack"].got == [("resource_usage", "began", "cpu web-1")]


def test_resource_monitor_reads_cpu_memory_disk_and_network_every_five_minutes(made: Made):
    with rig(made, own_watchers(PlatformMetrics())) as it:
        (watcher,) = (w for w in open_watchers(it.monitor.config, None) if w.name == "resources")
        kinds = {str(reading.column).split()[0] for reading in watcher.readings(NOON)}
    assert watcher.every == 5 * MINUTE
    assert {"cpu", "memory", "disk"} <= kinds <= {"cpu", "memory", "disk", "network"}


# ---- Scenario 4: SecurityMonitor


SECURITY_RULES = """
  failed_auth: {detector: failed_auth, severity: critical, channels: [slack]}
  api_abuse: {detector: api_abuse, severity: high, channels: [slack]}
  data_access: {detector: data_access, severity: high, channels: [slack]}
  system_changes: {detector: system_changes, severity: warning, channels: [slack]}
"""


def attempts(count: int) -> str:
    return "".join(
        json.dumps(
            {
                "@timestamp": (NOON + second * timedelta(seconds=1)).isoformat(),
                "event": {"category": ["authentication"], "outcome": "failure", "action": "login"},
                "user": {"name": "alice"},
                "source": {"ip": "203.0.113.7"},
                "message": "log-in failed",
            }
        )
        + "\n"
        for second in range(count)
    )


def test_security_monitor_tells_of_failed_log_ins_found_in_the_logs(made: Made):
    logs = made.folder / "platform.log"
    logs.write_text("")
    watch = f"{{latency: off, model: off, resources: off, logs: {{paths: ['{logs}']}}}}"
    with rig(made, own_watchers(PlatformMetrics()), more=SECURITY_RULES, watch=watch) as it:
        it.rounds(1)
        logs.write_text(attempts(50))
        it.rounds(3)
        assert {rule for rule, _, _ in it.inboxes["slack"].got} == {"failed_auth"}
        assert any("alice" in text for text in it.inboxes["slack"].texts)


@pytest.mark.parametrize("event", ["failed_auth", "api_abuse", "data_access", "system_changes"])
def test_security_monitor_handles_violations_of_each_kind(made: Made, event: str):
    limit = Threshold(20.0, "above")
    violation = Reading(
        event, 50.0, column="principal alice", threshold=limit, evidence={"sentences": ["So it is."]}
    )
    with rig(
        made,
        lambda _: [Source("logs", MINUTE, [violation])],
        more=SECURITY_RULES,
        watch="{logs: {paths: [x.log]}}",
    ) as it:
        it.rounds(2)
        assert it.inboxes["slack"].got == [(event, "began", "principal alice")]


def test_security_monitor_logs_an_error_and_stops_no_other(made: Made):
    broken = Source("logs", MINUTE, RuntimeError("a bug"))
    with rig(made, lambda _: [broken, Source("latency", MINUTE, [slow(3.0)])], more=SECURITY_RULES) as it:
        assert [failure.what for failure in it.watching.round(NOON).failures] == ["logs"]
        it.at += MINUTE
        it.rounds(8)
        assert len(it.inboxes["slack"].got) == 1


# ---- DashboardConfig


@pytest.mark.parametrize(
    ("name", "metrics", "refresh", "span"),
    [
        ("api_performance", ["api_requests_total", "api_latency_seconds"], "1m", "6h"),
        (
            "model_performance",
            ["model_predictions_total", "prediction_latency_seconds", "model_accuracy"],
            "5m",
            "24h",
        ),
        ("system_health", ["resource_usage", "error_rate", "availability"], "1m", "12h"),
    ],
)
def test_dashboard_config_has_the_guides_dashboards(repository, name, metrics, refresh, span):
    text = (repository / "config" / "grafana" / "dashboards" / f"{name}.json").read_text()
    board = json.loads(text)
    assert (board["refresh"], board["time"]) == (refresh, {"from": f"now-{span}", "to": "now"})
    asked = " ".join(target["expr"] for panel in board["panels"] for target in panel.get("targets", ()))
    assert [metric for metric in metrics if metric not in asked] == []


def test_dashboard_config_records_error_rate_and_availability(repository):
    rules = yaml.safe_load((repository / "config" / "rules" / "recordings.yml").read_text())
    recorded = {rule.get("record") for group in rules["groups"] for rule in group["rules"]}
    assert {"error_rate", "availability"} <= recorded
