"""Patterns mean what `re` means by them, and no pattern takes long."""

import re
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from drift.patterns import DEEPEST, pattern_of

ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "\\d", "\\w", "\\.", "\\*", " ", "é"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from("*+?")).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
    ),
    max_leaves=6,
)


def depth(pattern: str) -> int:
    deep = [pattern[:at].count("(") - pattern[:at].count(")") for at in range(len(pattern) + 1)]
    return max(deep)


@given(PATTERNS, st.text("ab1.* é\n", max_size=8))
def test_a_pattern_means_what_re_means(pattern, text):
    assume(depth(pattern) <= DEEPEST)
    assert pattern_of(pattern).matches(text) is (re.fullmatch(pattern, text, re.DOTALL) is not None)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("data_.*", "data_fault", True),
        ("data_.*", "no_data_fault", False),  # the whole value, not a part of it
        ("Pune|Thane", "Thane", True),
        ("Pune|Thane", "Punehane", False),
        ("", "", True),
        ("a||b", "", True),
        ("(Navi )?Mumbai", "Mumbai", True),
        (r"Washington\, D\.C\.", "Washington, D.C.", True),
        ("[A-C].+", "Delhi", False),
        (r"[\]^]", "]", True),
        ("São .*", "São Paulo", True),
    ],
)
def test_known_answers(pattern, text, expected):
    assert pattern_of(pattern).matches(text) is expected


@pytest.mark.parametrize(
    ("pattern", "at"),
    [("*", 1), ("a**", 3), ("a.*?", 4), ("(a", 1), ("a)", 2), ("[a", 1), ("[]", 1), ("a{2}", 2), ("^a", 1), ("a$", 2),
     ("(?=a)", 2), (r"(a)\1", 4), ("[z-a]", 1), ("a\\", 2), (r"\bx", 1)],
)  # fmt: skip
def test_what_is_not_understood_is_refused_with_its_place(pattern, at):
    with pytest.raises(ValueError, match=f"at character {at} of the pattern is not understood"):
        pattern_of(pattern)


def test_patterns_are_bounded():
    with pytest.raises(ValueError, match="200 characters at most, and this one 201"):
        pattern_of("a" * 201)
    with pytest.raises(ValueError, match="at most 5 deep"):
        pattern_of("((((((a))))))")


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b",
        "(a|a)*b",
        "(a|aa)+b",
        "((((a*)*)*)*)*b",
        "(((a*b?)*c?)*d?)*e",
        ".*" * 99 + "b",
        "a?" * 99 + "a" * 2,
    ],
)
def test_no_pattern_takes_long(pattern):
    """Python's `re` would not be done with the first one before the sun is."""
    started = time.perf_counter()
    assert not pattern_of(pattern).matches("a" * 400)
    assert time.perf_counter() - started < 2
