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


HEAVY = {"pandas", "scipy", "sklearn", "mlflow", "evidently", "bokeh", "numba", "pyspark"}
BESIDE = {"alembic", "jinja2", "prometheus_client", "starlette", "uvicorn", "drift.reports", "drift.web"}


def modules_of(repository: Path, *words: object) -> set[str]:
    """What is imported when the command has done its work."""
    code = (
        "import atexit, sys; atexit.register(lambda: print(*sys.modules)); from drift.cli import main; main()"
    )
    command = [sys.executable, "-c", code, *map(str, words)]
    ran = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return set(ran.stdout.splitlines()[-1].split())


def test_help_imports_nothing_that_only_a_slot_needs(repository: Path):
    loaded = modules_of(repository, "--help")
    assert "typer" in loaded
    heavy = HEAVY | BESIDE | {"numpy", "pyarrow", "pydantic", "sqlalchemy", "structlog"}
    assert loaded & heavy == set()


def test_a_slot_on_parquet_imports_nothing_that_its_sinks_do_not_need(repository: Path, made):
    """They cost from a tenth of a second to seconds. What there is to do once, or for pages, is not done here."""
    made.edit("alerts:", "reports: null\nalerts:")
    slot = ("run", "-c", made.config, "--slot")
    first = modules_of(repository, *slot, "2026-04-01T00:00Z")
    assert first & HEAVY == set()
    assert {"alembic", "drift.sinks.history"} <= first  # the state had to be made
    second = modules_of(repository, *slot, "2026-04-01T01:00Z")
    assert second & (HEAVY | BESIDE) == set()


def test_what_pages_need_is_imported_for_pages(repository: Path, made):
    loaded = modules_of(repository, "run", "-c", made.config, "--slot", "2026-04-01T00:00Z")
    assert {"jinja2", "drift.reports"} <= loaded
