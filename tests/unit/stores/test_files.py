from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drift.config import Config, parse_config
from drift.errors import EmptyStoreError, StoreError, StoreNotFoundError
from drift.stores.files import FileChangedError, Location
from drift.stores.reader import Cache, Reader

Write = Callable[..., Path]
NOBODY = 65534


def config(base: Path) -> Config:
    return parse_config({"store": {"predictions": {"path": "p"}, "actuals": {"path": "a"}}}, base=base)


def found(base: Path, path: str) -> list[str]:
    files = Location.of(config(base), "actuals", path).files()
    return [os.path.relpath(file.path, base) for file in files]


def test_a_folder_gives_its_parquet_files_at_any_depth_and_leaves_out_what_is_hidden(
    write: Write, tmp_path: Path
) -> None:
    for name in (
        "d/b.parquet",
        "d/2021/01/a.parquet",
        "d/_temporary/c.parquet",
        "d/.d.parquet",
        "d/_e.parquet",
    ):
        write(name, {"x": [1]})
    (tmp_path / "d" / "notes.txt").write_text("none of ours")
    (tmp_path / "d" / "folder.parquet").mkdir()
    assert found(tmp_path, "d") == ["d/2021/01/a.parquet", "d/b.parquet"]


def test_a_folder_may_itself_be_hidden(write: Write, tmp_path: Path) -> None:
    write("_drift/.data/x.parquet", {"x": [1]})
    assert found(tmp_path, "_drift/.data/") == ["_drift/.data/x.parquet"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("d/*.parquet", ["d/load_1.parquet", "d/load_2.parquet"]),
        ("d/load*", ["d/load_1.parquet", "d/load_2.parquet"]),
        ("d/load_[2-9].parquet", ["d/load_2.parquet"]),
        ("d/**/*.pq", ["d/e/three.pq"]),
        ("d/_x*", ["d/_x.parquet"]),
        ("./e/../d/load_1*", ["d/load_1.parquet"]),
    ],
)
def test_a_glob(write: Write, tmp_path: Path, pattern: str, names: list[str]) -> None:
    for name in ("d/load_1.parquet", "d/load_2.parquet", "d/_x.parquet", "d/e/three.pq"):
        write(name, {"x": [1]})
    assert found(tmp_path, pattern) == names


def test_a_file_whose_name_looks_like_a_glob_is_that_file(write: Write, tmp_path: Path) -> None:
    write("load [MW].parquet", {"x": [1]})
    assert found(tmp_path, "load [MW].parquet") == ["load [MW].parquet"]


@pytest.mark.parametrize(
    "path", ["nothing.parquet", "nothing/*.parquet", "file.parquet/x", "memory://nowhere/x"]
)
def test_nothing_there_names_the_resolved_path_and_the_remedy(
    write: Write, tmp_path: Path, path: str
) -> None:
    write("file.parquet", {"x": [1]})
    with pytest.raises(StoreNotFoundError) as error:
        found(tmp_path, path)
    resolved = path if "://" in path else str(tmp_path / path)
    assert str(error.value) == (
        f"store.actuals: there is nothing at {resolved}: correct `path`, which is relative to the config "
        f"file, or write the table there"
    )


def test_a_folder_without_parquet_files_says_so(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with pytest.raises(
        EmptyStoreError, match=r"the folder .*/d holds no \*\.parquet file: write the table there"
    ):
        found(tmp_path, "d")


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything, so that a permission can be missed only by somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_that_may_not_be_read_is_named(write: Write) -> None:
    # below the root folder of all tests lies nothing that others may enter: hence a folder of its own
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        base.chmod(0o755)
        write("x.parquet", {"x": [1]}).rename(base / "x.parquet").chmod(0)
        where, reader = only_file(base, "x.parquet")
        with as_nobody(), pytest.raises(StoreError, match=r"/x\.parquet cannot be read: permission denied"):
            reader.footer(where.files()[0])


def test_a_missing_permission_is_named(write: Write, tmp_path: Path) -> None:
    path = write("d/x.parquet", {"x": [1]})
    path.parent.chmod(0)
    try:
        with (
            as_nobody(),
            pytest.raises(StoreError, match="cannot be read: permission denied; let drift's user"),
        ):
            found(tmp_path, "d")
    finally:
        path.parent.chmod(0o755)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("memory://drift:s3cret@nowhere/x.parquet", "memory://nowhere/x.parquet"),
        ("nosuch://nowhere/x.parquet?se=2030&sig=s3cret", "nosuch://nowhere/x.parquet?"),
    ],
)
def test_a_secret_in_a_url_is_in_no_message(tmp_path: Path, url: str, shown: str) -> None:
    with pytest.raises(StoreError) as error:
        found(tmp_path, url)
    assert "s3cret" not in str(error.value)
    assert shown in str(error.value)


def test_a_url_that_nothing_opens_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        StoreError, match=r"store\.actuals: nosuch://bucket/x cannot be read.*: Protocol not known: nosuch"
    ):
        found(tmp_path, "nosuch://bucket/x")


def only_file(tmp_path: Path, path: str) -> tuple[Location, Reader]:
    return Location.of(config(tmp_path), "actuals", path), Reader(Cache())


def test_a_file_that_is_changed_since_it_was_listed_gives_no_rows(write: Write, tmp_path: Path) -> None:
    write("x.parquet", {"x": [1]})
    where, reader = only_file(tmp_path, "x.parquet")
    (file,) = where.files()
    reader.footer(file)
    write("x.parquet", {"x": [1, 2]})
    with pytest.raises(FileChangedError, match="was changed while it was read"):
        reader.rows(file, [0], ["x"], [])
    (file,) = where.files()
    assert reader.rows(file, [0], ["x"], [])["x"].to_pylist() == [1, 2]


def test_a_file_that_is_touched_while_it_is_read_is_named(write: Write, tmp_path: Path) -> None:
    path = write("x.parquet", {"x": [1]})
    where, reader = only_file(tmp_path, "x.parquet")
    (file,) = where.files()
    os.utime(path, ns=(0, 0))
    with pytest.raises(FileChangedError, match=r"x\.parquet was changed while it was read: run again"):
        reader.rows(file, [0], ["x"], [])
    path.unlink()
    with pytest.raises(FileChangedError, match=r"x\.parquet was deleted while it was read: run again"):
        reader.rows(file, [0], ["x"], [])


def test_a_flipped_bit_is_found_by_its_checksum_and_the_file_is_named(write: Write, tmp_path: Path) -> None:
    path = write(
        "x.parquet", {"x": [float(i) for i in range(1000)]}, compression="none", use_dictionary=False
    )
    blob = bytearray(path.read_bytes())
    blob[len(blob) // 2] ^= 1
    path.write_bytes(blob)
    where, reader = only_file(tmp_path, "x.parquet")
    for _ in range(3):  # a page that did not hold is not trusted the next time
        with pytest.raises(StoreError, match=r"x\.parquet cannot be read, or is damaged: .*; write it again"):
            reader.rows(where.files()[0], [0], ["x"], [])


def test_a_bit_that_flips_later_is_found_within_a_day_of_hourly_reads(write: Write, tmp_path: Path) -> None:
    path = write(
        "x.parquet", {"x": [float(i) for i in range(1000)]}, compression="none", use_dictionary=False
    )
    where, reader = only_file(tmp_path, "x.parquet")
    file = where.files()[0]
    reader.rows(file, [0], ["x"], [])
    blob = bytearray(path.read_bytes())
    blob[len(blob) // 2] ^= 1
    path.write_bytes(blob)
    os.utime(path, ns=(path.stat().st_atime_ns, file.stamp[0]))  # the disk does not tell what it did
    with pytest.raises(StoreError, match="is damaged"):
        all(reader.rows(file, [0], ["x"], []) for _ in range(24))


@pytest.mark.parametrize("blob", [b"", b"no parquet at all", b"PAR1" + b"\xff" * 40 + b"PAR1"])
def test_a_file_that_is_no_parquet_is_named(tmp_path: Path, blob: bytes) -> None:
    (tmp_path / "x.parquet").write_bytes(blob)
    where, reader = only_file(tmp_path, "x.parquet")
    with pytest.raises(StoreError, match=r"x\.parquet cannot be read, or is damaged"):
        reader.footer(where.files()[0])


def test_the_cache_makes_a_thing_once_and_forgets_the_longest_unused() -> None:
    cache, made = Cache(limit=2), []

    def get(key: str) -> None:
        cache.get(key, lambda: made.append(key))

    for key in ("a", "b", "a", "c", "a", "b"):
        get(key)
    assert made == ["a", "b", "c", "b"]
    assert len(cache) == 2


def test_memory_is_listed_anew_each_time(tmp_path: Path, write: Write) -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    blob = write("x.parquet", {"x": [1]}).read_bytes()
    root = f"{tmp_path}/m"
    memory.pipe({f"{root}/{name}.parquet": blob for name in ("a", "_b", "c/d")})
    where = Location.of(config(tmp_path), "actuals", f"memory://{root}")
    first = where.files()
    assert [file.path for file in first] == [f"{root}/a.parquet", f"{root}/c/d.parquet"]
    assert str(first[0]) == f"memory://{root}/a.parquet"
    memory.pipe(f"{root}/a.parquet", blob)
    memory.rm(f"{root}/c/d.parquet")
    assert [file.path for file in where.files()] == [f"{root}/a.parquet"]
    assert where.files() != first[:1]
