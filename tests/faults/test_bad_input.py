"""Bad input gets an error that names the thing and the remedy, and nothing is lost or half-written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drift import Monitor, load_config
from drift.errors import ConfigError, DriftError, StoreError

SLOT = datetime(2026, 4, 1, tzinfo=UTC)


def table(made, name: str) -> pa.Table:
    return pq.ParquetFile(made.folder / "data" / f"{name}.parquet").read()


def replace(made, name: str, column: str, values) -> None:
    old = table(made, name)
    new = old.set_column(old.column_names.index(column), column, values(old[column]))
    pq.write_table(new, made.folder / "data" / f"{name}.parquet")


def no_store(made):
    (made.folder / "data" / "predictions.parquet").unlink()


def empty_store(made):
    pq.write_table(table(made, "predictions").slice(0, 0), made.folder / "data" / "predictions.parquet")


def missing_column(made):
    old = table(made, "predictions")
    pq.write_table(
        old.rename_columns(["city", "model_version", "target_time", "forecast"]),
        made.folder / "data" / "predictions.parquet",
    )


def text_for_numbers(made):
    replace(made, "actuals", "actual", lambda c: pa.array(["12,5 MW"] * len(c)))


def naive_timestamps(made):
    replace(made, "actuals", "target_time", lambda c: c.cast(pa.timestamp("us")))


def no_parquet(made):
    (made.folder / "data" / "actuals.parquet").write_text("city,actual\nPune,1\n")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_store, ["predictions", "predictions.parquet"]),
        (empty_store, ["predictions", "no rows"]),
        (missing_column, ["predictions", "predicted", "forecast"]),
        (text_for_numbers, ["actuals", "actual", "12,5 MW"]),
        (naive_timestamps, ["actuals", "target_time", "timezone: UTC"]),
        (no_parquet, ["actuals.parquet"]),
    ],
)
def test_a_bad_store_is_named_and_the_slot_can_be_run_again(made, spoil, words):
    good = {path: path.read_bytes() for path in (made.folder / "data").iterdir()}
    spoil(made)
    monitor = Monitor(load_config(made.config))
    with pytest.raises(StoreError) as caught:
        monitor.run(SLOT)
    for word in words:
        assert word in str(caught.value)
    assert monitor.state.last_slot() is None  # nothing was committed …
    assert not (made.folder / "reports").exists()  # … or published
    assert not (made.folder / "history").exists()
    for path, blob in good.items():
        path.write_bytes(blob)
    assert Monitor(load_config(made.config)).run(SLOT).failures == ()


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("current: 24h", "curent: 24h", "windows.curent: unknown key; did you mean `current`?"),
        ("store:", "store:\n  unit: MWatt", "store.unit: 'MWatt' is no unit of load"),
        ("current: 24h", "current: 24 hours", "windows.current: '24 hours' is no length of time"),
        ("predictions: {path: data/predictions.parquet}", "kind: parkett\n  predictions: {path: data/predictions.parquet}", "did you mean `parquet`?"),
        ("windows:", "cities: [Atlantis]\nwindows:", "the store has no city 'Atlantis'"),
    ],
)  # fmt: skip
def test_a_bad_config_is_named_by_its_key(made, old, new, text):
    made.edit(old, new)
    with pytest.raises(ConfigError) as caught:
        Monitor(load_config(made.config)).run(SLOT)
    assert text in str(caught.value)


def test_a_damaged_state_stops_the_slot_before_anything_is_published(made):
    state = made.folder / "state"
    state.mkdir()
    (state / "drift.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(DriftError, match=r"drift\.db"):
        Monitor(load_config(made.config)).run(SLOT)
    assert not (made.folder / "history").exists()


def test_reports_that_cannot_be_written_are_a_failure_and_the_alert_is_kept(made):
    (made.folder / "reports").write_text("a file where the folder should be")
    monitor = Monitor(load_config(made.config))
    run = monitor.run(SLOT)
    assert [f.stage for f in run.failures] == ["reports"]
    assert "reports" in run.failures[0].message
    assert monitor.state.transitions()[0].key.city == "Surat"
    record = monitor.state.slot(SLOT)
    assert record is not None
    assert record.published_at is None
    (made.folder / "reports").unlink()
    again = monitor.run(SLOT)  # the slot is not evaluated again, and what was missing is published
    assert again.failures == ()
    assert monitor.state.slot(SLOT).published_at is not None
    assert len(monitor.state.transitions()) == 1


def test_rows_of_the_wrong_sort_are_counted_and_the_rest_is_used(made):
    stamps = pa.array([SLOT - timedelta(hours=h) for h in (1, 1, 2, 3)], pa.timestamp("us", "UTC"))
    rows = {
        "city": pa.array(["Pune"] * 4),
        "target_time": stamps,
        "actual": pa.array([100.0, 101.0, -5.0, float("inf")]),
    }
    old = table(made, "actuals")
    keep = [
        not (c == "Pune" and t in stamps.to_pylist())
        for c, t in zip(old["city"].to_pylist(), old["target_time"].to_pylist(), strict=True)
    ]
    pq.write_table(
        pa.concat_tables([old.filter(keep), pa.table(rows)]), made.folder / "data" / "actuals.parquet"
    )
    run = Monitor(load_config(made.config), sinks=()).look(SLOT)
    (count,) = [
        c for c in run.pair_counts if (c.city, c.model_version, c.window) == ("Pune", "v1", "current")
    ]
    assert {r.value: n for r, n in count.unused.items()} == {
        "duplicate": 1, "negative": 1, "not_finite": 1, "missing_actual": 2,
    }  # fmt: skip
    assert count.used == 22
