"""What a line of a log tells, whichever form and names it uses."""

from __future__ import annotations

import pytest

from drift.config_security import SecurityConfig
from drift.telemetry.log_lines import parse_line
from drift.watchers.events import Kind, Outcome, Reader, SecurityEvent, origin

WHEN = "2025-03-03T10:00:00Z"
AT = 1740996000.0


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(SecurityConfig())


def told(reader: Reader, line: str) -> SecurityEvent | None:
    return reader.event(parse_line(line))


FAILED_LOG_INS = {
    "ECS": f'{{"@timestamp":"{WHEN}","event":{{"category":["authentication"],"outcome":"failure"}},"user":{{"name":"Alice"}},"source":{{"ip":"203.0.113.7"}}}}',
    "structlog": f'{{"timestamp":"{WHEN}","event":"login_failed","username":"alice","client_ip":"203.0.113.7"}}',
    "logfmt": f"ts={WHEN} level=warn msg=login outcome=failure user=alice ip=203.0.113.7",
    "words": f'ts={WHEN} msg="authentication failed" user=alice ip=203.0.113.7',
    "access log": '203.0.113.7 - alice [03/Mar/2025:10:00:00 +0000] "POST /auth/login HTTP/1.1" 401 12 "-" "curl"',
    "status on a path": f"ts={WHEN} method=POST path=/api/v1/token status=403 user=alice remote_addr=203.0.113.7",
    "mapped IPv4": f"ts={WHEN} msg=login_failed user=alice ip=::ffff:203.0.113.7",
}


@pytest.mark.parametrize("line", FAILED_LOG_INS.values(), ids=FAILED_LOG_INS)
def test_a_failed_log_in_is_told_by_every_form(reader: Reader, line: str):
    event = told(reader, line)
    assert event is not None
    assert (event.at, event.kind, event.outcome) == (AT, Kind.LOGIN, Outcome.FAILURE)
    assert (event.principal, event.address) == ("alice", "203.0.113.7")


NO_LOG_INS = {
    "a page is looked at": '203.0.113.7 - - [03/Mar/2025:10:00:00 +0000] "GET /login HTTP/1.1" 200 12 "-" "-"',
    "forbidden elsewhere": '203.0.113.7 - - [03/Mar/2025:10:00:00 +0000] "GET /admin HTTP/1.1" 403 12 "-" "-"',
    "a log-out": f'{{"@timestamp":"{WHEN}","event":{{"category":["authentication"],"type":["end"],"outcome":"success"}},"user":{{"name":"a"}},"http":{{"response":{{"status_code":200}}}},"url":{{"path":"/x"}}}}',
}


@pytest.mark.parametrize("line", NO_LOG_INS.values(), ids=NO_LOG_INS)
def test_what_is_no_log_in(reader: Reader, line: str):
    event = told(reader, line)
    assert event is not None
    assert event.kind is Kind.REQUEST


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, Outcome.SUCCESS), (302, Outcome.SUCCESS), (429, Outcome.UNKNOWN), (500, Outcome.UNKNOWN)],
)
def test_a_log_in_that_was_stopped_or_broke_is_neither_failed_nor_good(
    reader: Reader, status: int, outcome: Outcome
):
    event = told(reader, f"ts={WHEN} method=POST path=/login status={status} user=a ip=203.0.113.7")
    assert event is not None
    assert event.outcome is outcome


def test_a_token_that_expired_is_no_guess(reader: Reader):
    event = told(
        reader, f'ts={WHEN} msg=login outcome=failure user=svc ip=10.0.0.1 reason="token has expired"'
    )
    assert event is not None
    assert event.outcome is Outcome.EXPIRED


NOTHING = {
    "no time": '{"event": "login_failed", "user": "a"}',
    "no form": "what is this?",
    "plain words": f"{WHEN} INFO the model was trained",
    "empty": "",
    "of no one": f"ts={WHEN} msg=login_failed level=info",
    "prediction": f"ts={WHEN} msg=model_loaded model=load-v7",
}


@pytest.mark.parametrize("line", NOTHING.values(), ids=NOTHING)
def test_what_is_nothing_to_security(reader: Reader, line: str):
    assert told(reader, line) is None


CHANGES = {
    "configuration": f"ts={WHEN} method=PUT path=/admin/config/limits status=200 user=bob ip=10.0.0.9",
    "model_registry": f"ts={WHEN} msg=model_promoted user=bob model=load-v7",
    "permissions": f'{{"@timestamp":"{WHEN}","event":{{"action":"RoleGranted"}},"user":{{"name":"bob"}},"role":"admin"}}',
    "users": f'{{"@timestamp":"{WHEN}","event":{{"category":["iam"],"type":["user","creation"]}},"user":{{"name":"bob"}}}}',
    "secrets": f"ts={WHEN} msg=secret.rotated user=bob key=db",
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_of_the_platform_is_known_by_its_words_or_its_path(reader: Reader, kind: str):
    event = told(reader, CHANGES[kind])
    assert event is not None
    assert (event.kind, event.change, event.principal) == (Kind.CHANGE, kind, "bob")


def test_a_look_and_a_change_that_was_refused_are_no_changes(reader: Reader):
    look = told(reader, f"ts={WHEN} method=GET path=/admin/config/limits status=200 user=bob")
    refused = told(reader, f"ts={WHEN} method=PUT path=/admin/config/limits status=403 user=bob")
    searched = told(
        reader, f"ts={WHEN} method=POST path=/api/2.0/mlflow/registered-models/search status=200 user=bob"
    )
    assert [event and event.kind for event in (look, refused, searched)] == [Kind.REQUEST] * 3


def test_a_read_has_its_resource_and_its_volume(reader: Reader):
    said = told(reader, f"ts={WHEN} msg=query dataset=grid_topology rows=1200 user=alice ip=10.0.0.1")
    asked = told(
        reader, f"ts={WHEN} method=GET path=/api/v1/data/meters status=200 bytes_sent=5000 user=alice"
    )
    assert said is not None
    assert asked is not None
    assert (said.kind, said.resource, said.rows) == (Kind.ACCESS, "grid_topology", 1200.0)
    assert (asked.kind, asked.resource, asked.bytes) == (Kind.ACCESS, "meters", 5000.0)
    failed = told(reader, f"ts={WHEN} method=GET path=/api/v1/data/meters status=404 user=alice")
    assert failed is not None
    assert failed.kind is Kind.REQUEST


def test_a_query_is_no_part_of_a_path(reader: Reader):
    event = told(
        reader,
        f'ts={WHEN} method=POST url="https://api.example/auth/login?next=/x" status=401 user=a ip=10.0.0.1',
    )
    assert event is not None
    assert (event.kind, event.path) == (Kind.LOGIN, "/auth/login")


def test_who_owns_a_network_of_addresses_is_one_origin():
    assert {origin(f"2001:db8:7:9::{n:x}") for n in range(1, 50)} == {"2001:db8:7:9::/64"}
    assert origin("not an address:") == "not an address:"


@pytest.mark.parametrize("value", ['{"a": 1}', "[]", "[1]", "null", "true", '"' + "x" * 5000 + '"'])
def test_a_name_of_any_shape_breaks_nothing(reader: Reader, value: str):
    event = told(
        reader, f'{{"timestamp":"{WHEN}","event":"login_failed","user":{value},"client_ip":"10.0.0.1"}}'
    )
    assert event is not None
    assert event.principal is None or len(event.principal) <= 200
