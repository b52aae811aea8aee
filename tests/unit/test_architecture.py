"""The house stays as `docs/architecture.md` draws it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_imports_point_downwards_only(repository: Path):
    """The contracts are in pyproject.toml, under tool.importlinter."""
    lint = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([lint, "--no-cache"], cwd=repository, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_no_file_has_outgrown_the_house(repository: Path):
    long = {
        str(path.relative_to(repository)): lines
        for path in (repository / "drift").rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert not long


def test_only_the_clock_reads_the_clock(repository: Path):
    readers = {
        path.relative_to(repository / "drift").as_posix()
        for path in (repository / "drift").rglob("*.py")
        if any(word in path.read_text() for word in ("datetime.now(", "time.time(", "utcnow(", "date.today("))
    }
    assert readers == {"clock.py"}


def test_a_slot_on_parquet_imports_nothing_that_its_sinks_do_not_need(repository: Path, made):
    """pandas, scipy, sklearn, mlflow and evidently cost seconds; a slot without MLflow needs none."""
    made.edit("alerts:", "reports: null\nalerts:")
    code = (
        "import sys; from datetime import datetime; from drift import Monitor, load_config\n"
        f"Monitor(load_config({str(made.config)!r})).run(datetime.fromisoformat('2026-04-01T00:00Z'))\n"
        "print([m for m in ('pandas', 'scipy', 'sklearn', 'mlflow', 'evidently', 'bokeh') if m in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"
