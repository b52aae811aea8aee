"""How long a replay of real zones takes: every hour, all metrics and statistics, all rules.

    python -m benchmarks.replay

Needs the EIA data beside the project (../shared/data): eight zones and fifteen months of them, then all 29
zones and 27 months.
"""

# ruff: noqa: T201 - it prints its figures
from __future__ import annotations

import platform
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drift import Monitor, load_config

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
REPLAYS = {
    "eia930_dev_sample.parquet": datetime(2019, 7, 1, tzinfo=UTC),
    "eia930_dev.parquet": datetime(2018, 7, 1, tzinfo=UTC),
}
END = datetime(2020, 10, 1, tzinfo=UTC)
COLUMNS = "city: zone, target_time: timestamp"


def config_of(data: Path) -> str:
    """The config that reads the file."""
    return f"""\
store:
  predictions: {{path: {data}, columns: {{{COLUMNS}, predicted: forecast}}, marks: end, model_version: v1}}
  actuals: {{path: {data}, columns: {{{COLUMNS}, actual: actual}}, marks: end}}
"""


def replay(data: Path, start: datetime) -> str:
    """Replay it; the seconds, and what a slot costs."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "drift.yaml"
        config.write_text(config_of(data))
        monitor = Monitor(load_config(config))
        started, cpu = time.perf_counter(), time.process_time()
        found = monitor.replay(start, END, timedelta(hours=1))
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    slots, cities = len(found.slots), len(monitor.store.cities())
    return (
        f"{slots:,} slots × {cities} cities: {wall:.1f} s ({cpu:.1f} s of CPU), "
        f"{1000 * wall / slots:.2f} ms a slot; {len(found.transitions)} transitions"
    )


def main() -> int:
    """Print both."""
    for name, start in REPLAYS.items():
        there = (DATA / name).exists()
        print(replay(DATA / name, start) if there else f"skipped: {name} is not beside the project")
    print(f"Python {platform.python_version()}, {platform.machine()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
