from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.arrow import LABEL
from drift.errors import ColumnError, TimestampError
from drift.stores.casts import Place, to_number, to_text, to_utc

PLACE = Place("predictions", "/data/p.parquet", "predicted", "forecast")
UTC_TIME = pa.timestamp("us", tz="UTC")


def column(values: list, kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


@pytest.mark.parametrize(
    "kind",
    [pa.int8(), pa.uint64(), pa.int64(), pa.float32(), pa.float16(), pa.float64(), pa.decimal128(9, 2)],
)
def test_numbers_become_float64_and_float32_stays(kind: pa.DataType) -> None:
    values = [Decimal("1.00"), None] if pa.types.is_decimal(kind) else [1, None]
    if kind == pa.float16():
        values = [np.float16(1), None]
    found = to_number(column(values, kind), PLACE)
    assert found.type == (kind if kind == pa.float32() else pa.float64())
    assert found.to_pylist() == [1.0, None]


def test_a_whole_number_beyond_what_a_float_holds_is_rounded_not_refused() -> None:
    assert to_number(column([2**60 + 1]), PLACE).to_pylist() == [float(2**60)]


def test_a_column_of_nulls_has_no_values_and_is_no_error() -> None:
    nulls = column([None, None], pa.null())
    assert to_number(nulls, PLACE).to_pylist() == [None, None]
    assert to_text(nulls, PLACE).type == LABEL
    assert to_utc(nulls, PLACE, None).time.type == UTC_TIME


def test_a_boolean_is_a_number_for_features_only() -> None:
    flags = column([True, False, None])
    assert to_number(flags, PLACE, flags=True).to_pylist() == [1.0, 0.0, None]
    with pytest.raises(ColumnError, match="holds bool; want a number: cast it to float64"):
        to_number(flags, PLACE)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_text_in_a_number_column_names_the_first_offending_value(kind: pa.DataType) -> None:
    with pytest.raises(ColumnError) as error:
        to_number(column(["12.5", None, "n/a", "x"], kind), PLACE)
    assert str(error.value) == (
        "store.predictions: column `forecast` (for `predicted`) of /data/p.parquet holds text; "
        "the first value that is no number is 'n/a'"
    )


def test_numbers_written_as_text_are_still_refused_with_the_remedy() -> None:
    with pytest.raises(ColumnError, match="holds numbers written as text: cast it to float64 where it is"):
        to_number(column(["12.5", "1e3", None]), PLACE)


def test_text_from_data_is_shown_short_and_without_control_characters() -> None:
    with pytest.raises(ColumnError) as error:
        to_number(column(["\x1b[31m\n" + "x" * 500]), PLACE)
    assert "\x1b" not in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 250


@pytest.mark.parametrize(
    ("values", "kind", "want"),
    [
        (["Köln", None], pa.large_string(), ["Köln", None]),
        (["Köln", None], pa.dictionary(pa.int8(), pa.large_string()), ["Köln", None]),
        (["Köln".encode(), None], pa.binary(), ["Köln", None]),
        ([7, None], pa.int32(), ["7", None]),
        ([7, None], pa.dictionary(pa.int8(), pa.int64()), ["7", None]),
    ],
)
def test_labels_become_text(values: list, kind: pa.DataType, want: list) -> None:
    found = to_text(column(values, kind), PLACE)
    assert found.type == LABEL
    assert found.to_pylist() == want


@pytest.mark.parametrize("kind", [pa.float64(), pa.bool_(), pa.timestamp("us")])
def test_other_types_are_no_labels(kind: pa.DataType) -> None:
    with pytest.raises(ColumnError, match=r"want text or a whole number: cast it to text"):
        to_text(column([None], kind), PLACE)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ColumnError, match="bytes that are no UTF-8 text"):
        to_text(column([b"\xff\xfe"], pa.binary()), PLACE)


NOON = datetime(2021, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "+05:30"])
def test_a_time_with_a_zone_is_the_same_instant_in_utc(unit: str, zone: str) -> None:
    found = to_utc(column([NOON, None], pa.timestamp(unit, tz=zone)), PLACE, "Europe/Berlin")
    assert found.time.type == UTC_TIME
    assert found.time.to_pylist() == [NOON, None]
    assert found.unplaced is None


def test_a_naive_time_needs_a_declared_zone() -> None:
    with pytest.raises(TimestampError) as error:
        to_utc(column([datetime(2021, 6, 1)]), PLACE, None)  # noqa: DTZ001 - naive is what is tested
    assert "without a time zone: declare the zone it is written in" in str(error.value)
    assert "`timezone: UTC`, under store.predictions" in str(error.value)


def local(*texts: str) -> pa.ChunkedArray:
    return column([datetime.fromisoformat(text) for text in texts], pa.timestamp("ns"))


def test_a_declared_zone_places_local_times_by_its_rules() -> None:
    found = to_utc(local("2021-01-01T12:00", "2021-07-01T12:00"), PLACE, "Europe/Berlin")
    assert [time.hour for time in found.time.to_pylist()] == [11, 10]
    assert found.unplaced is None
    assert to_utc(local("2021-07-01T12:00"), PLACE, "UTC").time.to_pylist()[0].hour == 12


def test_local_times_that_never_were_or_came_twice_cannot_be_placed() -> None:
    times = ("2021-03-28T01:00", "2021-03-28T02:30", "2021-10-31T02:00", "2021-10-31T03:00")
    found = to_utc(local(*times), PLACE, "Europe/Berlin")
    assert found.unplaced is not None
    assert found.unplaced.to_pylist() == [False, True, True, False]


@given(
    st.lists(st.none() | st.datetimes(datetime(1950, 1, 1), datetime(2036, 1, 1)), max_size=20),  # noqa: DTZ001
    st.sampled_from(["Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe", "UTC"]),
)
def test_local_times_are_placed_as_zoneinfo_does(times: list[datetime | None], name: str) -> None:
    found = to_utc(column(times, pa.timestamp("us")), PLACE, name)
    unplaced = [False] * len(times) if found.unplaced is None else found.unplaced.to_pylist()
    for time, moment, twice in zip(times, found.time.to_pylist(), unplaced, strict=True):
        if time is None:
            assert (moment, twice) == (None, False)
            continue
        aware = time.replace(tzinfo=ZoneInfo(name))
        there_and_back = aware.astimezone(UTC).astimezone(ZoneInfo(name)).replace(tzinfo=None) == time
        # a time that never was does not come back; one that came twice has two answers
        repeated = aware.astimezone(UTC) != aware.replace(fold=1).astimezone(UTC)
        assert twice == (repeated or not there_and_back)
        assert moment == aware.astimezone(UTC)


@pytest.mark.parametrize(
    ("values", "kind", "text"),
    [
        (
            [date(2021, 1, 1)],
            pa.date32(),
            r"holds days \(date32\[day\]\), not times: write the start of each",
        ),
        ([date(2021, 1, 1)], pa.date64(), r"holds days \(date64\[ms\]\), not times"),
        (["2021-01-01"], pa.string(), "holds text such as '2021-01-01': cast it to a timestamp in UTC"),
        ([None], pa.string(), "holds text: cast it to a timestamp in UTC"),
        ([1609459200], pa.int64(), "holds int64: cast it to a timestamp in UTC"),
    ],
)
def test_what_is_no_timestamp_is_refused_with_the_remedy(values: list, kind: pa.DataType, text: str) -> None:
    with pytest.raises(TimestampError, match=text):
        to_utc(column(values, kind), PLACE, "UTC")


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("tz", [None, "UTC"])
def test_a_time_out_of_range_is_refused(zone: str, tz: str | None) -> None:
    with pytest.raises(TimestampError, match="a time that is out of range"):
        to_utc(column([2**62], pa.timestamp("s", tz=tz)), PLACE, zone)


def test_a_time_after_the_calendar_in_a_local_zone_is_refused() -> None:
    far = (datetime(9999, 1, 1) - datetime(1970, 1, 1)) // timedelta(seconds=1) * 2  # noqa: DTZ001
    with pytest.raises(TimestampError, match="a time that is out of range"):
        to_utc(column([far], pa.timestamp("s")), PLACE, "Europe/Berlin")
