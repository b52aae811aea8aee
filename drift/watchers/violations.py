"""PURE. What a detector calls, and what of it still stands.

A detector says something at each event that is over a limit. What people want to know is the episode: since
when, how many in all, from where, with a few lines to look at, and when it was over. An episode stands
until its window has gone by without another such event. Told are the names, addresses and paths that a
line was about, and lines only after redaction.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

EXAMPLES = 5
"""So many lines, and so many names of each kind, an episode keeps to be looked at."""
MOST = 1000
"""So many subjects of a detector may stand at once: who floods the log with names floods no one's mail."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing called, at one event.

    `subject` is whose it is (`principal alice`), `kind` what (`burst`). `value` was counted in the window of
    `window` seconds, more than `limit`. `seen` has examples by what they are, `names` how they are called.
    `count` says what the window that ends at a time holds. `grave` raises the severity.
    """

    detector: str
    kind: str
    subject: str
    value: float
    limit: float
    window: float
    at: float
    count: Callable[[float], float]
    seen: Mapping[str, str] = field(default_factory=dict)
    grave: bool = False


def named(**names: str | None) -> dict[str, str]:
    """Examples for `Violation.seen`: what a line names, without what it does not.

    >>> named(principals="alice", addresses=None, paths="")
    {'principals': 'alice'}
    """
    return {what: name for what, name in names.items() if name}


@dataclass(slots=True)
class Episode:
    """A violation from its first event to its last. `found` is when it was known, in the log's time; `total`
    how many events were over the limit.
    """

    latest: Violation
    found: float
    first: float
    last: float
    total: int = 0
    worst: float = 0.0
    grave: bool = False
    seen: dict[str, list[str]] = field(default_factory=dict)
    lines: list[tuple[float, str]] = field(default_factory=list)

    def take(self, violation: Violation, line: str) -> None:
        """Another event of the same episode."""
        self.latest, self.last = violation, violation.at
        self.total += 1
        self.worst = max(self.worst, violation.value)
        self.grave |= violation.grave
        for what, name in violation.seen.items():
            names = self.seen.setdefault(what, [])
            if name not in names and len(names) < EXAMPLES:
                names.append(name)
        if len(self.lines) < EXAMPLES:
            self.lines.append((violation.at, line))

    def stands(self, at: float) -> bool:
        """Whether its window has not gone by yet: half-open, as windows are."""
        return at < self.last + self.latest.window


class Ledger:
    """The episodes of all detectors, by detector and subject, and of each by kind.

    For `told` seconds after an episode is over its subject is still read, as being well, and then forgotten.
    """

    def __init__(self, told: float, redact: Callable[[str], str]) -> None:
        self.let_go = 0
        self._told, self._redact = told, redact
        self._open: dict[str, OrderedDict[str, dict[str, Episode]]] = {}

    def take(self, violation: Violation, line: str, found: float) -> Episode | None:
        """Take in what was called; the episode, if it began with this."""
        subjects = self._open.setdefault(violation.detector, OrderedDict())
        kinds = subjects.setdefault(violation.subject, {})
        subjects.move_to_end(violation.subject)
        if len(subjects) > MOST:
            subjects.popitem(last=False)
            self.let_go += 1
        standing = kinds.get(violation.kind)
        new = standing is None or not standing.stands(violation.at)
        if standing is None or new:
            standing = kinds[violation.kind] = Episode(violation, found, violation.at, violation.at)
        standing.take(violation, self._redact(line) if len(standing.lines) < EXAMPLES else "")
        return standing if new else None

    def __iter__(self) -> Iterator[tuple[str, str, list[Episode]]]:
        """Detector, subject, and its episodes, over or not."""
        for detector, subjects in self._open.items():
            for subject, kinds in subjects.items():
                yield detector, subject, list(kinds.values())

    def forget(self, at: float) -> None:
        """Let go of what has long been over."""
        for subjects in self._open.values():
            for subject in [name for name, kinds in subjects.items() if self._over(kinds, at)]:
                del subjects[subject]

    def _over(self, kinds: Mapping[str, Episode], at: float) -> bool:
        return all(at >= each.last + each.latest.window + self._told for each in kinds.values())
