"""What every benchmark can be told, in the same words."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"


def parser(doc: str | None) -> argparse.ArgumentParser:
    """The options that all have; `doc` is the benchmark's own docstring."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        "--small", action="store_true", help="a few cities in a few seconds: does it work at all?"
    )
    made.add_argument(
        "--out", type=Path, help="where results go (default: benchmarks/results; --small: nowhere)"
    )
    made.add_argument("--date", help="the date in the results (default: today)")
    made.add_argument("--work", type=Path, help="where the fleets are written (default: a temporary folder)")
    return made


def out_of(options: argparse.Namespace) -> Path | None:
    """The folder that results go to: a small run must not overwrite what a real one found."""
    given: Path | None = options.out
    return given or (None if options.small else RESULTS)


def date_of(options: argparse.Namespace) -> str:
    """The date that was handed in, or today."""
    return options.date or datetime.now(UTC).date().isoformat()


@contextmanager
def work_folder(options: argparse.Namespace) -> Iterator[Path]:
    """A folder for a fleet, gone afterwards with all that is in it."""
    if options.work is not None:
        options.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="drift-benchmark-", dir=options.work) as folder:
        yield Path(folder)
