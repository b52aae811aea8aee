from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.channels.answers import Answer, fault, quoted, seconds_asked

URL = "json://hook.example/services/Tcanary12/Bsparrow3"
REFUSED = "SMTPRecipientsRefused"
LOST = "SMTPServerDisconnected"

# fmt: off
JUDGED = [
    # what is known of the send                                     for good  what is told
    (Answer(status=500),                                              False, "its receiver answered 500 Internal Server Error"),
    (Answer(status=503, host="hook.example"),                         False, "hook.example answered 503 Service Unavailable"),
    (Answer(status=429, host="hooks.slack.com"),                      False, "hooks.slack.com answered 429 Too Many Requests"),
    (Answer(status=400, body="invalid_payload"),                      True,  "its receiver answered 400 Bad Request (invalid_payload)"),
    (Answer(status=401),                                              True,  "its receiver answered 401 Unauthorized"),
    (Answer(status=410),                                              True,  "its receiver answered 410 Gone"),
    (Answer(status=413),                                              True,  "its receiver answered 413 "),
    (Answer(status=425),                                              False, "its receiver answered 425 Too Early"),
    (Answer(status=799),                                              False, "its receiver answered 799"),
    (Answer(status=302, elsewhere="login.example"),                   False, "its receiver leads elsewhere (login.example), where no message is sent"),
    (Answer(status=301, host="hook.example", elsewhere="hook.example"), False, "hook.example leads elsewhere (on the same host)"),
    (Answer(status=200, body='{"ok": false}'),                        False, 'answered 200 and did not take the message ({"ok": false})'),
    (Answer(smtp=550, reply="no such user", error=REFUSED),           True,  "replied 550 (no such user)"),
    (Answer(smtp=550, reply="no such user"),                          True,  "one of several recipients: replied 550"),
    (Answer(smtp=451, reply="greylisted", error=REFUSED),             False, "replied 451 (greylisted)"),
    (Answer(smtp=502, reply="EHLO what?", error=LOST),                False, "the server went on, and was lost later: replied 502"),
    (Answer(smtp=502, error="ConnectionResetError"),                  False, "replied 502"),
    (Answer(error="Overdue"),                                         False, "its receiver did not answer within 7 s"),
    (Answer(error="SSLCertVerificationError", tls=True, said="expired"), False, "its certificate cannot be trusted (expired)"),
    (Answer(error="gaierror", said="Name or service not known"),      False, "cannot be reached: gaierror (Name or service not known)"),
    (Answer(refused="no token"),                                      True,  "its URL is none that Apprise takes (no token)"),
    (Answer(warning="Nobody to send to"),                             False, "the message was not taken (Nobody to send to)"),
    (Answer(),                                                        False, "the message was not taken"),
]
# fmt: on


@pytest.mark.parametrize(("answer", "permanent", "told"), JUDGED)
def test_what_may_pass_is_tried_again(answer: Answer, permanent: bool, told: str) -> None:
    error = fault("ops", answer, URL, 7.0)
    assert error.permanent is permanent
    assert str(error).startswith("ops: ")
    assert told.rpartition(": replied")[2] in str(error)


def test_only_what_is_tried_again_is_tried_when_the_receiver_says() -> None:
    assert fault("ops", Answer(status=429, retry_after="30"), URL, 7.0).retry_after == 30.0
    assert fault("ops", Answer(status=429), URL, 7.0).retry_after is None
    assert fault("ops", Answer(status=404, retry_after="30"), URL, 7.0).retry_after is None


@given(
    now=st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - made aware below
    wait=st.integers(-(10**6), 10**6),
)
def test_a_moment_is_held_against_the_answers_own_clock(now: datetime, wait: int) -> None:
    now = now.replace(microsecond=0, tzinfo=UTC)
    then = format_datetime(now + timedelta(seconds=wait), usegmt=True)
    assert seconds_asked(then, format_datetime(now, usegmt=True)) == max(wait, 0)


@given(st.text(), st.none() | st.text())
def test_whatever_a_receiver_asks_for_is_a_length_of_time_or_nothing(after: str, date: str | None) -> None:
    asked = seconds_asked(after, date)
    assert asked is None or (math.isfinite(asked) and asked >= 0)


@pytest.mark.parametrize(
    "after", ["-5", "1e9", "nan", "inf", "", "٣", "9" * 400, "Fri, 99 Apr 2020 00:00:00 GMT"]
)
def test_nonsense_is_no_length_of_time(after: str) -> None:
    assert seconds_asked(after, "Fri, 10 Apr 2020 00:00:00 GMT") is None


CANARIES = [
    "canary",
    "cana/sparrow",
    "cana@sparrow",
    "cana:sparrow",
    "cana?sparrow",
    "cana%2Fsparrow",
    "cana+sparrow",
]
PLACES = [
    "json://user:{}@hook.example:81/x",
    "json://hook.example/services/{}",
    "slack://{}/Bxxxxxxxx/zzzzzzzzz",
    "mailtos://user:{}@smtp.example?to=ops@example.org",
    "json://hook.example/x?+Authorization={}",
    "json://hook.example/x#{}",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("canary", CANARIES)
def test_nothing_of_the_url_is_told_whoever_quotes_it(place: str, canary: str) -> None:
    """Not where the other side's words hold it, nor where what was taken for a host is a piece of a password."""
    url = place.format(canary)
    for words in (url, canary, f"no such hook: /{canary}", canary.replace("%2F", "/").replace("+", " ")):
        # a service whose URL has a token in the host's place asks another host
        taken = [] if url.startswith("slack") else re.split(r"[/@:?+]|%2F", canary)
        for host in ("hook.example", f"{words[-6:]}.hook.example", *taken, None):
            for answer in (
                Answer(status=404, body=words, host=host, elsewhere=words),
                Answer(status=301, host=host, elsewhere=words),
                Answer(status=200, host=host, body=words),
                Answer(smtp=550, reply=words, host=host),
                Answer(error="gaierror", said=words, host=host),
                Answer(error="SSLError", tls=True, said=words, host=host),
                Answer(refused=words),
                Answer(warning=words),
            ):
                told = str(fault("ops", answer, url, 7.0))
                assert "cana" not in told
                assert "sparrow" not in told


def test_a_host_is_named_where_it_is_no_secret() -> None:
    for url, host in (
        ("json://user:password@hook.example:81/x", "hook.example"),
        ("mailtos://user:pass@smtp.example?to=ops@example.org", "smtp.example"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdn", "hooks.slack.com"),
    ):
        assert str(fault("ops", Answer(status=500, host=host), url, 7.0)).startswith(f"ops: {host} answered")


def test_what_the_other_side_says_is_one_short_line() -> None:
    assert quoted("<html>\r\n\x1b[31m down", URL) == " (<html> �[31m down)"
    assert len(quoted("x" * 9000, URL)) < 200
    assert quoted(" \n ", URL) == ""
