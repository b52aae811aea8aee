"""MLflow's own pages of runs that drift logged, in a real browser: two runs stand side by side."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from benchmarks.tracking_server import tracking_server
from drift.config import parse_config
from drift.domain import Panel, Run, Series, Window
from drift.metrics import METRICS
from drift.sinks.mlflow import MlflowSink
from drift.sinks.mlflow_runs import find_runs

from .browser import Browser

pytestmark = [
    pytest.mark.slow,
    # MLflow 3.17 uses a loader of SQLAlchemy that 2.1 deprecates; it does so when it first opens a store.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated"),
]

DAY, HOUR = datetime(2020, 4, 10, tzinfo=UTC), timedelta(hours=1)
SLOW_PAGE_S = 120.0
MAKE: Callable[..., Run] = runpy.run_path(
    str(Path(__file__).resolve().parent.parent / "unit" / "sinks" / "conftest.py")
)["_run"]


def figures(slot: datetime) -> Panel:
    """Every metric of two model versions, of all cities pooled and of three cities."""
    series = tuple(Series(v, city) for v in ("v1", "v2") for city in (None, "SCL", "PJM", "<b>Goa</b>"))
    shape = (len(series), 1, len(METRICS))
    value = np.arange(1, np.prod(shape) + 1).reshape(shape) / 1000 + slot.hour / 10_000
    n = np.full(shape[:2], 24)
    return Panel("metric", series, (None,), tuple(METRICS), value, np.zeros(shape, np.uint8), n, n / 24)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of MLflow's page that compares the day's runs of both versions, of a file as a demo has it."""
    folder = tmp_path_factory.mktemp("ui")
    tables = {"predictions": {"path": "a"}, "actuals": {"path": "b"}}
    config = parse_config({"store": tables, "mlflow": {}, "history": None}, base=folder)
    assert config.mlflow is not None
    sink = MlflowSink(config, config.mlflow)
    for hour in range(3):
        slot = DAY + hour * HOUR
        sink.publish(MAKE(slot=slot, panels=(figures(slot),), data_hash="0123456789ab"))
    with tracking_server(folder, folder / "mlflow.db") as server:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "100")
            page = find_runs(server, "drift", ("v1", "v2"), Window(DAY, DAY + 9 * HOUR)).compare
        assert page is not None
        yield page


def test_the_compare_page_shows_the_metrics_of_two_runs_side_by_side(browser: Browser, compared: str) -> None:
    browser.open(compared, width=1600, height=1200)
    text = "document.body.innerText"
    browser.wait_for(f"{text}.includes('Comparing 2 Runs') && {text}.includes('0.057')", SLOW_PAGE_S)
    lines = str(browser.js(text)).splitlines()
    shown = [" ".join(line.split()) for line in lines]
    # the runs, the one parameter that differs, and what they were measured of
    assert "model_version v1 v2" in shown
    assert "drift.data_hash 0123456789ab 0123456789ab" in shown
    assert "v1 2020-04-10" in shown
    assert "v2 2020-04-10" in shown
    # metrics: names in one list, then the values of both runs, name by name
    first = shown.index("accuracy", shown.index("Metrics"))
    names = shown[first : shown.index("0.001", first)]
    values = [float(value) for value in shown[first + len(names) :][: 2 * len(names)]]
    side_by_side = dict(zip(names, zip(values[::2], values[1::2], strict=True), strict=True))
    assert side_by_side["accuracy"] == (0.001, 0.057)
    assert side_by_side["mape"] == (0.003, 0.059)
    assert side_by_side["alerts/firing"] == (1, 0)
    # what the page plots before anyone chooses: the first metric that differs
    assert shown[shown.index("Metrics:") + 1] == "accuracy"
