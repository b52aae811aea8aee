"""Signs without Unicode and without colours: all that is shown has a stand-in of the same width."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from drift.symbols import ADVICE, BAD, GOOD, NO_ALERT, NO_DATA, STATES, in_ascii


@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Mn", "Me", "Mc"))))
def test_ascii_is_as_wide_as_what_it_stands_for(text):
    shown = in_ascii(text)
    assert shown.isascii()
    assert len(shown) == cell_len(text)


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_stays_as_it_is_escapes_too(text):
    assert in_ascii(text) == text


def test_marks_differ_without_their_colours():
    marks = [*STATES.values(), NO_ALERT, NO_DATA, GOOD, ADVICE, BAD]
    for shown in (lambda text: text, in_ascii):
        assert len({shown(mark.text) for mark in marks}) == len(marks)


def test_states_are_told_by_words_alone():
    words = [re.sub(r"[^a-z]", "", mark.text) for mark in STATES.values()]
    assert words == ["firing", "pending", "resolved", "ok"]


def test_every_sign_that_the_terminal_s_texts_use_has_a_stand_in(repository: Path):
    """A question mark would say that we do not know; docstrings and comments are shown to nobody."""
    files = [*repository.glob("drift/terminal*.py"), *repository.glob("drift/evidence/*.py")]
    signs = set()
    for file in files:
        code = re.sub(r'(?s)r?""".*?"""|#[^\n]*', "", file.read_text())
        signs |= {char for char in code if not char.isascii()}
    assert signs >= {"×", "…", "–", "─"}
    assert {sign for sign in signs if "?" in in_ascii(sign)} == set()


@pytest.mark.parametrize(("name", "shown"), [("São Paulo", "Sao Paulo"), ("Łódź", "?odz"), ("東京", "????")])
def test_names_keep_what_ascii_can_show(name, shown):
    assert in_ascii(name) == shown
