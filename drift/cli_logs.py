"""The commands about the platform's logs: made ready for Elastic, and judged as the security watcher would.

`process` is a filter: lines in, one JSON document a line out, in the order in which they came. It writes as
soon as it has read, so that it can stand in a pipe, and it ends quietly when its reader does.
"""

from __future__ import annotations

import gc
import gzip
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from drift.cli_logs_watch import watch
from drift.errors import ConfigError

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from drift.clock import Clock
    from drift.telemetry.log_processor import LogProcessor
    from drift.telemetry.log_stream import Line

app = typer.Typer(help="The platform's logs.", no_args_is_help=True, rich_markup_mode=None)
app.command("watch")(watch)


_KNOWN = ("event.ingested", "event.id", "event.dataset", "event.severity", "log.", "host.")
"""What every line has, and nobody reads line by line."""


class Format(StrEnum):
    """What a line becomes: a document for Elastic, or a line to read."""

    ECS = "ecs"
    CONSOLE = "console"


@app.command()
def process(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]... | -", help="Log files; - for stdin.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Append to this file. [default: stdout]")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="ecs for Elastic, console to read.")] = Format.ECS,
    service: Annotated[str, typer.Option(help="The service of lines that name none.")] = "energy-forecast",
    environment: Annotated[str | None, typer.Option(help="The environment of lines that name none.")] = None,
    host: Annotated[
        str | None, typer.Option(help="The host of lines that name none. [default: this one]")
    ] = None,
    zone: Annotated[str, typer.Option(help="The zone of times that name none.")] = "UTC",
) -> None:
    """Parse log lines of any usual form, strip what is sensitive, and write documents that Elastic takes."""
    import socket

    from drift.clock import wall_clock
    from drift.telemetry.log_processor import LogProcessor

    named = files or [Path("-")]
    _refuse_own_output(named, out)
    clock = _PieceClock(wall_clock)
    made = LogProcessor(clock, service, environment, host or socket.gethostname(), _zone(zone))
    started = time.monotonic()
    gc.set_threshold(
        100_000
    )  # a line's document holds no cycle, and looking for one costs a tenth of the time
    try:
        with ExitStack() as opened:
            sink = opened.enter_context(out.open("ab")) if out else sys.stdout.buffer
            unread = [path for path in named if not _processed(path, sink, _writer(made, form), clock)]
    except BrokenPipeError:  # whoever read has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    _tell(made, time.monotonic() - started)
    raise typer.Exit(1 if unread else 0)


class _PieceClock:
    """Shows when a piece of the logs was read, for all lines of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.look()

    def look(self) -> None:
        """Look at the clock that runs."""
        self._now = self._clock()

    def __call__(self) -> datetime:
        """The time at the last look."""
        return self._now


def _refuse_own_output(files: list[Path], out: Path | None) -> None:
    for path in files:
        if out is not None and out.exists() and path.exists() and out.samefile(path):
            raise ConfigError(f"--out: {out} is read too, and would never end: write to another file")


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"--zone: {name!r} is no zone: write one such as Asia/Kolkata") from None


def _processed(
    path: Path, sink: BinaryIO, written: Callable[[list[Line]], bytes], clock: _PieceClock
) -> bool:
    """Whether the file could be read to its end; one that could not is named on stderr."""
    from drift.telemetry.log_stream import batches
    from drift.text import printable

    with ExitStack() as opened:
        try:
            read, where = _opened(path, opened)
            pieces = batches(_reading(read), where)
        except OSError as error:
            print(f"drift: {printable(path, None)} cannot be read: {error.strerror}", file=sys.stderr)
            return False
        try:
            for batch in pieces:
                clock.look()
                if batch:
                    sink.write(written(batch))
                    sink.flush()
        except _UnreadError as error:
            print(f"drift: {printable(path, None)} cannot be read to its end: {error}", file=sys.stderr)
            return False
    return True


class _UnreadError(Exception):
    """A read that failed, apart from a write that did."""


def _opened(path: Path, opened: ExitStack) -> tuple[Callable[[int], bytes | None], str | None]:
    """What reads a file, also a packed one, or stdin; a pipe gives what it has."""
    if str(path) == "-":
        return lambda size: os.read(sys.stdin.fileno(), size), None
    raw = opened.enter_context(path.open("rb", buffering=0))
    if path.suffix == ".gz":
        return opened.enter_context(gzip.GzipFile(fileobj=raw)).read1, str(path.absolute())
    return raw.read, str(path.absolute())


def _reading(read: Callable[[int], bytes | None]) -> Callable[[int], bytes]:
    def some(size: int) -> bytes:
        try:
            return read(size) or b""
        except (OSError, EOFError) as error:  # a folder, a packed file that is cut
            raise _UnreadError(getattr(error, "strerror", None) or error) from None

    return some


def _writer(made: LogProcessor, form: Format) -> Callable[[list[Line]], bytes]:
    """What is written of lines: their documents, or what of them people read."""
    from drift.telemetry.ecs_document import json_line

    def for_elastic(lines: list[Line]) -> bytes:
        return "".join([f"{json_line(found)}\n" for found in made.documents_of(lines)]).encode()

    def for_people(lines: list[Line]) -> bytes:
        return "".join([f"{_read_by_people(fields)}\n" for fields in made.fields_of(lines)]).encode(
            "utf-8", "replace"
        )

    return for_elastic if form is Format.ECS else for_people


def _read_by_people(fields: Mapping[str, object]) -> str:
    from drift.text import spelt_out

    others = {name: value for name, value in fields.items() if not name.startswith(_KNOWN)}
    when, message = others.pop("@timestamp"), others.pop("message")
    said = " ".join(f"{name}={value}" for name, value in others.items())
    return spelt_out(f"{when} [{fields.get('log.level', '-'):<8}] {message}  {said}".rstrip())


def _tell(made: LogProcessor, seconds: float) -> None:
    """What was done, on stderr."""
    counts = made.counts
    parts = [f"{counts.lines:,} lines in {seconds:.1f} s"]
    parts += [f"{counts.unparsed:,} not parsed and kept whole"] if counts.unparsed else []
    parts += [f"{counts.untimed:,} without a time"] if counts.untimed else []
    parts += [f"{counts.stripped:,} with something sensitive stripped"] if counts.stripped else []
    parts += [f"{counts.cut_bytes:,} bytes of overlong lines cut"] if counts.cut_bytes else []
    print(f"drift: {', '.join(parts)}", file=sys.stderr)
