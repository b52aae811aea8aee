"""One rule for text from data, wherever it is shown."""

import pytest

from drift.channels.log import _safe
from drift.config_text import did_you_mean
from drift.reports.shown import readable
from drift.terminal import clean
from drift.text import hidden, printable, printable_lines, spelt_out

HOSTILE = ["\x1b[2J", "a\nb", "a\rb", "\x9b31m", "a\u202eb", "a\u2028b", "a\x00b", "a\ud800b", "a\ue000b", "a\u200bb"]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_every_way_out_agrees_on_what_is_hidden(name: str) -> None:
    ways = [printable(name), spelt_out(name), readable(name), clean(name).plain, str(_safe(name)), did_you_mean("x", [name])]  # fmt: skip
    for seen in ways:
        assert not any(map(hidden, seen))


@pytest.mark.parametrize("name", ["São Paulo", "नई दिल्ली", "Łódź 2", "上海", "Nueva\u00a0York"])
def test_names_of_real_cities_are_left_alone(name: str) -> None:
    assert printable(name) == spelt_out(name) == readable(name) == clean(name).plain == name


def test_long_text_is_cut_where_it_is_told_to() -> None:
    assert printable("a" * 90) == "a" * 79 + "…"
    assert printable("a" * 90, None) == "a" * 90
    assert printable("a" * 80) == "a" * 80


def test_line_feeds_stay_where_they_are_meant() -> None:
    assert printable_lines("one\ntwo\x1b[2J\n") == "one\ntwo�[2J\n"
