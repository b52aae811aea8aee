"""`drift store compact` and the doctor's line on layout, on a real store."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from benchmarks.workload import Fleet, write_config, write_fleet
from drift import load_config
from drift.stores import open_store
from drift.stores.layout import blocks_of, bundles, compared, history_of, period_of, piles_of, touched, traps
from drift.stores.reader import Cache, Reader

FLEET = Fleet(40, reference_hours=60 * 24, current_hours=24, later_hours=0, features=8)


@pytest.fixture(scope="module")
def daily(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("daily")
    write_fleet(FLEET, folder / "store", "daily")
    return write_config(FLEET, folder / "store", folder)


def test_a_copy_is_written_and_the_config_to_read_it_is_said(drift, daily, tmp_path):
    answer = drift("store", "compact", "-c", daily, "--out", tmp_path / "copy")
    assert answer.code == 0
    assert "61 → 8" in answer.out
    assert "times as fast" in answer.out
    said = answer.out[answer.out.index("store:") :].replace(", …", "")
    store = yaml.safe_load(said)["store"]
    assert {name: Path(table["path"]) for name, table in store.items()} == dict.fromkeys(
        ("predictions", "actuals", "features"), tmp_path / "copy" / "predictions"
    )
    text = daily.read_text().replace(
        json.dumps(str(daily.parent / "store")), json.dumps(store["actuals"]["path"])
    )
    (tmp_path / "drift.yaml").write_text(text)
    slot = FLEET.slot().isoformat()
    before, after = (
        drift("run", "-c", config, "--slot", slot, "--json").json
        for config in (daily, tmp_path / "drift.yaml")
    )
    same = ("measurements", "verdicts", "transitions", "failures")
    assert {key: before[key] for key in same} == {key: after[key] for key in same}


def test_json_is_one_document(drift, daily, tmp_path):
    answer = drift(
        "store", "compact", "-c", daily, "--out", tmp_path / "copy", "--zstd", "--keep", "0d", "--json"
    )
    assert answer.code == 0
    (table,) = answer.json["tables"]
    assert table["tables"] == ["predictions", "actuals", "features"]
    assert (table["before"]["files"], table["after"]["files"]) == (61, 1)
    assert table["before"]["rows"] == table["after"]["rows"] == 40 * 61 * 24
    assert set(answer.json["read"]) == {"window", "before_s", "after_s", "ratio"}
    assert set(answer.json["paths"]) == {"predictions", "actuals", "features"}


def test_in_place_and_then_there_is_nothing_to_do(drift, made):
    before = open_store(load_config(made.config)).read(open_store(load_config(made.config)).span())
    assert drift("store", "compact", "-c", made.config, "--replace").code == 0
    after = open_store(load_config(made.config)).read(open_store(load_config(made.config)).span())
    key = [("city", "ascending"), ("target_time", "ascending")]
    plain = [t.actuals.set_column(0, "city", t.actuals["city"].cast(pa.string())) for t in (before, after)]
    assert repr(plain[0].sort_by(key).to_pylist()) == repr(plain[1].sort_by(key).to_pylist())
    again = drift("store", "compact", "-c", made.config, "--replace")
    assert "nothing was written anew" in again.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "a new folder with --out, or where the files are with --replace"),
        (["--out", "x", "--replace"], "a new folder with --out, or where the files are with --replace"),
        (["--replace", "--keep", "often"], "--keep: 'often' is no length of time"),
        (["--replace", "--before", "2026"], "--before"),
        (["--out", "s3://bucket/x"], "a URL cannot be written to"),
        (["--out", "data"], "is there, and not empty"),
    ],
)
def test_what_cannot_be_is_refused_with_2(drift, made, monkeypatch, words, says):
    monkeypatch.chdir(made.folder)
    answer = drift("store", "compact", "-c", made.config, *words)
    assert answer.code == 2
    assert says in answer.err


def test_a_place_that_cannot_be_written_exits_with_1(drift, made):
    answer = drift("store", "compact", "-c", made.config, "--out", made.config / "x", "--json")
    assert answer.code == 1
    assert "name another place, or make it writable" in answer.err
    assert answer.json["failures"]


def test_the_doctor_says_how_much_faster_it_could_be(drift, daily, tmp_path, monkeypatch):
    monkeypatch.setattr("drift.doctor.WORTH_SECONDS", 0.0)
    check = next(c for c in drift("doctor", "-c", daily, "--json").json["checks"] if c["name"] == "layout")
    assert check["bad"] is False
    assert "58,560 rows to use 58,560, in 61 row groups and 61 openings of files" in check["found"]
    assert "slow to read: row groups of 960 rows" in check["found"]
    assert "times as fast: `drift store compact`" in check["remedy"]
    done = drift("store", "compact", "-c", daily, "--out", tmp_path / "copy", "--json").json
    copied = tmp_path / "drift.yaml"
    copied.write_text(daily.read_text().replace(str(daily.parent / "store"), done["paths"]["actuals"]))
    check = next(c for c in drift("doctor", "-c", copied, "--json").json["checks"] if c["name"] == "layout")
    assert check["remedy"] == ""


def test_where_every_file_reaches_to_the_end_the_doctor_says_to_keep_none(made):
    for name in ("predictions", "actuals", "features"):
        table = pq.ParquetFile(made.folder / "data" / f"{name}.parquet").read()
        (made.folder / "data" / name).mkdir()
        for part in range(2):
            pq.write_table(
                table.take(list(range(part, len(table), 2))), made.folder / "data" / name / f"{part}.parquet"
            )
        made.edit(f"data/{name}.parquet", f"data/{name}")
    config = load_config(made.config)
    store = open_store(config)
    found = compared(config, store, store.cities(), store.span())
    assert found.keep == timedelta(0)
    assert found.best.files < found.now.files


def test_what_is_told_of_the_compacted_store_is_what_it_becomes(daily, tmp_path, drift):
    """The doctor's guess against the real thing: files, row groups and rows that a slot touches."""
    config = load_config(daily)
    store = open_store(config)
    window = history_of(config, store, FLEET.slot())
    guess = compared(config, store, store.cities(), window).best
    done = drift("store", "compact", "-c", daily, "--out", tmp_path / "copy", "--json").json
    copied = tmp_path / "drift.yaml"
    copied.write_text(daily.read_text().replace(str(daily.parent / "store"), done["paths"]["actuals"]))
    real = load_config(copied)
    piles = [pile for bundle in bundles(real, Reader(Cache())) for pile in piles_of(bundle)]
    cities = store.cities()
    truth = touched(piles, window, blocks_of(piles, cities, config.engine.block))
    assert (guess.files, guess.groups, guess.chunks) == (truth.files, truth.groups, truth.chunks)
    assert guess.rows == pytest.approx(truth.rows, rel=0.01)
    assert blocks_of(piles, cities, 8) == open_store(real).partition(cities, 8)
    assert period_of(window.length) >= timedelta(days=30)


def test_traps_are_named(made):
    table = pq.ParquetFile(made.folder / "data" / "actuals.parquet").read()
    path = made.folder / "data" / "actuals.parquet"
    pq.write_table(table, path, compression="gzip", write_statistics=False)
    assert traps(load_config(made.config)) == [
        "compression with gzip",
        "no statistics of cities as text without nulls",
        "no statistics of target times without nulls",
    ]
    pq.write_table(table, path)
    assert traps(load_config(made.config)) == []
    path.unlink()
    for number in range(31):
        pq.write_table(table.slice(number, 1), made.folder / "data" / f"x{number}.pq")
    made.edit("data/actuals.parquet", "data/x*.pq")
    assert traps(load_config(made.config)) == ["one file a city", "row groups of 1 rows"]


def test_help_imports_nothing_heavy(repository):
    code = (
        "import sys\nfrom drift.cli import main\nsys.argv = ['drift', 'store', 'compact', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('pyarrow', 'numpy', 'pandas') if m in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    )
    assert "--replace" in ran.stdout
    assert ran.stdout.splitlines()[-1] == "[]"
