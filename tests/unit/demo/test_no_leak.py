"""A forecast sees nothing that ended after its issue time."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from drift.demo import clock, inputs

# Both changes of the clocks lie inside, with a month before the first for the level.
DAYS = clock.day_range(dt.date(2007, 2, 1), dt.date(2007, 11, 20))
HOURS = clock.local_hours(DAYS)
WHEN = inputs.calendar(DAYS, HOURS, {dt.date(2007, 7, 4)})
FIRST = int(HOURS[0, 0])
LENGTH = int(HOURS[-1, -1]) - FIRST + 1
CHECKED = [
    dt.date(2007, 3, 10),
    dt.date(2007, 3, 11),
    dt.date(2007, 3, 12),
    dt.date(2007, 3, 13),
    dt.date(2007, 7, 4),
    dt.date(2007, 11, 4),
    dt.date(2007, 11, 5),
    dt.date(2007, 11, 6),
]


def _series(seed: int) -> clock.Array:
    return 50 + 10 * np.random.default_rng(seed).random(LENGTH)


def _inputs(series: list[clock.Array], row: int) -> dict[str, clock.Array]:
    load, own, mean = (clock.to_days(s, HOURS, FIRST) for s in series)
    built = inputs.build(3, load, own, mean, WHEN)
    found = {name: values[row] for name, values in built.items()}
    levels = {v: inputs.load_level(load, WHEN, v)[row] for v in inputs.VERSIONS}
    return found | {f"level {v}": np.array(x) for v, x in levels.items()}


@pytest.mark.parametrize("day", CHECKED)
def test_inputs_do_not_change_when_everything_after_issue_does(day: dt.date) -> None:
    row = DAYS.index(day)
    now = [_series(n) for n in range(3)]
    ends = FIRST + np.arange(LENGTH) + 1
    later = [np.where(ends > WHEN.issue[row], s * 3 + 1000, s) for s in now]
    before, after = _inputs(now, row), _inputs(later, row)
    for name, values in before.items():
        np.testing.assert_array_equal(values, after[name], err_msg=name)


@pytest.mark.parametrize("day", CHECKED)
def test_the_last_hours_before_issue_are_used(day: dt.date) -> None:
    """The twin of the test above: it would pass on inputs that look at nothing."""
    row = DAYS.index(day)
    now = [_series(n) for n in range(3)]
    ends = FIRST + np.arange(LENGTH) + 1
    last = (ends <= WHEN.issue[row]) & (ends > WHEN.issue[row] - 3)
    changed = _inputs([np.where(last, s * 3, s) for s in now], row)
    before = _inputs(now, row)
    for name in ("load_2d", "load_day", "temperature", "mean_temperature", "level v1", "level v2"):
        assert not np.array_equal(before[name], changed[name], equal_nan=True), name


def test_every_named_input_exists() -> None:
    built = _inputs([_series(n) for n in range(3)], 60)
    for names in inputs.VERSIONS.values():
        assert set(names) <= set(built)


def test_issue_is_local_midnight_of_the_day_before_and_never_less_than_a_day_ahead() -> None:
    hour = {day: int(WHEN.issue[DAYS.index(day)]) for day in CHECKED}

    def at(*when: int) -> int:
        return clock.hour_number(dt.datetime(*when, tzinfo=dt.UTC))  # type: ignore[misc, arg-type]  # a date in parts

    assert hour[dt.date(2007, 7, 4)] == at(2007, 7, 3, 4)
    assert hour[dt.date(2007, 3, 11)] == at(2007, 3, 10, 5)
    assert hour[dt.date(2007, 3, 12)] == at(2007, 3, 11, 4)  # 23:00 EST: the day before has 23 h
    assert hour[dt.date(2007, 11, 5)] == at(2007, 11, 4, 4)  # midnight EDT: it has 25 h


def test_means_leave_out_what_is_missing() -> None:
    rows = np.array([[1.0, 3.0], [np.nan, 5.0], [np.nan, np.nan]])
    np.testing.assert_array_equal(inputs.day_mean(rows), [2.0, 5.0, np.nan])
    np.testing.assert_array_equal(inputs.window_mean(np.array([1.0, 3.0, 8.0]), 2), [1.0, 2.0, 5.5])
