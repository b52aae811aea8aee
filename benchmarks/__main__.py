"""Run the benchmarks that are named, or all of them: `python -m benchmarks [NAME …]`."""

# ruff: noqa: T201, S603 - it prints, and starts the benchmarks beside it
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(names: list[str]) -> int:
    """Each benchmark in a process of its own; the number of those that failed is the exit code."""
    known = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    failed = 0
    for name in names or known:
        if name not in known:
            print(f"no benchmark {name!r}; there are {', '.join(known)}")
            return 2
        print(f"== {name}", flush=True)
        failed += subprocess.run([sys.executable, str(HERE / f"{name}.py")], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
