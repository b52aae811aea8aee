"""The demo's Parquet, written small and the same every time, and read back as arrays.

Why: the data ships inside the package, so a few bytes a row matter, and flipped bits must be
seen.

How: values are whole numbers under zstd, one row group a city, page checksums on. Times and
measured values are DELTA_BINARY_PACKED; rounded predictions have few distinct values and take a
dictionary. Files are written beside their place and moved there, so a reader never sees half.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

MICROSECONDS = 3_600_000_000
TIME = pa.timestamp("us", tz="UTC")


def city_name(zone: int) -> str:
    """The city label of a zone number.

    >>> city_name(4)
    'zone-04'
    """
    return f"zone-{zone:02d}"


def whole(values: npt.NDArray[np.float64]) -> pa.Array:
    """Rounded to whole numbers; NaN becomes null."""
    empty = np.isnan(values)
    return pa.array(np.rint(np.where(empty, 0, values)).astype(np.int32), mask=empty)


def times(hours: npt.NDArray[np.int64]) -> pa.Array:
    """Hour numbers as UTC timestamps."""
    return pa.array(hours * MICROSECONDS, pa.int64()).cast(TIME)


def write(path: Path, blocks: list[pa.Table], few_values: tuple[str, ...] = ()) -> None:
    """Writes one row group a block, atomically; `few_values` are columns to keep by dictionary."""
    schema = blocks[0].schema
    text = [f.name for f in schema if pa.types.is_string(f.type) or f.name in few_values]
    packed = {f.name: "DELTA_BINARY_PACKED" for f in schema if f.name not in text}
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".parquet.part")
    with pq.ParquetWriter(
        unfinished,
        schema,
        compression="zstd",
        compression_level=19,
        use_dictionary=text,
        column_encoding=packed,
        data_page_size=8 << 20,
        write_page_checksum=True,
    ) as writer:
        for block in blocks:
            writer.write_table(block, row_group_size=block.num_rows)
    unfinished.replace(path)


def read(path: Path) -> pa.Table:
    """The table of one file, its page checksums verified."""
    return pq.ParquetFile(path, page_checksum_verification=True).read()


def column(table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    """A numeric column as floats; null becomes NaN."""
    floats = table[name].cast(pa.float64()).combine_chunks()
    return np.asarray(floats.to_numpy(zero_copy_only=False), dtype=np.float64)


def hour_column(table: pa.Table, name: str) -> npt.NDArray[np.int64]:
    """A timestamp column as hour numbers."""
    numbers = table[name].cast(pa.int64()).combine_chunks().to_numpy(zero_copy_only=False)
    return np.asarray(numbers, dtype=np.int64) // MICROSECONDS


def by_city(table: pa.Table, name: str) -> dict[str, npt.NDArray[np.float64]]:
    """One numeric column, split by city; the file is sorted by city and time."""
    cities = np.asarray(table["city"].to_numpy(), dtype=np.str_)
    values = column(table, name)
    return {str(city): values[cities == city] for city in np.unique(cities)}
