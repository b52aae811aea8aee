"""Which of the eleven weather stations tells most about a zone's load.

Why: the source does not say where zones and stations are.

How: for each zone, daily load divided by its trailing four-week level is regressed (ordinary least
squares) on the day of the week and a cubic of a station's daily mean temperature; the station with
the least squared error is taken. Only days before the first shipped prediction are used.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LEVEL_DAYS = 28


def trailing_level(daily: Array, days: int = LEVEL_DAYS) -> Array:
    """The mean of the `days` values before each one (itself not among them); NaN are left out."""
    filled = np.nan_to_num(daily)
    total = np.concatenate([[0.0], np.cumsum(filled)])
    count = np.concatenate([[0], np.cumsum(~np.isnan(daily))])
    end = np.arange(len(daily))
    start = np.maximum(end - days, 0)
    n = count[end] - count[start]
    return np.where(n > 0, (total[end] - total[start]) / np.maximum(n, 1), np.nan)


def unexplained(load: Array, temperature: Array, weekday: npt.NDArray[np.int64]) -> float:
    """The share of the variance of levelled daily load that one station leaves unexplained.

    1 where there is no day to judge by.
    """
    level = trailing_level(load)
    ratio = load / np.where(level > 0, level, np.nan)
    usable = np.isfinite(ratio) & np.isfinite(temperature)
    if not usable.any():
        return 1.0
    y, t = ratio[usable], (temperature[usable] - 60.0) / 30.0
    design = np.column_stack([np.eye(7)[weekday[usable]], t, t**2, t**3])
    fitted = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return float(np.sum((y - fitted) ** 2) / np.sum((y - y.mean()) ** 2))


def best_station(load: Array, stations: Array, weekday: npt.NDArray[np.int64]) -> int:
    """The position of the best station; `stations` has one row of daily means a station.

    Of equals the first is taken.
    """
    return int(np.argmin([unexplained(load, station, weekday) for station in stations]))
