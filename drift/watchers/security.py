"""The security watcher: follows the platform's logs, and reads how each principal and address stands.

A round takes what was written since the last one, the file that is furthest behind first, so that the order
of times is kept over all files; it takes no more than `read_at_once`, and goes on in the next. What was
learnt (who logs in from where, who reads what, what is usual) is written down now and then, so that a restart
learns nothing anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from drift.config import Config
from drift.config_security import SecurityConfig
from drift.errors import ConfigError
from drift.files import write_atomically
from drift.telemetry.readings import Reading
from drift.watchers import learnt
from drift.watchers.event_stream import Counts, SecurityStream
from drift.watchers.tail import Followed, Tail

POSITION, LEARNT = "logs.position.json", "logs.learnt.json"
KEEP_EVERY = timedelta(minutes=10)
"""How often what was learnt is written down."""
SAY_EVERY = timedelta(hours=1)
"""How often the log is told what of the lines could not be judged."""

_log = structlog.get_logger(__name__)


class SecurityWatcher:
    """Follows log files by `tail` and judges their lines by `config`; see `drift.watchers.base.Watcher`."""

    name = "logs"

    def __init__(
        self, config: SecurityConfig, tail: Tail, every: timedelta, learnt_in: Path | None = None
    ) -> None:
        from drift.telemetry.sensitive import redact_text

        self.every = every
        self.stream = SecurityStream(config, redact_text)
        self._tail, self._most, self._learnt_in = tail, int(config.read_at_once), learnt_in
        self._advanced: datetime | None = None
        self._kept: datetime | None = None
        self._said: tuple[datetime, Counts] | None = None
        if learnt_in is not None and learnt_in.exists():
            self._recall(learnt_in)

    def readings(self, now: datetime) -> Sequence[Reading]:
        """Read on, judge what is due, and say how each subject stands that was called of late.

        Raises:
            StoreError: never; a file that cannot be read is named in the log, and the others are read.
        """
        before = self.stream.newest
        self._tail.look()
        behind = self._read(now)
        if self.stream.newest > before or self._advanced is None:
            self._advanced = now
        for _ in self.stream.ready(behind):
            pass  # an episode stands in the ledger from here on
        if now - self._advanced >= self.every:  # nothing newer has come: what waits will not be overtaken
            for _ in self.stream.rest():
                pass
        self._tail.save()
        self._keep(now)
        self._say(now)
        return self.stream.readings(self._time(now))

    def close(self) -> None:
        """Let go of the files, with what was learnt written down."""
        self._write_learnt()
        self._tail.close()

    def _time(self, now: datetime) -> float:
        """The stream's present: the newest line's time, and what has gone by since it came. So logs that are
        shipped late age as others do.
        """
        if self.stream.newest == float("-inf"):
            return now.timestamp()
        return self.stream.newest + (now - (self._advanced or now)).total_seconds()

    def _read(self, now: datetime) -> float:
        """Take in lines, of the file furthest behind first; gives how far all files were read."""
        left, at = self._most, now.timestamp()
        pending = self._tail.pending()
        while pending and left > 0:
            source = min(pending, key=lambda each: each.reached)
            begun = source.offset
            lines = self._tail.take(source)
            left -= source.offset - begun
            self._take(source, lines, at)
            if not lines or source.offset >= source.size():
                pending.remove(source)
        return min((source.reached for source in pending), default=float("inf"))

    def _take(self, source: Followed, lines: Sequence[str], now: float) -> None:
        for line in lines:
            at, _ = self.stream.take(line, now)
            if at is not None and at <= now:
                source.reached = max(source.reached, at)
        if lines and source.reached == float("-inf"):
            source.reached = self.stream.newest  # lines without times hold no others up

    def _recall(self, file: Path) -> None:
        try:
            learnt.restore(self.stream, json.loads(file.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("what was learnt of the logs cannot be read: it is learnt anew", reason=str(error))

    def _keep(self, now: datetime) -> None:
        if self._kept is None or now - self._kept >= KEEP_EVERY:
            if self._kept is not None:
                self._write_learnt()
            self._kept = now

    def _write_learnt(self) -> None:
        if self._learnt_in is not None:
            content = json.dumps(learnt.kept(self.stream), separators=(",", ":")).encode()
            write_atomically(self._learnt_in, content, flush=False)

    def _say(self, now: datetime) -> None:
        """Name in the log what of the lines could not be judged, if there was any since it last said so."""
        if self._said is None:
            self._said = now, Counts()
        since, before = self._said
        counts = asdict(self.stream.counts)
        new = {
            name: counts[name] - getattr(before, name)
            for name in ("unread", "ahead", "late", "hurried", "let_go")
        }
        if now - since >= SAY_EVERY:
            self._said = now, Counts(**counts)
            if any(new.values()):
                _log.warning("log lines that were not judged in their turn", **new)


def open_security(config: Config) -> SecurityWatcher:
    """The watcher of the config's `watch.logs` and `security`. It writes beside a state in a file; of a state
    in a server, into the folder `state` beside the config.

    Raises:
        ConfigError: `watch.logs` is off, or missing.
    """
    if config.watch is None or config.watch.logs is None:
        raise ConfigError(
            "watch.logs: is off: name the log files to follow, `logs: {paths: [/var/log/api/*.log]}`"
        )
    logs, folder = config.watch.logs, config.path("state")
    paths = [str(config.path(path)) for path in logs.paths]
    return SecurityWatcher(config.security, Tail(paths, folder / POSITION), logs.every, folder / LEARNT)
