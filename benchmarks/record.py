"""What a benchmark found, as a table for people and as JSON for programs, with the machine and the versions.

Why: a figure without the machine, the versions and the load it was taken under is hearsay.
"""

# ruff: noqa: T201 - it prints the table
from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeAlias

Cell: TypeAlias = str | float | int | None
PACKAGES = ("numpy", "pyarrow", "pandas", "scipy", "polars", "numba", "sqlalchemy", "pydantic")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it ran. `load` is the load average when the benchmark began; above 0.5 it was not alone."""

    processor: str
    cores: int
    memory_gb: float | None
    system: str
    load: float

    def __str__(self) -> str:
        memory = "" if self.memory_gb is None else f", {self.memory_gb:.0f} GB"
        return (
            f"{self.processor}, {self.cores} cores{memory}, {self.system}; load {self.load:.1f} at the start"
        )


def machine() -> Machine:
    """This machine, now."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    size = _first("/proc/meminfo", "MemTotal")
    return Machine(
        processor=_first("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        cores=cores,
        memory_gb=None if size is None else int(size.split()[0]) / 2**20,
        system=f"{platform.system()} {platform.machine()}",
        load=round(os.getloadavg()[0], 2),
    )


def _first(path: str, key: str) -> str | None:
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), None)


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Python's, drift's and the packages' versions, of those that are installed."""
    from drift import __version__

    found = {"python": platform.python_version(), "drift": __version__}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True, slots=True)
class Record:
    """One benchmark's result. `where` is taken before the benchmark loads the machine."""

    name: str
    title: str
    date: str
    where: Machine
    settings: Mapping[str, Cell]
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = ()
    versions: Mapping[str, str] = field(default_factory=versions)

    def table(self) -> str:
        """The rows as a Markdown table."""
        lines = [list(self.columns), ["---"] * len(self.columns)]
        lines += [[shown(cell) for cell in row] for row in self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def markdown(self) -> str:
        """The page."""
        settings = ", ".join(f"{key} {shown(value)}" for key, value in self.settings.items())
        made = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        parts = [f"# {self.title}", self.table(), "\n".join(f"* {note}" for note in self.notes)]
        parts += [f"{self.date}; {settings}.  \n{self.where}.  \n{made}."]
        return "\n\n".join(part for part in parts if part) + "\n"

    def write(self, folder: Path | None, picture: str | None = None) -> None:
        """Print the page; put it, its JSON and its picture into the folder, if there is one."""
        print(self.markdown())
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        text = self.markdown()
        if picture is not None:
            (folder / f"{self.name}.svg").write_text(picture, encoding="utf-8")
            text = text.replace("\n\n", f"\n\n![{self.title}]({self.name}.svg)\n\n", 1)
        (folder / f"{self.name}.md").write_text(text, encoding="utf-8")
        document = json.dumps(asdict(self), indent=1, ensure_ascii=False)
        (folder / f"{self.name}.json").write_text(document + "\n", encoding="utf-8")
        print(f"written: {self.name}.md and .json" + (" and .svg" if picture else ""))


def shown(cell: Cell) -> str:
    """A cell as people read it: three significant digits, thousands apart; nothing for None.

    >>> [shown(cell) for cell in (0.01234, 12.34, 1234.5, 7, None, "KS")]
    ['0.0123', '12.3', '1,234', '7', '–', 'KS']
    """
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else cell.replace("|", "\\|")
