"""PURE. What an exported alert says to people, and by which labels Alertmanager knows it.

The words on what to do, and the runbooks' names, are those of the messages that drift itself sends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drift.exports.promql import literal
from drift.messages.kinds import KINDS

FORECAST, PLATFORM, MONITOR = "forecast", "platform", "monitor"
"""The label `about`: a monitor that is late mutes what is about forecasts."""


@dataclass(frozen=True, slots=True)
class Runbooks:
    """Where runbooks are: URLs of some rules; of the others a folder or URL with a page a kind of alert."""

    folder: str
    urls: Mapping[str, str]

    def of(self, rule: str, kind: str) -> str:
        """The runbook of a rule."""
        return self.urls.get(rule) or f"{self.folder.rstrip('/')}/{KINDS[kind].runbook}.md"


def labels_of(severity: str, about: str) -> dict[str, str]:
    """The labels of an alert, beside those of its series."""
    return {"severity": severity, "about": about}


def annotations_of(
    rule: str, kind: str, summary: str, runbooks: Runbooks, channels: Sequence[str] = ()
) -> dict[str, str]:
    """What an alert says. `summary` is a Go template; all other words stand for themselves."""
    said = {
        "summary": summary,
        "description": literal(f"What to do: {KINDS[kind].first}"),
        "runbook_url": literal(runbooks.of(rule, kind)),
    }
    return said | ({"channels": literal(", ".join(channels))} if channels else {})
