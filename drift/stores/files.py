"""Where the bytes of a table are: its path becomes files.

Why: a table grows while drift runs. Files are added, rewritten and deleted between two reads.

How: a path (one file, a folder, a glob; local or a URL) is expanded anew at every read, to files that carry
a stamp: mtime and size, or what a remote file system tells instead. Equal files have equal content, so
that what is learnt of a file can be kept under it.
"""

from __future__ import annotations

import glob
import importlib
import os
import re
import stat
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from drift.config import Config
from drift.errors import ConfigError, EmptyStoreError, StoreError, StoreNotFoundError
from drift.redact import redact, redact_in
from drift.tables import TableName
from drift.text import printable

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_MAGIC = "*?["
_HIDDEN = re.compile(r"/[._]")
_VERSIONS = ("ETag", "etag", "generation", "mtime", "LastModified", "last_modified", "updated", "created")


class FileChangedError(StoreError):
    """A file is no longer what it was when it was listed; to list and read once more may help."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of a table. Two that are equal have the same content. `remote`: its fsspec file system."""

    path: str
    stamp: Hashable
    remote: Any = field(default=None, compare=False)  # fsspec has no types

    def __str__(self) -> str:
        return _shown(self.path if self.remote is None else self.remote.unstrip_protocol(self.path))


@dataclass(frozen=True, slots=True)
class Location:
    """The path of a table as configured: one file, a folder or a glob, local or on a URL."""

    table: TableName
    path: str

    @classmethod
    def of(cls, config: Config, table: TableName, path: str | None) -> Location:
        """The place that the config means: a relative path starts at the config file.

        Raises:
            ConfigError: it means none.
        """
        if path is None:
            raise ConfigError(f"store.{table}.path: is missing: say where the files are")
        return cls(table, path if _URL.match(path) else os.path.abspath(config.path(path)))  # noqa: PTH100 - resolves `..` in a glob too

    def __str__(self) -> str:
        return _shown(self.path)

    def files(self) -> list[File]:
        """The table's files as they are now, in the order of their names.

        Raises:
            StoreNotFoundError: nothing is there. EmptyStoreError: a folder without Parquet files.
            StoreError: it cannot be looked into.
        """
        with naming(f"store.{self.table}: {self}", self.path):
            found = _remote_files(self.path) if _URL.match(self.path) else _local_files(self.path)
        if found is None:
            raise StoreNotFoundError(
                f"store.{self.table}: there is nothing at {self}: correct `path`, which is relative to the "
                f"config file, or write the table there"
            )
        if not found:
            raise EmptyStoreError(
                f"store.{self.table}: the folder {self} holds no *.parquet file: write the table there, or "
                f"say a glob such as {printable(Path(self.path).name)}/*.pq"
            )
        return found


@contextmanager
def naming(what: str, path: str = "") -> Iterator[None]:
    """Errors of file systems and of Arrow become a `StoreError` that names `what`.

    `path` is what was opened: a URL's secrets are looked for in what a client library says of it.
    """
    try:
        yield
    except (StoreError, MemoryError):
        raise
    except PermissionError:
        raise StoreError(f"{what} cannot be read: permission denied; let drift's user read it") from None
    except FileNotFoundError:
        raise FileChangedError(f"{what} was deleted while it was read: run again") from None
    except ImportError as error:
        raise StoreError(f"{what} needs a package that is not installed: {_told(error, path)}") from None
    except Exception as error:  # noqa: BLE001 - fsspec raises whatever a client library does
        raise StoreError(
            f"{what} cannot be read, or is damaged: {_told(error, path)}; write it again, or correct `path`"
        ) from None


def _shown(path: str) -> str:
    """The path fit for a message, and without what a URL may carry in secret."""
    return printable(redact(path) if _URL.match(path) else path, 300)


def _told(error: Exception, path: str) -> str:
    """What a library says went wrong, without the secrets of the URL that it was given."""
    return printable(redact_in(str(error), *([path] if _URL.match(path) else [])), 300)


def _local_files(path: str) -> list[File] | None:
    """None: nothing is there."""
    try:
        status = os.stat(path)  # noqa: PTH116 - `Path.exists` hides a missing permission or not, by version
    except (FileNotFoundError, NotADirectoryError):
        if not any(char in path for char in _MAGIC):
            return None
        fixed = _fixed(path)
        names = glob.iglob(path, recursive=True)  # noqa: PTH207 - an absolute pattern, as configured
        return _stamped(name for name in names if not _hidden(name, fixed)) or None
    if stat.S_ISDIR(status.st_mode):
        return _stamped(_walk(path))
    return [File(path, (status.st_mtime_ns, status.st_size))]


def _walk(folder: str) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise error

    for parent, _, names in os.walk(folder, onerror=refuse):
        for name in names:
            path = os.path.join(parent, name)  # noqa: PTH118 - thousands of files; strings are quicker
            if name.endswith(".parquet") and not _hidden(path, folder):
                yield path


def _stamped(paths: Iterable[str]) -> list[File]:
    found = []
    for path in sorted(paths):
        try:
            status = os.stat(path)  # noqa: PTH116
        except FileNotFoundError:
            if os.path.lexists(path):  # a link to nowhere
                continue
            raise FileChangedError(f"{path} was deleted while its folder was listed: run again") from None
        if stat.S_ISREG(status.st_mode):
            found.append(File(path, (status.st_mtime_ns, status.st_size)))
    return found


def _fixed(pattern: str) -> str:
    """The part of a pattern before its first wildcard: what a person named on purpose."""
    return re.split(r"[*?\[]", pattern, maxsplit=1)[0]


def _hidden(path: str, below: str) -> bool:
    """Whether a name below is for others: writers keep `_temporary/` and `.crc` files beside the data."""
    return _HIDDEN.search(path, max(len(below) - 1, 0)) is not None


def _remote_files(url: str) -> list[File] | None:
    """None: nothing is there."""
    fsspec: Any = importlib.import_module("fsspec.core")  # only a URL needs it; it has no types
    remote, path = fsspec.url_to_fs(url)
    remote.invalidate_cache()
    if any(char in path for char in _MAGIC) and not remote.exists(path):
        found = remote.glob(path, detail=True)
        return _known(remote, found, _fixed(path)) or None
    try:
        about = remote.info(path)
    except FileNotFoundError:
        return None
    if about["type"] == "file":
        return [File(path, _stamp(remote, path, about), remote)]
    found = remote.find(path, detail=True)
    return _known(remote, {name: info for name, info in found.items() if name.endswith(".parquet")}, path)


def _known(remote: Any, found: dict[str, dict[str, Any]], below: str) -> list[File]:
    return [
        File(name, _stamp(remote, name, about), remote)
        for name, about in sorted(found.items())
        if about["type"] == "file" and not _hidden(name, below)
    ]


def _stamp(remote: Any, path: str, about: dict[str, Any]) -> Hashable:
    """Size and version: listing a folder and asking for one file tell these alike, and little else."""
    version = next((about[key] for key in _VERSIONS if about.get(key) is not None), "")
    text = str(version.timestamp()) if isinstance(version, datetime) else str(version).strip('"')
    return (str(remote.protocol), path, about.get("size"), text)


def open_file(file: File) -> Any:
    """The bytes of the file, for Arrow."""
    return pa.OSFile(file.path) if file.remote is None else file.remote.open(file.path, "rb")


def as_it_is(file: File) -> File:
    """The file with the stamp that it has now."""
    if file.remote is None:
        status = os.stat(file.path)  # noqa: PTH116
        return File(file.path, (status.st_mtime_ns, status.st_size))
    file.remote.invalidate_cache()
    return File(file.path, _stamp(file.remote, file.path, file.remote.info(file.path)), file.remote)
