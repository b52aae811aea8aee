"""What slots saw is kept as what changed, and comes back whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from drift.domain import Grid
from drift.seen import Entry, Look, Seen, look, seen_of
from drift.timeline import Forecast, Pairs

DAY = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAN = float("nan")


def pairs(actual: list[list[float]], predicted: float = 10.0, versions: tuple[str, ...] = ("v1",)) -> Pairs:
    values = np.array(actual)
    forecast = Forecast(np.full((len(versions), *values.shape), predicted), None, None)
    cities = ("Agra", "Pune")[: len(values)]
    return Pairs(Grid(DAY, HOUR, values.shape[1]), cities, versions, values, forecast, {}, {})


def seen(actual: list[list[float]], **more: object) -> Seen:
    found = seen_of(pairs(actual, **more), 24 * HOUR)  # type: ignore[arg-type]
    assert found is not None
    return found


def told(found: Look) -> list[tuple[str, int, float, float, bool]]:
    """City, hour, what was, what is, and whether it is no news."""
    entry = found.entry
    hours = entry.time + (entry.grid.start - DAY) // HOUR
    columns = entry.city, hours, entry.was, entry.actual, entry.late
    return [(entry.cities[c], h, *rest) for c, h, *rest in zip(*(of.tolist() for of in columns), strict=True)]


def test_the_first_slot_sees_news_only() -> None:
    found = look([], seen([[1.0, NAN]]), DAY + 2 * HOUR)
    assert found.entry.late.tolist() == [False, False]
    assert not len(found.rewritten)


def test_where_nothing_changed_an_entry_is_the_new_hour() -> None:
    first = look([], seen([[1.0, 2.0], [3.0, 4.0]]), DAY + 2 * HOUR)
    second = look([first.entry], seen([[1.0, 2.0, 5.0], [3.0, 4.0, 6.0]]), DAY + 3 * HOUR)
    assert [row[:2] + row[3:] for row in told(second)] == [("Agra", 2, 5.0, False), ("Pune", 2, 6.0, False)]
    assert not len(
        look([first.entry, second.entry], seen([[1.0, 2.0, 5.0], [3.0, 4.0, 6.0]]), DAY).entry.cell
    )


def test_a_value_that_came_late_is_no_rewriting_and_one_that_was_revised_is() -> None:
    first = look([], seen([[1.0, NAN, 3.0]]), DAY + 3 * HOUR)
    second = look([first.entry], seen([[1.5, 2.0, NAN]]), DAY + 3 * HOUR)
    rows = told(second)
    assert [row[:2] for row in rows] == [("Agra", 0), ("Agra", 1), ("Agra", 2)]
    assert [row[2] for row in rows[::2]] == [1.0, 3.0]
    assert all(row[-1] for row in rows)
    assert second.rewritten.tolist() == [0, 2]


def test_a_prediction_that_was_rewritten_is_seen() -> None:
    first = look([], seen([[1.0]], predicted=10.0), DAY + HOUR)
    second = look([first.entry], seen([[1.0]], predicted=np.nextafter(10.0, 11.0)), DAY + HOUR)
    assert second.rewritten.tolist() == [0]
    assert second.entry.was.tolist() == second.entry.actual.tolist() == [1.0]


def test_the_same_prediction_by_another_model_version_is_another() -> None:
    one, other = seen([[1.0]], versions=("v1",)), seen([[1.0]], versions=("v2",))
    assert one.forecast != other.forecast
    both = seen([[1.0]], versions=("v1", "v2"))
    assert both.forecast == one.forecast + other.forecast


def test_hours_older_than_asked_for_are_not_watched() -> None:
    found = seen_of(pairs([[1.0] * 30]), 24 * HOUR)
    assert found is not None
    assert (found.grid.start, found.grid.count) == (DAY + 6 * HOUR, 24)
    assert seen_of(pairs([[1.0]]), 0 * HOUR) is None


def test_an_hour_that_moved_out_and_a_city_that_was_away_are_no_change() -> None:
    first = look([], replace(seen([[1.0, 2.0], [3.0, 4.0]])), DAY + 2 * HOUR)
    alone = seen([[2.0, 9.0]])
    moved = replace(alone, grid=Grid(DAY + HOUR, HOUR, 2))
    second = look([first.entry], moved, DAY + 3 * HOUR)
    assert [row[:2] for row in told(second)] == [("Agra", 2)]
    assert not second.entry.late.any()
    back = look([first.entry, second.entry], seen([[1.0, 2.0, 9.0], [3.0, 4.0, 6.0]]), DAY + 3 * HOUR)
    assert [row[:2] for row in told(back)] == [("Pune", 2)]
    assert not back.entry.late.any()


def test_a_city_that_was_never_read_and_another_interval_are_news() -> None:
    first = look([], seen([[1.0, 2.0]]), DAY + 2 * HOUR)
    second = look([first.entry], seen([[1.0, 2.0], [3.0, 4.0]]), DAY + 2 * HOUR)
    assert [row[:2] for row in told(second)] == [("Pune", 0), ("Pune", 1)]
    assert not second.entry.late.any()
    halves = replace(seen([[1.5, 2.5]]), grid=Grid(DAY, HOUR / 2, 2))
    assert not look([first.entry], halves, DAY + HOUR).entry.late.any()


def test_entries_come_back_from_their_bytes() -> None:
    first = look([], seen([[1.0, NAN], [3.0, 4.0]]), DAY + 2 * HOUR + timedelta(microseconds=7))
    entry = replace(look([first.entry], seen([[1.0, 5.0], [3.5, 4.0]]), DAY + 3 * HOUR).entry, settled=True)
    for one in (first.entry, entry):
        again = Entry.from_bytes(one.to_bytes())
        assert (again.slot, again.grid, again.cities, again.settled) == (
            one.slot, one.grid, one.cities, one.settled,
        )  # fmt: skip
        for name in ("cell", "actual", "forecast", "was", "late"):
            np.testing.assert_array_equal(getattr(again, name), getattr(one, name), strict=True)


def test_a_damaged_entry_says_so() -> None:
    data = bytearray(look([], seen([[1.0, 2.0]]), DAY).entry.to_bytes())
    data[len(data) // 2] ^= 1
    with pytest.raises(ValueError, match="damaged"):
        Entry.from_bytes(bytes(data))


def test_an_hour_of_a_thousand_cities_takes_twenty_kilobytes() -> None:
    rng = np.random.default_rng(1)
    cities = tuple(f"city {n:04d}" for n in range(1000))
    load, predicted = rng.normal(1000, 100, (1000, 30)), rng.normal(1000, 100, (2, 1000, 30))

    def of(hours: int) -> Seen:
        forecast = Forecast(predicted[..., :hours], None, None)
        known = Pairs(Grid(DAY, HOUR, hours), cities, ("v1", "v2"), load[:, :hours], forecast, {}, {})
        found = seen_of(known, 168 * HOUR)
        assert found is not None
        return found

    first = look([], of(29), DAY)
    assert len(look([first.entry], of(30), DAY).entry.to_bytes()) < 20_000
