"""The command that judges logs of the past: what the security watcher would have called in them."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from heapq import merge
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from drift.cli_options import DEFAULT_CONFIG, AllOption, ConfigOption, JsonOption, load
from drift.errors import ConfigError

if TYPE_CHECKING:
    from drift.config import Config
    from drift.config_security import SecurityConfig
    from drift.telemetry.logged import LogEvent
    from drift.watchers.event_stream import SecurityStream
    from drift.watchers.violations import Episode


def watch(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]... | -", help="Log files, .gz too; - for stdin. [default: watch.logs]"
        ),
    ] = None,
    config_file: ConfigOption = DEFAULT_CONFIG,
    everything: AllOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say what the security watcher would have called in logs of the past, by the config's `security`."""
    from drift.clock import wall_clock
    from drift.document import to_json
    from drift.terminal_security import print_violations, violations_document

    config = _config(config_file, needed=not files)
    security, paths = _security(config), files or _watched(config)
    with ExitStack() as opened:
        now = wall_clock().timestamp()
        stream, episodes = judged(security, [_lines(path, opened) for path in paths], now)
    if as_json:
        print(to_json(violations_document(stream, episodes)))
    else:
        print_violations(stream, episodes, everything=everything)


def _config(file: Path, *, needed: bool) -> Config | None:
    """The config; for files that are named the defaults do, where there is no config in its usual place."""
    if not needed and file == DEFAULT_CONFIG and not file.exists():
        from drift.telemetry.logs import log_to_stderr

        log_to_stderr()
        return None
    return load(file)


def _security(config: Config | None) -> SecurityConfig:
    from drift.config_security import SecurityConfig

    return SecurityConfig() if config is None else config.security


def _watched(config: Config | None) -> list[Path]:
    """The files that `watch.logs` names."""
    from glob import glob

    if config is None or config.watch is None or config.watch.logs is None:
        raise ConfigError("no log was named: name files, - for stdin, or watch.logs.paths in the config")
    named = [str(config.path(path)) for path in config.watch.logs.paths]
    found = sorted({path for pattern in named for path in glob(pattern, recursive=True)})  # noqa: PTH207 - may be absolute
    if not found:
        raise ConfigError(f"watch.logs.paths: no file matches {', '.join(named)}")
    return [Path(path) for path in found]


def _lines(path: Path, opened: ExitStack) -> Iterator[str]:
    """The lines of a file, or of stdin."""
    if str(path) == "-":
        return iter(sys.stdin)
    try:
        raw = opened.enter_context(path.open("rb"))
        packed = raw.peek(2)[:2] == b"\x1f\x8b"
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    whole = opened.enter_context(gzip.GzipFile(fileobj=raw)) if packed else raw
    return _read(path, opened.enter_context(TextIOWrapper(whole, encoding="utf-8", errors="replace")))


def _read(path: Path, file: TextIOWrapper) -> Iterator[str]:
    try:
        yield from file
    except (OSError, EOFError) as error:  # a folder, a packed file that is cut
        raise ConfigError(f"{path} cannot be read to its end: {error}") from None


class _Dated(NamedTuple):
    """A line with its place among those of other files: its own time, or that of the line before it."""

    at: float
    source: int
    text: str
    parsed: LogEvent


def _dated(lines: Iterator[str], source: int, now: float) -> Iterator[_Dated]:
    from drift.telemetry.log_lines import parse_line

    at = float("-inf")
    for text in lines:
        parsed = parse_line(text)
        said = None if parsed.timestamp is None else parsed.timestamp.timestamp()
        at = at if said is None or said > now else said
        yield _Dated(at, source, text.rstrip("\r\n"), parsed)


def judged(
    config: SecurityConfig, sources: list[Iterator[str]], now: float
) -> tuple[SecurityStream, list[Episode]]:
    """Every line of the logs judged in the order of time, by the clock of the logs themselves, but for lines
    that are ahead of `now` (seconds since 1970), whose clock was wrong. Gives the stream, with what became of
    the lines, and the episodes in the order in which they were found.
    """
    from drift.telemetry.sensitive import redact_text
    from drift.watchers.event_stream import SecurityStream

    stream, found = SecurityStream(config, redact_text), []
    lines = merge(*(_dated(source, n, now) for n, source in enumerate(sources)), key=lambda line: line.at)
    for line in lines:
        found += stream.take_event(line.parsed, line.text, now)[1]
        found += stream.ready()
    return stream, [*found, *stream.rest()]
