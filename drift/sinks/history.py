"""The measurements of every run as Parquet, one row each, for whoever asks later how it was.

One file a slot, in a folder a day: `history/2020-04-10/2020-04-10T00-00-00Z.parquet`. A slot that was
measured anew, as what it had seen has changed, gets another beside it, named after the slot that knew better:
`2020-04-10T00-00-00Z~2020-04-11T00-00-00Z.parquet`. So both are kept. A file is
written whole or not at all, with page checksums that `read_history` verifies, and the same run gives the same
bytes. Arrow arrays are laid over the panels' own: nothing here makes an object a measurement, and no pandas
is imported (which `pa.array` would do).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from drift.document import LABELS, LongForm, long_form
from drift.domain import Panel, Run, Undefined, iso
from drift.errors import SinkError
from drift.files import write_atomically

if TYPE_CHECKING:
    import pyarrow as pa

_STAMP = "%Y-%m-%dT%H-%M-%SZ"
_REASONS = tuple(reason.name.lower() for reason in Undefined if reason)


class HistorySink:
    """Writes a run's measurements into the folder."""

    name = "history"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def check(self) -> str:
        """The folder can be written to.

        Raises:
            SinkError: it cannot.
        """
        try:
            probe = self.folder / ".drift-probe"
            write_atomically(probe, b"")
            probe.unlink()
        except OSError as error:
            raise SinkError(
                f"history {self.folder}: it cannot be written to ({error.strerror}): see its mode and owner, "
                f"or name another folder under history"
            ) from error
        return f"{self.folder} can be written to"

    def publish(self, run: Run) -> Mapping[str, str]:
        """Write the slot's file, and one of each slot that it measured anew; the slot published again
        overwrites them.

        Raises:
            SinkError: one cannot be written; what was there before stays, and those written so far are whole.
        """
        for slot, panels in ({} if run.revised is None else run.revised.slots).items():
            self._write(self._file(slot, run.slot), slot, panels, run.slot)
        file = self._file(run.slot)
        self._write(file, run.slot, run.panels, run.slot)
        return {"history": str(file)}

    def _write(self, file: Path, slot: datetime, panels: Sequence[Panel], publishing: datetime) -> None:
        try:
            write_atomically(file, _encode(_table(slot, panels)))
        except OSError as error:
            raise SinkError(
                f"history: {file} cannot be written ({error.strerror or error}): free space on the disk, or "
                f"make {self.folder} writable; then publish the slot {iso(publishing)} again"
            ) from error

    def _file(self, slot: datetime, known_at: datetime | None = None) -> Path:
        moment = slot.astimezone(UTC)
        later = "" if known_at is None else f"~{known_at.astimezone(UTC).strftime(_STAMP)}"
        return self.folder / f"{moment:%Y-%m-%d}" / f"{moment.strftime(_STAMP)}{later}.parquet"


def schema() -> pa.Schema:
    """The columns of the history. `value` is null exactly where `undefined` has a reason."""
    import pyarrow as pa

    word = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        [
            pa.field("slot", pa.timestamp("us", "UTC"), nullable=False),
            *(pa.field(label, word) for label in LABELS),
            pa.field("value", pa.float64()),
            pa.field("undefined", word),
            pa.field("n", pa.int64(), nullable=False),
            pa.field("coverage", pa.float64(), nullable=False),
        ]
    )


def measurement_table(run: Run) -> pa.Table:
    """The run's measurements in long form."""
    return _table(run.slot, run.panels)


def _table(slot: datetime, panels: Sequence[Panel]) -> pa.Table:
    import pyarrow as pa

    rows = long_form(panels)
    since_epoch = (slot - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    moment = np.full(len(rows), since_epoch, dtype=np.int64)
    arrays = [
        _numbers(pa.timestamp("us", "UTC"), moment),
        *(_words(rows.words[label], rows.codes[label]) for label in LABELS),
        _numbers(pa.float64(), rows.value, rows.reason == 0),
        _words(_REASONS, _reason_codes(rows)),
        _numbers(pa.int64(), rows.n),
        _numbers(pa.float64(), rows.coverage),
    ]
    return pa.Table.from_arrays(arrays, schema=schema())


def _reason_codes(rows: LongForm) -> NDArray[np.int32]:
    return rows.reason.astype(np.int32) - 1  # 0, defined, becomes -1: null


def _numbers(
    kind: pa.DataType, values: NDArray[np.generic], valid: NDArray[np.bool_] | None = None
) -> pa.Array:
    """An Arrow array over the NumPy array, null where not valid."""
    import pyarrow as pa

    mask = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    data = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(kind, len(values), [mask, data])


def _words(words: tuple[str, ...], codes: NDArray[np.int32]) -> pa.DictionaryArray:
    """A dictionary array of the words, null where the code is -1."""
    import pyarrow as pa

    encoded = [word.encode("utf-8", "replace") for word in words]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    text = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    dictionary = pa.Array.from_buffers(pa.string(), len(words), text)
    return pa.DictionaryArray.from_arrays(_numbers(pa.int32(), codes, codes >= 0), dictionary)


def _encode(table: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    words = [*LABELS, "undefined", "slot"]
    pq.write_table(table, sink, compression="zstd", use_dictionary=words, write_page_checksum=True)
    return sink.getvalue()


def read_history(
    folder: Path, since: datetime, until: datetime, known: Literal["first", "latest", "all"] = "first"
) -> pa.Table:
    """The measurements of the slots in `[since, until)`, in their order; without any, a table of no rows.

    A slot that was measured anew has several: what it said itself (`first`), what is known of each of its
    cities by now (`latest`), or `all`, with a column `known_at` more, the slot that said it.

    Raises:
        SinkError: a file is damaged; names it and the remedy.
    """
    import pyarrow as pa

    tables = [
        table
        for slot, files in _files(folder, since, until).items()
        for table in _known(slot, sorted(files), known)
    ]
    if tables:
        return pa.concat_tables(tables).unify_dictionaries()
    at = [pa.field("known_at", pa.timestamp("us", "UTC"))] if known == "all" else []
    return pa.Table.from_batches([], pa.schema([*schema(), *at]))


def _known(
    slot: datetime, files: Sequence[tuple[datetime, Path]], known: Literal["first", "latest", "all"]
) -> Iterator[pa.Table]:
    """The tables of one slot, from its files by when they were known."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if known == "first":
        yield from (_read(file) for at, file in files if at == slot)
    elif known == "all":
        for at, file in files:
            table = _read(file)
            said_at = pa.repeat(pa.scalar(at, pa.timestamp("us", "UTC")), len(table))
            yield table.append_column("known_at", said_at)
    else:
        later: set[str] = set()  # what a later one has, of its cities; it has not measured all there is
        for _, file in reversed(files):
            table = _read(file)
            said = [
                pc.fill_null(pc.cast(table[label], pa.string()), "") for label in ("kind", "name", "city")
            ]
            what = pc.binary_join_element_wise(*said, "\x1f")
            yield table.filter(pc.invert(pc.is_in(what, pa.array([*later], pa.string()))))
            later |= set(pc.unique(what).to_pylist())


def _files(folder: Path, since: datetime, until: datetime) -> dict[datetime, list[tuple[datetime, Path]]]:
    """The files of the slots in `[since, until)`, earliest first, each with when it was known; what has
    another name is not ours.
    """
    first, last = (f"{moment.astimezone(UTC):%Y-%m-%d}" for moment in (since, until))
    days = sorted(day for day in folder.glob("????-??-??") if first <= day.name <= last)
    found: dict[datetime, list[tuple[datetime, Path]]] = {}
    for file in (file for day in days for file in sorted(day.glob("[0-9]*.parquet"))):
        with suppress(ValueError):
            slot, *later = (
                datetime.strptime(part, _STAMP).replace(tzinfo=UTC) for part in file.stem.split("~", 1)
            )
            if since <= slot < until:
                found.setdefault(slot, []).append((later[0] if later else slot, file))
    return dict(sorted(found.items()))


def _read(file: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as parquet:
            return parquet.read()
    except (pa.ArrowException, OSError) as error:
        raise SinkError(
            f"history: {file} cannot be read ({str(error).splitlines()[0]}): move it away, and publish the "
            f"slot again or restore a backup"
        ) from error
