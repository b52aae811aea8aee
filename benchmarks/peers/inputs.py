"""The cities of a store as the peers want them: a frame a city and window; runs in their environments.

Only their own work is timed: imports, reading and cutting the cities apart are not, which is in their favour.
"""

# ruff: noqa: T201 - it prints its finding
from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

COLUMNS = ["predicted", "actual", *(f"f{k:02}" for k in range(8))]
TIME = "target_time"

Frame = Any  # a pandas frame; what type stubs say of it is another matter in each environment


@dataclass(frozen=True)
class City:
    """One city: its reference and its current window."""

    reference: Frame
    current: Frame


def cities_of(store: Path, slot: datetime, count: int) -> list[City]:
    """The first cities of a store in the `sorted` layout."""
    import pandas as pd

    before, now = (pd.read_parquet(store / f"{name}.parquet") for name in ("reference", "recent"))
    now = now[now[TIME] < slot]
    names = sorted(before["city"].astype(str).unique())[:count]
    return [City(*(_cut(frame, name) for frame in (before, now))) for name in names]


def _cut(frame: Frame, city: str) -> Frame:
    rows = frame[frame["city"].astype(str) == city]
    return rows[[TIME, *COLUMNS]].assign(**{TIME: rows[TIME].dt.tz_localize(None)}).reset_index(drop=True)


def run(package: str, judge: Callable[[City], object]) -> None:
    """Judge the cities that the command line names (STORE SLOT COUNT); print what that took, as JSON."""
    warnings.filterwarnings("ignore")
    store, slot, count = sys.argv[1:4]
    cities = cities_of(Path(store), datetime.fromisoformat(slot), int(count))
    wall, cpu = time.perf_counter(), time.process_time()
    for city in cities:
        judge(city)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    found = {"version": version(package), "pandas": version("pandas"), "cities": len(cities)}
    sys.stdout.flush()
    print(os.linesep + json.dumps({**found, "wall": wall, "cpu": cpu}))
