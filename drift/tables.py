"""The feature store's logical tables, as every store gives them and pairing takes them.

Arrow tables, because Parquet, SQL and Feast all speak Arrow and nothing needs copying. A store has mapped
the columns to our names, moved every target time to the START of its interval and to UTC, and cast the
types; it has not judged a value: that is pairing's job, where every row passed over is counted.

    predictions  city, model_version, target_time, [issue_time], predicted, [lower, upper]
    actuals      city, target_time, actual, [available_time]
    features     city, target_time, then one column a feature

`city` and `model_version` are `string` or a dictionary of it, times `timestamp[us, UTC]`, values `float64`,
or `float32` where the store holds them so (null: no value).
Keys (`city`, `model_version`, `target_time`) are never null: a store leaves such rows out and counts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from drift.domain import Unused

if TYPE_CHECKING:
    import pyarrow as pa

TableName = Literal["predictions", "actuals", "features"]

KEYS: dict[TableName, tuple[str, ...]] = {
    "predictions": ("city", "model_version", "target_time"),
    "actuals": ("city", "target_time"),
    "features": ("city", "target_time"),
}
VALUES: dict[TableName, tuple[str, ...]] = {
    "predictions": ("predicted",),
    "actuals": ("actual",),
    "features": (),
}
OPTIONAL: dict[TableName, tuple[str, ...]] = {
    "predictions": ("issue_time", "lower", "upper"),
    "actuals": ("available_time",),
    "features": (),
}
RESERVED = frozenset({"actual", "predicted", "error"})
"""The columns whose drift is measured beside the features'."""
TIMES = ("target_time", "issue_time", "available_time")


@dataclass(frozen=True, slots=True)
class Skipped:
    """Rows that a store could not hand on: their table, city (None where that is what is missing), why."""

    table: TableName
    city: str | None
    reason: Unused
    rows: int


@dataclass(frozen=True, slots=True)
class Tables:
    """What a store read for one window."""

    predictions: pa.Table
    actuals: pa.Table
    features: pa.Table | None = None
    skipped: tuple[Skipped, ...] = ()
