"""A Feast repo whose rows are in PostgreSQL, in a table, a view and a query."""

import sys
from pathlib import Path

from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from views import energy

ROWS = {"predictions": "SELECT * FROM predictions"}

city, version, forecasts, meters, weather, model, warm, both = energy(
    lambda name: PostgreSQLSource(
        name=name,
        query=ROWS.get(name),
        table=None if name in ROWS else name,
        timestamp_field="target_time",
    )
)
