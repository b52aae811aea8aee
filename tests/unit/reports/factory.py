"""A run of a fleet to draw pages from: a load by the hour, and one city whose forecast drifts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from drift.config import Config, PredictionsConfig, StoreConfig, TableConfig
from drift.domain import (
    Alert,
    AlertKey,
    AlertStatus,
    Failure,
    Floats,
    Grid,
    PairCount,
    Panel,
    Run,
    Series,
    Threshold,
    Transition,
    Undefined,
    Unused,
    Verdict,
    VerdictStatus,
)
from drift.timeline import Forecast, Pairs
from drift.windows import Windows, windows_of

SLOT = datetime(2020, 4, 10, tzinfo=UTC)
VERSIONS = ("v1", "v2")
METRICS = (
    "accuracy",
    "mape",
    "wape",
    "mae",
    "rmse",
    "bias",
    "within_tolerance",
    "coverage_of_interval",
    "mase",
)
STATISTICS = ("psi", "ks", "wasserstein")
LIMIT = Threshold(0.85, "below")


def config(timezone: str = "Asia/Kolkata") -> Config:
    table = {"path": "load.parquet"}
    store = StoreConfig(predictions=PredictionsConfig(**table), actuals=TableConfig(**table))
    return Config(store=store, timezone=timezone, base=Path())


def names(cities: int) -> tuple[str, ...]:
    return tuple(f"zone-{i + 1:02d}" for i in range(cities))


def fleet(
    cities: int = 3, *, called: tuple[str, ...] | None = None, versions: tuple[str, ...] = VERSIONS
) -> tuple[Run, Pairs, list[Transition], Config]:
    """What `write_site` takes. The first city over-forecasts since four days; the last has no actuals
    for a day (where there is more than one)."""
    who = called or names(cities)
    settings = config()
    windows = windows_of(SLOT, settings.windows, settings.accuracy)
    step = timedelta(hours=1)
    grid = Grid(windows.history.start, step, int(windows.history.length / step))
    pairs = pairs_of(who, versions, grid)
    transitions = history(who[0], versions[0])
    return run_of(who, versions, pairs, transitions, windows), pairs, transitions, settings


def pairs_of(who: tuple[str, ...], versions: tuple[str, ...], grid: Grid) -> Pairs:
    draw = np.random.default_rng(7)
    hours = np.arange(grid.count)
    size = draw.uniform(300, 3000, (len(who), 1))
    shape = 1 + 0.25 * np.sin((hours - 3) * 2 * np.pi / 24) + 0.06 * np.sin(hours * 2 * np.pi / 168)
    actual = size * (shape + draw.normal(0, 0.015, (len(who), grid.count)))
    noise = draw.normal(0, 0.03, (len(versions), *actual.shape))
    predicted = actual * (1 + noise * np.linspace(1, 0.7, len(versions))[:, None, None])
    predicted[0, 0, -96:] *= 1.22
    actual[-1, -200:-180] = np.nan
    if len(who) > 1:
        actual[-1, -24:] = np.nan
    forecast = Forecast(predicted, predicted * 0.96, predicted * 1.04)
    bands = {f"{a}h-{a + 12}h": Forecast(predicted * (1 + a / 900), None, None) for a in (12, 24, 36)}
    heat = 22 + 6 * np.sin((hours - 6) * 2 * np.pi / 24) + np.where(hours > grid.count - 96, 5, 0)
    features = {"temperature": heat + draw.normal(0, 2, actual.shape)}
    return Pairs(grid, who, versions, actual, forecast, bands, features)


def history(city: str, version: str) -> list[Transition]:
    key = AlertKey("model_accuracy_drop", version, city, None, None)
    began = SLOT - timedelta(days=3)

    def step(
        at: datetime, before: AlertStatus, after: AlertStatus, since: datetime, value: float
    ) -> Transition:
        reason = f"accuracy {value:.3f} is below 0.85"
        return Transition(at, key, "accuracy", before, after, reason, value, LIMIT, since, 1, "high")

    earlier = SLOT - timedelta(days=40)
    hour = timedelta(hours=1)
    return [
        step(earlier, AlertStatus.OK, AlertStatus.PENDING, earlier, 0.84),
        step(earlier + 6 * hour, AlertStatus.PENDING, AlertStatus.FIRING, earlier, 0.80),
        step(earlier + 50 * hour, AlertStatus.FIRING, AlertStatus.RESOLVED, earlier + 50 * hour, 0.93),
        step(began, AlertStatus.OK, AlertStatus.PENDING, began, 0.84),
        step(began + 12 * hour, AlertStatus.PENDING, AlertStatus.FIRING, began, 0.81),
    ]


def run_of(
    who: tuple[str, ...],
    versions: tuple[str, ...],
    pairs: Pairs,
    transitions: list[Transition],
    windows: Windows,
) -> Run:
    current, reference = windows.current, windows.reference
    cells = pairs.grid.cut(current)
    series = tuple(Series(v, c) for v in versions for c in who)
    pooled = tuple(Series(v) for v in versions)
    error = (pairs.judged.predicted - pairs.actual)[..., cells].reshape(len(series), -1)
    actual = np.broadcast_to(pairs.actual[:, cells], (len(versions), *pairs.actual[:, cells].shape))
    values, reason, n = metric_values(error, actual.reshape(len(series), -1))
    metrics = metric_panel(series, values, reason, n)
    middle = np.nanmean(values.reshape(len(versions), len(who), -1), axis=1)
    overall = metric_panel(
        pooled, middle, np.zeros(middle.shape, np.uint8), np.full(len(pooled), 24 * len(who))
    )
    key = transitions[-1].key
    alerts = (Alert(key, AlertStatus.FIRING, SLOT, transitions[-1].at, SLOT, 0.8, LIMIT),)
    return Run(
        slot=SLOT,
        current=current,
        reference=reference,
        duration_s=1.0,
        panels=(metrics, overall, statistic_panel(series)),
        verdicts=tuple(verdict(s, values[i, 0]) for i, s in enumerate(series)),
        alerts=alerts,
        transitions=(),
        pair_counts=tuple(
            PairCount(v, c, 2160, {Unused.LATE: 3, Unused.MISSING_ACTUAL: 20}, "history")
            for v, c, _ in series
            if c
        ),
        failures=(Failure("read", who[-1], "the table actuals ends before the current window"),)
        if len(who) > 1
        else (),
    )


def verdict(series: Series, accuracy: float) -> Verdict:
    key = AlertKey("model_accuracy_drop", series.model_version, series.city, None, None)
    if np.isnan(accuracy):
        return Verdict(key, "accuracy", VerdictStatus.NO_DATA, None, LIMIT, Undefined.NO_PAIRS)
    status = VerdictStatus.BREACH if accuracy < LIMIT.limit else VerdictStatus.OK
    return Verdict(key, "accuracy", status, accuracy, LIMIT)


def metric_values(error: Floats, actual: Floats) -> tuple[Floats, np.ndarray, np.ndarray]:
    n = np.isfinite(error).sum(axis=1)
    with np.errstate(all="ignore"):
        size = np.where(np.isfinite(error), np.abs(actual), 0.0)
        e = np.where(np.isfinite(error), error, 0.0)
        wape = np.abs(e).sum(1) / size.sum(1)
        mae, bias, rmse = np.abs(e).sum(1) / n, e.sum(1) / n, np.sqrt((e**2).sum(1) / n)
        ratio = np.abs(e) / np.where(size > 0, size, 1)
        mape, within, covered = ratio.sum(1) / n, (ratio < 0.1).mean(1), (ratio < 0.04).mean(1)
    values = np.column_stack([1 - wape, mape, wape, mae, rmse, bias, within, covered, mape * 20])
    values[n == 0] = np.nan
    reason = np.where(np.isnan(values), int(Undefined.NO_PAIRS), 0).astype(np.uint8)
    return values, reason, n


def metric_panel(series: tuple[Series, ...], values: Floats, reason: np.ndarray, n: np.ndarray) -> Panel:
    count = n.reshape(-1, 1).astype(np.int64)
    value, code = values[:, np.newaxis, :], reason[:, np.newaxis, :]
    return Panel("metric", series, (None,), METRICS, value, code, count, np.minimum(count / 24.0, 1.0))


def statistic_panel(series: tuple[Series, ...]) -> Panel:
    draw = np.random.default_rng(3)
    columns = ("actual", "predicted", "error", "temperature")
    shape = (len(series), len(columns), len(STATISTICS))
    value = draw.gamma(1.0, 0.05, shape)
    value[0, 2] *= 30
    reason = np.zeros(shape, np.uint8)
    reason[-1:, 0, 2] = Undefined.CONSTANT_REFERENCE
    value[reason > 0] = np.nan
    count = np.full(shape[:2], 24, np.int64)
    return Panel("statistic", series, columns, STATISTICS, value, reason, count, np.ones(shape[:2]))
