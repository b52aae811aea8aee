"""The same world at 5, 15, 30 and 60 minutes says the same, and so does one of them all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

HOUR = 3_600_000_000
SLOT = "2026-04-01T00:00Z"  # v1 is a quarter too high in Surat; five minutes later the windows of 5-minute data move on
ALERTS = """
alerts:
  model_accuracy_drop: {metric: model_accuracy, threshold: 0.85, severity: high}
  drift: {detector: profile}
  fleet: {detector: fleet}
  faults: {detector: faults}
"""


def finer(made: Any, parts: dict[str, int], *, level: bool) -> None:
    """Write each city's rows at so many parts an hour, which are the hour's value in the mean; `level`: each."""
    for name in ("predictions", "actuals", "features"):
        path = made.folder / "data" / f"{name}.parquet"
        rows = pq.ParquetFile(path).read()
        many = np.array([parts[city] for city in rows["city"].to_pylist()])
        index = np.repeat(np.arange(len(rows)), many)
        part = np.arange(len(index)) - np.repeat(np.cumsum(many) - many, many)
        out = rows.take(pa.array(index))
        times = np.asarray(out["target_time"].cast(pa.int64())) + part * (HOUR // many[index])
        value = out.column_names[-1]
        wiggle = np.zeros(len(index)) if level else part - (many[index] - 1) / 2
        columns = {n: out[n] for n in out.column_names}
        columns["target_time"] = pa.array(times).cast(pa.timestamp("us", "UTC"))
        columns[value] = pa.array(np.asarray(out[value].to_pandas()) + wiggle, from_pandas=True)
        pq.write_table(pa.table(columns), path)


def figures(document: dict[str, Any], names: set[str]) -> dict[tuple, float | None]:
    return {
        (m["name"], m["model_version"], m["city"], m["column"]): m["value"]
        for m in document["measurements"]
        if m["name"] in names
    }


def said(drift: Callable, made: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a run says of the slot, and what a replay tells of the days around it."""
    out = made.folder / "transitions.jsonl"
    days = ("--from", "2026-03-30T00:00Z", "--to", "2026-04-03T00:00Z", "--every", "6h", "--out", out)
    assert drift("replay", "-c", made.config, *days).code == 0
    answer = drift("run", "-c", made.config, "--slot", SLOT, "--json")
    assert answer.code == 0, answer.err
    return answer.json, [json.loads(line) for line in out.read_text().splitlines()]


def told(transitions: list[dict[str, Any]]) -> list[tuple]:
    return [(t["at"], t["rule"], t["model_version"], t["city"], t["to"]) for t in transitions]


@pytest.fixture(scope="module")
def hourly(tmp_path_factory: pytest.TempPathFactory, making: Callable[[Path], Any]) -> Any:
    made = making(tmp_path_factory.mktemp("hourly"))
    made.config.write_text(made.config.read_text().split("alerts:")[0] + ALERTS)
    return made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parts", "level"),
    [
        ({"Delhi": 12, "Pune": 12, "Surat": 12}, True),
        ({"Delhi": 4, "Pune": 4, "Surat": 4}, True),
        ({"Delhi": 2, "Pune": 2, "Surat": 2}, True),
        ({"Delhi": 4, "Pune": 1, "Surat": 12}, False),
    ],
    ids=["5 minutes", "15 minutes", "30 minutes", "mixed"],
)
def test_one_world_at_any_cadence(drift, made, hourly, parts, level) -> None:
    made.config.write_text(hourly.config.read_text())
    finer(made, parts, level=level)
    (document, transitions), (want, wanted) = said(drift, made), said(drift, hourly)
    assert document["failures"] == []
    names = {"accuracy", "wape", "mape", "mae", "bias", "drift_score", "error_ratio", "fault_hours"}
    found, expected = figures(document, names), figures(want, names)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key] == (value if value is None else pytest.approx(value, rel=1e-6, abs=1e-6)), key
    assert told(transitions) == told(wanted) != []
    per_hour = 1 if not level else parts["Pune"]
    assert {m["n"] for m in document["measurements"] if m["name"] == "wape" and m["city"] == "Pune"} == {
        24 * per_hour
    }
    assert (made.folder / "reports").is_dir()
    compared = drift("compare", "v1", "v2", "-c", made.config, "--json", "--to", "2026-04-01T00:00Z")
    assert compared.code == 0


def test_coarser_cities_are_named_with_the_remedy(drift, made) -> None:
    finer(made, {"Delhi": 4, "Pune": 1, "Surat": 4}, level=True)
    made.edit("store:\n", "store:\n  interval: 15m\n")
    answer = drift("run", "-c", made.config, "--slot", SLOT, "--json")
    (failure,) = answer.json["failures"]
    assert failure["message"].startswith(
        "rows of Pune are 1h apart, and the interval is 15m: say `store.interval: 1h`"
    )
    assert answer.code == 1


def test_parts_that_do_not_make_an_hour_are_counted(drift, made) -> None:
    finer(made, {"Delhi": 1, "Pune": 4, "Surat": 1}, level=False)
    path = made.folder / "data" / "actuals.parquet"
    rows = pq.ParquetFile(path).read()
    times = np.asarray(rows["target_time"].cast(pa.int64()))
    lost = (times // (HOUR // 4) % 16 == 3) & (np.asarray(rows["city"].to_pandas()) == "Pune")
    pq.write_table(rows.filter(pa.array(~lost)), path)  # the last quarter of every fourth hour
    answer = drift("run", "-c", made.config, "--slot", SLOT, "--json")
    (count,) = (
        each
        for each in answer.json["pairs"]
        if each["city"] == "Pune" and each["model_version"] == "v1" and each["window"] == "current"
    )
    assert count["used"] == 18
    assert count["unused"] == {"partial_interval": 18, "missing_actual": 6}
