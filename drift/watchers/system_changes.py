"""PURE. Changes of the platform: configuration, model registry, permissions, users, secrets.

Each is told, as none is too small: who it was meant to be made by is in the allow-list. It is told when it is
read, whatever its time, so that a line that comes late is not a change unseen.
"""

from __future__ import annotations

from collections.abc import Iterator

from drift.config_security import SecurityConfig
from drift.watchers.event_windows import DistinctWindows
from drift.watchers.events import Kind, SecurityEvent
from drift.watchers.violations import Violation, named


class SystemChanges:
    """Watches what was changed; counts the changes that one principal made within `stands`."""

    name = "system_changes"

    def __init__(self, config: SecurityConfig) -> None:
        self._stands = config.system_changes.stands.total_seconds()
        self._made = DistinctWindows(self._stands, config.names, width=1000)
        self._changes = 0

    @property
    def let_go(self) -> int:
        """How many names were forgotten for want of room."""
        return self._made.let_go

    def see(self, event: SecurityEvent) -> Iterator[Violation]:
        """The change, if the event is one."""
        if event.kind is not Kind.CHANGE or event.change is None:
            return
        who = f"principal {event.principal}" if event.principal else f"address {event.address or 'unknown'}"
        subject = f"{event.change} by {who}"
        self._changes += 1
        made = self._made.hit(subject, str(self._changes), event.at)
        seen = named(principals=event.principal, addresses=event.address, targets=event.target)
        yield Violation(
            detector=self.name,
            kind=event.change,
            subject=subject,
            value=float(made),
            limit=0.0,
            window=self._stands,
            at=event.at,
            count=lambda at: float(self._made.count(subject, at)),
            seen=seen | {"actions": event.action or ""},
        )
