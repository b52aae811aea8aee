"""What does the layout of the files cost? Reading a slot's windows from the same rows, laid out in many ways.

    python -m benchmarks.layout [--cities 200] [--runs 5]

Each layout is read as it is and as `drift store compact` leaves it, in turn; the doctor's ratio is what
`drift doctor` expects from the footers alone. Seconds are CPU seconds, which others on the machine disturb
least.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.chart import bars
from benchmarks.options import date_of, out_of, parser, work_folder
from benchmarks.record import Cell, Record, machine
from benchmarks.timing import interleave
from benchmarks.workload import KEYS, LAYOUTS, Fleet, write_config, write_fleet
from drift import Config, load_config
from drift.stores import open_store
from drift.stores.compact import compact_to, relocated
from drift.stores.layout import compared, history_of, period_of
from drift.stores.rewriting import Way

Writer = Callable[[pa.Table, Path], None]


def _by_time(rows: pa.Table, folder: Path) -> None:
    """One file in the order of time, in row groups of pyarrow's own size: what a query leaves."""
    order = np.argsort(rows["target_time"].cast("int64").to_numpy(), kind="stable")
    pq.write_table(rows.take(order), folder / "fleet.parquet", compression="none", use_dictionary=KEYS)


def _a_city(rows: pa.Table, folder: Path) -> None:
    """One folder a city."""
    names = np.asarray(rows["city"].cast(pa.string()))
    edges = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1), len(names)]
    for start, stop in pairwise(edges):
        below = folder / f"city={names[start]}"
        below.mkdir()
        pq.write_table(rows.slice(start, stop - start), below / "part.parquet", compression="none")


def _written(**how: Any) -> Writer:
    def write(rows: pa.Table, folder: Path) -> None:
        given = {"compression": "none", "use_dictionary": KEYS, "row_group_size": 32 * 24 * 365} | how
        pq.write_table(rows, folder / "fleet.parquet", **given)

    return write


OTHERS: dict[str, Writer] = {
    "one file by time": _by_time,
    "one folder a city": _a_city,
    "row groups of 1,000 rows": _written(row_group_size=1000),
    "no statistics": _written(write_statistics=False),
    "gzip": _written(compression="gzip"),
    "snappy": _written(compression="snappy"),
    "zstd 1": _written(compression="zstd", compression_level=1),
    "BYTE_STREAM_SPLIT": _written(use_byte_stream_split=["predicted", "actual", "f00", "f01", "f02"]),
}


def _stores(fleet: Fleet, folder: Path) -> dict[str, Path]:
    """Every layout in a folder of its own."""
    for layout in LAYOUTS:
        write_fleet(fleet, folder / layout, layout)
    rows = pq.ParquetFile(folder / "single" / "fleet.parquet").read()
    for name, write in OTHERS.items():
        (folder / name).mkdir()
        write(rows, folder / name)
    return {name: folder / name for name in (*LAYOUTS, *OTHERS)}


def _reads(config: Config, fleet: Fleet) -> Callable[[], None]:
    """Read a slot's windows of all cities, block by block, with a store that knows its footers."""
    store = open_store(config)
    window = history_of(config, store, fleet.slot(fleet.later_hours))
    blocks = store.partition(store.cities(), config.engine.block)

    def read() -> None:
        for block in blocks:
            store.read(window, block)

    return read


def layout(options: argparse.Namespace, folder: Path) -> tuple[Record, str]:
    """The record and its picture."""
    where = machine()
    runs = options.runs or (1 if options.small else 5)
    cities = options.cities or (4 if options.small else 200)
    hours = 24 * (30 if options.small else 365)
    fleet = Fleet(cities, reference_hours=hours)
    short = f"windows: {{current: 168h, reference: {90 if not options.small else 10}d}}"
    cases, expected = {}, {}
    for name, store in _stores(fleet, folder / "stores").items():
        made = write_config(fleet, store, folder / "configs" / name)
        text = made.read_text(encoding="utf-8")
        line = next(line for line in text.splitlines() if line.startswith("windows:"))
        made.write_text(text.replace(line, short), encoding="utf-8")
        config = load_config(made)
        source = open_store(config)
        window = history_of(config, source, fleet.slot(fleet.later_hours))
        now, best, keep = compared(config, source, source.cities(), window)
        expected[name] = now.seconds / best.seconds
        way = Way(period_of(window.length), keep)
        moved = compact_to(config, str(folder / "compact" / name), way, lambda _: None)
        cases[name] = _reads(config, fleet)
        cases[f"{name}, compacted"] = _reads(relocated(config, moved), fleet)
    timed = interleave(cases, runs)
    rows: list[tuple[Cell, ...]] = []
    for name, times in expected.items():
        before, after = timed[name].cpu, timed[f"{name}, compacted"].cpu
        rows.append((name, before, after, before / after, times))
    settings = {"cities": cities, "columns": len(fleet.measured), "hours": fleet.hours, "rounds": runs}
    settings |= {"windows": short.removeprefix("windows: ")}
    columns = ("layout", "CPU s to read", "compacted", "ratio", "doctor's ratio")
    title = f"Reading a slot of {cities:,} cities, by the layout of its files"
    record = Record("layout", title, date_of(options), where, settings, columns, rows)
    return record, bars(title, {str(row[0]): float(row[1] or 0) for row in rows}, "CPU s")


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    made = parser(__doc__)
    made.add_argument("--cities", type=int, help="how many (default: 200; small: 4)")
    made.add_argument("--runs", type=int, help="rounds that count (default: 5; small: 1)")
    options = made.parse_args(words)
    with work_folder(options) as folder:
        record, picture = layout(options, folder)
    record.write(out_of(options), picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
