"""A store whose columns change is told of, once, by the name of the column."""

from __future__ import annotations

import pyarrow.parquet as pq

from drift import Monitor, load_config
from drift.schema import differences, united

SLOTS = ["2026-04-01T00:00Z", "2026-04-01T01:00Z", "2026-04-01T02:00Z", "2026-04-01T03:00Z"]


def test_blocks_of_cities_are_put_together_and_types_that_differ_are_both_said():
    assert united([{"a.x": "double"}, {"a.x": "float", "b.y": "double"}]) == {
        "a.x": "double or float", "b.y": "double",
    }  # fmt: skip
    assert differences({}, {}) == []


def test_a_feature_that_vanishes_or_comes_is_a_failure_of_one_slot(made):
    from datetime import datetime

    with Monitor(load_config(made.config)) as monitor:
        told = [_schema_failures(monitor, datetime.fromisoformat(slot)) for slot in SLOTS[:2]]
        assert told == [[], []]
        path = made.folder / "data" / "features.parquet"
        table = pq.read_table(path)
        name = next(n for n in table.column_names if n not in ("city", "target_time"))
        pq.write_table(table.rename_columns([f"{n}2" if n == name else n for n in table.column_names]), path)
        gone, again = (_schema_failures(monitor, datetime.fromisoformat(slot)) for slot in SLOTS[2:])
    assert [text.split(",")[0] for text in gone] == [
        f"features: the column {name} is gone (it was double)", f"features: the column {name}2 is new (double)",
    ]  # fmt: skip
    assert again == []


def test_what_was_kept_and_is_damaged_stops_no_slot(made):
    from datetime import datetime

    import sqlalchemy as sa

    from drift.state_tables import CALIBRATIONS

    with Monitor(load_config(made.config)) as monitor:
        monitor.run(datetime.fromisoformat(SLOTS[0]))
        with monitor.state._database.write("damaging a schema") as connection:
            kept = CALIBRATIONS.c.settings.startswith("schema:")
            done = connection.execute(sa.update(CALIBRATIONS).where(kept).values(data=b'{"a'))
            assert done.rowcount == 1
        assert _schema_failures(monitor, datetime.fromisoformat(SLOTS[1])) == []


def _schema_failures(monitor, slot):
    return [failure.message for failure in monitor.run(slot).failures if failure.stage == "schema"]
