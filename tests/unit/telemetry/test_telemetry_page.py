"""The page for services says what is so."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from drift.domain import Threshold
from drift.telemetry import MetricsCollector, PlatformMetrics


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs" / "telemetry.md").read_text()


async def predict(city: str) -> list[float]:
    return [400.0, float(len(city))]


def test_its_service_counts_requests_and_predictions(page):
    code = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    known: dict[str, Any] = {"city_named": str.title, "model": SimpleNamespace(predict=predict)}
    exec(compile(code, "docs/telemetry.md", "exec"), known)  # noqa: S102 - it is our own page

    async def ask() -> str:
        transport = httpx.ASGITransport(known["app"])
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            assert (await client.get("/cities/pune/forecast")).json() == [400.0, 4.0]
            return (await client.get("/metrics")).text

    text = asyncio.run(ask())
    assert 'api_requests_total{endpoint="/cities/{city}/forecast",method="GET",status="200"} 1.0' in text
    assert 'model_predictions_total{city="Pune",model_version="v2"} 1.0' in text


def test_its_collector_runs(page):
    code = re.findall(r"```python\n(collector = .*?)```", page, re.DOTALL)[0]
    known: dict[str, Any] = {
        "MetricsCollector": MetricsCollector,
        "metrics": PlatformMetrics(),
        "Threshold": Threshold,
    }
    body = "".join(f"    {line}\n" for line in code.splitlines())
    exec(compile(f"async def work():\n{body}    return breached\n", "docs/telemetry.md", "exec"), known)  # noqa: S102
    assert asyncio.run(known["work"]()) == ()


def test_its_table_has_every_metric_with_its_labels(page):
    metrics = PlatformMetrics()
    rows = re.findall(r"^\| `([a-z_]+)`[^|]*\| `([a-z_]+)` \| ([^|]+) \|", page, re.MULTILINE)
    assert len(rows) == 8
    for name, attribute, labels in rows:
        metric = getattr(metrics, attribute)
        family = next(iter(metric.describe()))
        assert name in (family.name, f"{family.name}_total")
        metric.labels(**dict.fromkeys(re.findall(r"`(\w+)`", labels), "x"))  # raises for any others
