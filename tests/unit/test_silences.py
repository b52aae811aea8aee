"""What a silence mutes, and which silences may be made."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from drift.domain import Alert, AlertKey, AlertStatus, Threshold
from drift.errors import ConfigError
from drift.notices import Matcher
from drift.silences import active, check_silence, labels_of, matches, new_silence, parse_matchers

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALERT = Alert(
    AlertKey("data_fault", "v2", "New Delhi", None, "temperature"),
    AlertStatus.FIRING, NOON, NOON, NOON, 3.0, Threshold(0.0, "above"), "high", 1,
)  # fmt: skip
LABELS = labels_of(ALERT, "abc123", {"New Delhi": "north"})


def silence(matchers, **changes):
    words = {
        "starts": NOON,
        "ends": NOON + HOUR,
        "author": "asha",
        "comment": "planned work",
        "created": NOON,
    }
    return new_silence(parse_matchers(matchers), **(words | changes))


@pytest.mark.parametrize(
    ("matchers", "expected"),
    [
        ("city='New Delhi'", True),
        ("city=Delhi", False),  # the whole name
        ("rule=~data_.*", True),
        ("rule=~data", False),  # a pattern too
        ("city='New Delhi' rule=~data_.*", True),
        ("city='New Delhi' rule=other", False),  # all must match
        ("rule=data_fault city!=Mumbai", True),
        ("rule=data_fault city!~New.*", False),
        ("rule=data_fault horizon=", True),  # what an alert has not is empty
        ("rule=data_fault horizon!=", False),
        ("group=north", True),
        ("group=~(north|south)", True),
        ("severity=high column=temperature model_version=v2", True),
        ("fingerprint=abc123", True),
        ("rule=~.+", True),  # all alerts
    ],
)
def test_a_silence_mutes_what_all_its_matchers_match(matchers, expected):
    assert matches(silence(matchers), LABELS) is expected


def test_an_alert_of_all_cities_has_an_empty_city_and_no_group():
    pooled = replace(ALERT, key=ALERT.key._replace(city=None))
    labels = labels_of(pooled, "abc", {"": "north"})
    assert (labels["city"], labels["group"]) == ("", "")


def test_a_silence_lasts_from_its_start_until_before_its_end():
    made = silence("rule=a")
    moments = [NOON - HOUR, NOON, NOON + HOUR - timedelta(seconds=1), NOON + HOUR]
    assert [active(made, moment) for moment in moments] == [False, True, True, False]


def test_matchers_are_read_from_one_text_or_from_words_of_a_shell():
    both = (Matcher("city", "=", "New Delhi"), Matcher("rule", "=~", "data_.*"))
    assert parse_matchers('city="New Delhi" rule=~data_.*') == both
    assert parse_matchers(["city=New Delhi", " rule =~ data_.* "]) == both
    assert parse_matchers(["column=a=b"]) == (Matcher("column", "=", "a=b"),)


@pytest.mark.parametrize(
    ("matchers", "words"),
    [
        ("citty=Pune", r"matcher citty=Pune: alerts have no label 'citty'; did you mean `city`\?"),
        ("Pune", "'Pune' is no matcher: write a label, one of =, !=, =~, !~, and a value: city=Mumbai"),
        ("=Pune", "'=Pune' is no matcher"),
        ("city>Pune", "'city>Pune' is no matcher"),
        ("city=~(a", r"matcher city=~\(a: '\(' at character 1 of the pattern is not understood"),
        ("city='Pune", "close the quotes"),
        ("city=" + "x" * 501, "its value is longer than 500 characters"),
        ("ci\x1bty=Pune", "alerts have no label 'ci�ty'"),  # a terminal obeys no word of a message
    ],
)
def test_what_is_no_matcher_is_refused_with_words_that_help(matchers, words):
    with pytest.raises(ConfigError, match=words):
        silence(matchers)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ends": NOON}, "ends at 2026-04-01T12:00:00Z, not after its start 2026-04-01T12:00:00Z"),
        ({"ends": NOON + 31 * 24 * HOUR}, "at most 30d long"),
        ({"author": " "}, "a silence has an author"),
        ({"comment": ""}, "a silence has a comment"),
        ({"comment": "x" * 501}, "of 1 to 500 characters"),
    ],
)
def test_a_silence_is_time_boxed_and_signed(changes, words):
    with pytest.raises(ConfigError, match=words):
        silence("rule=a", longest=timedelta(days=30), **changes)


@pytest.mark.parametrize("matchers", ["city=~.*", "city!=Pune", "rule!=a horizon="])
def test_a_silence_that_a_slip_makes_of_everything_is_refused(matchers):
    with pytest.raises(ConfigError, match=r"write rule=~\.\+"):
        silence(matchers)


@pytest.mark.parametrize("count", [0, 21])
def test_the_number_of_matchers_is_bounded(count):
    with pytest.raises(ConfigError, match="from 1 to 20 matchers"):
        silence(["rule=a"] * count)


def test_the_same_silence_asked_for_twice_is_one():
    assert silence("rule=a").id == silence("rule=a").id
    assert len({silence("rule=a").id, silence("rule=b").id, silence("rule=a", author="ben").id}) == 3


def test_times_are_kept_in_utc():
    india = datetime.fromisoformat("2026-04-01T17:30:00+05:30")
    assert silence("rule=a", starts=india) == silence("rule=a")
    assert silence("rule=a", starts=india).starts.tzinfo is UTC


def test_a_silence_of_elsewhere_is_checked_too():
    with pytest.raises(ConfigError, match="the operator is one of"):
        check_silence(replace(silence("rule=a"), matchers=(Matcher("rule", "~", "a"),)))
