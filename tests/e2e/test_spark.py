"""The Spark engine and Spark's frames on a real Spark: two cores of this machine, its workers real processes."""

from __future__ import annotations

import json
import operator
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from drift import Monitor, load_config
from drift.config import CacheConfig, Config, EngineConfig, SparkConfig
from drift.engines.spark import SparkEngine
from drift.errors import ColumnError, ConfigError, DriftError, EmptyStoreError, StoreError, TimestampError
from drift.findings import find
from drift.frames import evaluate_frames
from drift.measuring import Task
from drift.sinks.history import measurement_table
from drift.survey import survey
from drift.tools import Tools
from drift.windows import windows_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    pytest.mark.skipif(find_spec("pyspark") is None, reason="pyspark is not installed"),
    pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java"),
]
START = datetime(2026, 3, 1, tzinfo=UTC)
SLOT = START + timedelta(days=31)
LOCAL_2 = SparkConfig(master="local[2]", conf={"spark.driver.memory": "512m"})
BANDS = "accuracy: {floor_window: 14d, horizon: 12h, bands: [12h, 24h, 36h]}"


@pytest.fixture(scope="session")
def engine() -> Iterator[SparkEngine]:
    started = SparkEngine.of(LOCAL_2)
    yield started
    started.session.stop()


@pytest.fixture
def made(made):
    """The made store with a row group a city, so that it can be read in three blocks."""
    for file in (made.folder / "data").glob("*.parquet"):
        table = pq.read_table(file).sort_by([("city", "ascending"), ("target_time", "ascending")])
        pq.write_table(table, file, row_group_size=len(table) // 3, write_page_checksum=True)
    return made


def config_of(made, kernel: str = "numpy", cache: str | None = None) -> Config:
    """Read in blocks of one city."""
    kept = None if cache is None else CacheConfig(dir=cache)
    engine = EngineConfig(kernel=kernel, block=1, cache=kept)
    return load_config(made.config).model_copy(update={"engine": engine})


def assert_same(here, there) -> None:
    assert (here.cities, here.counts, here.delays) == (there.cities, there.counts, there.delays)
    assert (here.verdicts, here.failures) == (there.verdicts, there.failures)
    assert len(here.panels) == len(there.panels) > 0
    for a, b in zip(here.panels, there.panels, strict=True):
        assert (a.kind, a.series, a.columns, a.names) == (b.kind, b.series, b.columns, b.names)
        for name in ("value", "reason", "n", "coverage"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@pytest.mark.parametrize("kernel", ["numpy", "numba"])
def test_spark_finds_what_threads_find(engine, made, kernel):
    config = config_of(made, kernel)
    monitor = Monitor(config, sinks=())
    here = monitor.find(SLOT)
    assert_same(here, Monitor(config, sinks=(), engine=engine).find(SLOT))
    assert len(monitor.store.partition(here.cities, 1)) == 3
    assert any(verdict.status == "breach" for verdict in here.verdicts)


def test_executors_keep_references_between_slots_and_find_the_same(engine, made):
    local = Monitor(config_of(made), sinks=())
    spark = Monitor(config_of(made, cache="kept"), sinks=(), engine=engine)
    for later in range(4):
        slot = SLOT + timedelta(hours=later)
        assert_same(local.find(slot), spark.find(slot))
    assert len(list((made.folder / "kept").glob("*.past"))) == 3


def test_the_pairs_that_pages_show_come_back_as_well(engine, made):
    config = config_of(made)
    here = Monitor(config, sinks=()).find(SLOT, keep_pairs=True).pairs
    there = Monitor(config, sinks=(), engine=engine).find(SLOT, keep_pairs=True).pairs
    assert here.cities == there.cities
    np.testing.assert_array_equal(here.actual, there.actual)
    np.testing.assert_array_equal(here.judged.predicted, there.judged.predicted)


def test_a_block_that_cannot_be_read_fails_as_it_does_here(engine, made):
    folder = made.folder / "data" / "predictions"
    folder.mkdir()
    table = pq.read_table(made.folder / "data" / "predictions.parquet")
    for city in ("Delhi", "Pune", "Surat"):
        rows = table.filter(pc.equal(table["city"], city))
        pq.write_table(rows, folder / f"{city}.parquet", write_page_checksum=True, compression="none")
    damaged = bytearray((folder / "Pune.parquet").read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 40] = bytes(40)
    (folder / "Pune.parquet").write_bytes(damaged)
    made.edit("data/predictions.parquet", "data/predictions")
    config = config_of(made)
    here = Monitor(config, sinks=()).find(SLOT)
    assert [(failure.stage, failure.what) for failure in here.failures] == [("read", "Pune")]
    assert_same(here, Monitor(config, sinks=(), engine=engine).find(SLOT))


def test_a_store_that_is_lost_before_the_blocks_are_read_is_named(engine, made):
    config = config_of(made)
    monitor = Monitor(config, sinks=())

    def losing(work, blocks):
        (made.folder / "data" / "predictions.parquet").unlink()
        return engine(work, blocks)

    with pytest.raises(StoreError, match=r"store\.predictions: there is nothing at .*predictions\.parquet"):
        find(SLOT, monitor.store, config, monitor.how, monitor.rules, engine=losing)


BLOCKS = [(f"city-{number}",) for number in range(40)]


def test_the_answers_come_in_the_blocks_order(engine):
    assert list(engine(operator.itemgetter(0), BLOCKS)) == [block[0] for block in BLOCKS]
    assert list(engine(operator.itemgetter(0), [])) == []


def test_what_an_executor_lacks_is_named_as_here(engine, made):
    store = load_config(made.config).store.model_copy(update={"kind": "parquett"})
    config = config_of(made).model_copy(update={"store": store})
    monitor = Monitor(config_of(made), sinks=())
    there = survey(monitor.store, config)
    task = Task(
        Tools(config, monitor.store, monitor.how),
        windows_of(SLOT, config.windows, config.accuracy, there.cadence),
        there.cadence,
    )
    with pytest.raises(ConfigError, match=r"store\.kind: 'parquett' is unknown; did you mean `parquet`"):
        list(engine(task, BLOCKS))


class Deadly:
    """Work that kills the process that it is sent to."""

    def __reduce__(self):
        return os._exit, (3,)

    def __call__(self, block):
        return block


def test_a_fault_and_a_death_are_told_in_a_line_with_what_to_do(engine):
    with pytest.raises(
        DriftError, match=r"executor .* failed \(AttributeError: .*'nothing'\): every executor"
    ) as told:
        list(engine(operator.attrgetter("nothing"), BLOCKS))
    assert "\n" not in str(told.value)
    with pytest.raises(DriftError, match=r"worker exited unexpectedly.*make engine\.block smaller") as told:
        list(engine(Deadly(), BLOCKS))
    assert "\n" not in str(told.value)
    assert list(engine(operator.itemgetter(0), BLOCKS[:3])) == ["city-0", "city-1", "city-2"]


def test_the_command_says_the_same_on_spark(made, repository):
    made.edit("alerts:", "reports: null\nhistory: null\nengine: {block: 1}\nalerts:")

    def ran() -> dict[str, object]:
        words = ["run", "-c", str(made.config), "--slot", SLOT.isoformat(), "--json"]
        command = [sys.executable, "-c", "from drift.cli import main; main()", *words]
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return {
            k: v for k, v in json.loads(done.stdout).items() if k in ("measurements", "verdicts", "pairs")
        }

    here = ran()
    made.edit(
        "block: 1", "block: 1, kind: spark, spark: {master: 'local[2]', conf: {spark.driver.memory: 512m}}"
    )
    (made.folder / "state" / "drift.db").unlink()
    assert ran() == here


def test_the_benchmark_keeps_running(repository):
    command = [sys.executable, "-m", "benchmarks.spark", "--small"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert "what they found is identical" in done.stdout, done.stderr


def test_without_java_spark_says_what_it_needs(repository):
    code = (
        "from drift.config import SparkConfig; from drift.engines.spark import SparkEngine; "
        "SparkEngine.of(SparkConfig(master='local[1]')).session"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=repository,
        env={**os.environ, "JAVA_HOME": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ConfigError: Spark does not start ([JAVA_GATEWAY_EXITED]" in done.stderr
    assert "it needs Java 17 or newer" in done.stderr


class Frames:
    """The tables of the made store, in no order, as frames of Spark."""

    def __init__(self, engine: SparkEngine, made) -> None:
        self.spark, self.folder = engine.session, made.folder / "data"

    def __call__(self, name: str):
        from pyspark.sql import functions as f

        return self.spark.read.parquet(str(self.folder / f"{name}.parquet")).orderBy(f.rand(5))


def rows_of(frame) -> set[tuple[object, ...]]:
    return {
        tuple(None if value != value else value for value in row)
        for row in zip(*(column.to_pylist() for column in frame.toArrow().columns), strict=True)
    }


def long_rows(config: Config) -> set[tuple[object, ...]]:
    table = measurement_table(Monitor(config, sinks=()).look(SLOT)).drop_columns(["slot"])
    columns = [column.to_pylist() for column in table.columns]
    return {row for row in zip(*columns, strict=True) if row[table.column_names.index("city")] is not None}


def evaluated(config: Config, *frames, **more):
    given = {"windows": config.windows, "accuracy": config.accuracy, "statistics": config.statistics}
    return evaluate_frames(SLOT, *frames, **given, **more)


@pytest.mark.parametrize("block", [1, 64])
def test_frames_in_no_order_are_measured_as_a_store_of_the_same_rows(engine, made, block):
    made.write("features", **features())
    frames, config = Frames(engine, made), config_of(made)
    found = evaluated(config, frames("predictions"), frames("actuals"), frames("features"), block=block)
    expected = long_rows(config)
    assert rows_of(found) == expected
    assert {row[5] for row in expected} >= {"temperature", "holiday", "price", "error"}


def features() -> dict[str, object]:
    """Numbers of every kind: 64 bits, 32 bits, whole ones and decimals."""
    draw, hours = np.random.default_rng(3), 40 * 24
    times = pa.array([START + timedelta(hours=h) for h in range(hours)] * 3, pa.timestamp("us", "UTC"))
    price = pa.array(
        [Decimal(int(cents)) / 100 for cents in draw.integers(100, 999, 3 * hours)], pa.decimal128(9, 2)
    )
    return {
        "city": np.repeat(["Delhi", "Pune", "Surat"], hours),
        "target_time": times,
        "temperature": draw.normal(30, 3, 3 * hours),
        "wind": draw.normal(5, 1, 3 * hours).astype(np.float32),
        "holiday": draw.integers(0, 2, 3 * hours),
        "price": price,
        "note": ["text"] * 3 * hours,
    }


def test_horizons_revisions_and_half_hour_zones_are_measured_alike(engine, made):
    """Two issues an hour, revised actuals, and target times at half past."""
    half = timedelta(minutes=30)
    times = [START + half + timedelta(hours=h) for h in range(40 * 24)]
    draw = np.random.default_rng(4)
    cities, versions = ("Delhi", "Pune"), ("v1", "v2")
    issues = [
        (c, v, t, t - timedelta(hours=h)) for c in cities for v in versions for t in times for h in (14, 30)
    ]
    stamp = pa.timestamp("us", "UTC")
    made.write(
        "predictions",
        city=[row[0] for row in issues],
        model_version=[row[1] for row in issues],
        target_time=pa.array([row[2] for row in issues], stamp),
        issue_time=pa.array([row[3] for row in issues], stamp),
        predicted=draw.normal(100, 3, len(issues)),
    )
    known = [(c, t, t + timedelta(hours=h)) for c in cities for t in times for h in (2, 20)]
    made.write(
        "actuals",
        city=[row[0] for row in known],
        target_time=pa.array([row[1] for row in known], stamp),
        available_time=pa.array([row[2] for row in known], stamp),
        actual=draw.normal(100, 3, len(known)),
    )
    made.edit("  features: {path: data/features.parquet}\n", "")
    made.edit("accuracy: {floor_window: 14d}", BANDS)
    frames, config = Frames(engine, made), config_of(made)
    expected = long_rows(config)
    assert {row[4] for row in expected} == {None, "12h-24h", "24h-36h"}
    assert rows_of(evaluated(config, frames("predictions"), frames("actuals"), block=1)) == expected


def test_frames_that_cannot_be_measured_are_named_with_what_to_do(engine, made):
    frames, config = Frames(engine, made), config_of(made)
    predictions, actuals = frames("predictions"), frames("actuals")
    with pytest.raises(ColumnError, match="actuals: there is no column `actual`: rename one"):
        evaluated(config, predictions, actuals.withColumnRenamed("actual", "load"))
    with pytest.raises(ColumnError, match="actuals: `actual` is string, not a number: cast it to double"):
        evaluated(config, predictions, actuals.withColumn("actual", actuals["actual"].cast("string")))
    local = predictions.withColumn("target_time", predictions["target_time"].cast("timestamp_ntz"))
    with pytest.raises(TimestampError, match="predictions: `target_time` is timestamp_ntz, not timestamp"):
        evaluated(config, local, actuals)
    with pytest.raises(ColumnError, match="features: the name `error` is taken: rename it"):
        evaluated(config, predictions, actuals, actuals.withColumnRenamed("actual", "error"))
    with pytest.raises(EmptyStoreError, match=r"predictions: there is none in \[2026-.*: name a slot"):
        evaluated(config, predictions.where("city = 'Nowhere'"), actuals)
