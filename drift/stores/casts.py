"""Columns as they lie in a file become the types of the logical tables.

Why: a store's types are as many as its writers. What cannot be taken without guessing (text in a number
column, a day where a time should be, a time without a zone) is refused with the place and the remedy.

How: PURE functions of one Arrow column and the `Place` it came from, which only the errors use.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from drift.arrow import flags, integers, labelled
from drift.errors import ColumnError, TimestampError
from drift.tables import TableName
from drift.text import printable

UTC_TIME = pa.timestamp("us", tz="UTC")
LOCAL_TIME = pa.timestamp("us")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Place(NamedTuple):
    """Where a column is, for messages: the table, the file, our name of the column and theirs."""

    table: TableName
    file: str
    name: str
    column: str

    def __str__(self) -> str:
        theirs = "" if self.column == self.name else f" (for `{self.name}`)"
        return f"store.{self.table}: column `{printable(self.column)}`{theirs} of {self.file}"


class Placed(NamedTuple):
    """Times in UTC, and True where a local time does not exist or came twice (None: nowhere)."""

    time: pa.ChunkedArray
    unplaced: pa.ChunkedArray | None


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column without a dictionary encoding."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def is_text(kind: pa.DataType) -> bool:
    """Whether values of this type are text."""
    text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in text)


def is_number(kind: pa.DataType) -> bool:
    """Whether values of this type are numbers."""
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return any(test(kind) for test in tests)


def to_text(column: pa.ChunkedArray, place: Place) -> pa.ChunkedArray:
    """A label (city, model version) as a dictionary of text: text, bytes of UTF-8, or a whole number.

    Raises:
        ColumnError: it is of another type, or its bytes are no UTF-8.
    """
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    if not (is_text(kind) or binary or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise ColumnError(f"{place} holds {kind}; want text or a whole number: cast it to text")
    try:
        return labelled(column)
    except pa.ArrowInvalid as error:
        raise ColumnError(f"{place} holds bytes that are no UTF-8 text: {error}") from None


def to_number(column: pa.ChunkedArray, place: Place, *, flags: bool = False) -> pa.ChunkedArray:
    """A value as `float64` (`float32` stays as it is): any number, and with `flags` a boolean as 0 and 1.

    Raises:
        ColumnError: it holds text (the first that is no number is shown) or another type.
    """
    values = plain(column)
    kind = values.type
    if is_text(kind):
        raise ColumnError(_text_found(values, place))
    if not (is_number(kind) or pa.types.is_null(kind) or (flags and pa.types.is_boolean(kind))):
        raise ColumnError(f"{place} holds {kind}; want a number: cast it to float64")
    return values if kind == pa.float32() else values.cast(pa.float64(), safe=False)


def _text_found(values: pa.ChunkedArray, place: Place) -> str:
    for value in values:
        text = value.as_py()
        if text is not None and not _parses(text):
            return f"{place} holds text; the first value that is no number is {printable(text)!r}"
    return f"{place} holds numbers written as text: cast it to float64 where it is written"


def _parses(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def to_utc(column: pa.ChunkedArray, place: Place, zone: str | None) -> Placed:
    """A time as `timestamp[us, UTC]`; one that carries no zone is local time in `zone`.

    Raises:
        TimestampError: it is no timestamp, carries no zone and none is declared, or is out of range.
    """
    values = plain(column)
    kind = values.type
    if pa.types.is_null(kind):
        return Placed(values.cast(UTC_TIME), None)
    if not pa.types.is_timestamp(kind):
        raise TimestampError(f"{place} {_no_timestamp(values)}")
    if kind.tz is None and zone is None:
        raise TimestampError(
            f"{place} holds {kind} without a time zone: declare the zone it is written in, such as "
            f"`timezone: UTC`, under store.{place.table}"
        )
    target = UTC_TIME if kind.tz is not None or zone == "UTC" else LOCAL_TIME
    try:
        times = _cast_time(values, target)
        return Placed(times, None) if target == UTC_TIME else _localise(times, ZoneInfo(str(zone)))
    except (pa.ArrowInvalid, OverflowError, ValueError) as error:
        raise TimestampError(f"{place} holds a time that is out of range: {error}") from None


def _cast_time(values: pa.ChunkedArray, target: pa.DataType) -> pa.ChunkedArray:
    """Safe but for parts of a microsecond, which are dropped."""
    return values.cast(options=pc.CastOptions(target_type=target, allow_time_truncate=True))


def _no_timestamp(values: pa.ChunkedArray) -> str:
    kind = values.type
    if pa.types.is_date(kind):
        return f"holds days ({kind}), not times: write the start of each interval as a timestamp in UTC"
    if is_text(kind):
        known = values.drop_null()
        first = f" such as {printable(known[0].as_py())!r}" if len(known) else ""
        return f"holds text{first}: cast it to a timestamp in UTC"
    return f"holds {kind}: cast it to a timestamp in UTC"


def _localise(local: pa.ChunkedArray, zone: ZoneInfo) -> Placed:
    """By the zone's IANA rules, once a distinct time: a store has few times and many rows.

    Python's rules rather than Arrow's, which need a database of zones that a slim image may lack.
    """
    distinct = pc.unique(local.drop_null())
    known = [time.replace(tzinfo=zone) for time in distinct.to_pylist()]
    times = integers([microseconds(time) for time in known], UTC_TIME)
    # the two readings differ both where the clock goes back (twice) and where it leaps (never)
    twice = flags([time.utcoffset() != time.replace(fold=1).utcoffset() for time in known])
    unplaced = distinct.filter(twice)
    return Placed(
        times.take(pc.index_in(local, value_set=distinct)),
        pc.is_in(local, value_set=unplaced) if len(unplaced) else None,
    )


def microseconds(moment: datetime) -> int:
    """The moment as `timestamp[us, UTC]` counts it.

    >>> microseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment_at(microseconds: int) -> datetime:
    """The moment that `timestamp[us, UTC]` counts so.

    >>> moment_at(1000000)
    datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=datetime.timezone.utc)
    """
    return EPOCH + timedelta(microseconds=microseconds)
