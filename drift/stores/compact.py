"""The store's files, written anew in the layout that a slot reads fastest: `drift store compact`.

Why: an ingest writes one small file a day; a slot reads months of a city. See docs/layout.md.

How: `plan` divides the files of each path. Those that end before a cut are compacted: neighbours in the order
of names become one file (see `rewriting`). The others, which an ingest may still rewrite, stay as they are. A
file is compacted whole or not at all. Of rows with equal keys the last one counts, so files whose rows could
meet keep their order. `compact_to` writes a copy of the whole store; `in_place` puts it where the old one
was.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from drift.config import Config
from drift.domain import Window
from drift.errors import ColumnError, ConfigError, StoreError
from drift.stores.casts import microseconds
from drift.stores.files import File, FileChangedError, Location, as_it_is, naming, open_file
from drift.stores.layout import Bundle, Held, bundles
from drift.stores.reader import Cache, Reader
from drift.stores.rewriting import MARK, Keys, Progress, Run, Way, count, verify, write_run

_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1) // _MICROSECOND


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with the files of one path."""

    bundle: Bundle
    runs: tuple[Run, ...]

    @property
    def compacted(self) -> list[Run]:
        """The files to be written."""
        return [run for run in self.runs if run.groups is not None]


@dataclass(frozen=True, slots=True)
class Size:
    """How large the files of a path are."""

    files: int
    row_groups: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Moved:
    """What was done for the tables of one path: where they lie now, and their size before and after."""

    tables: tuple[str, ...]
    path: str
    before: Size
    after: Size
    kept: int
    left_over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compaction:
    """What was done, and the seconds that reading one slot's windows took before and takes now."""

    tables: tuple[Moved, ...]
    window: Window
    before_s: float
    after_s: float
    in_place: bool

    @property
    def ratio(self) -> float:
        """How many times as fast a slot's windows are read now."""
        return self.before_s / self.after_s

    @property
    def changed(self) -> bool:
        """Whether there was anything to compact."""
        return any(each.before != each.after for each in self.tables)

    @property
    def left_over(self) -> list[str]:
        """Files that were written while folders were exchanged: they are in no table now."""
        return [name for each in self.tables for name in each.left_over]

    @property
    def paths(self) -> dict[str, str]:
        """Where each table lies now."""
        return {table: each.path for each in self.tables for table in each.tables}

    def document(self) -> dict[str, object]:
        """The same as JSON has it."""
        read = {
            "window": str(self.window),
            "before_s": self.before_s,
            "after_s": self.after_s,
            "ratio": self.ratio,
        }
        return {"tables": [asdict(each) for each in self.tables], "paths": self.paths, "read": read}


def plan(config: Config, way: Way, reader: Reader) -> list[Plan]:
    """What compacting would do. Only keys are read.

    Raises:
        ConfigError: the store has no files. StoreError: it cannot be read, or not be compacted safely.
    """
    found = bundles(config, reader)
    for bundle in found:
        _check(bundle)
    ends = [[_ends(bundle, held, reader) for held in bundle.files] for bundle in found]
    last = [max((end[1] for end in of if end is not None), default=None) for of in ends]
    known = [end for end in last if end is not None]
    if way.before is not None:
        cut = microseconds(way.before)
    else:
        cut = min(known, default=0) + 1 - way.keep // _MICROSECOND
    return [
        Plan(bundle, tuple(_runs(bundle, of, cut, way, reader)))
        for bundle, of in zip(found, ends, strict=True)
    ]


def _check(bundle: Bundle) -> None:
    """Rows are sorted by one city and one time, so all tables of a file must mean the same."""
    for held in bundle.files:
        keys = {(layout["city"], layout["target_time"]) for layout in held.layouts.values()}
        if len(keys) > 1:
            raise StoreError(
                f"{held.file}: {bundle.tables} take city and target time from different columns of it: "
                f"give each table files of its own before compacting"
            )
        names = held.footer.schema.names
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ColumnError(f"{held.file} has several columns {twice!r}: rename one before compacting")


def _ends(bundle: Bundle, held: Held, reader: Reader) -> tuple[int, int] | None:
    """The first and the last target time of a file, in UTC or widened to hold it; None: it has none."""
    keys = Keys(bundle)
    reach = _DAY if held.local(keys.table, bundle.maps[keys.table].zone) else 0
    ends: list[int] = []
    for group, bounds in enumerate(held.bounds[keys.table]):
        if bounds.times is not None:
            ends += bounds.times
        elif bounds.rows:
            raw = reader.rows(held.file, [group], [keys.columns(held)[1]], [])
            times, none = keys.times(raw, held)
            ends += [int(end) for end in (times[~none].min(), times[~none].max())] if not none.all() else []
    return (min(ends) - reach, max(ends) + reach) if ends else None


def _runs(
    bundle: Bundle, ends: Sequence[tuple[int, int] | None], cut: int, way: Way, reader: Reader
) -> list[Run]:
    """Neighbours of one schema that end before the cut. A file that starts after it parts nobody: none of
    its rows can meet one of theirs.
    """
    old = [bundle.alone or end is None or end[1] < cut for end in ends]
    apart = [not o and end is not None and end[0] >= cut for o, end in zip(old, ends, strict=True)]
    files = list(zip(bundle.files, old, apart, strict=True))
    after = [Run(_name(bundle, held), (held,), None) for held, _, free in files if free]
    rest = [(held, compacted) for held, compacted, free in files if not free]
    runs: list[Run] = []
    for (compacted, _), members in groupby(rest, key=lambda each: (each[1], each[1] and _schema(each[0]))):
        run = tuple(held for held, _ in members)
        done = len(run) == 1 and (run[0].footer.metadata.metadata or {}).get(MARK) == way.mark
        if compacted and not done:
            runs.append(Run(_name_of_all(bundle, run), run, *count(bundle, run, way, reader)))
        else:
            runs += [Run(_name(bundle, held), (held,), None) for held in run]
    return [*_ordered(runs, bundle), *after]


def _schema(held: Held) -> frozenset[tuple[str, str]]:
    return frozenset((field.name, str(field.type)) for field in held.footer.schema)


def root_of(bundle: Bundle) -> str:
    """The folder that the names of a path's files are told from."""
    if os.path.isdir(bundle.where.path):  # noqa: PTH112 - a URL is no path of this system
        return bundle.where.path
    return os.path.commonpath([held.file.path.rpartition("/")[0] or "/" for held in bundle.files])


def _name(bundle: Bundle, held: Held) -> str:
    """The file's name below the root, as a folder of *.parquet files can have it."""
    name = held.file.path.removeprefix(root_of(bundle)).lstrip("/")
    return name if name.endswith(".parquet") else f"{name}.parquet"


def _name_of_all(bundle: Bundle, run: Sequence[Held]) -> str:
    """`2026-01-01..2026-03-31.parquet`: where the files were in the order of names, and no name that an
    ingest would write again, which would replace more than it means to.
    """
    if len(run) == 1:
        return _name(bundle, run[0])
    first, last = (_name(bundle, held).removesuffix(".parquet") for held in (run[0], run[-1]))
    return f"{first.split('..')[0]}..{last.rpartition('/')[2].rpartition('..')[2]}.parquet"


def _ordered(runs: list[Run], bundle: Bundle) -> list[Run]:
    """The runs, whose new names must be in the order of the old ones.

    Raises:
        StoreError: they are not.
    """
    names = [run.name for run in runs]
    if sorted(set(names)) != names:
        raise StoreError(
            f"store.{bundle.where.table}: the compacted files of {bundle.where} would not keep their order "
            f"by name: rename its files, such as by their day"
        )
    return runs


def compact_to(config: Config, folder: str, way: Way, advance: Progress) -> list[Moved]:
    """Write the whole store, compacted, to a new folder; there is all of it or nothing.

    Raises:
        ConfigError: the folder cannot be used. StoreError: the store cannot be read. OSError: no room.
    """
    if "://" in folder:
        raise ConfigError("--out: a URL cannot be written to: compact to a local folder, and copy that there")
    out = Path(folder).absolute()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"--out: {out} is there, and not empty: name a new folder")
    reader = Reader(Cache())
    plans = plan(config, way, reader)
    for each in plans:
        if _reads(each.bundle.where, out):
            raise ConfigError(
                f"--out: {out} lies in {each.bundle.where}, where its files would be read as well: name a "
                f"folder outside of it"
            )
    out.parent.mkdir(parents=True, exist_ok=True)
    new = beside(out)
    try:
        for each in plans:
            _write(each, new / each.bundle.where.table, way, reader, advance)
        new.replace(out)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    flush(out.parent)
    return [moved(each, str(out / each.bundle.where.table), reader) for each in plans]


def _reads(where: Location, folder: Path) -> bool:
    """Whether files in the folder might be taken for the table's."""
    if Path(where.path).is_file():
        return False
    fixed = where.path if Path(where.path).is_dir() else re.split(r"[*?\[]", where.path)[0].rpartition("/")[0]
    return folder.is_relative_to(fixed or "/")


def beside(path: Path) -> Path:
    """A hidden name in the same folder: no store reads it."""
    return path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}.tmp")


def _write(each: Plan, folder: Path, way: Way, reader: Reader, advance: Progress) -> None:
    """All files of one path, the compacted ones verified, to the disk."""
    folder.mkdir(parents=True)
    names = [run.name for run in each.runs]
    for run in each.runs:
        path = folder / run.name
        path.parent.mkdir(parents=True, exist_ok=True)
        if run.groups is None:
            _copy(run.sources[0].file, path)
        else:
            write_run(each.bundle, run, way, path, reader, advance)
            verify(run, path, reader)
    for inner in {folder.parent, folder, *((folder / name).parent for name in names)}:
        flush(inner)


def _copy(file: File, path: Path) -> None:
    """A file as it is, from wherever it is."""
    with naming(str(file)):
        source = open_file(file)
    with source, path.open("xb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
        target.flush()
        os.fsync(target.fileno())
    if as_it_is(file) != file:
        raise FileChangedError(f"{file} was changed while it was copied: run again")


def flush(folder: Path) -> None:
    """Bring the folder's names to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def moved(
    each: Plan, path: str, reader: Reader, before: Size | None = None, left_over: Sequence[str] = ()
) -> Moved:
    """What was done: `path` holds the files now."""
    after = Location(each.bundle.where.table, path).files()
    kept = sum(run.groups is None for run in each.runs)
    return Moved(
        tuple(each.bundle.maps),
        path,
        before or size([(held.file, held.footer.metadata) for held in each.bundle.files]),
        size([(file, reader.footer(file).metadata) for file in after]),
        kept,
        tuple(left_over),
    )


def size(files: Sequence[tuple[File, Any]]) -> Size:
    """How large these files are, by their footers."""
    about = [metadata for _, metadata in files]
    return Size(
        len(files),
        sum(each.num_row_groups for each in about),
        sum(each.num_rows for each in about),
        sum(_bytes(file) for file, _ in files),
    )


def _bytes(file: File) -> int:
    return os.stat(file.path).st_size if file.remote is None else int(file.remote.size(file.path))  # noqa: PTH116


def relocated(config: Config, now: Sequence[Moved]) -> Config:
    """The config that reads the compacted files."""
    paths = {table: each.path for each in now for table in each.tables}
    tables = {
        name: getattr(config.store, name).model_copy(update={"path": path}) for name, path in paths.items()
    }
    return config.model_copy(update={"store": config.store.model_copy(update=tables)})
