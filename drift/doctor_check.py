"""What the doctor says of one thing: what was found, how it is mended, what to write in the config for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Line:
    """A line of YAML, and the section that it belongs under ("": the top of the config)."""

    under: str
    text: str


Lines: TypeAlias = tuple[Line, ...]
"""Lines that go together."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows of a logical table: its columns with their names in the store, and the texts in them.

    Texts are as they are in the data: who shows them makes them fit to be seen.
    """

    columns: Mapping[str, str]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `bad` means that drift cannot work so; a remedy alone is advice.

    `write` are the ways to mend it in the config, each of lines that go together: one of them is enough.
    """

    name: str
    found: str
    remedy: str = ""
    bad: bool = False
    write: tuple[Lines, ...] = ()
    sample: Sample | None = None

    def document(self) -> dict[str, object]:
        """The check as JSON has it."""
        return asdict(self)
