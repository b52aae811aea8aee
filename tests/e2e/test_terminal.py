"""The terminal as people have it: a real pty of a real size, with and without colours, in UTF-8 and in ASCII."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from rich.cells import cell_len

pytestmark = pytest.mark.slow

SLOT = "2026-04-01T01:00Z"
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-9]|9[0-7]|38;[\d;]+)(?:;\d+)*m")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
ENVIRONMENT = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class Shown:
    """What a command wrote to its terminal, and to its stdout where that was a pipe."""

    code: int
    raw: str
    piped: str

    @property
    def lines(self) -> list[str]:
        return CONTROL.sub("", self.raw.replace("\r\n", "\n")).splitlines()

    @property
    def timeless(self) -> list[str]:
        """The lines without how long it took."""
        return [re.sub(r"took .*", "", line) for line in self.lines]


def on_a_terminal(
    *words: object, columns: int = 80, piped: bool = False, said: Mapping[str, str] | None = None
) -> Shown:
    """Run drift with a terminal of so many columns as its stderr, and its stdout unless that is a pipe."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    kept = {
        k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR", "LC_ALL", "LC_CTYPE")
    }
    command = [sys.executable, "-m", "drift.cli", *map(str, words)]
    with subprocess.Popen(
        command, stdin=inner, stdout=subprocess.PIPE if piped else inner, stderr=inner,
        env={**kept, **ENVIRONMENT, **(said or {})},
    ) as process:  # fmt: skip
        os.close(inner)
        raw = b"".join(iter(lambda: _read(outer), b""))
        out = b"" if process.stdout is None else process.stdout.read()
    os.close(outer)
    return Shown(process.returncode, raw.decode(), out.decode())


def _read(end: int) -> bytes:
    try:
        return os.read(end, 65536)
    except OSError:  # so Linux says that the other end was closed
        return b""


@pytest.fixture
def fleet(made):
    """The made store with a detector, so that there is a normal to hold errors against; its slot is done, and
    what its alerts had to say is in the log.
    """
    config = made.edit("alerts:\n", "reports: null\nalerts:\n  forecast_worse: {detector: profile}\n")
    first = on_a_terminal("run", "-c", config, "--slot", SLOT, said={"TERM": "dumb"})
    assert first.code == 0, first.raw
    assert "\x1b" not in first.raw, "a dumb terminal gets no escape at all, of the log neither"
    return config


def run(fleet, **how) -> Shown:
    shown = on_a_terminal("run", "-c", fleet, "--slot", SLOT, **how)
    assert shown.code == 0, shown.raw
    return shown


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_a_run_fits_the_terminal_and_fills_a_wide_one(fleet, columns):
    shown = run(fleet, columns=columns)
    tables = [line for line in shown.lines if "drift " not in line and str(fleet.parent) not in line]
    assert max(cell_len(line) for line in tables) <= columns
    row = next(line for line in shown.lines if line.startswith("Surat") and "v1" in line)
    assert set(row) & set("▁▂▃▄▅▆▇█")
    assert "…" not in "".join(line for line in shown.lines if line.startswith(("Surat", "Pune", "Delhi")))
    assert ("coverage" in shown.raw) == (columns > 80)
    assert COLOUR.search(shown.raw)


def test_without_colours_the_words_and_signs_are_the_same(fleet):
    coloured = run(fleet)
    plain = run(fleet, said={"NO_COLOR": "1"})
    assert not COLOUR.search(plain.raw)
    assert plain.timeless == coloured.timeless


def test_a_dumb_terminal_gets_no_escape_at_all(fleet):
    assert "\x1b" not in run(fleet, said={"TERM": "dumb"}).raw


def test_the_locale_c_gets_ascii_that_says_the_same(fleet):
    wide, plain = run(fleet), run(fleet, said={"LC_ALL": "C"})
    assert plain.raw.isascii()
    assert len(plain.lines) == len(wide.lines)
    assert [len(line) for line in plain.timeless] == [cell_len(line) for line in wide.timeless]
    assert "o ok" in plain.raw or ". no alert" in plain.raw
    assert "x normal" in plain.raw
    assert not re.search(r"\?(?! no data)", plain.raw)


def test_a_replay_has_its_progress_on_the_terminal_and_its_result_in_the_pipe(fleet):
    words = ("replay", "-c", fleet, "--from", "2026-03-30T00:00Z", "--to", "2026-04-02T00:00Z")
    shown = on_a_terminal(*words, piped=True)
    assert re.search(r"replayed 73 slots in [\d.]+ s", shown.lines[-1])
    assert "73 of 73" in shown.raw or "so far" in shown.raw
    assert "would have called you" in shown.piped
    assert "\x1b" not in shown.piped
    quiet = on_a_terminal(*words, "--json", piped=True)
    assert quiet.raw == ""
    assert json.loads(quiet.piped)["slots"] == 73
    dumb = on_a_terminal(*words, piped=True, said={"TERM": "dumb"})
    assert re.fullmatch(r"replayed 73 slots in [\d.]+ s\r\n", dumb.raw)


def test_a_report_counts_its_pages_and_says_where_they_are(made):
    shown = on_a_terminal("report", "-c", made.config, "--slot", SLOT)
    assert shown.code == 0
    assert any(re.search(r"wrote 4 pages in ", line) for line in shown.lines)
    assert any(line.startswith("report ") and line.endswith("index.html") for line in shown.lines)
