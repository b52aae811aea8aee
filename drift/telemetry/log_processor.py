"""Others' log lines as documents that Elastic takes: parse → enrich → strip → metadata, a line at a time.

The four steps are the platform guide's. Each is a function of one line, nothing is kept between lines, and
the clock and the host's name are handed in. A line that no form fits goes all the same: whole, tagged
`unparsed`, with the reason in `error.message`; one without a time of its own has the time at which it was
read, and is tagged `untimed`. `event.id` is made of where a line stands and of what it says, so that a file
read twice is indexed once; it is made after stripping, so that no secret can be guessed from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from drift import __version__
from drift.clock import Clock
from drift.telemetry.ecs import SEVERITY, VERSION
from drift.telemetry.ecs_document import document, moment
from drift.telemetry.log_lines import parse_line
from drift.telemetry.log_stream import Line
from drift.telemetry.logged import LogEvent, Value
from drift.telemetry.sensitive_fields import stripped

SERVICE: Final = "energy-forecast"
"""The service of a line that names none, as in the platform's guide."""

Fields = dict[str, Value]

_UNDERSTOOD: Final = frozenset(
    ("@timestamp", "log.level", "message", "event.severity", "event.ingested", "event.id")
)
_OWN: Final = {name: f"labels.{name}" for name in _UNDERSTOOD}
_MADE_BY: Final[Fields] = {"agent": {"type": "drift", "version": __version__}, "ecs": {"version": VERSION}}
"""The same in every document."""


_read_at = lru_cache(maxsize=1)(moment)
"""Many lines are read at once."""


@dataclass(slots=True)
class Counts:
    """What was done so far: lines read, of them unparsed, untimed, and with something stripped."""

    lines: int = 0
    unparsed: int = 0
    untimed: int = 0
    stripped: int = 0
    cut_bytes: int = 0


@dataclass(frozen=True, slots=True)
class LogProcessor:
    """Makes documents of lines. `service`, `environment` and `host` are of lines that do not say it
    themselves; `zone` is that of times that name none.
    """

    clock: Clock
    service: str = SERVICE
    environment: str | None = None
    host: str | None = None
    zone: tzinfo = UTC
    counts: Counts = field(default_factory=Counts)

    def process(self, lines: Iterable[str | Line]) -> Iterator[Fields]:
        """The document of each line, in order. Never raises for what a line holds."""
        for line in lines:
            yield from self.documents_of([line if isinstance(line, Line) else Line(line)])

    async def process_logs(self, log_stream: str) -> list[Fields]:
        """The documents of a stream that is already in hand, in the guide's words."""
        return self.documents_of([Line(text) for text in log_stream.splitlines()])

    def documents_of(self, lines: Sequence[Line]) -> list[Fields]:
        """Lines as Elastic takes them."""
        return [document(fields) | _MADE_BY for fields in self.fields_of(lines)]

    def fields_of(self, lines: Sequence[Line]) -> list[Fields]:
        """Lines through the four steps, their fields flat. Each step is done for all of them before the next,
        which is a seventh sooner done than line by line: what a step needs stays at hand for it.
        """
        now = self.clock()
        events = [self.parse_log(line.text, now) for line in lines]
        enriched = [self.enrich_log(event) for event in events]
        clean = [self.filter_sensitive_data(fields) for fields in enriched]
        for event, line in zip(events, lines, strict=True):
            self._count(event, line)
        return [self.add_metadata(fields, line, now) for fields, line in zip(clean, lines, strict=True)]

    def parse_log(self, log: str, now: datetime | None = None) -> LogEvent:
        """What the line says, in whichever form it says it."""
        return parse_line(log, zone=self.zone, now=now)

    def enrich_log(self, event: LogEvent) -> Fields:
        """The event's fields, with what the line leaves to be known: service, environment, host, severity."""
        fields: Fields = {"message": event.message, "service.name": self.service}
        if event.timestamp:
            fields["@timestamp"] = moment(event.timestamp)
        if event.level:
            fields["log.level"] = event.level
            fields["event.severity"] = SEVERITY[event.level]
        if self.environment:
            fields["service.environment"] = self.environment
        if self.host:
            fields["host.name"] = self.host
        if _UNDERSTOOD.isdisjoint(event.context):
            fields.update(event.context)
        else:  # what could not be understood has no field of ECS
            fields |= {_OWN.get(name, name): value for name, value in event.context.items()}
        if "event.dataset" not in fields:
            fields["event.dataset"] = f"{fields['service.name']}.log"
        if event.fault:
            fields |= {"tags": ["unparsed"], "error.message": event.fault}
        return fields

    def filter_sensitive_data(self, fields: Fields) -> Fields:
        """The fields without tokens, passwords, addresses and numbers of people (`sensitive.py`)."""
        clean, changed = stripped(fields)
        self.counts.stripped += changed > 0
        return clean

    def add_metadata(self, fields: Fields, line: Line, now: datetime) -> Fields:
        """The fields, with where the line stood, when it was read, and the id of it all."""
        said = fields.get("@timestamp", "")
        if not said:
            tags = fields.get("tags")
            fields["@timestamp"] = _read_at(now)
            fields["tags"] = [*(tags if isinstance(tags, list) else []), "untimed"]
        if line.path is not None:
            fields["log.file.path"] = line.path
        if line.offset is not None:
            fields["log.offset"] = line.offset
        named = f"{self.host}\0{line.path}\0{line.offset}\0{said}\0{fields['message']}"
        fields["event.id"] = blake2b(named.encode("utf-8", "replace"), digest_size=16).hexdigest()
        fields["event.ingested"] = _read_at(now)
        return fields

    def _count(self, event: LogEvent, line: Line) -> None:
        self.counts.lines += 1
        self.counts.unparsed += event.fault is not None
        self.counts.untimed += event.timestamp is None
        self.counts.cut_bytes += line.cut
