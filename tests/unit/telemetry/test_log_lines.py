"""Each form of a line is understood as its writer meant it, and what is in no form is kept whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drift.telemetry.ecs import ALIASES, FIELDS, SEVERITY, fitted, level_named
from drift.telemetry.log_lines import LONGEST, MOST, parse_line
from drift.telemetry.log_times import access_time, epoch_time, iso_time, syslog_time

AT = datetime(2024, 12, 8, 18, 16, 32, tzinfo=UTC)
NOW = datetime(2025, 1, 2, tzinfo=UTC)
SEED = "2024-12-08T23:46:32+05:30"


def test_structlog():
    found = parse_line(
        f'{{"event": "login", "level": "warning", "timestamp": "{SEED}", "user": "alice", "rows": 3, "city": "Delhi"}}'
    )
    assert (found.timestamp, found.level, found.message, found.fault) == (AT, "warning", "login", None)
    assert found.context == {"user.name": "alice", "rows": 3, "city": "Delhi"}


@pytest.mark.parametrize("form", ["nested", "dotted", "mixed"])
def test_ecs(form: str):
    nested = {"@timestamp": SEED, "log": {"level": "error", "logger": "api"}, "message": "no", "ecs": {"version": "8.11.0"},
              "url": {"path": "/x"}, "source": {"ip": "203.0.113.7"}, "labels": {"city": "Delhi"}}  # fmt: skip
    dotted = {"@timestamp": SEED, "log.level": "error", "log.logger": "api", "message": "no", "ecs.version": "8.11.0",
              "url.path": "/x", "source.ip": "203.0.113.7", "labels.city": "Delhi"}  # fmt: skip
    mixed = {
        **{key: value for key, value in nested.items() if key != "log"},
        "log.level": "error",
        "log": {"logger": "api"},
    }
    found = parse_line(json.dumps({"nested": nested, "dotted": dotted, "mixed": mixed}[form]))
    assert (found.timestamp, found.level, found.message) == (AT, "error", "no")
    assert dict(found.context) == {
        "log.logger": "api",
        "ecs.version": "8.11.0",
        "url.path": "/x",
        "source.ip": "203.0.113.7",
        "labels.city": "Delhi",
    }


def test_python_json_logger_and_pino():
    found = parse_line(
        json.dumps(
            {
                "asctime": "2024-12-08 18:16:32,000",
                "levelname": "CRITICAL",
                "name": "api.auth",
                "message": "m",
                "lineno": 7,
            }
        )
    )
    assert (found.timestamp, found.level, found.message) == (AT, "critical", "m")
    assert found.context == {"log.logger": "api.auth", "log.origin.file.line": 7}
    pino = parse_line('{"level": 50, "time": 1733681792000, "pid": 3, "hostname": "web-1", "msg": "m"}')
    assert (pino.timestamp, pino.level, pino.message) == (AT, "error", "m")
    assert pino.context == {"process.pid": 3, "host.name": "web-1"}


INNER = {
    '{"event": "e", "level": "info", "user": "a"}': ("info", "e", {"user.name": "a"}, None),
    'level=info msg=e user=a': ("info", "e", {"user.name": "a"}, None),
    "ERROR: e": ("error", "e", {}, None),
    "just words": (None, "just words", {}, "no form that is known: neither a time nor a level"),
}  # fmt: skip


@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("wrapper", ["docker", "cri", "docker in cri"])
def test_a_containers_wrapper_is_taken_off(inner: str, wrapper: str):
    docker = json.dumps({"log": inner + "\n", "stream": "stderr", "time": "2024-12-08T18:16:32.000000000Z"})
    cri = "2024-12-08T18:16:32.000000000Z stderr F "
    found = parse_line({"docker": docker, "cri": cri + inner, "docker in cri": cri + docker}[wrapper])
    level, message, context, fault = INNER[inner]
    assert (found.timestamp, found.level, found.message, found.fault) == (AT, level, message, fault)
    assert found.context == {"stream": "stderr", **context}


def test_a_line_that_a_runtime_split_is_marked():
    assert parse_line("2024-12-08T18:16:32Z stdout P half a li").context == {
        "stream": "stdout",
        "partial": True,
    }


def test_a_lines_own_time_goes_before_its_wrappers():
    inner = json.dumps({"event": "e", "timestamp": SEED})
    assert (
        parse_line(json.dumps({"log": inner, "stream": "stdout", "time": "2030-01-01T00:00:00Z"})).timestamp
        == AT
    )


def test_logfmt():
    found = parse_line(
        f'ts={SEED} lvl=warn msg="no \\"route\\"\\n to it" status=503 path=/x city="New Delhi" empty= q=""'
    )
    assert (found.timestamp, found.level, found.message) == (AT, "warning", 'no "route"\n to it')
    assert found.context == {
        "http.response.status_code": 503,
        "url.path": "/x",
        "city": "New Delhi",
        "empty": "",
        "q": "",
    }
    assert parse_line("a=1 a=2").fault is not None


COMBINED = '203.0.113.7 - alice [08/Dec/2024:23:46:32 +0530] "GET /a/b?c=d HTTP/1.1" 404 1234 "https://h/" "Mozilla/5.0 \\"x\\""'


def test_common_and_combined_access_logs():
    found = parse_line(COMBINED)
    assert (found.timestamp, found.level, found.message) == (AT, None, "GET /a/b?c=d HTTP/1.1 404")
    assert found.context == {
        "source.address": "203.0.113.7", "source.ip": "203.0.113.7", "user.name": "alice", "http.request.method": "GET",
        "url.path": "/a/b", "url.query": "c=d", "http.version": "1.1", "http.response.status_code": 404,
        "http.response.body.bytes": 1234, "http.request.referrer": "https://h/", "user_agent.original": 'Mozilla/5.0 \\"x\\"',
    }  # fmt: skip
    common = parse_line(COMBINED[: COMBINED.index(' "https')])
    assert common.context == {
        k: v for k, v in found.context.items() if k not in ("http.request.referrer", "user_agent.original")
    }
    assert parse_line(f"{COMBINED} 0.012 upstream").context["rest"] == "0.012 upstream"
    odd = parse_line('web-1 - - [08/Dec/2024:23:46:32 +0530] "\\x16\\x03" 400 -')
    assert odd.context == {
        "source.address": "web-1",
        "http.response.status_code": 400,
        "url.original": "\\x16\\x03",
    }


def test_uvicorn():
    found = parse_line('INFO:     127.0.0.1:54321 - "POST /forecast HTTP/1.1" 500 Internal Server Error')
    assert (found.level, found.message) == ("info", "POST /forecast HTTP/1.1 500")
    assert found.context["source.ip"] == "127.0.0.1"
    assert (found.context["source.port"], found.context["http.response.status_code"]) == (54321, 500)


def test_syslog_old_and_new_and_kubernetes_own():
    old = parse_line("<38>Dec  8 18:16:32 web-1 sshd[123]: Failed password for root", now=NOW)
    assert (old.timestamp, old.level, old.message) == (AT, "info", "Failed password for root")
    assert old.context == {"host.name": "web-1", "process.name": "sshd", "process.pid": 123}
    new = parse_line('<34>1 2024-12-08T18:16:32Z web-1 api 12 ID47 [x y="z"] it broke')
    assert (new.timestamp, new.level, new.message) == (AT, "critical", "it broke")
    klog = parse_line("W1208 18:16:32.000000       1 reflector.go:12] watch ended", now=NOW)
    assert (klog.timestamp, klog.level, klog.message) == (AT, "warning", "watch ended")
    assert parse_line("Dec  8 18:16:32 web-1 sshd: x").timestamp is None  # a year is not guessed


PLAIN = {
    "2024-12-08 18:16:32,000 - api.auth - WARNING - no such user": (AT, "warning", "no such user", {"log.logger": "api.auth"}),
    "2024-12-08 18:16:32,000 INFO uvicorn.error: started": (AT, "info", "started", {"log.logger": "uvicorn.error"}),
    "[2024-12-08 18:16:32 +0000] [12] [INFO] Booting worker": (AT, "info", "Booting worker", {"process.pid": 12}),
    "2024-12-08T18:16:32Z [error    ] it failed": (AT, "error", "it failed", {}),
    "2024/12/08 18:16:32 listening on :80": (AT, None, "listening on :80", {}),
    "2024-12-08T23:46:32+05:30 ERROR city=Delhi user=alice": (AT, "error", "city=Delhi user=alice", {"city": "Delhi", "user.name": "alice"}),
    "ERROR:root:it failed": (None, "error", "it failed", {"log.logger": "root"}),
    "Error: it failed": (None, "error", "it failed", {}),
    "ERROR https://h/x answered 500": (None, "error", "https://h/x answered 500", {}),
}  # fmt: skip


@pytest.mark.parametrize("line", PLAIN)
def test_plain(line: str):
    found = parse_line(line)
    assert (found.timestamp, found.level, found.message, dict(found.context)) == PLAIN[line]


FAULTS = {
    "": "an empty line",
    "  \t": "an empty line",
    "Traceback (most recent call last):": "no form that is known: neither a time nor a level",
    "Errors were made": "no form that is known: neither a time nor a level",
    '{"a": 1': "not JSON at character 8: Expecting ',' delimiter",
    '{"a": 1} and more': "not JSON at character 10: Extra data",
    '{"user": "a", "user": "b"}': "JSON in which one key stands twice",
    '{"a": {"x": 1, "x": 2}}': "JSON in which one key stands twice",
    '{"a":' * 5000: "nested too deep",
    "x" * (LONGEST + 1): f"longer than {LONGEST:,} characters",
    json.dumps({f"k{n}": n for n in range(MOST + 1)}): f"more than {MOST:,} fields",
}


@pytest.mark.parametrize("line", FAULTS, ids=range(len(FAULTS)))
def test_what_cannot_be_parsed_is_kept_whole_and_marked(line: str):
    found = parse_line(line)
    assert (found.timestamp, found.level, found.message, found.context) == (None, None, line, {})
    assert found.fault == FAULTS[line]


def test_numbers_that_json_or_64_bits_do_not_have_are_kept_as_they_were_written():
    found = parse_line('{"a": NaN, "b": -Infinity, "c": 1e999, "d": ' + "9" * 5000 + ', "e": 0.1, "f": -7}')
    assert found.context == {"a": "NaN", "b": "-Infinity", "c": "1e999", "d": "9" * 5000, "e": 0.1, "f": -7}


def test_what_cannot_be_understood_keeps_its_own_name():
    found = parse_line(
        '{"time": 5, "level": "loud", "status": "ok", "ip": "unknown", "trace_id": "7", "msg": ["x"]}'
    )
    assert found.context == {
        "time": 5,
        "level": "loud",
        "status": "ok",
        "ip": "unknown",
        "trace_id": "7",
        "msg": ["x"],
    }
    assert parse_line('{"a": {"b": 1}, "a.b": 2}').context == {"a.b": 1, "a.b_": 2}


@given(st.one_of(st.text(), st.from_regex(r'[{<\[]?[a-z]{0,3}[=:" \[\]{}0-9-]{0,40}', fullmatch=True)))
@example("<999>1 - - - - - [")
@example('{"a":"\\ud800"}')
@example("\x00\x1b[2J\x85\u2028")
@example("0000-00-00T00:00:00Z INFO x")
@example("9999-12-31T23:59:59-14:00 INFO x")
def test_any_text_is_taken(text: str):
    found = parse_line(text, now=NOW)
    assert found.level is None or found.level in SEVERITY
    assert found.timestamp is None or found.timestamp.utcoffset() == timedelta(0)
    if found.fault:
        assert found.message == text.rstrip("\r\n").lstrip("\ufeff")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
)


@given(st.dictionaries(st.text(max_size=6) | st.sampled_from([*ALIASES, *FIELDS]), JSON, max_size=6))
def test_any_object_is_taken_and_nothing_that_it_says_is_lost(given_: dict[str, object]):
    found = parse_line(json.dumps(given_))
    assert found.fault is None
    said = str((found.message, found.level, found.timestamp, dict(found.context)))
    for value in given_.values():
        if type(value) is str and value.isalnum() and level_named(value) is None:
            assert value in said


@given(st.sampled_from(sorted(FIELDS)), JSON)
def test_a_field_takes_what_its_type_takes(name: str, value: object):
    fit = fitted(name, value)  # type: ignore[arg-type]
    if FIELDS[name] == "long" and fit is not None:
        assert type(fit) is int
        assert -(2**63) <= fit < 2**63
    assert fit is None or not isinstance(fit, dict)


MOMENTS = st.floats(-6e10, 2.5e11).map(
    lambda seconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(MOMENTS)
def test_a_time_that_was_written_is_read(when: datetime):
    assert iso_time(when.isoformat()) == when
    assert iso_time(when.isoformat(sep=" ").replace("+00:00", " UTC").replace(".", ",")) == when
    whole = when.replace(microsecond=0)
    assert access_time(f"{whole:%d/%b}/{whole.year:04}:{whole:%H:%M:%S} +0000") == whole


@given(st.integers(1_000_000_000, 4_000_000_000))
def test_seconds_and_their_parts_since_1970(seconds: int):
    assert {epoch_time(seconds * unit) for unit in (1, 1_000, 1_000_000)} == {
        datetime.fromtimestamp(seconds, UTC)
    }


@given(
    st.integers(10**9, 3 * 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.integers(0, 300),
)
def test_old_syslog_has_the_year_in_which_it_is_not_of_the_future(when: datetime, days: int):
    whole = when.replace(microsecond=0)
    assert syslog_time(f"{whole:%b} {whole.day:2} {whole:%H:%M:%S}", whole + timedelta(days=days)) == whole
