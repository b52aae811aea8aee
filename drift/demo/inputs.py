"""What a model may see: pure functions from hourly history to one row of inputs a target hour.

Why: a forecast that has seen its own future looks splendid and is worthless, so the rule is kept
in one small place that a test can hold it to.

How: a forecast for local day D is issued at local midnight of day D-1, and never less than 24 h
before D begins. Everything is a matrix of local days by 24 columns, and row D of a lagged matrix
holds only days up to D-2. `known` is the one exception to mere shifting: after the clocks go
forward the issue time falls an hour inside day D-2, and the hour not yet over is taken from D-3.
No observed temperature of the target day is used, and none of the day before it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from drift.demo.clock import NO_HOUR, Array, Hours
from drift.demo.stations import trailing_level

LEAD_HOURS = 24
LEVEL_DAYS = {"v1": 364, "v2": 28}
_BASE = ("zone", "hour", "weekday", "mean_temperature", "mean_temperature_day")
_LAGS = tuple(f"load_{days}d" for days in (2, 3, 7, 8, 14))
_LOAD_DAYS = ("load_day", "load_day_before", "load_week")
_WEATHER = ("temperature", "temperature_day", "temperature_low", "temperature_high")
_CHANGE = ("temperature_rise", "temperature_evening", "temperature_week")
_HOLIDAYS = ("holiday", "holiday_before", "holiday_after", "holiday_2d", "holiday_7d")
VERSIONS = {
    "v1": (*_BASE, "day_of_year"),
    "v2": (*_BASE, *_LAGS, *_LOAD_DAYS, *_WEATHER, *_CHANGE, *_HOLIDAYS),
}


@dataclass(frozen=True)
class Calendar:
    """The local days, the UTC hour at which each column starts, and each day's issue hour."""

    days: list[dt.date]
    hours: Hours
    issue: Hours
    holiday: Array


def issue_hours(hours: Hours) -> Hours:
    """The UTC hour number at which the forecast for each day is issued.

    Local midnight of the day before, or 24 h before the day begins where that is earlier; the
    first day has no day before it and takes the latter.
    """
    midnight = hours[:, 0]
    before = np.concatenate([midnight[:1] - LEAD_HOURS, midnight[:-1]])
    issue: Hours = np.minimum(before, midnight - LEAD_HOURS)
    return issue


def calendar(days: list[dt.date], hours: Hours, holidays: set[dt.date]) -> Calendar:
    """The calendar of the demo's days; `hours` comes from `clock.local_hours`."""
    holiday = np.array([float(day in holidays) for day in days])
    return Calendar(days, hours, issue_hours(hours), holiday)


def earlier(rows: Array, days: int) -> Array:
    """Row D becomes row D - `days`; rows without a past are NaN."""
    shifted = np.full(rows.shape, np.nan)
    if days < len(rows):
        shifted[days:] = rows[: len(rows) - days]
    return shifted


def known(values: Array, when: Calendar) -> Array:
    """The newest whole day known at issue: day D-2, its unfinished hours from D-3."""
    ends = when.hours + 1
    unfinished = np.full(ends.shape, False)
    unfinished[2:] = (ends[:-2] > when.issue[2:, None]) & (when.hours[:-2] != NO_HOUR)
    return np.where(unfinished, earlier(values, 3), earlier(values, 2))


def day_mean(rows: Array) -> Array:
    """The mean of each row's values; NaN where the row has none."""
    count = np.sum(~np.isnan(rows), axis=1)
    return np.where(count > 0, np.nansum(rows, axis=1) / np.maximum(count, 1), np.nan)


def window_mean(daily: Array, days: int) -> Array:
    """The mean of the `days` values that end with each one (itself among them)."""
    return trailing_level(np.concatenate([daily, [np.nan]]), days)[1:]


def load_level(load: Array, when: Calendar, version: str) -> Array:
    """What a version's forecasts are scaled by: mean load of its last days known at issue.

    One number a day. v1 looks back a year, so the season cancels but a change of level is learned
    late; v2 looks back four weeks.
    """
    level = window_mean(day_mean(known(load, when)), LEVEL_DAYS[version])
    return np.where(level > 0, level, np.nan)


def build(
    zone: int, load: Array, temperature: Array, mean_temperature: Array, when: Calendar
) -> dict[str, Array]:
    """Every input of one zone by name, each (days, 24). Loads are divided by v2's level."""
    shape = load.shape
    daily = _calendar_inputs(when) | {"zone": np.full(len(load), float(zone))}
    hourly = {"hour": np.broadcast_to(np.arange(24.0), shape)}
    for part in (
        _load_inputs(load, when),
        _weather_inputs(temperature, when),
        _mean_weather_inputs(mean_temperature, when),
    ):
        hourly |= {name: rows for name, rows in part.items() if rows.ndim == 2}
        daily |= {name: rows for name, rows in part.items() if rows.ndim == 1}
    return hourly | {name: np.broadcast_to(row[:, None], shape) for name, row in daily.items()}


def _calendar_inputs(when: Calendar) -> dict[str, Array]:
    """Known for ever: the day of the week and of the year, and holidays near the target."""
    holiday = when.holiday
    after = np.concatenate([holiday[1:], [0.0]])
    return {
        "weekday": np.array([float(day.weekday()) for day in when.days]),
        "day_of_year": np.array([float(day.timetuple().tm_yday) for day in when.days]),
        "holiday": holiday,
        "holiday_before": earlier(holiday, 1),
        "holiday_after": after,
        "holiday_2d": earlier(holiday, 2),
        "holiday_7d": earlier(holiday, 7),
    }


def _load_inputs(load: Array, when: Calendar) -> dict[str, Array]:
    newest = known(load, when)
    level = load_level(load, when, "v2")[:, None]
    inputs = {f"load_{days}d": earlier(load, days) / level for days in (3, 7, 8, 14)}
    daily = day_mean(newest)
    return inputs | {
        "load_2d": newest / level,
        "load_day": daily / level[:, 0],
        "load_day_before": earlier(daily, 1) / level[:, 0],
        "load_week": window_mean(daily, 7) / level[:, 0],
    }


def _weather_inputs(temperature: Array, when: Calendar) -> dict[str, Array]:
    newest = known(temperature, when)
    daily = day_mean(newest)
    empty = np.isnan(daily)
    some = np.where(empty[:, np.newaxis], 0.0, newest)
    return {
        "temperature": newest,
        "temperature_day": daily,
        "temperature_low": np.where(empty, np.nan, np.nanmin(some, axis=1)),
        "temperature_high": np.where(empty, np.nan, np.nanmax(some, axis=1)),
        "temperature_rise": daily - earlier(daily, 1),
        "temperature_evening": newest[:, -1],
        "temperature_week": window_mean(daily, 7),
    }


def _mean_weather_inputs(mean_temperature: Array, when: Calendar) -> dict[str, Array]:
    newest = known(mean_temperature, when)
    return {"mean_temperature": newest, "mean_temperature_day": day_mean(newest)}
