"""Sparklines: what is drawn, what is a gap, and that no figure is drawn as another one's order."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.sparklines import BLOCKS, DAY, GAP, counted, folded, sparkline

START = datetime(2026, 3, 1, tzinfo=UTC)
ANY = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(ANY), st.floats(1e-6, 1e6))
def test_there_is_a_character_a_value_and_a_gap_where_none_is_known(values, top):
    drawn = sparkline(values, top)
    assert [char == GAP for char in drawn] == [math.isnan(value) for value in values]
    assert set(drawn) <= {*BLOCKS, GAP}


@given(st.lists(st.floats(allow_nan=False), min_size=2), st.floats(1e-6, 1e6))
def test_what_is_larger_is_never_drawn_lower(values, top):
    drawn = sparkline(sorted(values), top)
    assert list(drawn) == sorted(drawn)  # the blocks' code points rise with their height


@given(st.floats(1e-300, 1e-3))
def test_little_is_never_drawn_as_nothing(little):
    assert sparkline([0.0, little], 1.0) == "▁▂"


@pytest.mark.parametrize("top", [0.0, -1.0, math.nan, math.inf])
def test_a_scale_without_a_height_is_refused(top):
    with pytest.raises(ValueError, match="top is a positive number"):
        sparkline([1.0], top)


@given(st.lists(ANY, max_size=400), st.integers(1, 60))
def test_folding_keeps_the_largest_and_fits(values, most):
    groups, length = folded(values, most)
    assert len(groups) <= most
    known = [value for value in values if not math.isnan(value)]
    assert [g for g in groups if not math.isnan(g)] == [
        max(part)
        for k in range(0, len(values), length)
        if (part := [v for v in values[k : k + length] if not math.isnan(v)])
    ]
    assert max(known, default=None) == max((g for g in groups if not math.isnan(g)), default=None)


def test_a_month_is_counted_by_day_and_a_year_by_week():
    month = counted([START, START + timedelta(days=2, hours=5)], START, START + 27 * DAY)
    assert (month.words, len(month.counts), sum(month.counts)) == ("day", 28, 2)
    year = counted([START + k * DAY for k in (0, 6, 7, 364)], START, START + 364 * DAY)
    assert (year.words, year.counts[:2], year.counts[-1], len(year.counts)) == ("week", (2, 1), 1, 53)
    assert year.busiest == (START, 2)


def test_what_lies_outside_is_not_counted_and_one_slot_is_one_day():
    assert counted([START - DAY, START + DAY], START, START).counts == (0,)
    with pytest.raises(ValueError, match="before its start"):
        counted([], START, START - DAY)
