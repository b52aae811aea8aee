"""The limits that come with drift, for teams with little history: learnt on public zones, and printed.

    python -m benchmarks.detection.standard [--data FILE] > drift/detectors/standard.json

Zones whose own forecast is useless set no limits: their error says nothing of a good forecast's.
"""

# ruff: noqa: T201 - it prints the document
from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.detection.data import Zones, read
from drift.detectors import Series, Settings
from drift.detectors.learn import Pooled, learn
from drift.detectors.standard import document_of

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "eia930_dev.parquet"
USELESS = 0.25
SOURCE = (
    "{count} US balancing authorities' day-ahead demand forecasts, {first} to {last}: US EIA Form 930 by way "
    "of Ruggles et al. 2020, doi 10.1038/s41597-020-0483-x, CC BY 4.0"
)


def learnt(zones: Zones) -> Pooled:
    """What the zones share, over all of their hours."""
    return learn(Series(zones.load, zones.forecast, zones.hours), Settings())


def main(words: Sequence[str] | None = None) -> int:
    """Learn and print."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data", type=Path, default=DATA, help="default: the EIA zones beside the project")
    options = made.parse_args(words)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a zone without an hour has a NaN error
        zones = read(options.data)
        error = np.nanmean(np.abs(zones.error), axis=0)
        useful = [name for name, size in zip(zones.names, error, strict=True) if size < USELESS]
        pooled = learnt(read(options.data, useful))
    months = np.asarray(zones.hours.month)[[0, -1]]
    first, last = (f"{1970 + month // 12}-{month % 12 + 1:02d}" for month in months)
    print(lines_of(document_of(pooled, SOURCE.format(count=len(useful), first=first, last=last))))
    return 0


def lines_of(document: Mapping[str, object]) -> str:
    """As JSON with a line for each key and for each statistic, so that a change is seen where it is."""
    plain = {key: value for key, value in document.items() if key != "statistics"}
    statistics = document["statistics"]
    each = statistics if isinstance(statistics, list) else []
    out = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in plain.items()]
    out.append('"statistics": [\n  ' + ",\n  ".join(json.dumps(one) for one in each) + "\n ]")
    return "{\n " + ",\n ".join(out) + "\n}"


if __name__ == "__main__":
    sys.exit(main())
