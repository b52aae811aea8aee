"""A store compacted where it is: `drift store compact --replace`.

Why: a reader must find the old files or the new ones at every moment, and after a crash at any; rows that are
there twice, or gone, would be wrong figures without a word.

How: a folder that holds the compacted files, and links to all others, is made beside the old one under a
hidden name. Then the two exchange names in one step of the file system (renameat2 with RENAME_EXCHANGE), that
knows no state between. Only then the old folder is deleted, file by file, and only what is still as it was.
Where a path cannot be exchanged so (a glob, a URL, a mount, another system) it is refused.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from drift.config import Config
from drift.errors import ConfigError
from drift.stores.compact import Moved, Plan, beside, flush, moved, plan, root_of, size
from drift.stores.files import FileChangedError
from drift.stores.layout import Bundle
from drift.stores.reader import Cache, Reader
from drift.stores.rewriting import Progress, Way, verify, write_run

_EXCHANGE, _HERE = 2, -100  # of renameat2(2): RENAME_EXCHANGE, AT_FDCWD


def compact_in_place(config: Config, way: Way, advance: Progress) -> list[Moved]:
    """Compact each folder or file where it is. At every moment, and after a crash at any, a reader finds the
    old files or the new ones.

    Raises:
        ConfigError: that cannot be promised for this path. StoreError: the store cannot be read, or changed
        meanwhile: then it is as it was.
    """
    reader = Reader(Cache())
    plans = plan(config, way, reader)
    for each in plans:
        _may_replace(each.bundle, [other.bundle for other in plans], config)
    return [_replace(each, way, reader, advance) for each in plans]


def _may_replace(bundle: Bundle, others: Sequence[Bundle], config: Config) -> None:
    path = Path(bundle.where.path)
    remedy = "write a compacted copy with --out, and let the config name that"
    if not path.exists():
        raise ConfigError(
            f"store.{bundle.where.table}: {bundle.where} is a glob or a URL, which cannot be exchanged in "
            f"one step: {remedy}"
        )
    if config.base.resolve().is_relative_to(path.resolve()):
        raise ConfigError(f"store.{bundle.where.table}: {path} holds the config as well: {remedy}")
    for other in others:
        if other is not bundle and _overlap(path, Path(root_of(other))):
            raise ConfigError(f"{bundle.where} and {other.where} share files: {remedy}")


def _overlap(path: Path, root: Path) -> bool:
    return path.is_dir() and (root.is_relative_to(path) or path.is_relative_to(root))


def _replace(each: Plan, way: Way, reader: Reader, advance: Progress) -> Moved:
    """The new folder or file is made beside the old one; then the two change names, and the old one goes.

    What was written meanwhile is never deleted: the exchange is undone, or the file is left and named.
    """
    path = Path(each.bundle.where.path).resolve()
    if not each.compacted:
        return moved(each, each.bundle.where.path, reader)
    before = size([(held.file, held.footer.metadata) for held in each.bundle.files])
    made, old = beside(path), _listing(path)
    if each.bundle.where.files() != [held.file for held in each.bundle.files]:
        raise _changed(each)
    try:
        _write_beside(each, path, made, old, way, reader, advance)
        new = _listing(made)
        _unchanged(each, path, old)
        exchange(path, made)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True) if made.is_dir() else made.unlink(missing_ok=True)
        raise
    flush(path.parent)
    try:
        _unchanged(each, made, old)
    except FileChangedError:
        exchange(path, made)
        _clear(made, new)
        raise
    return moved(each, each.bundle.where.path, reader, before, _clear(made, old))


_Listing = dict[str, tuple[int, int, int]]


def _listing(path: Path) -> _Listing:
    """All there is, hidden things too: names below, each with what changes when the content does."""
    if not path.is_dir():
        return {"": _stamp(path)}
    found: _Listing = {}
    for parent, folders, names in os.walk(path):
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        for name in (*names, *links):
            whole = Path(parent) / name
            found[str(whole.relative_to(path))] = _stamp(whole)
    return found


def _stamp(path: Path) -> tuple[int, int, int]:
    status = path.lstat()
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def _unchanged(each: Plan, path: Path, old: _Listing) -> None:
    if _listing(path) != old:
        raise _changed(each)


def _changed(each: Plan) -> FileChangedError:
    return FileChangedError(
        f"{each.bundle.where} was written to while it was compacted, so it was left as it is: run again when "
        f"its writer rests, or compact a copy with --out"
    )


def _write_beside(
    each: Plan, path: Path, made: Path, old: _Listing, way: Way, reader: Reader, advance: Progress
) -> None:
    """The new folder, of compacted files and of links to all others; or the new file."""
    for run in each.compacted:
        new = made / run.name if path.is_dir() else made
        new.parent.mkdir(parents=True, exist_ok=True)
        write_run(each.bundle, run, way, new, reader, advance)
        verify(run, new, reader)
        _like(new, Path(run.sources[0].file.path))
    if not path.is_dir():
        return
    gone = {
        os.path.relpath(held.file.path, each.bundle.where.path)
        for run in each.compacted
        for held in run.sources
    }
    for name in old.keys() - gone:
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        os.link(path / name, made / name, follow_symlinks=False)
    for folder, _, _ in os.walk(made, topdown=False):
        _like(Path(folder), path / Path(folder).relative_to(made))
        flush(Path(folder))


def _like(new: Path, old: Path) -> None:
    """Let those read it who could read the old one."""
    status = old.stat()
    new.chmod(stat.S_IMODE(status.st_mode))
    with suppress(PermissionError):
        os.chown(new, status.st_uid, status.st_gid)


def _clear(path: Path, known: _Listing) -> list[str]:
    """Delete what is known, and the folders that are empty then; gives what is left."""
    for name, stamp in known.items():
        whole = path / name if name else path
        with suppress(FileNotFoundError):
            if _stamp(whole) == stamp:
                whole.unlink()
    if not path.is_dir():
        return [str(path)] if path.exists() else []
    for folder, _, _ in os.walk(path, topdown=False):
        with suppress(OSError):
            Path(folder).rmdir()
    return [str(path / name) for name in _listing(path)] if path.exists() else []


def exchange(one: Path, other: Path) -> None:
    """Let two names change places in a single step of the file system.

    Raises:
        ConfigError: it cannot do that.
    """
    rename = (
        getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    )
    number = errno.ENOSYS
    if rename is not None:
        if rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
            return
        number = ctypes.get_errno()
    raise ConfigError(
        f"{one} cannot be exchanged for another in one step here ({os.strerror(number)}): write a compacted "
        f"copy with --out, and let the config name that"
    )
