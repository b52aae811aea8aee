"""The benchmarks keep working, and measure what they say. No test here looks at how long anything took."""

# ruff: noqa: S314 - it parses what it has just written

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest

from benchmarks import chart, cold_start, contenders, growth, timing, workload
from benchmarks.contenders import ScipyLoop, largest_difference
from benchmarks.record import Machine, Record
from benchmarks.workload import LAYOUTS, Fleet, write_config, write_fleet
from drift import Monitor, load_config

TINY = Fleet(3, reference_hours=28 * 24, later_hours=2)


def python(repository: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)


def rows(folder: Path) -> dict[tuple[str, str], tuple[float, ...]]:
    tables = [pq.ParquetFile(path).read().to_pylist() for path in sorted(folder.glob("*.parquet"))]
    return {(row.pop("city"), str(row.pop("target_time"))): tuple(row.values()) for t in tables for row in t}


def look(fleet: Fleet, folder: Path, **how: bool):
    monitor = Monitor(load_config(write_config(fleet, folder, folder.parent / "config", **how)), sinks=())
    return monitor.look(fleet.slot())


def test_the_same_fleet_is_written_twice_alike(tmp_path: Path):
    for folder in ("one", "two"):
        write_fleet(TINY, tmp_path / folder)
    for name in ("reference.parquet", "recent.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_city_is_the_same_in_a_larger_fleet():
    larger = Fleet(300, reference_hours=28 * 24, later_hours=2)
    for name, values in workload.city_values(TINY, 2).items():
        assert (values == workload.city_values(larger, 2)[name]).all()
    assert (workload.city_values(TINY, 1)["actual"] != workload.city_values(TINY, 2)["actual"]).any()


def test_every_layout_holds_the_same_rows(tmp_path: Path):
    found = {}
    for layout in LAYOUTS:
        size = write_fleet(TINY, tmp_path / layout, layout)
        assert size == sum(path.stat().st_size for path in (tmp_path / layout).iterdir())
        found[layout] = rows(tmp_path / layout)
    assert found["sorted"] == found["single"] == found["daily"]
    assert len(found["daily"]) == TINY.cities * TINY.hours


def test_layouts_and_groups_are_as_they_are_said_to_be(tmp_path: Path):
    fleet = Fleet(70, reference_hours=48, current_hours=24, later_hours=0)
    write_fleet(fleet, tmp_path / "sorted")
    reference = pq.ParquetFile(tmp_path / "sorted" / "reference.parquet", page_checksum_verification=True)
    groups = [reference.metadata.row_group(g) for g in range(reference.num_row_groups)]
    assert [group.num_rows for group in groups] == [32 * 48, 32 * 48, 6 * 48]
    assert {groups[0].column(c).compression for c in range(groups[0].num_columns)} == {"UNCOMPRESSED"}
    table = reference.read().to_pydict()
    assert table["city"] == sorted(table["city"])
    write_fleet(fleet, tmp_path / "daily", "daily")
    assert [path.name for path in sorted((tmp_path / "daily").iterdir())] == [
        "2025-01-01.parquet",
        "2025-01-02.parquet",
        "2025-01-03.parquet",
    ]


def test_gaps_are_missing_rows(tmp_path: Path):
    gappy = Fleet(3, reference_hours=28 * 24, later_hours=2, gaps=0.1)
    write_fleet(TINY, tmp_path / "whole")
    write_fleet(gappy, tmp_path / "gappy")
    whole, some = rows(tmp_path / "whole"), rows(tmp_path / "gappy")
    assert some.items() <= whole.items()
    assert 0.85 < len(some) / len(whole) < 0.95


@pytest.mark.parametrize("fixed", [False, True])
def test_drift_reads_the_fleet_whole(tmp_path: Path, fixed: bool):
    write_fleet(TINY, tmp_path / "store")
    run = look(TINY, tmp_path / "store", fixed=fixed)
    assert run.failures == ()
    assert (run.reference.start, run.reference.end) == TINY.reference
    assert run.current.length == timedelta(hours=168)
    statistics = next(panel for panel in run.panels if panel.kind == "statistic")
    assert sorted(statistics.columns) == sorted([*TINY.measured, "error"])
    assert (statistics.n == 168).all()
    assert (statistics.reason == 0).all()


def test_the_scipy_loop_and_drift_say_the_same(tmp_path: Path):
    pytest.importorskip("scipy")
    for number, fleet in enumerate((TINY, Fleet(3, reference_hours=28 * 24, later_hours=2, gaps=0.05))):
        store = tmp_path / str(number) / "store"
        write_fleet(fleet, store)
        loop = ScipyLoop.of(fleet, store, most=2)
        loop()
        assert loop.scale == 1.5
        assert len(loop.found) == 2 * (len(fleet.measured) + 1)
        assert largest_difference(look(fleet, store), loop) < 1e-9


def test_a_loop_that_measured_nothing_is_an_error_and_not_a_match(tmp_path: Path):
    write_fleet(TINY, tmp_path / "store")
    run = look(TINY, tmp_path / "store")
    with pytest.raises(ValueError, match="measured nothing in common"):
        largest_difference(run, ScipyLoop.of(TINY, tmp_path / "store"))


def test_the_limit_adds_up_all_that_is_there(tmp_path: Path):
    pytest.importorskip("polars")
    write_fleet(TINY, tmp_path / "store")
    total = contenders.limit(TINY, tmp_path / "store")()
    assert total.columns == TINY.measured
    there = [pq.ParquetFile(path).read(["f06"]) for path in (tmp_path / "store").iterdir()]
    assert total["f06"].item() == pytest.approx(sum(sum(t["f06"].to_pylist()) for t in there), rel=1e-6)


def test_a_slot_beyond_the_fleet_is_refused():
    assert TINY.slot(2) - TINY.slot() == timedelta(hours=2)
    with pytest.raises(ValueError, match="slots 0 to 2, not 3: give it more later_hours"):
        TINY.slot(3)


def test_cases_take_turns_and_warm_rounds_do_not_count():
    seen: list[str] = []
    timed = timing.interleave({"a": lambda: seen.append("a"), "b": lambda: seen.append("b")}, runs=2)
    assert "".join(seen) == "ababab"
    assert [len(timed[name].walls) for name in "ab"] == [2, 2]


def test_a_process_is_measured_to_its_end():
    usage = timing.measure(
        [sys.executable, "-c", "x = bytearray(60 << 20); print('done'); raise SystemExit(3)"]
    )
    assert (usage.code, usage.out.strip(), usage.peak_mb) == (3, "done", None)
    assert usage.cpu > 0
    held = "import time; x = b'1' * (60 << 20); time.sleep(0.3)"
    seen = timing.measure([sys.executable, "-c", held], memory=True).peak_mb
    if not Path("/proc/self/status").exists():
        pytest.skip("no RssAnon on this system")
    assert seen is not None
    assert 60 < seen < 120


def test_packages_that_cost_much_to_import_are_found_dearest_first():
    log = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:       100 |        100 |     cheap\n"
        "import time:     90000 |     190000 |     some.module\n"
        "import time:     60000 |      60000 |       some\n"
        "import time:    200500 |     450500 | dear\n"
        "noise\n"
    )
    assert cold_start.imports_of(log)["cheap"] == 0.0001
    assert cold_start.dear(cold_start.imports_of(log)) == {"dear": 0.2005, "some": 0.15}


def test_linear_growth_has_the_exponent_one():
    assert growth.exponent([100, 300, 1000], [0.2, 0.6, 2.0]) == pytest.approx(1)


def test_a_record_is_a_table_and_a_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    where = Machine("Some CPU", 2, 23.6, "Linux x86_64", 0.25)
    rows = [("drift", 0.01234, None), ("a|b", 1234.5, 7)]
    record = Record(
        "speed", "A slot", "2026-01-02", where, {"cities": 1000}, ("what", "s", "n"), rows, ["Noted"]
    )
    record.write(tmp_path, chart.bars("A <b> slot", {"drift": 0.2, "other": 30.0}, "s"))
    page = (tmp_path / "speed.md").read_text()
    assert "| drift | 0.0123 | – |\n| a\\|b | 1,234 | 7 |" in page
    assert "![A slot](speed.svg)" in page
    assert "* Noted" in page
    assert "2026-01-02; cities 1,000." in page
    assert "Some CPU, 2 cores, 24 GB, Linux x86_64; load 0.2 at the start." in page
    document = json.loads((tmp_path / "speed.json").read_text())
    assert document["rows"] == [["drift", 0.01234, None], ["a|b", 1234.5, 7]]
    assert {"python", "drift", "numpy", "pyarrow"} <= document["versions"].keys()
    assert "A <b> slot" in ElementTree.parse(tmp_path / "speed.svg").getroot().attrib["aria-label"]
    assert "| a\\|b |" in capsys.readouterr().out


def test_lines_have_a_point_a_fleet():
    series = {"drift, <warm>": [(100.0, 0.2), (1000.0, 2.1)], "limit": [(100.0, 0.01), (1000.0, 0.1)]}
    drawn = ElementTree.fromstring(chart.lines("Growth", series, "cities", "s"))
    svg = "{http://www.w3.org/2000/svg}"
    assert len(drawn.findall(f"{svg}polyline")) == 2
    assert len(drawn.findall(f"{svg}circle")) == 4
    assert "drift, <warm>" in [text.text for text in drawn.findall(f"{svg}text")]


@pytest.mark.parametrize("name", ["growth", "memory", "cold_start", "anatomy", "layout", "estimate"])
def test_a_small_run_writes_its_result(repository: Path, tmp_path: Path, name: str):
    ran = python(repository, "-m", f"benchmarks.{name}", "--small", "--out", tmp_path, "--date", "2026-01-02")
    assert ran.returncode == 0, ran.stderr
    document = json.loads((tmp_path / f"{name}.json").read_text())
    assert document["date"] == "2026-01-02"
    assert document["rows"]
    assert f"# {document['title']}\n" in ran.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("name", "words"), [("speed", []), ("peers", ["--here"])])
def test_a_small_comparison_writes_its_result(repository: Path, tmp_path: Path, name: str, words: list[str]):
    ran = python(repository, "-m", f"benchmarks.{name}", "--small", "--out", tmp_path, *words)
    assert ran.returncode == 0, ran.stderr
    labels = [row[0] for row in json.loads((tmp_path / f"{name}.json").read_text())["rows"]]
    wanted = {
        "speed": {
            "scipy loop",
            "drift look, cached, fixed reference",
            "drift look, stateless",
            "drift run, a process, cached",
        },
        "peers": {"drift look, cached", "Evidently, drift preset"},
    }
    assert wanted[name] <= set(labels)
    assert ElementTree.parse(tmp_path / f"{name}.svg").getroot().tag.endswith("svg")


def test_a_small_run_writes_nothing_unless_told_to(repository: Path):
    folder = repository / "benchmarks" / "results"
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*")}
    assert python(repository, "-m", "benchmarks", "memory", "--small").returncode == 0
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*")} == before


def test_a_benchmark_without_its_needs_is_skipped(repository: Path):
    code = (
        "import sys; from benchmarks.__main__ import Benchmark, run\n"
        "sys.exit(0 if run(Benchmark('report_library', ('no_such_module',)), ()) else 1)"
    )
    ran = python(repository, "-c", code)
    assert ran.returncode == 0
    assert "skipped: no_such_module not installed (benchmarks/requirements.txt)" in ran.stdout


def test_an_unknown_benchmark_is_refused_by_name(repository: Path):
    ran = python(repository, "-m", "benchmarks", "sped")
    assert ran.returncode == 2
    assert "no benchmark 'sped'; there are speed, growth," in ran.stderr


def test_the_date_is_todays_unless_it_is_handed_in():
    from benchmarks.options import date_of, parser

    assert date_of(parser("").parse_args(["--date", "2026-01-02"])) == "2026-01-02"
    today = datetime.now(UTC).date()
    assert date_of(parser("").parse_args([])) in {today.isoformat(), (today + timedelta(days=1)).isoformat()}
