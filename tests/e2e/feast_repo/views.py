"""The feature views and services of both test repos; only where their rows are differs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from feast import Entity, FeatureService, FeatureView, Field
from feast.data_source import DataSource
from feast.types import Bool, Float64
from feast.value_type import ValueType


def energy(source: Callable[[str], DataSource]) -> list[Any]:
    """`source(name)`: the rows of one table, whose event timestamp is `target_time`."""
    city = Entity(name="city", join_keys=["city"], value_type=ValueType.STRING)
    version = Entity(name="model_version", join_keys=["model_version"], value_type=ValueType.STRING)
    forecasts = FeatureView(
        name="load_forecast",
        entities=[city, version],
        schema=[Field(name="predicted", dtype=Float64)],
        source=source("predictions"),
        online=False,
    )
    meters = FeatureView(
        name="metered_load",
        entities=[city],
        schema=[Field(name="actual", dtype=Float64)],
        source=source("actuals"),
        online=False,
    )
    weather = FeatureView(
        name="weather",
        entities=[city],
        schema=[Field(name="temperature", dtype=Float64), Field(name="holiday", dtype=Bool)],
        source=source("features"),
        online=False,
    )
    model = FeatureService(name="load_model", features=[weather])
    warm = FeatureService(name="temperature_only", features=[weather[["temperature"]]])
    both = FeatureService(name="everything", features=[weather, meters])
    return [city, version, forecasts, meters, weather, model, warm, both]
