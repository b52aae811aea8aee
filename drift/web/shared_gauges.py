"""The gauges that `/metrics` answers with: of the latest run, whichever replica made it, and of the outbox.

Who evaluated a slot keeps the text of its gauges in the state, compressed, and the other replicas show that
text. To look at the slot anew, each by itself, would cost as many evaluations as there are replicas, and they
would show different figures for one slot, as the data have gone on. A process that starts shows the last run
at once for the same reason. What counts failures stays each process's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from drift.domain import Run
from drift.errors import StateError
from drift.sinks.prometheus import PrometheusSink, completed, escaped
from drift.state import SharedGauges, State
from drift.state_outbox import Counts

_OUTBOX = {
    "drift_outbox_pending": "Messages that wait for their channel.",
    "drift_outbox_dead": "Messages that their channel never took, and that no later one has followed.",
    "drift_outbox_oldest_timestamp_seconds": "Since when the oldest waiting message waits.",
}


class ReplicaGauges(PrometheusSink):
    """A run's gauges, shared by the replicas on one state."""

    def __init__(self, state: State, channels: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._state, self._channels = state, channels
        self._outbox = b""

    def publish(self, run: Run) -> Mapping[str, str]:
        """Make the run's gauges the ones that are served, here and by the other replicas.

        Raises:
            SinkError: a label cannot be written in UTF-8; the gauges stay as they were.
            StateError: the other replicas cannot be given them.
        """
        links = super().publish(run)
        now = self._snapshot
        if now.slot == run.slot:
            self._state.keep_gauges(SharedGauges(run.slot, now.succeeded, now.gauges))
        return links

    def refresh(self) -> datetime | None:
        """Show what another replica made since, and how the outbox stands; gives the slot that is shown now.

        Raises:
            StateError: the state cannot be read; the run's gauges stay as they were, the outbox's are absent.
        """
        outbox = self._state.outbox
        try:
            made = self._state.gauges(after=self._snapshot.slot)
            self._outbox = outbox_text(outbox.counts(), outbox.given_up(), self._channels)
        except StateError:
            self._outbox = b""  # what is not known is not shown
            raise
        if made is not None:
            self._adopt(made)
        return self._snapshot.slot

    def _adopt(self, made: SharedGauges) -> None:
        with self._publishing:
            now = self._snapshot
            if now.slot is None or made.slot > now.slot:
                theirs = replace(now, slot=made.slot, succeeded=made.succeeded, gauges=made.text)
                self._snapshot = completed(theirs)

    def render(self) -> bytes:
        """The gauges in Prometheus' text format."""
        return super().render() + self._outbox


def outbox_text(counts: Mapping[str, Counts], dead: Mapping[str, int], channels: tuple[str, ...]) -> bytes:
    """The gauges of the outbox: every channel of the config, and those that still have a notice there.

    >>> print(outbox_text({}, {"sms": 2}, ("sms",)).decode().splitlines()[5])
    drift_outbox_dead{channel="sms"} 2
    """
    names = sorted({*channels, *counts, *dead})
    waiting: dict[str, float] = {name: counts[name].waiting if name in counts else 0 for name in names}
    oldest = {name: at.timestamp() for name in counts if (at := counts[name].oldest) is not None}
    lost: dict[str, float] = {name: dead.get(name, 0) for name in names}
    lines = []
    for (gauge, text), of in zip(_OUTBOX.items(), (waiting, lost, oldest), strict=True):
        lines += [f"# HELP {gauge} {text}", f"# TYPE {gauge} gauge"]
        lines += [f'{gauge}{{channel="{escaped(name)}"}} {value}' for name, value in of.items()]
    return "\n".join([*lines, ""]).encode()
