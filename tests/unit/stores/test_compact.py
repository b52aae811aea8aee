"""A compacted store holds the same rows, in the layout that docs/layout.md promises; and a store is never half."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drift.config import Config, parse_config
from drift.domain import Window
from drift.errors import ColumnError, ConfigError, StoreError
from drift.stores import in_place, open_store, rewriting
from drift.stores.compact import Moved, compact_to, plan
from drift.stores.digest import digest
from drift.stores.files import FileChangedError
from drift.stores.in_place import compact_in_place
from drift.stores.reader import Cache, Reader
from drift.stores.rewriting import Way, verify

Write = Callable[..., Path]
START = datetime(2021, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAN = float("nan")
ALL = Window(START - timedelta(days=9), START + timedelta(days=99))
WEEK = Way(period=timedelta(days=7), keep=timedelta(days=2))
CITIES = [f"c{number:03}" for number in range(40)]


def config_of(folder: Path, **store: Any) -> Config:
    given = {"predictions": {"path": "load", "model_version": "v1"}, "actuals": {"path": "load"}, **store}
    return parse_config({"store": given}, base=folder)


def day_of(day: int, cities: list[str] = CITIES, **more: Any) -> dict[str, Any]:
    """A day as an ingest writes it: hour by hour, all cities."""
    hours = [START + (24 * day + h) * HOUR for h in range(24) for _ in cities]
    values = [day + h / 100 + c for h in range(24) for c in range(len(cities))]
    names = cities * 24
    columns = {"city": names, "target_time": pa.array(hours, pa.timestamp("us", "UTC"))}
    columns |= {"predicted": pa.array(values, pa.float32()), "actual": pa.array(values, pa.float64())}
    return columns | {name: make(len(names)) for name, make in more.items()}


def days(write: Write, number: int = 12, **more: Any) -> None:
    for day in range(number):
        write(f"load/day-{day:03}.parquet", day_of(day, **more))


def content(folder: Path) -> Counter[str]:
    """Every row of all files with the types of its values; -0.0, NaN and null are three things."""
    found: Counter[str] = Counter()
    for path in sorted(folder.rglob("*.parquet")):
        table = pq.ParquetFile(path).read()
        kinds = {field.name: str(field.type) for field in table.schema}
        for row in table.to_pylist():
            found[repr(sorted((name, kinds[name], value) for name, value in row.items()))] += 1
    return found


def to(folder: Path, way: Way = WEEK, config: Config | None = None) -> Moved:
    (moved,) = compact_to(config or config_of(folder), str(folder / "out"), way, lambda _: None)
    return moved


def replaced(folder: Path, way: Way = WEEK, config: Config | None = None) -> list[Moved]:
    return compact_in_place(config or config_of(folder), way, lambda _: None)


def rows_read(folder: Path, path: str = "load") -> list[Any]:
    tables = open_store(
        config_of(folder, predictions={"path": path, "model_version": "v1"}, actuals={"path": path})
    ).read(ALL)
    return sorted(
        zip(*(tables.actuals[name].to_pylist() for name in tables.actuals.schema.names), strict=True)
    )


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_old_days_become_one_file_sorted_by_city_and_young_ones_stay(write: Write, tmp_path: Path) -> None:
    days(write)
    moved = to(tmp_path)
    out = tmp_path / "out" / "predictions"
    assert names(out) == ["day-000..day-009.parquet", "day-010.parquet", "day-011.parquet"]
    assert (out / "day-011.parquet").read_bytes() == (tmp_path / "load" / "day-011.parquet").read_bytes()
    assert content(out) == content(tmp_path / "load")
    assert (moved.before.files, moved.after.files, moved.kept) == (12, 3, 2)
    assert moved.before.rows == moved.after.rows == 12 * 24 * 40
    assert rows_read(tmp_path) == rows_read(tmp_path, "out/predictions")
    file = pq.ParquetFile(out / "day-000..day-009.parquet")
    groups = [file.metadata.row_group(g) for g in range(file.num_row_groups)]
    known = [group.column(0).statistics for group in groups]
    assert [(each.min, each.max) for each in known] == [("c000", "c031"), ("c032", "c039")] * 2
    for number in range(file.num_row_groups):
        table = file.read_row_group(number, columns=["city", "target_time"])
        keys = list(zip(table["city"].to_pylist(), table["target_time"].to_pylist(), strict=True))
        assert keys == sorted(keys)
        assert keys[-1][1] - keys[0][1] < timedelta(days=7)
    chunk = groups[0].column(2)
    assert chunk.compression == "UNCOMPRESSED"
    assert not any("DICTIONARY" in encoding for encoding in chunk.encodings)
    assert chunk.has_dictionary_page is False
    assert groups[0].column(0).has_dictionary_page


def test_pages_carry_checksums_and_zstd_is_smaller(write: Write, tmp_path: Path) -> None:
    days(write)
    plain = to(tmp_path).after.bytes
    path = tmp_path / "out" / "predictions" / "day-000..day-009.parquet"
    raw = bytearray(path.read_bytes())
    at = pq.ParquetFile(path).metadata.row_group(0).column(3).data_page_offset + 200
    raw[at] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(StoreError, match="cannot be read, or is damaged"):
        rows_read(tmp_path, "out/predictions")
    (tmp_path / "out").rename(tmp_path / "first")
    assert to(tmp_path, Way(WEEK.period, WEEK.keep, compression="zstd")).after.bytes < plain


STRANGE: dict[str, Callable[[int], Any]] = {
    "predicted": lambda n: pa.array([NAN, None, -0.0, 0.0, float("inf")] * (n // 5), pa.float32()),
    "note": lambda n: pa.array(["ü", None, ""] * (n // 3) + ["x"] * (n % 3), pa.large_string()),
    "flag": lambda n: pa.array([True, None] * (n // 2), pa.bool_()),
    "money": lambda n: pa.array([Decimal("1.10"), None] * (n // 2), pa.decimal128(9, 2)),
    "list": lambda n: pa.array([[1, None], None] * (n // 2), pa.list_(pa.int16())),
    "raw": lambda n: pa.array([b"\xff", None] * (n // 2), pa.binary()),
    "kind": lambda n: pa.array(["a", None] * (n // 2), pa.string()).dictionary_encode(),
    "date": lambda n: pa.array([1, None] * (n // 2), pa.int32()).cast(pa.date32()),
    "small": lambda n: pa.array([1, None] * (n // 2), pa.uint8()),
    "a.b": lambda n: pa.array([1, None] * (n // 2), pa.int64()),
    "nested": lambda n: pa.array([{"x": 1.5}, None] * (n // 2), pa.struct([("x", pa.float64())])),
}


def test_foreign_columns_and_strange_values_are_kept_as_they_are(write: Write, tmp_path: Path) -> None:
    days(write, 4, **STRANGE)
    to(tmp_path)
    out = tmp_path / "out" / "predictions"
    assert content(out) == content(tmp_path / "load")
    old, new = (pq.read_schema(sorted(folder.glob("*"))[0]) for folder in (tmp_path / "load", out))
    assert [(field.name, field.type) for field in new] == [(field.name, field.type) for field in old]
    assert not new.field("actual").nullable  # no null came, so none is allowed for: it is read faster
    assert new.field("predicted").nullable
    assert new.metadata == {b"drift.layout": WEEK.mark}


def test_rows_without_a_key_lie_apart_and_hide_nothing(write: Write, tmp_path: Path) -> None:
    table = day_of(0)
    table["city"] = [None, *table["city"][1:]]
    table["target_time"] = pa.array([*table["target_time"].to_pylist()[:-1], None], pa.timestamp("us", "UTC"))
    write("load/day-000.parquet", table)
    write("load/day-009.parquet", day_of(9))
    to(tmp_path)
    path = sorted((tmp_path / "out" / "predictions").iterdir())[0]
    groups = [pq.ParquetFile(path).metadata.row_group(g) for g in range(3)]
    assert [g.column(0).statistics.null_count for g in groups] == [0, 0, 1]
    assert [g.num_rows for g in groups][-1] == 2
    assert content(path.parent) == content(tmp_path / "load")
    store = open_store(config_of(tmp_path, predictions={"path": "out/predictions", "model_version": "v1"}))
    assert sorted((s.city or "", s.rows) for s in store.read(ALL).skipped if s.table == "predictions") == [
        ("", 1),
        ("c039", 1),
    ]


def test_of_rows_with_equal_keys_the_last_stays_the_last(write: Write, tmp_path: Path) -> None:
    for number in range(3):
        write(f"load/{number}.parquet", day_of(0) | {"actual": [float(number)] * 960}, row_group_size=100)
    write("load/9.parquet", day_of(9))
    to(tmp_path)
    table = pq.ParquetFile(tmp_path / "out" / "predictions" / "0..2.parquet").read()
    assert table["actual"].to_pylist() == [0.0, 1.0, 2.0] * 960
    assert table["predicted"].to_pylist()[:3] == [0.0] * 3


def test_actuals_beside_several_versions_keep_their_order(write: Write, tmp_path: Path) -> None:
    """Sorted by version, another of the two actuals would be the last, which counts."""
    table = day_of(0, ["Pune"])
    both = {name: [*list(column), *list(column)] for name, column in table.items()}
    both |= {"model_version": ["v2"] * 24 + ["v1"] * 24, "actual": [2.0] * 24 + [1.0] * 24}
    write("load.parquet", both)
    config = config_of(tmp_path, predictions={"path": "load.parquet"}, actuals={"path": "load.parquet"})
    to(tmp_path, config=config)
    out = pq.ParquetFile(tmp_path / "out" / "predictions" / "load.parquet").read()
    assert out["model_version"].to_pylist() == ["v2", "v1"] * 24
    alone = config_of(tmp_path, predictions={"path": "load.parquet"}, actuals={"path": "other.parquet"})
    write("other.parquet", table)
    moved = compact_to(alone, str(tmp_path / "apart"), WEEK, lambda _: None)
    assert [each.tables for each in moved] == [("predictions",), ("actuals",)]
    out = pq.ParquetFile(tmp_path / "apart" / "predictions" / "load.parquet").read()
    assert out["model_version"].to_pylist() == ["v1"] * 24 + ["v2"] * 24


def test_files_of_another_schema_part_a_run_and_young_ones_do_not(write: Write, tmp_path: Path) -> None:
    for name, day in (("a", 0), ("b", 20), ("c", 1), ("d", 2), ("e", 3)):
        extra = {"wind": lambda n: [1.0] * n} if name in "de" else {}
        write(f"load/{name}.parquet", day_of(day, **extra))
    to(tmp_path)
    assert names(tmp_path / "out" / "predictions") == ["a..c.parquet", "b.parquet", "d..e.parquet"]
    assert content(tmp_path / "out" / "predictions") == content(tmp_path / "load")


def test_a_file_across_the_cut_is_left_alone_and_parts_its_neighbours(write: Write, tmp_path: Path) -> None:
    for name, first in (("a", 0), ("b", 1), ("d", 2), ("e", 3), ("f", 12)):
        write(f"load/{name}.parquet", day_of(first))
    late = day_of(0) | {
        "target_time": pa.array([START + h * 12 * HOUR for h in range(24)] * 40, pa.timestamp("us", "UTC"))
    }
    write("load/c.parquet", late)
    to(tmp_path)
    assert names(tmp_path / "out" / "predictions") == [
        "a..b.parquet",
        "c.parquet",
        "d..e.parquet",
        "f.parquet",
    ]


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        (pa.timestamp("us"), {}),
        (pa.timestamp("ns"), {}),
        (pa.timestamp("ms"), {"store_schema": False}),
        (pa.timestamp("us"), {"use_deprecated_int96_timestamps": True}),
        (pa.timestamp("us"), {"write_statistics": False, "use_dictionary": False}),
    ],
)
def test_local_times_of_any_unit_read_the_same(
    write: Write, tmp_path: Path, kind: pa.DataType, how: dict[str, Any]
) -> None:
    for day in (26, 27, 28, 40):  # over the leap of the clock on 28 March
        table = day_of(day)
        table["target_time"] = table["target_time"].cast(pa.timestamp("us")).cast(kind)
        write(f"load/{day}.parquet", table, **how)
    berlin = {"timezone": "Europe/Berlin"}
    before, after = (
        open_store(
            config_of(
                tmp_path,
                predictions={"path": path, "model_version": "v1", **berlin},
                actuals={"path": path, **berlin},
                interval="1h",
            )
        )
        for path in ("load", "out/predictions")
    )
    config = config_of(
        tmp_path,
        predictions={"path": "load", "model_version": "v1", **berlin},
        actuals={"path": "load", **berlin},
    )
    assert to(tmp_path, config=config).after.files == 2
    one, two = before.read(ALL), after.read(ALL)
    assert Counter(map(repr, one.actuals.to_pylist())) == Counter(map(repr, two.actuals.to_pylist()))
    assert Counter((s.city, s.rows, s.reason) for s in one.skipped) == Counter(
        (s.city, s.rows, s.reason) for s in two.skipped
    )
    assert one.skipped


def test_whole_numbers_as_cities_and_no_statistics(write: Write, tmp_path: Path) -> None:
    for day in (0, 1, 20):
        table = day_of(day)
        write(
            f"load/{day}.parquet",
            table | {"city": [int(c[1:]) for c in table["city"]]},
            write_statistics=False,
        )
    to(tmp_path)
    assert content(tmp_path / "out" / "predictions") == content(tmp_path / "load")
    assert rows_read(tmp_path) == rows_read(tmp_path, "out/predictions")


def test_a_small_memory_gives_the_same_file(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days(write)
    to(tmp_path)
    (tmp_path / "out").rename(tmp_path / "first")
    monkeypatch.setattr(rewriting, "_HELD_BYTES", 1)
    to(tmp_path)
    one, two = (tmp_path / name / "predictions" / "day-000..day-009.parquet" for name in ("first", "out"))
    assert one.read_bytes() == two.read_bytes()


def test_before_and_keep_choose_the_files(write: Write, tmp_path: Path) -> None:
    days(write)
    plans = plan(config_of(tmp_path), Way(before=START + timedelta(days=3)), Reader(Cache()))
    assert [run.name for run in plans[0].compacted] == ["day-000..day-002.parquet"]
    plans = plan(config_of(tmp_path), Way(keep=timedelta(0)), Reader(Cache()))
    assert [run.name for run in plans[0].runs] == ["day-000..day-011.parquet"]


def test_in_place_the_folder_is_exchanged_and_nothing_else_in_it_is_lost(
    write: Write, tmp_path: Path
) -> None:
    days(write)
    (tmp_path / "load" / "_SUCCESS").write_text("by the ingest")
    (tmp_path / "load").chmod(0o750)
    kept = (tmp_path / "load" / "day-011.parquet").stat()
    rows, whole = rows_read(tmp_path), content(tmp_path / "load")
    (moved,) = replaced(tmp_path)
    assert names(tmp_path) == [
        f"load/{name}"
        for name in ("_SUCCESS", "day-000..day-009.parquet", "day-010.parquet", "day-011.parquet")
    ]
    assert (rows_read(tmp_path), content(tmp_path / "load")) == (rows, whole)
    assert os.path.samestat((tmp_path / "load" / "day-011.parquet").stat(), kept)
    assert (tmp_path / "load").stat().st_mode & 0o777 == 0o750
    assert (moved.before.files, moved.after.files, moved.left_over) == (12, 3, ())
    again = replaced(tmp_path)
    assert again[0].before == again[0].after
    for day in (12, 13):
        write(f"load/day-{day:03}.parquet", day_of(day))
    replaced(tmp_path)
    assert names(tmp_path / "load")[1] == "day-000..day-011.parquet"
    assert sum(content(tmp_path / "load").values()) == 14 * 960


def test_in_place_one_file_keeps_its_name_and_a_link_its_target(write: Write, tmp_path: Path) -> None:
    write("real/load.parquet", day_of(0))
    (tmp_path / "load").symlink_to("real/load.parquet")
    rows = rows_read(tmp_path)
    replaced(tmp_path)
    assert (tmp_path / "load").is_symlink()
    assert names(tmp_path / "real") == ["load.parquet"]
    assert rows_read(tmp_path) == rows
    assert pq.read_schema(tmp_path / "load").metadata == {b"drift.layout": WEEK.mark}


def test_a_reader_in_the_middle_reads_once_more(write: Write, tmp_path: Path) -> None:
    days(write)
    store: Any = open_store(config_of(tmp_path))
    rows = store.read(ALL).actuals.num_rows
    listed = store._where["actuals"].files()
    replaced(tmp_path)
    with pytest.raises(FileChangedError):
        store._reader.rows(listed[0], [0], ["actual"], [])
    assert store.read(ALL).actuals.num_rows == rows


class CrashError(BaseException):
    """The process ends here."""


def crash(*_: object) -> None:
    raise CrashError


@pytest.mark.parametrize("step", ["write_run", "verify", "_unchanged", "exchange"])
def test_a_crash_before_the_exchange_leaves_all_as_it_was(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    days(write)
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    monkeypatch.setattr(in_place, step, crash)
    with pytest.raises(CrashError):
        replaced(tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before


def test_a_crash_after_the_exchange_leaves_each_row_once(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days(write)
    rows = rows_read(tmp_path)
    monkeypatch.setattr(in_place, "_clear", crash)
    with pytest.raises(CrashError):
        replaced(tmp_path)
    assert rows_read(tmp_path) == rows
    hidden = [path for path in tmp_path.iterdir() if path.name != "load"]
    assert [path.name[:6] for path in hidden] == [".load."]
    assert len(names(hidden[0])) == 12


def test_a_file_written_meanwhile_undoes_it(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days(write)
    real = in_place.exchange
    monkeypatch.setattr(in_place, "verify", lambda *_: write("load/new.parquet", day_of(12)))
    with pytest.raises(FileChangedError, match=r"was written to while it was compacted.*run again"):
        replaced(tmp_path)
    assert len(names(tmp_path)) == 13
    late = iter([True])

    def just_before(one: Path, other: Path) -> None:
        if next(late, False):
            write("load/newer.parquet", day_of(13))
        real(one, other)

    monkeypatch.undo()
    monkeypatch.setattr(in_place, "exchange", just_before)
    with pytest.raises(FileChangedError):
        replaced(tmp_path)
    assert len(names(tmp_path)) == 14
    assert sum(content(tmp_path / "load").values()) == 14 * 960


def test_what_is_written_into_the_old_folder_at_last_is_left_and_named(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days(write)
    real = in_place._clear

    def slow(path: Path, known: Any) -> list[str]:
        write(f"{path.name}/late.parquet", day_of(12))
        return real(path, known)

    monkeypatch.setattr(in_place, "_clear", slow)
    (moved,) = replaced(tmp_path)
    assert [Path(name).name for name in moved.left_over] == ["late.parquet"]
    assert Path(moved.left_over[0]).exists()


def test_a_file_that_changes_while_it_is_read_stops_the_copy(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days(write)
    real = rewriting.write_run

    def later(*given: Any) -> None:
        write("load/day-003.parquet", day_of(3, CITIES[:5]))
        real(*given)

    monkeypatch.setattr("drift.stores.compact.write_run", later)
    with pytest.raises(FileChangedError, match=r"day-003\.parquet was changed while it was read"):
        to(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["load"]


def test_new_rows_that_are_not_the_old_ones_are_an_error(write: Write, tmp_path: Path) -> None:
    days(write)
    (plans,) = plan(config_of(tmp_path), WEEK, Reader(Cache()))
    run = plans.compacted[0]
    tables = [pq.ParquetFile(held.file.path).read() for held in run.sources]
    good, schema = tmp_path / "good.parquet", tables[0].schema
    pq.write_table(pa.concat_tables(tables[::-1]), good)
    verify(run, good, Reader(Cache()))
    swapped = tables[0].slice(1, 1), tables[0].slice(0, 1)
    values = pa.concat_tables(swapped)["actual"]
    mixed = tables[0].slice(0, 2).set_column(schema.get_field_index("actual"), "actual", values)
    for number, bad in enumerate(
        [tables[:-1], [*tables[1:], mixed, tables[0].slice(2)], [*tables, tables[0]]]
    ):
        path = tmp_path / f"bad{number}.parquet"
        pq.write_table(pa.concat_tables(bad), path)
        with pytest.raises(StoreError, match="the compacted rows are not those of the 10 files"):
            verify(run, path, Reader(Cache()))


def test_a_digest_knows_rows_and_not_their_order() -> None:
    table = pa.table({"x": [1.0, NAN, None, 0.0], "y": ["a", "b", None, "a"]})
    assert digest(table) == digest(table.take([3, 1, 0, 2])) == digest(table.select(["y", "x"]))
    others = [
        table.set_column(0, "x", [[1.0, NAN, None, -0.0]]),
        table.set_column(0, "x", [[NAN, 1.0, None, 0.0]]),
        table.set_column(1, "y", [["a", "b", "", "a"]]),
        table.slice(1),
        table.rename_columns(["x", "z"]),
    ]
    assert len({digest(each) for each in (table, *others)}) == 6
    assert digest(table.slice(0, 0)) == 0


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("s3://bucket/out", "a URL cannot be written to"),
        ("load/out", "lies in .*load, where its files would be read as well"),
        ("load", "is there, and not empty: name a new folder"),
    ],
)
def test_a_place_that_would_do_harm_is_refused(write: Write, tmp_path: Path, out: str, says: str) -> None:
    days(write, 3)
    where = out if "://" in out else str(tmp_path / out)
    with pytest.raises(ConfigError, match=says):
        compact_to(config_of(tmp_path), where, WEEK, lambda _: None)
    assert len(names(tmp_path)) == 3


def test_a_place_that_cannot_be_written_leaves_nothing(write: Write, tmp_path: Path) -> None:
    days(write, 3)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileExistsError):
        compact_to(config_of(tmp_path), str(tmp_path / "file" / "out"), WEEK, lambda _: None)
    assert len(names(tmp_path)) == 4


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("load/*.parquet", "is a glob or a URL, which cannot be exchanged in one step: .*--out"),
        (".", "holds the config as well"),
    ],
)
def test_in_place_refuses_what_it_cannot_promise(write: Write, tmp_path: Path, path: str, says: str) -> None:
    days(write, 3)
    config = config_of(tmp_path, predictions={"path": path, "model_version": "v1"}, actuals={"path": path})
    with pytest.raises(ConfigError, match=says):
        replaced(tmp_path, config=config)


def test_in_place_refuses_tables_that_share_files(write: Write, tmp_path: Path) -> None:
    days(write, 3)
    config = config_of(tmp_path, actuals={"path": "load/day-001.parquet"})
    with pytest.raises(ConfigError, match="share files"):
        replaced(tmp_path, config=config)


def test_a_system_without_the_exchange_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one").mkdir()
    with pytest.raises(ConfigError, match=r"cannot be exchanged .* \(No such file or directory\)"):
        in_place.exchange(tmp_path / "one", tmp_path / "none")
    monkeypatch.setattr("sys.platform", "other")
    with pytest.raises(ConfigError, match="--out"):
        in_place.exchange(tmp_path / "one", tmp_path / "one")


def test_tables_that_mean_different_columns_and_columns_twice_are_refused(
    write: Write, tmp_path: Path
) -> None:
    write("load/a.parquet", day_of(0) | {"zone": CITIES * 24})
    config = config_of(tmp_path, actuals={"path": "load", "columns": {"city": "zone"}})
    with pytest.raises(StoreError, match="take city and target time from different columns"):
        to(tmp_path, config=config)
    table = pa.table(day_of(0))
    pq.write_table(
        table.append_column("x", table["actual"]).append_column("x", table["actual"]),
        tmp_path / "load" / "a.parquet",
    )
    with pytest.raises(ColumnError, match="several columns 'x'"):
        to(tmp_path)


def test_files_behind_a_url_are_compacted_to_a_folder(write: Write, tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    days(write)
    memory = fsspec.filesystem("memory")
    for path in (tmp_path / "load").iterdir():
        memory.pipe(f"{tmp_path}/load/{path.name}", path.read_bytes())
    url = f"memory://{tmp_path}/load"
    config = config_of(tmp_path, predictions={"path": url, "model_version": "v1"}, actuals={"path": url})
    moved = to(tmp_path, config=config)
    assert (moved.before.files, moved.after.files) == (12, 3)
    assert moved.before.bytes == sum(path.stat().st_size for path in (tmp_path / "load").iterdir())
    assert content(tmp_path / "out") == content(tmp_path / "load")


def test_a_store_of_another_kind_has_no_layout(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="only a parquet store has a layout"):
        to(tmp_path, config=parse_config({"store": {"kind": "sql", "sql": {"url": "sqlite://"}}}, tmp_path))


def test_the_ingest_of_the_documentation_writes_what_it_says(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "layout.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    made: dict[str, Any] = {}
    exec(code, made)  # noqa: S102 - our own page
    table = pa.table(day_of(0))
    for _ in range(2):  # the day is written again: an hour later it has one more hour
        made["write_day"](table, START.date(), tmp_path / "load")
    assert names(tmp_path) == ["load/2021-03-01.parquet"]
    file = pq.ParquetFile(tmp_path / "load" / "2021-03-01.parquet", page_checksum_verification=True)
    assert file.metadata.row_group(0).column(0).statistics.has_min_max
    keys = list(zip(*(file.read()[name].to_pylist() for name in ("city", "target_time")), strict=True))
    assert keys == sorted(keys)
    assert sum(content(tmp_path / "load").values()) == len(table)
    assert rows_read(tmp_path)


def test_files_without_rows_and_rows_without_keys_alone(write: Write, tmp_path: Path) -> None:
    whole = pa.table(day_of(0))
    nowhere = whole.slice(0, 2).set_column(0, "city", pa.array([None, None], pa.string()))
    for name, table in (("a", whole.slice(0, 0)), ("b", nowhere), ("c", whole), ("d", pa.table(day_of(9)))):
        write(f"load/{name}.parquet", {each: table[each] for each in table.schema.names})
    to(tmp_path)
    assert names(tmp_path / "out" / "predictions") == ["a..c.parquet", "d.parquet"]
    assert content(tmp_path / "out" / "predictions") == content(tmp_path / "load")
    (tmp_path / "out").rename(tmp_path / "first")
    for name in "cd":
        (tmp_path / "load" / f"{name}.parquet").unlink()
    write("load/e.parquet", {each: nowhere[each] for each in nowhere.schema.names})
    to(tmp_path)
    assert content(tmp_path / "out" / "predictions") == content(tmp_path / "load")
