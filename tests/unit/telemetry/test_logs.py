"""One call sets up logging: one stream, one form, for our own events and for those of libraries; no secret."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import ecs_logging
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider

from drift.telemetry import configure_logging, log_event
from drift.telemetry.log_lines import parse_line
from drift.telemetry.logs import LEVELS, log_to_stderr


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Logging as it was, for the tests that follow."""
    root, handlers = logging.getLogger(), list(logging.getLogger().handlers)
    configured = structlog.get_config() if structlog.is_configured() else None
    yield
    root.handlers[:] = handlers
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()
    if configured:
        structlog.configure(**configured)


@contextmanager
def stderr(*, terminal: bool = False) -> Iterator[io.StringIO]:
    """What is said on stderr, which may say that it is a terminal."""
    said = io.StringIO()
    said.isatty = lambda: terminal  # type: ignore[method-assign]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", said)
        yield said


def ecs(say: object, **how: str) -> list[dict]:
    with stderr() as said:
        configure_logging("ecs", **how)  # type: ignore[arg-type]
        say()  # type: ignore[operator]
    return [
        json.loads(line, parse_constant=lambda name: pytest.fail(name))
        for line in said.getvalue().splitlines()
    ]


def test_an_event_is_a_line_of_ecs():
    (line,) = ecs(
        lambda: structlog.get_logger().warning("a city failed", city="Delhi", rows=3),
        service="api",
        environment="prod",
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("@timestamp"))
    assert line.pop("host")["name"]
    assert line == {
        "log": {"level": "warning"},
        "message": "a city failed",
        "event": {"severity": 30, "dataset": "api.log"},
        "service": {"name": "api", "environment": "prod"},
        "ecs": {"version": "8.11.0"},
        "labels": {"city": "Delhi", "rows": "3"},
        "numeric_labels": {"rows": 3},
    }


def test_a_scalar_is_put_where_ecs_has_an_object():
    said = {
        "url": "http://h/",
        "user": "bob",
        "error": "boom",
        "host": "web-1",
        "service": "grid",
        "process": 7,
        "event_": "x",
    }
    (line,) = ecs(lambda: structlog.get_logger().info("m", **said))
    assert line["url"] == {"original": "http://h/"}
    assert line["user"] == {"name": "bob"}
    assert line["error"] == {"message": "boom"}
    assert line["host"] == {"name": "web-1"}
    assert line["service"] == {"name": "grid"}
    assert line["process"] == {"pid": 7}


def test_ecs_loggings_own_fields_are_the_same_where_it_is_right():
    """The oracle: what it writes of an event without objects, exceptions and NaN."""
    given_ = {"event": "m", "level": "error", "log.logger": "api", "user.name": "bob"}
    theirs = json.loads(ecs_logging.StructlogFormatter()(None, "error", dict(given_)))  # type: ignore[arg-type]
    (ours,) = ecs(lambda: structlog.get_logger().error("m", **{"log.logger": "api", "user.name": "bob"}))
    assert (theirs["log.level"], theirs["log"], theirs["message"], theirs["user"]) == (
        "error",
        {"logger": "api"},
        "m",
        {"name": "bob"},
    )
    assert (ours["log"], ours["message"], ours["user"]) == (
        {"level": "error", "logger": "api"},
        "m",
        {"name": "bob"},
    )


def test_what_json_has_not_is_text():
    (line,) = ecs(
        lambda: structlog.get_logger().info(
            "m\ud800", x=float("nan"), y=float("inf"), z=10**30, b=b"\xff", s={1}, o=object
        )
    )
    assert line["message"] == "m\ufffd"
    assert line["labels"] == {
        "x": "nan",
        "y": "inf",
        "z": str(10**30),
        "b": "\\xff",
        "s": ["1"],
        "o": "<class 'object'>",
    }
    assert "numeric_labels" not in line


def connect() -> None:
    raise ConnectionError("no access with password=hunter2 for alice@example.com")


def fail() -> None:
    try:
        connect()
    except ConnectionError:
        structlog.get_logger().exception(
            "it failed", dsn="postgresql://bob:hunter2@db/x", headers={"Authorization": "Basic x"}
        )


def test_secrets_are_stripped_from_exceptions_too():
    (line,) = ecs(fail)
    assert line["error"]["type"] == "ConnectionError"
    assert line["error"]["message"] == "no access with password=[password] for [e-mail]"
    assert line["error"]["stack_trace"].startswith("Traceback (most recent call last):\n")
    assert line["labels"] == {
        "dsn": "postgresql://[credentials]@db/x",
        "headers_Authorization": "[authorization]",
    }
    with stderr() as said:
        configure_logging("console")
        fail()
    assert "hunter2" not in said.getvalue() + str(line)
    assert "alice" not in said.getvalue() + str(line)


def test_what_libraries_log_goes_the_same_way(monkeypatch):
    # a server that another test ran may have left handlers to a stderr that is no more
    monkeypatch.setattr(logging.getLogger("uvicorn"), "handlers", [])
    monkeypatch.setattr(logging.getLogger("uvicorn"), "propagate", True)

    def say() -> None:
        logging.getLogger("uvicorn.error").warning("no access with %s", "token=abc")
        logging.getLogger("apscheduler").info("this is not told")
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError:
            logging.getLogger("mlflow").exception("it failed", extra={"city": "Delhi"})

    first, second = ecs(say)
    assert (first["message"], first["log"]) == (
        "no access with token=[token]",
        {"level": "warning", "logger": "uvicorn.error"},
    )
    assert (second["error"]["type"], second["labels"]) == ("ZeroDivisionError", {"city": "Delhi"})


def test_a_library_with_a_handler_of_its_own_is_not_heard_twice():
    logger = logging.getLogger("a.library.of.others")
    with stderr() as said:
        logger.addHandler(logging.StreamHandler())
        logger.propagate = False
        configure_logging("ecs")
        configure_logging("ecs")
        logger.warning("once")
    assert said.getvalue().count("once") == 1


@pytest.mark.slow
def test_mlflow_which_takes_its_logger_when_imported_goes_the_same_way():
    program = (
        "from drift.telemetry import configure_logging; configure_logging('ecs'); import logging, mlflow; "
    )
    program += "logging.getLogger('mlflow.tracking').warning('no access with token=abc')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert [json.loads(line)["message"] for line in done.stderr.splitlines()] == [
        "no access with token=[token]"
    ]


def test_the_stream_is_what_stderr_is_at_the_time():
    with stderr():
        configure_logging("ecs")
    with stderr() as said:
        structlog.get_logger().info("ours")
        logging.getLogger("x").warning("theirs")
    assert len(said.getvalue().splitlines()) == 2


def test_auto_is_for_people_on_a_terminal_and_ecs_elsewhere(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with stderr(terminal=True) as said:
        configure_logging()
        structlog.get_logger().info("hello", city="Delhi\x1b[2J")
    assert "\x1b[" in said.getvalue()
    assert "\x1b[2J" not in said.getvalue()
    with stderr() as said:
        configure_logging()
        structlog.get_logger().info("hello")
    assert json.loads(said.getvalue())["message"] == "hello"


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_people_may_want_no_colours(monkeypatch: pytest.MonkeyPatch, variable: str, value: str):
    monkeypatch.setenv(variable, value)
    with stderr(terminal=True) as said:
        configure_logging()
        structlog.get_logger().info("hello", city="Delhi")
        logging.getLogger("x").warning("theirs")
    assert "\x1b" not in said.getvalue()
    assert re.search(r"\[info +\] hello +city=Delhi", said.getvalue())
    assert re.search(r"\[warning +\] theirs +\[x\]", said.getvalue())


def test_levels_are_kept_to():
    def say() -> None:
        for level in LEVELS:
            structlog.get_logger().log(LEVELS[level], level)

    assert [line["message"] for line in ecs(say, level="error")] == ["error", "critical"]
    assert [line["log"]["level"] for line in ecs(say, level="debug")] == list(LEVELS)


def test_an_unknown_level_or_form_is_a_value_error_that_names_those_known():
    known = "debug, info, warning, error, critical"
    with pytest.raises(ValueError, match=f"unknown log level 'loud': it is one of {known}"):
        configure_logging(level="loud")
    with pytest.raises(ValueError, match=f"unknown log level 'loud': it is one of {known}"):
        configure_logging(libraries="loud")
    with pytest.raises(ValueError, match="unknown form of logs 'xml': it is one of auto, ecs, console"):
        configure_logging("xml")  # type: ignore[arg-type]


def test_the_guides_words_for_it_log_event_unknown_level():
    with pytest.raises(ValueError, match="unknown log level 'fatal'"):
        log_event("fatal", "x")


def test_the_guides_words_for_it_log_event():
    def say() -> None:
        log_event("info", "forecast made", city="Delhi")
        log_event(
            "error", "it failed", service="grid", trace_id="ab" * 16, timestamp="2024-12-08T23:46:32+05:30"
        )
        log_event("warning", "odd names", event="e", level="l", message="m")
        structlog.contextvars.bind_contextvars(trace_id="cd" * 16)
        log_event("critical", "bound")

    first, second, third, fourth = ecs(say, service="other")
    assert (first["service"]["name"], first["log"]["level"]) == ("energy-forecast", "info")
    assert re.fullmatch("[0-9a-f]{32}", first["trace"]["id"])
    assert second["@timestamp"] == "2024-12-08T18:16:32.000000Z"
    assert (second["service"]["name"], second["trace"]["id"]) == ("grid", "ab" * 16)
    assert (third["message"], third["labels"]) == ("odd names", {"event": "e", "level": "l", "message": "m"})
    assert fourth["trace"]["id"] == "cd" * 16
    assert first["trace"]["id"] != third["trace"]["id"]


def test_a_line_has_the_ids_of_the_current_span():
    def say() -> None:
        with TracerProvider().get_tracer("test").start_as_current_span("slot") as span:
            ids.append(span.get_span_context())
            structlog.get_logger().info("inside")
            log_event("info", "inside too")
        structlog.get_logger().info("outside")

    ids: list = []
    inside, too, outside = ecs(say)
    assert inside["trace"] == too["trace"] == {"id": f"{ids[0].trace_id:032x}"}
    assert inside["span"] == {"id": f"{ids[0].span_id:016x}"}
    assert "trace" not in outside


def test_context_goes_along():
    def say() -> None:
        with structlog.contextvars.bound_contextvars(slot="2026-04-01T00:00Z"):
            structlog.get_logger().info("m")

    assert ecs(say)[0]["labels"] == {"slot": "2026-04-01T00:00Z"}


def test_a_program_that_has_set_up_its_logging_is_left_alone():
    structlog.configure(processors=[structlog.processors.JSONRenderer()])
    before = structlog.get_config()["processors"]
    log_to_stderr(unless_configured=True)
    assert structlog.get_config()["processors"] is before


FIELD_NAMES = st.sampled_from(
    [
        "url",
        "user",
        "error",
        "host",
        "service",
        "event.id",
        "log",
        "labels",
        "@timestamp",
        "message",
        "key",
        "a.b",
        "trace_id",
        "source",
        "tags",
    ]
) | st.text(max_size=8)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.builds(ValueError, st.text()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(),
    st.dictionaries(FIELD_NAMES.filter(lambda name: name not in ("event", "self")), VALUES, max_size=5),
)
def test_any_event_is_a_line_that_is_read_back(event: str, fields: dict[str, object]):
    (line,) = ecs(lambda: structlog.get_logger().info(event, **fields))
    found = parse_line(json.dumps(line))
    assert found.fault is None
    assert found.level == "info"
    assert not set(line) - {
        "@timestamp", "log", "message", "event", "service", "host", "ecs", "url", "user", "error", "trace", "span", "source", "tags",
        "labels", "numeric_labels",
    }  # fmt: skip
