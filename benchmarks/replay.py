"""How long a replay takes: eight real zones, fifteen months, hourly slots, all metrics and statistics.

    python benchmarks/replay.py

Needs the EIA sample beside the project (../shared/data/eia930_dev_sample.parquet).
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

SAMPLE = Path(__file__).resolve().parents[2] / "shared" / "data" / "eia930_dev_sample.parquet"
COLUMNS = "city: zone, target_time: timestamp"
CONFIG = f"""\
store:
  predictions: {{path: {SAMPLE}, columns: {{{COLUMNS}, predicted: forecast}}, marks: end, model_version: v1}}
  actuals: {{path: {SAMPLE}, columns: {{{COLUMNS}, actual: actual}}, marks: end}}
"""


def main() -> int:
    """Print the seconds, and what a slot and a city cost."""
    if not SAMPLE.exists():
        print(f"skipped: {SAMPLE.name} is not beside the project")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "drift.yaml"
        config.write_text(CONFIG)
        started, cpu = time.perf_counter(), time.process_time()
        replay = Monitor(load_config(config)).replay(
            datetime(2019, 7, 1, tzinfo=UTC), datetime(2020, 10, 1, tzinfo=UTC), timedelta(hours=1)
        )
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    slots = len(replay.slots)
    print(
        f"{slots:,} slots × 8 cities: {wall:.1f} s ({cpu:.1f} s of CPU), {1000 * wall / slots:.2f} ms a slot;"
    )
    print(f"{len(replay.transitions)} transitions. Python {platform.python_version()}, {platform.machine()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
