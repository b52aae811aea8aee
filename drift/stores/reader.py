"""Files become footers and rows.

Why: a figure that came from half of an old file and half of a new one would be wrong without a word.

How: rows count only if the file is still the one that was listed after they were read. Pages are held
against their checksums again and again, if not at every read. Footers are remembered under the file and its
stamp. `ParquetFile` is used, because `pyarrow.parquet.read_table` imports pandas.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar, cast

import pyarrow as pa
import pyarrow.parquet as pq

from drift.stores.files import File, FileChangedError, as_it_is, naming, open_file

T = TypeVar("T")
_VERIFY_EVERY = 24
"""A checksum costs as much as the reading. It is held against the same pages when a process first reads them,
and every so many reads: a day of hourly slots."""


class Cache:
    """What was learnt of files, by key, at most `limit` entries; the longest unused goes first."""

    def __init__(self, limit: int = 20_000) -> None:
        self._limit = limit
        self._lock = Lock()
        self._known: OrderedDict[Hashable, object] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is known under the key, made now if nothing is. Two threads may both make it."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return cast("T", self._known[key])
        made = make()
        with self._lock:
            self._known[key] = made
            while len(self._known) > self._limit:
                self._known.popitem(last=False)
        return made

    def __len__(self) -> int:
        return len(self._known)


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file says of itself."""

    metadata: pq.FileMetaData
    schema: pa.Schema
    chunks: Mapping[str, int]  # the number of each column's chunk in a row group

    @classmethod
    def of(cls, metadata: pq.FileMetaData) -> Footer:
        """The same, with the chunks found by name."""
        names = (metadata.schema.column(i).path for i in range(metadata.num_columns))
        return cls(metadata, metadata.schema.to_arrow_schema(), {name: i for i, name in enumerate(names)})


@dataclass(slots=True)
class Reads:
    """How often the same was read of a file as it is, and found sound. Threads may lose count, no more."""

    sound: int


class Reader:
    """Footers and rows of files. Threads may share one."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def footer(self, file: File) -> Footer:
        """What the file says of itself, remembered as long as the file is the same."""

        def read() -> Footer:
            with _reading(file) as source:
                return Footer.of(pq.read_metadata(source))

        return self._cache.get(("footer", file), read)

    def rows(
        self, file: File, groups: Sequence[int], columns: Sequence[str], labels: Sequence[str]
    ) -> pa.Table:
        """The columns of these row groups; `labels` are text of few distinct values.

        Raises:
            StoreError: the file is damaged. FileChangedError: it is gone or was changed since it was listed.
        """
        metadata = self.footer(file).metadata
        key = ("reads", file, *groups, *columns)
        before = self._cache.get(key, lambda: Reads(0))
        with _reading(file) as source:
            parquet = pq.ParquetFile(
                source,
                metadata=metadata,
                read_dictionary=list(labels),
                coerce_int96_timestamp_unit="us",
                page_checksum_verification=before.sound % _VERIFY_EVERY == 0,
            )
            rows = parquet.read_row_groups(list(groups), columns=list(columns))
        before.sound += 1  # only now: pages that did not hold are held against their checksums again
        return rows


@contextmanager
def _reading(file: File) -> Iterator[Any]:
    """The open file; afterwards, whether reading went well or not, it must be the one that was listed."""
    with naming(str(file)):
        try:
            with open_file(file) as source:
                yield source
        finally:
            if as_it_is(file) != file:
                raise FileChangedError(
                    f"{file} was changed while it was read: run again, and let its writer put a new file in "
                    f"its place at once (write under another name, then rename)"
                )
