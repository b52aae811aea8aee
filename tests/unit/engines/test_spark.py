"""What of the Spark engine needs no Spark: its config, and the work that it carries to other processes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

import numpy as np
import pytest

from drift import Monitor, load_config
from drift.config import EngineConfig, SparkConfig
from drift.engines import open_engine
from drift.engines.local import LocalEngine
from drift.engines.spark import SparkEngine
from drift.errors import ConfigError
from drift.findings import find
from drift.measuring import Measured, Task
from drift.stores import open_store
from drift.survey import survey
from drift.tools import Tools
from drift.windows import windows_of

T = TypeVar("T")
SLOT = datetime(2026, 4, 1, tzinfo=UTC)
SECRET = "hunter2"  # noqa: S105


def sent(thing: T) -> T:
    """As it is in the process that it was sent to."""
    return pickle.loads(pickle.dumps(thing))  # noqa: S301


def task_of(config) -> Task:
    monitor = Monitor(config, sinks=())
    cadence = survey(monitor.store, config).cadence
    windows = windows_of(SLOT, config.windows, config.accuracy, cadence)
    return Task(Tools(config, monitor.store, monitor.how), windows, cadence)


def test_threads_are_the_default_and_spark_is_asked_for(monkeypatch):
    assert open_engine(EngineConfig(workers=3)) == LocalEngine(3)
    monkeypatch.setattr("drift.engines.spark.find_spec", lambda _: None)
    with pytest.raises(
        ConfigError, match=r'engine\.kind: spark needs pyspark: pip install "drift-monitor\[spark\]"'
    ):
        open_engine(EngineConfig(kind="spark"))


def test_settings_of_spark_reach_spark_and_no_reader():
    config = SparkConfig(
        master="local[2]",
        conf={"spark.hadoop.fs.s3a.secret.key": SECRET, "spark.executor.cores": 2, "spark.ui.enabled": True},
    )
    assert (
        SECRET
        not in f"{config!r} {config} {config.model_dump()} {config.model_dump_json()} {SparkEngine(config)!r}"
    )
    settings = SparkEngine(config)._settings()
    assert settings["spark.hadoop.fs.s3a.secret.key"] == SECRET
    assert (settings["spark.executor.cores"], settings["spark.ui.enabled"]) == ("2", "true")
    assert settings["spark.driver.bindAddress"] == "127.0.0.1"
    assert "spark.driver.bindAddress" not in SparkEngine(SparkConfig(master="yarn"))._settings()
    assert "spark.master" not in SparkEngine(SparkConfig())._settings()


def test_a_task_that_was_sent_measures_the_same(made):
    task = task_of(load_config(made.config))
    elsewhere = sent(task)
    here, there = (each(("Pune", "Surat")) for each in (task, elsewhere))
    assert isinstance(here, Measured)
    assert elsewhere.tools.store is not task.tools.store
    assert (here.cities, here.counts, here.delays) == (there.cities, there.counts, there.delays)
    for a, b in zip(here.scores, there.scores, strict=True):
        np.testing.assert_array_equal(a.metrics[None].scores.value, b.metrics[None].scores.value)
        for column in a.columns:
            np.testing.assert_array_equal(a.columns[column].value, b.columns[column].value)


def test_a_process_opens_a_config_once(made):
    """Another slot, and so another task, finds what the first one opened."""
    config = load_config(made.config)
    first, later = (sent(task_of(config)) for _ in range(2))
    assert first.tools is later.tools


def test_a_task_takes_no_secret_along(made):
    made.edit(
        "alerts:",
        f"state: postgresql+psycopg://drift:{SECRET}@db/drift\nmlflow: {{tracking_uri: 'http://me:{SECRET}@host'}}\n"
        f"engine: {{spark: {{conf: {{spark.hadoop.key: {SECRET}}}}}}}\nalerts:",
    )
    config = load_config(made.config)
    assert SECRET in config.state_url()
    assert SECRET.encode() not in pickle.dumps(task_of(config))


def test_a_store_that_was_handed_in_cannot_be_taken_along(made):
    config = load_config(made.config)
    spark = config.model_copy(update={"engine": EngineConfig(kind="spark")})
    with pytest.raises(ConfigError, match=r"engine\.kind: spark opens the config's store on its executors"):
        Monitor(spark, store=open_store(config), sinks=())


def test_an_engine_of_ones_own_is_a_function(made):
    """As docs/engines.md has them for dask and Ray."""
    seen: list[tuple[str, ...]] = []

    def mine(work, blocks: Sequence[tuple[str, ...]]) -> list[object]:
        seen.extend(blocks)
        return [sent(work(block)) for block in blocks]

    config = load_config(made.config)
    monitor = Monitor(config, sinks=(), engine=mine)
    here = find(SLOT, monitor.store, config, monitor.how, monitor.rules)
    assert monitor.find(SLOT).verdicts == here.verdicts
    assert seen == [("Delhi", "Pune", "Surat")]


def test_nothing_of_spark_is_imported_unless_it_is_asked_for(made, repository):
    code = (
        "import sys; from drift import Monitor, load_config\n"
        f"Monitor(load_config({str(made.config)!r}), sinks=())\n"
        "print([m for m in sys.modules if 'spark' in m or m == 'py4j'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
