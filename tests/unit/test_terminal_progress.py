"""Progress by an injected clock: the rate of the last stretch, words for what is left, and a last line."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from drift.terminal_progress import STRETCH, left_in_words, progress, took_in_words


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def terminal(**how) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100, **{"color_system": None, **how})


def shown(out: Console) -> str:
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def test_the_rate_is_that_of_the_last_stretch():
    """The first ten steps took a minute each, the last ones a second: what is left are seconds, not minutes."""
    clock, out = Clock(), terminal()
    with progress("replaying", "replayed {count} slots", quiet=False, out=out, clock=clock) as advance:
        for _ in range(10):
            clock.now += 60
            advance(100)
        for _ in range(int(STRETCH) + 10):
            clock.now += 1
            advance(100)
    assert "about 50 s left" in shown(out) or "about 1 min left" in shown(out)
    assert shown(out).rstrip().endswith("replayed 50 slots in 10 min 40 s")


def test_a_steady_rate_tells_the_minutes_left():
    clock, out = Clock(), terminal()
    with progress("replaying", "done", quiet=False, out=out, clock=clock) as advance:
        for _ in range(60):
            clock.now += 1
            advance(240)
        assert clock.now == 1060
    assert "60 of 240" in shown(out)
    assert "about 3 min left" in shown(out)


def test_where_all_is_not_known_it_counts_and_says_how_long_it_has_been():
    clock, out = Clock(), terminal()
    with progress("reading", "read {count} files", quiet=False, out=out, clock=clock) as advance:
        for _ in range(3):
            clock.now += 2
            advance(None)
    assert "6.0 s so far" in shown(out)
    assert "left" not in shown(out)
    assert "read 3 files in 6.0 s" in shown(out)


@pytest.mark.parametrize("quiet", [True, False])
def test_what_is_no_terminal_gets_nothing(quiet):
    out = Console(file=io.StringIO(), force_terminal=False, width=100)
    with progress("replaying", "replayed {count} slots", quiet=quiet, out=out) as advance:
        advance(1)
    assert shown(out) == ""


def test_quiet_is_quiet_on_a_terminal_too():
    out = terminal()
    with progress("replaying", "replayed {count} slots", quiet=True, out=out) as advance:
        advance(1)
    assert shown(out) == ""


def test_work_that_fails_leaves_no_line_that_it_was_done():
    out = terminal()

    def fail() -> None:
        with progress("replaying", "replayed {count} slots", quiet=False, out=out) as advance:
            advance(2)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert "replayed" not in shown(out)


@given(st.floats(0, 1e6))
def test_no_guess_is_more_precise_than_it_can_be(seconds):
    said = left_in_words(seconds)
    assert said.endswith(" left")
    digits = [int(word) for word in said.split() if word.isdigit()]
    assert len(digits) <= 2
    assert all(digit > 0 for digit in digits)


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_the_time_it_took_is_never_sixty_of_anything(one, other):
    for seconds in (one, other):
        assert " 60 " not in f" {took_in_words(seconds)} "
