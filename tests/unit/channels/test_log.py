from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from drift.channels.log import LogChannel
from drift.document import transition_document
from drift.domain import AlertKey, AlertStatus, Threshold, Transition
from drift.errors import ChannelError
from drift.text import spelt_out

DAY = datetime(2020, 4, 10, tzinfo=UTC)
KEY = AlertKey("model_accuracy_drop", "v1", "SCL", None, None)
PENDING, FIRING, RESOLVED = AlertStatus.PENDING, AlertStatus.FIRING, AlertStatus.RESOLVED
FIRED = Transition(
    DAY,
    KEY,
    "accuracy",
    PENDING,
    FIRING,
    "held for 1h",
    0.7,
    Threshold(0.85, "below"),
    DAY - timedelta(hours=1),
    2,
    "high",
    {"hours": [17, 18]},
)
HOSTILE = 'SCL"\nlevel=error event="all is well"\r\x1b[2J\u2028\x85\u202e\x00'


def as_it_is(_: object, __: str, event: structlog.typing.EventDict) -> str:
    """A renderer that escapes nothing, as a formatter of the user's own may be."""
    return " ".join(f"{key}={value}" for key, value in event.items())


RENDERERS: dict[str, structlog.typing.Processor] = {
    "json": structlog.processors.JSONRenderer(ensure_ascii=False),
    "console": structlog.dev.ConsoleRenderer(colors=False),
    "as it is": as_it_is,
}


def logger(out: io.StringIO, kind: str = "json") -> structlog.typing.FilteringBoundLogger:
    made: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(out),
        processors=[structlog.processors.add_log_level, RENDERERS[kind]],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        cache_logger_on_first_use=False,
    )
    return made


def test_each_transition_is_a_line_with_all_its_fields() -> None:
    out = io.StringIO()
    LogChannel(logger(out)).send([FIRED, replace(FIRED, before=FIRING, after=RESOLVED)])
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert lines[0] == {"event": "alert firing", "level": "warning", **transition_document(FIRED)}
    assert [(line["event"], line["level"]) for line in lines] == [
        ("alert firing", "warning"),
        ("alert resolved", "info"),
    ]


@pytest.mark.parametrize("kind", RENDERERS)
def test_no_name_from_data_breaks_its_line(kind: str) -> None:
    out = io.StringIO()
    hostile = replace(
        FIRED,
        key=AlertKey(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE),
        reason=HOSTILE,
        evidence={HOSTILE: [{"peer": HOSTILE}]},
    )
    LogChannel(logger(out, kind)).send([hostile])
    text = out.getvalue()
    assert len(text.splitlines()) == 1
    assert text.endswith("\n")
    assert text[:-1].isprintable()


def test_one_line_can_be_told_from_what_was_written_so() -> None:
    assert spelt_out("São Paulo") == "São Paulo"
    assert spelt_out("a\nb") == r"a\nb"
    assert spelt_out(r"a\nb") == r"a\\nb"
    assert spelt_out("\u2028\u202e\x85") == r"\u2028\u202e\x85"


def test_a_log_that_cannot_be_written_is_named_and_can_be_tried_again() -> None:
    out = io.StringIO()
    channel = LogChannel(logger(out))
    out.close()
    with pytest.raises(
        ChannelError, match=r"the alert model_accuracy_drop of SCL was not written .*disk is full"
    ) as caught:
        channel.send([FIRED])
    assert not caught.value.permanent


def test_no_transition_is_no_line() -> None:
    out = io.StringIO()
    LogChannel(logger(out)).send([])
    assert out.getvalue() == ""


def test_a_line_has_the_sentences_and_not_the_explanation_that_programs_read() -> None:
    out = io.StringIO()
    evidence = {"sentences": ["twice the normal error"], "explanation": {"hours": list(range(9000))}}
    LogChannel(logger(out)).send([replace(FIRED, evidence=evidence)])
    assert json.loads(out.getvalue())["evidence"] == {"sentences": ["twice the normal error"]}
