"""A Feast repo whose rows are in Parquet files beside it."""

import sys
from pathlib import Path

from feast import FileSource

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from views import energy

city, version, forecasts, meters, weather, model, warm, both = energy(
    lambda name: FileSource(name=name, path=f"data/{name}.parquet", timestamp_field="target_time")
)
