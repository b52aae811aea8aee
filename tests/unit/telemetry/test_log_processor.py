"""Lines in, documents out: parsed, enriched, stripped, with their metadata, and fit for the index template."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from drift.telemetry import LogProcessor
from drift.telemetry.ecs_document import json_line
from drift.telemetry.log_stream import Line, batches

NOW = datetime(2026, 4, 2, tzinfo=UTC)
LINE = '{"event": "login of alice@example.com", "level": "warn", "timestamp": "2026-04-01T00:00:00Z", "user": "alice", "token": "x", "rows": 3}'


def processor(**how: object) -> LogProcessor:
    return LogProcessor(lambda: NOW, host="web-1", environment="test", **how)  # type: ignore[arg-type]


def test_a_line_becomes_a_document():
    (found,) = processor().process([Line(LINE, "/var/log/api.log", 4096)])
    event = found.pop("event")
    assert isinstance(event, dict)
    assert len(str(event.pop("id"))) == 32
    assert event == {
        "severity": 30,
        "dataset": "energy-forecast.log",
        "ingested": "2026-04-02T00:00:00.000000Z",
    }
    assert found == {
        "@timestamp": "2026-04-01T00:00:00.000000Z",
        "log": {"level": "warning", "file": {"path": "/var/log/api.log"}, "offset": 4096},
        "message": "login of [e-mail]",
        "service": {"name": "energy-forecast", "environment": "test"},
        "host": {"name": "web-1"},
        "user": {"name": "alice"},
        "labels": {"token": "[token]", "rows": "3"},
        "numeric_labels": {"rows": 3},
        "agent": {"type": "drift", "version": "0.1.0"},
        "ecs": {"version": "8.11.0"},
    }


def test_what_the_line_says_goes_before_what_the_processor_knows():
    (found,) = processor().process(['{"message": "m", "service": "grid", "host": "web-9", "env": "prod"}'])
    assert found["service"] == {"name": "grid", "environment": "prod"}
    assert found["host"] == {"name": "web-9"}
    assert found["event"]["dataset"] == "grid.log"  # type: ignore[index, call-overload]


def test_a_line_in_no_form_is_kept_stripped_and_marked():
    made = processor()
    (found,) = made.process(["connecting with password=hunter2"])
    assert found["message"] == "connecting with password=[password]"
    assert found["tags"] == ["unparsed", "untimed"]
    assert found["error"] == {"message": "no form that is known: neither a time nor a level"}
    assert found["@timestamp"] == "2026-04-02T00:00:00.000000Z"
    assert (made.counts.lines, made.counts.unparsed, made.counts.untimed, made.counts.stripped) == (
        1,
        1,
        1,
        1,
    )


def test_what_cannot_be_understood_is_a_label():
    (found,) = processor().process(
        [
            '{"@timestamp": "soon", "level": "loud", "message": ["x"], "event": {"id": "7", "severity": "high"}}'
        ]
    )
    assert found["@timestamp"] == "2026-04-02T00:00:00.000000Z"
    assert found["labels"] == {
        "timestamp": "soon",
        "level": "loud",
        "message": ["x"],
        "event_id": "7",
        "event_severity": "high",
    }


def test_the_same_line_at_the_same_place_has_the_same_id_and_no_other_has():
    places = [
        Line(LINE, "/a", 0),
        Line(LINE, "/a", 0),
        Line(LINE, "/a", 99),
        Line(LINE, "/b", 0),
        Line("x", "/a", 0),
    ]
    ids = [str(found["event"]["id"]) for found in processor().process(places)]  # type: ignore[index, call-overload]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    later = LogProcessor(lambda: NOW + timedelta(days=1), host="web-1", environment="test")
    assert next(later.process(places))["event"]["id"] == ids[0]  # type: ignore[index, call-overload]


def test_no_secret_can_be_guessed_from_an_id():
    """An id of the line as it came would tell whoever tries all four digits which they were."""
    lines = [Line(f"2026-04-01T00:00:00Z INFO pin={pin}", "/a", 0) for pin in (1234, 9876)]
    assert len({str(found["event"]["id"]) for found in processor().process(lines)}) == 1  # type: ignore[index, call-overload]


def test_the_guides_words_for_it_log_processor_process_logs():
    made = processor()
    found = asyncio.run(made.process_logs(f"{LINE}\nlevel=info msg=hello\n"))
    assert [one["message"] for one in found] == ["login of [e-mail]", "hello"]
    event = made.parse_log(LINE)
    assert (event.level, event.message) == ("warning", "login of alice@example.com")
    assert made.filter_sensitive_data(made.enrich_log(event))["message"] == "login of [e-mail]"


@given(st.text())
def test_every_line_becomes_one_line_of_ascii_that_json_reads(text: str):
    (found,) = processor().process([text])
    line = json_line(found)
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line, parse_constant=lambda name: pytest_fails(name))["event"]["ingested"]


def pytest_fails(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


@given(st.lists(st.binary(max_size=30)), st.integers(1, 20))
def test_lines_are_the_same_however_they_are_read_in_pieces(parts: list[bytes], size: int):
    whole = b"\n".join(part.replace(b"\r", b"") for part in parts)
    pieces = iter([*(whole[n : n + size] for n in range(0, len(whole), size)), b""])
    found = [line for batch in batches(lambda _: next(pieces), "/a") for line in batch]
    lines = whole.split(b"\n")
    assert [line.text for line in found] == [
        part.decode("utf-8", "backslashreplace") for part in (lines if lines[-1] else lines[:-1])
    ]
    assert all(whole[line.offset :].startswith(part) for line, part in zip(found, lines, strict=False))


def test_an_overlong_line_is_cut_at_a_space_so_that_no_half_of_a_secret_is_left():
    long = b"x" * 60 + b" token=" + b"s" * 100
    pieces = iter([long, b"\nnext\n", b""])
    first, second = [line for batch in batches(lambda _: next(pieces), longest=80) for line in batch]
    assert (first.text, first.cut) == ("x" * 60, 107)
    assert (second.text, second.offset) == ("next", 168)


def test_a_line_without_an_end_takes_no_more_memory_than_a_long_one():
    pieces = iter([b"x" * 65536] * 800 + [b"\nok\n", b""])  # 50 MB
    tracemalloc.start()
    found = [(len(line.text), line.offset) for batch in batches(lambda _: next(pieces)) for line in batch]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found[1] == (2, 800 * 65536 + 1)
    assert peak < 12 * 2**20
