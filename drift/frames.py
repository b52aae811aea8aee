"""The measurements of Spark DataFrames: what Delta, Hive or JDBC hold, in no order at all.

Why: not every feature store is files that can be read in blocks of cities. Where Spark reads it already,
Spark can also bring the rows of a city together.

How: rows of the slot's history get the number of a block, a hash of their city. Predictions are cogrouped
with the actuals and features of their block, and an executor aligns and measures it with the same pure core
as any other engine, so the figures are those of a Parquet store of the same rows. They are of cities: what
pools cities, and what is judged, is the monitor's.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from drift.config import AccuracyConfig, StatisticsConfig, WindowsConfig
from drift.document import LABELS, long_form
from drift.domain import Grid, Panel, Undefined, Window
from drift.engines.kernel import Name, choose
from drift.errors import ColumnError, EmptyStoreError, TimestampError
from drift.evaluate import Evaluation, evaluate_block
from drift.fleet import combine
from drift.metrics import load_metrics
from drift.pairing import align
from drift.statistics import load_statistics
from drift.tables import KEYS, OPTIONAL, RESERVED, TIMES, VALUES, TableName, Tables
from drift.text import printable
from drift.windows import EPOCH, Cadence, Windows, windows_of

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame, GroupedData
    from pyspark.sql.types import DataType

SCHEMA = ", ".join(
    [*(f"`{label}` string" for label in LABELS), "value double, undefined string, n long, coverage double"]
)
"""The columns of `Run.to_pandas` but the slot. `value` is null exactly where `undefined` has a reason."""
_MICROSECOND = timedelta(microseconds=1)
_BLOCK, _TABLE = "drift_block", "drift_table"
_TAKEN = RESERVED | {"available_time", _BLOCK, _TABLE}
_REASONS = np.array([None, *(reason.name.lower() for reason in Undefined if reason)], dtype=object)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an executor needs to know of the slot; it is sent once, pickled."""

    windows: Windows
    cadence: Cadence
    accuracy: AccuracyConfig
    statistics: StatisticsConfig
    kernel: Name
    features: tuple[str, ...] | None


def evaluate_frames(
    slot: datetime,
    predictions: DataFrame,
    actuals: DataFrame,
    features: DataFrame | None = None,
    *,
    interval: timedelta = timedelta(hours=1),
    windows: WindowsConfig | None = None,
    accuracy: AccuracyConfig | None = None,
    statistics: StatisticsConfig | None = None,
    kernel: Name = "numpy",
    block: int = 64,
) -> DataFrame:
    """The measurements of the slot, of each city that has a prediction in its history, in long form.

    The frames are the logical tables of docs/feature-store.md, with target times at the start of their
    interval; every other numeric column of `features` is a feature. `block` is how many cities an executor
    holds at a time. Counting the cities is a job that runs at once; the measurements are computed when they
    are asked for.

    Raises:
        ColumnError: a column is missing, or of another type. TimestampError: so is a time, or has no zone.
        EmptyStoreError: there is no prediction in the slot's history.
    """
    windows, accuracy = windows or WindowsConfig(), accuracy or AccuracyConfig()
    forecasts, measured = _logical("predictions", predictions), _tagged("actuals", actuals)
    if features is not None:
        measured = measured.unionByName(_tagged("features", features), allowMissingColumns=True)
    reach = windows_of(slot, windows, accuracy, Cadence(interval)).history
    cadence, cities = _surveyed(forecasts, reach, interval)
    found = windows_of(slot, windows, accuracy, cadence)
    names = None if features is None else tuple(_features(features))
    plan = Plan(found, cadence, accuracy, statistics or StatisticsConfig(), kernel, names)
    left, right = (_in_blocks(frame, found.history, -(-cities // block)) for frame in (forecasts, measured))
    return left.cogroup(right).applyInArrow(partial(_measure, pickle.dumps(plan)), SCHEMA)


def _logical(name: TableName, frame: DataFrame) -> DataFrame:
    """The columns of the logical table, in its types. Rows without a key are left out."""
    there = {field.name: field.dataType for field in frame.schema}
    wanted = [*KEYS[name], *VALUES[name], *(column for column in OPTIONAL[name] if column in there)]
    wanted += _features(frame) if name == "features" else []
    for column in wanted:
        if column not in there:
            raise ColumnError(f"{name}: there is no column `{column}`: rename one, with withColumnRenamed")
    columns = [_typed(name, column, there[column]) for column in wanted]
    return frame.select(*columns).dropna(subset=list(KEYS[name]))


def _typed(name: TableName, column: str, kind: DataType) -> Column:
    """The column if it is one that the logical table can have; labels as text."""
    from pyspark.sql import functions as f
    from pyspark.sql import types as t

    said = f"{name}: `{printable(column)}` is {kind.simpleString()}"
    here = f.col(f"`{column.replace('`', '``')}`")
    if column in ("city", "model_version"):
        return here.cast("string").alias(column)
    if column in TIMES:
        if not isinstance(kind, t.TimestampType):
            raise TimestampError(
                f"{said}, not timestamp: cast it, with to_utc_timestamp where it is written in a local zone"
            )
        return here
    if not isinstance(kind, t.NumericType):
        raise ColumnError(f"{said}, not a number: cast it to double")
    return here  # Arrow makes a float of it, as it does for a store: Spark rounds decimals otherwise


def _features(frame: DataFrame) -> list[str]:
    """The numeric columns that are no key."""
    from pyspark.sql.types import NumericType

    names = [each.name for each in frame.schema if isinstance(each.dataType, NumericType)]
    taken = _TAKEN.intersection(names)
    if taken:
        raise ColumnError(f"features: the name `{min(taken)}` is taken: rename it, with withColumnRenamed")
    return [name for name in names if name not in KEYS["features"]]


def _tagged(name: TableName, frame: DataFrame) -> DataFrame:
    """The logical table, each row with its table's name, so that two can lie in one frame."""
    from pyspark.sql import functions as f

    return _logical(name, frame).withColumn(_TABLE, f.lit(name))


def _surveyed(predictions: DataFrame, reach: Window, interval: timedelta) -> tuple[Cadence, int]:
    """The phase that most target times have, and about how many cities there are."""
    from pyspark.sql import functions as f

    phase = f.pmod(f.unix_micros("target_time"), f.lit(interval // _MICROSECOND))
    by_phase = _within(predictions, reach).groupBy(phase.alias("phase"))
    rows = by_phase.agg(f.count("*").alias("rows"), f.approx_count_distinct("city").alias("cities")).collect()
    if not rows:
        raise EmptyStoreError(f"predictions: there is none in {reach}: name a slot that has some before it")
    most = max(rows, key=lambda row: (row["rows"], -row["phase"]))
    return Cadence(interval, EPOCH + most["phase"] * _MICROSECOND), most["cities"]


def _within(frame: DataFrame, window: Window) -> DataFrame:
    from pyspark.sql import functions as f

    start, end = (f.timestamp_micros(f.lit((t - EPOCH) // _MICROSECOND)) for t in (window.start, window.end))
    return frame.where((f.col("target_time") >= start) & (f.col("target_time") < end))


def _in_blocks(frame: DataFrame, window: Window, blocks: int) -> GroupedData:
    """The rows of the window, those of a city in one block."""
    from pyspark.sql import functions as f

    block = f.pmod(f.hash("city"), f.lit(max(blocks, 1)))
    return _within(frame, window).groupBy(block.alias(_BLOCK))


def _measure(sent: bytes, predictions: pa.Table, measured: pa.Table) -> pa.Table:
    """On an executor: one block's measurements."""
    plan, how = _unpacked(sent)
    history, step = plan.windows.history, plan.cadence.step
    grid = Grid(history.start, step, history.length // step)
    cities = sorted(predictions["city"].unique().to_pylist())
    if not cities:
        return _long([])
    pairs = align(_tables(plan, predictions, measured), grid, cities, plan.accuracy).at(plan.windows)
    panels = combine([evaluate_block(pairs, plan.windows, how)], cities, how)
    return _long(panels)


@lru_cache(maxsize=1)  # a slot's plan, for all the blocks that one process is given
def _unpacked(sent: bytes) -> tuple[Plan, Evaluation]:
    plan: Plan = pickle.loads(sent)  # noqa: S301 - our own driver's
    how = Evaluation(load_metrics(), load_statistics(), plan.accuracy, plan.statistics, choose(plan.kernel))
    return plan, how


def _tables(plan: Plan, predictions: pa.Table, measured: pa.Table) -> Tables:
    """The rows of a block as a store would hand them out."""
    import pyarrow.compute as pc

    def tagged(name: TableName) -> pa.Table:
        return measured.filter(pc.equal(measured[_TABLE], name))

    features = None if plan.features is None else _rows("features", tagged("features"), plan.features)
    return Tables(_rows("predictions", predictions), _rows("actuals", tagged("actuals")), features)


def _rows(name: TableName, rows: pa.Table, features: Sequence[str] = ()) -> pa.Table:
    """The table's own columns, in UTC and floats, by city and time. Rows of one key are put in the order of
    their values: Spark's own is another each time.
    """
    import pyarrow as pa

    columns = (*KEYS[name], *VALUES[name], *OPTIONAL[name], *features)
    rows = rows.select([column for column in columns if column in rows.column_names])
    for i, (column, kind) in enumerate(zip(rows.column_names, rows.schema.types, strict=True)):
        if column in TIMES:
            rows = rows.set_column(i, column, rows[column].cast(pa.timestamp("us", "UTC")))
        elif column not in KEYS[name] and kind != pa.float32():
            rows = rows.set_column(i, column, rows[column].cast(pa.float64(), safe=False))
    return rows.sort_by([(column, "ascending") for column in rows.column_names])


def _long(panels: Iterable[Panel]) -> pa.Table:
    """The measurements of cities, a row each."""
    import pyarrow as pa

    rows = long_form(panels)
    words = {
        label: pa.array(rows.words[label], pa.string()).take(pa.array(codes, mask=codes < 0))
        for label, codes in rows.codes.items()
    }
    numbers = {
        "value": pa.array(rows.value, mask=rows.reason > 0),
        "undefined": pa.array(_REASONS[rows.reason], pa.string()),
        "n": pa.array(rows.n),
        "coverage": pa.array(rows.coverage),
    }
    table = pa.table(words | numbers)
    return table.filter(table["city"].is_valid())
