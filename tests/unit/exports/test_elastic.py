"""The index template takes whatever is logged, and its files are what Elasticsearch and Filebeat read."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from drift.clock import wall_clock
from drift.exports.elastic import STREAM, elastic_texts, mappings
from drift.telemetry.ecs import ALIASES, FIELDS
from drift.telemetry.ecs_document import document
from drift.telemetry.log_processor import LogProcessor
from drift.telemetry.log_steps import EcsLine


def leaves(found: object, at: str = "") -> Iterator[tuple[str, object]]:
    """The values of a document by their dotted names, as Elasticsearch walks through it."""
    if isinstance(found, dict):
        for name, value in found.items():
            yield from leaves(value, f"{at}.{name}" if at else name)
    elif isinstance(found, list):
        for value in found:
            yield from leaves(value, at)
    else:
        yield at, found


def mapped(properties: Mapping[str, dict], name: str) -> dict:
    """The mapping of a field, or of the object around it that takes anything."""
    first, _, rest = name.partition(".")
    found = properties.get(first)
    assert found is not None, f"{name} is not mapped"
    if found.get("type") in ("flattened", "object"):
        return found
    if not rest:
        assert "type" in found, f"{name} is an object in the mapping, and no value"
        return found
    assert "properties" in found, f"{name} is below a value"
    return mapped(found["properties"], rest)


def taken(kind: Mapping[str, object], value: object) -> bool:
    """Whether Elasticsearch takes the value in a field of that kind."""
    if value is None:
        return True
    match kind["type"]:
        case "date":
            return datetime.fromisoformat(str(value)).utcoffset() is not None
        case "long":
            return type(value) is int and -(2**63) <= value < 2**63
        case "ip":
            return bool(ipaddress.ip_address(str(value)))
        case "object":
            return type(value) in (int, float)
        case _:
            return isinstance(value, str)


def refused(found: object) -> list[str]:
    """The fields of a document that the template would not take."""
    properties = mappings()["properties"]
    assert isinstance(properties, dict)
    return [name for name, value in leaves(found) if not taken(mapped(properties, name), value)]


LINES = [
    '{"event": "m", "url": "http://h/", "user": {"name": {"first": "a"}}, "error": {"message": {"x": 1}}, "host": ["a", "b"]}',
    '{"message": "m", "status": "ok", "http": {"response": {"status_code": "high"}}, "source": {"ip": "web-1"}, "event": "x"}',
    '{"message": "m", "@timestamp": "soon", "log": "x", "labels": "x", "numeric_labels": {"a": {"b": 1}, "a.b": "x"}, "a.b": 1}',
    '{"message": {"nested": 1}, "trace_id": 7, "tags": {"a": 1}, "process": {"pid": 1e999, "thread": "x"}, "ecs": 1, "agent": "x"}',
    "203.0.113.7 - bob [08/Dec/2024:23:46:32 +0530] \"GET /a HTTP/1.1\" 200 12",
    "no form at all",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_every_field_that_is_written_is_mapped_and_fits(line: str):
    (found,) = LogProcessor(wall_clock, host="web-1", environment="test").process([line])
    assert refused(found) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
)


@given(
    st.dictionaries(
        st.sampled_from([*FIELDS, *ALIASES, "labels.x", "numeric_labels.x"]) | st.text(max_size=9),
        JSON,
        max_size=6,
    )
)
def test_no_document_is_refused_whatever_is_logged(fields: dict[str, object]):
    (of_others,) = LogProcessor(wall_clock, host="web-1").process([json.dumps(fields)])
    assert refused(of_others) == []
    ours = json.loads(EcsLine("drift", "test")(None, "info", {"event": "m", "level": "info", **fields}))
    assert refused(ours) == []


def test_labels_never_hold_an_object_and_numbers_stand_beside_them():
    found = document({"a.b": 1, "a": {"b": 2}, "c": [{"d": 1}], "x": 10**30, "y": float("nan"), "ok": True})
    assert found == {
        "labels": {
            "a_b": "1",
            "a": '{"b": 2}',
            "c": '[{"d": 1}]',
            "x": str(10**30),
            "y": "nan",
            "ok": "true",
        },
        "numeric_labels": {"a_b": 1},
    }


def test_the_files_are_checked_in_and_are_what_their_readers_take(repository: Path):
    for name, text in elastic_texts().items():
        assert (repository / "config" / "elastic" / name).read_text() == text
    made = {name: json.loads(text) for name, text in elastic_texts().items() if name.endswith(".json")}
    template, component = made["index-template.json"], made["component-template.json"]["template"]
    assert (
        template["composed_of"]
        == [component["settings"]["index.lifecycle.name"]]
        == [component["settings"]["index.default_pipeline"]]
    )
    assert template["priority"] > 100  # Elasticsearch's own template for logs-*-* has 100
    assert any(re.fullmatch(pattern.replace("*", ".*"), STREAM) for pattern in template["index_patterns"])
    assert set(made["ilm-policy.json"]["policy"]["phases"]) == {"hot", "warm", "delete"}
    assert {next(iter(step)) for step in made["ingest-pipeline.json"]["processors"]} == {"set"}
    filebeat = yaml.safe_load(elastic_texts()["filebeat.yml"])
    assert filebeat["output.elasticsearch"]["index"] == STREAM
    assert [next(iter(each["parsers"][-1])) for each in filebeat["filebeat.inputs"]] == ["ndjson", "ndjson"]
    assert len({each["id"] for each in filebeat["filebeat.inputs"]}) == 2


def test_the_mapping_does_not_grow_with_what_is_logged():
    made = mappings()
    assert made["dynamic"] is False
    (growing,) = made["dynamic_templates"]  # type: ignore[misc]
    assert growing == {"numeric_labels": {"path_match": "numeric_labels.*", "mapping": {"type": "double"}}}
