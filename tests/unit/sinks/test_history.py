from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq
import pytest

from drift.domain import Revised, Run
from drift.errors import SinkError
from drift.sinks.history import HistorySink, measurement_table, read_history, schema

DAY = datetime(2020, 4, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
MakeRun = Callable[..., Run]


def test_a_slot_is_a_file_in_the_folder_of_its_day(tmp_path: Path, make_run: MakeRun) -> None:
    links = HistorySink(tmp_path / "history").publish(make_run(slot=DAY + 5 * HOUR))
    file = tmp_path / "history" / "2020-04-10" / "2020-04-10T05-00-00Z.parquet"
    assert links == {"history": str(file)}
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]


def test_every_measurement_is_a_row(tmp_path: Path, make_run: MakeRun) -> None:
    run = make_run(cities=("SCL", 'São "Paulo"\n'))
    HistorySink(tmp_path).publish(run)
    table = read_history(tmp_path, DAY, DAY + HOUR)
    assert table.schema == schema()
    rows = table.to_pylist()
    assert [row.pop("slot") for row in rows] == [DAY] * len(rows)
    assert rows == [
        {
            "kind": m.kind,
            "name": m.name,
            **m.series._asdict(),
            "column": m.column,
            "value": m.value,
            "undefined": m.undefined.name.lower() if m.undefined else None,
            "n": m.n,
            "coverage": m.coverage,
        }
        for m in run.measurements()
    ]
    assert [row["undefined"] for row in rows].count("low_coverage") == 2


def test_the_same_slot_again_is_the_same_bytes(tmp_path: Path, make_run: MakeRun) -> None:
    sink = HistorySink(tmp_path)
    file = Path(sink.publish(make_run())["history"])
    first = file.read_bytes()
    sink.publish(make_run(duration_s=9.0))
    assert file.read_bytes() == first
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]


def test_the_columns_are_packed_as_promised(tmp_path: Path, make_run: MakeRun) -> None:
    file = HistorySink(tmp_path).publish(make_run())["history"]
    group = pq.ParquetFile(file).metadata.row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    assert {column.compression for column in columns} == {"ZSTD"}
    packed = {column.path_in_schema for column in columns if column.has_dictionary_page}
    assert packed >= {"slot", "kind", "name", "model_version", "city", "horizon", "column", "undefined"}


def test_slots_are_read_by_a_half_open_span_in_their_order(tmp_path: Path, make_run: MakeRun) -> None:
    sink = HistorySink(tmp_path)
    for hours in (30, 0, 23, 24, 25):
        sink.publish(make_run(slot=DAY + hours * HOUR, cities=(f"city {hours}",)))
    (tmp_path / "2020-04-11" / "notes.parquet").write_text("not ours")
    (tmp_path / "2020-04-11" / "2-of-2.parquet").write_text("not ours")
    (tmp_path / "2020-04-11" / ".2020-04-11T00-00-00Z.parquet.1.tmp").write_text("left by a kill")
    table = read_history(tmp_path, DAY + 23 * HOUR, DAY + 30 * HOUR)
    assert list(dict.fromkeys(table["slot"].to_pylist())) == [DAY + h * HOUR for h in (23, 24, 25)]
    assert set(table["city"].to_pylist()) == {None, "city 23", "city 24", "city 25"}


def test_no_slots_are_a_table_of_no_rows(tmp_path: Path, make_run: MakeRun) -> None:
    assert read_history(tmp_path / "nowhere", DAY, DAY + HOUR).num_rows == 0
    HistorySink(tmp_path).publish(make_run(panels=()))
    table = read_history(tmp_path, DAY, DAY + HOUR)
    assert (table.num_rows, table.schema) == (0, schema())


def test_a_flipped_bit_is_found(tmp_path: Path, make_run: MakeRun) -> None:
    file = Path(HistorySink(tmp_path).publish(make_run())["history"])
    group = pq.ParquetFile(file).metadata.row_group(0)
    value = next(
        group.column(i) for i in range(group.num_columns) if group.column(i).path_in_schema == "value"
    )
    content = bytearray(file.read_bytes())
    content[value.data_page_offset + value.total_compressed_size // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(
        SinkError, match=r"2020-04-10T00-00-00Z\.parquet cannot be read .*move it away, and publish"
    ):
        read_history(tmp_path, DAY, DAY + HOUR)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, make_run: MakeRun) -> None:
    (tmp_path / "history").write_text("a file")
    with pytest.raises(
        SinkError, match=r"cannot be written \(.*\): free space .* publish the slot 2020-04-10T00:00:00Z"
    ):
        HistorySink(tmp_path / "history").publish(make_run())


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path, make_run: MakeRun) -> None:
    in_the_way = tmp_path / "2020-04-10" / "2020-04-10T00-00-00Z.parquet"
    in_the_way.mkdir(parents=True)
    with pytest.raises(SinkError, match="cannot be written"):
        HistorySink(tmp_path).publish(make_run())
    assert list(in_the_way.parent.iterdir()) == [in_the_way]


def test_the_arrays_are_sound(make_run: MakeRun) -> None:
    measurement_table(make_run()).validate(full=True)


def test_neither_writing_nor_reading_imports_pandas(tmp_path: Path, repository: Path) -> None:
    code = """
import importlib.util, sys
from datetime import timedelta
from pathlib import Path
spec = importlib.util.spec_from_file_location("made", sys.argv[1])
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
from drift.sinks.history import HistorySink, read_history
HistorySink(Path(sys.argv[2])).publish(made._run())
assert read_history(Path(sys.argv[2]), made.DAY, made.DAY + timedelta(hours=1)).num_rows
assert read_history(Path(sys.argv[2]), made.DAY, made.DAY).num_rows == 0
print(*sys.modules)
"""
    made = repository / "tests" / "unit" / "sinks" / "conftest.py"
    done = subprocess.run(
        [sys.executable, "-c", code, made, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not {"pandas", "mlflow", "sqlalchemy"} & set(done.stdout.split())


def test_a_slot_that_was_measured_anew_keeps_both(tmp_path: Path, make_run: MakeRun) -> None:
    sink = HistorySink(tmp_path)
    first, later = make_run(), make_run(slot=DAY + 5 * HOUR)
    anew = tuple(
        replace(
            panel,
            series=panel.series[1:2],  # one city, and nothing pooled
            value=panel.value[1:2] + 1,
            reason=panel.reason[1:2],
            n=panel.n[1:2],
            coverage=panel.coverage[1:2],
        )
        for panel in first.panels
    )
    sink.publish(first)
    sink.publish(replace(later, revised=Revised({DAY: anew}, ("SCL",))))
    assert (tmp_path / "2020-04-10" / "2020-04-10T00-00-00Z~2020-04-10T05-00-00Z.parquet").is_file()

    def told(known: Literal["first", "latest", "all"]) -> list[dict[str, object]]:
        return read_history(tmp_path, DAY, DAY + HOUR, known).to_pylist()

    assert read_history(tmp_path, DAY, DAY + HOUR).to_pylist() == told("first")
    said, new = told("first"), told("all")[len(told("first")) :]
    assert {row["known_at"] for row in new} == {DAY + 5 * HOUR}
    assert {row["city"] for row in new} < {row["city"] for row in said}
    again = {(row["kind"], row["name"], row["city"]) for row in new}
    stay = [row for row in said if (row["kind"], row["name"], row["city"]) not in again]
    assert stay  # not all that a slot says of a city is measured anew
    plain = [{name: value for name, value in row.items() if name != "known_at"} for row in new]

    def order(rows: list[dict[str, object]]) -> list[str]:
        return sorted(map(repr, rows))

    assert order(told("latest")) == order(stay + plain)
    assert read_history(tmp_path, DAY + HOUR, DAY + 2 * HOUR, "all").schema.names[-1] == "known_at"


FULL_DISK = """
import resource, signal, sys
from datetime import UTC, datetime
from drift import Monitor, load_config

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Monitor(load_config(sys.argv[1])) as monitor:
    (history,) = (sink for sink in monitor.sinks if sink.name == "history")
    monitor._sinks = (history,)
    publish = history.publish

    def on_a_full_disk(run):
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, most))
        try:
            return publish(run)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    history.publish = on_a_full_disk
    for _ in range(2):
        run = monitor.run(datetime(2026, 4, 1, tzinfo=UTC))
        print([failure.message for failure in run.failures if failure.what == "history"])
        print(monitor.state.slot(run.slot).published_at is not None)
        print([path.name for path in history.folder.rglob("*") if path.is_file()])
        history.publish = publish
"""


def test_a_full_disk_is_named_and_leaves_nothing_half_written(made) -> None:
    """A process may write no file longer than 2 kB: to it, that is a full disk. Later there is room again."""
    made.edit("alerts:", "reports: null\nengine: {cache: null}\nalerts:")
    command = [sys.executable, "-c", FULL_DISK, str(made.config)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    failed, unpublished, nothing, fine, published, there = ran.stdout.splitlines()
    assert "cannot be written (File too large): free space on the disk" in failed
    assert "then publish the slot 2026-04-01T00:00:00Z again" in failed
    assert (unpublished, nothing) == ("False", "[]")
    assert (fine, published, there) == ("[]", "True", "['2026-04-01T00-00-00Z.parquet']")
