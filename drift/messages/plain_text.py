"""PURE. The story as plain text of at most 78 columns: what a mail without HTML, a log or a pager shows.

Only a link is never broken, as half of one leads nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from drift.messages.cities import Table
from drift.messages.story import Story
from drift.messages.words import plain
from drift.messages.wrapping import WIDTH, columns, wrapped

LABEL = 15
CONTINUED = " \\"
INDENT = "    "


def text_of(story: Story) -> str:
    """The whole message, a part a paragraph."""
    parts = [
        "\n".join(wrapped(story.title_in_full)),
        "\n".join(wrapped(plain(story.first), f"{story.first_label}: ", "  ")),
        "\n".join(line for fact in story.facts for line in _labelled(fact.label, plain(fact.said))),
        "" if story.table is None else "\n".join(_table(story.table)),
        "\n".join(line for link in story.links for line in _link(link.name, link.target, link.web)),
        "" if not story.silence else "\n".join(("Silence it for a while:", *_command(story.silence))),
        "\n".join(wrapped(story.about_keys())),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _labelled(label: str, text: str) -> Iterator[str]:
    return wrapped(text, f"{label:{LABEL}}", " " * LABEL)


def _table(table: Table) -> Iterator[str]:
    rows = [table.columns, *((row.place, row.figure, row.since) for row in table.rows)]
    widths = [max(columns(row[k]) for row in rows if k < len(row)) for k in range(len(table.columns))]
    for row in rows:
        cells = [cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=False)]
        yield from wrapped_row("  ".join(cells).rstrip())
    if table.more:
        yield f"and {table.more:,} more"


def wrapped_row(row: str) -> Iterator[str]:
    """A row of a table as it is, if it fits."""
    if columns(row) <= WIDTH:
        yield row
    else:
        yield from wrapped(row, "", "  ")


def _link(name: str, target: str, web: bool) -> Iterator[str]:
    if web or columns(target) <= WIDTH - LABEL:
        yield f"{name}{' ' * max(LABEL - columns(name), 1)}{target}"
    else:
        yield from _labelled(name, target)


def _command(command: str) -> Iterator[str]:
    """The command, broken where a shell joins it again: before an argument, after a backslash."""
    line = " "
    for word in _arguments(command):
        if columns(line) + 1 + columns(word) > WIDTH - len(CONTINUED) and line.strip():
            yield line + CONTINUED
            line = INDENT[1:]
        line += f" {word}"
    yield line


def _arguments(command: str) -> list[str]:
    """The words of a shell's command as they are written, quotes and all; an option with its value."""
    words, quoted, word = [], False, ""
    for char in command:
        quoted ^= char == "'"
        if char == " " and not quoted and not re.fullmatch(r"--\w+", word):
            words.append(word)
            word = ""
        else:
            word += char
    return [*words, word]
