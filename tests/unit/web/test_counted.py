"""drift's own pages are counted as a service's are, and shown beside the gauges of the run."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from drift.telemetry import PlatformMetrics
from drift.web.app import make_app


def samples(text: str) -> dict[tuple[str, ...], float]:
    families = list(text_string_to_metric_families(text))
    assert Counter(family.name for family in families).most_common(1)[0][1] == 1  # no family stands twice
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in families
        for sample in family.samples
    }


def test_pages_count_under_their_templates(pages):
    for path in (
        "/alerts",
        "/alerts/0123456789abcdef",
        "/cities/Pune",
        "/cities/New/Delhi",
        "/reports/2026/x.html",
    ):
        pages.get(path)
    pages.get("/wp-login.php")
    pages.post("/silences", {})
    pages.get("/alerts", host="elsewhere.example.org")
    found = samples(pages.get("/metrics").text)
    requests = {key[1:]: value for key, value in found.items() if key[0] == "api_requests_total"}
    by_endpoint: Counter[str] = Counter()
    for (endpoint, _, _), value in requests.items():
        by_endpoint[endpoint] += int(value)
    assert by_endpoint == {
        "/alerts": 2, "/alerts/{fingerprint}": 1, "/cities/{city}": 2, "/reports/{path}": 1, "unmatched": 1, "/silences": 1,
    }  # fmt: skip
    assert requests["unmatched", "GET", "404"] == 1
    assert found["api_latency_seconds_count", "/cities/{city}"] == 2


def test_one_exposition_has_the_run_and_the_requests_and_no_family_twice(pages):
    pages.schedule.tick()
    pages.get("/")
    text = pages.get("/metrics").text
    found = samples(text)
    assert ("model_accuracy", "accuracy", "v1") in found  # the run's, which ours would have stood beside
    assert found["api_requests_total", "/", "GET", "200"] == 1
    assert "model_predictions_total" not in text
    if shutil.which("promtool"):
        done = subprocess.run(
            ["promtool", "check", "metrics"], input=text.encode(), capture_output=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_what_is_handed_in_is_what_is_shown(pages):
    metrics = PlatformMetrics()
    metrics.resource_usage.labels("cpu", "web-1").set(12.5)
    pages.app = make_app(pages.schedule, pages.gauges, None, (), metrics)
    assert samples(pages.get("/metrics").text)["resource_usage", "web-1", "cpu"] == 12.5


@pytest.mark.parametrize("path", ["/alerts", "/nothing"])
def test_a_request_that_fails_is_counted_too(pages, path):
    pages.state.close()
    status = str(pages.get(path).status_code)
    endpoint = "unmatched" if path == "/nothing" else path
    assert samples(pages.get("/metrics").text)["api_requests_total", endpoint, "GET", status] == 1
