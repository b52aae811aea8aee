"""The nouns of drift: frozen values that every step shares, with no behaviour that needs I/O.

One slot's figures come as `Panel`s, dense arrays with labels on their axes, because a fleet has tens of
thousands of measurements a slot and an object each would cost more than computing them. Iterating a
panel gives the `Measurement`s, one by one, where a person or a JSON document wants them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from drift.reasons import Undefined as Undefined
from drift.reasons import Unused as Unused

if TYPE_CHECKING:
    import pandas as pd

    from drift.data_fault import DataFault
    from drift.notebook import Page

Floats: TypeAlias = NDArray[np.floating[Any]]
"""Numbers in 64 bits, or in 32 where the store holds them so; what is summed is summed in 64."""
Codes: TypeAlias = NDArray[np.uint8]
Kind: TypeAlias = Literal["metric", "statistic", "detector", "estimate"]
Side: TypeAlias = Literal["below", "above"]
RunPart: TypeAlias = Literal["measurements", "alerts", "transitions", "verdicts", "pairs"]


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of target times `[start, end)` in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window's ends carry a time zone")
        if self.end < self.start:
            raise ValueError(f"a window ends at {self.end}, before its start {self.start}")

    @property
    def length(self) -> timedelta:
        """`end − start`."""
        return self.end - self.start

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def __str__(self) -> str:
        return f"[{iso(self.start)}, {iso(self.end)})"


@dataclass(frozen=True, slots=True)
class Grid:
    """Target times at one distance: `start`, `start + step` … `count` of them."""

    start: datetime
    step: timedelta
    count: int

    @property
    def end(self) -> datetime:
        """The first moment after the last interval."""
        return self.start + self.count * self.step

    def cut(self, window: Window) -> slice:
        """The cells whose target time lies in the window, as far as the grid reaches."""
        first = -((self.start - window.start) // self.step)  # rounds up to the next cell
        last = -((self.start - window.end) // self.step)
        return slice(min(max(first, 0), self.count), min(max(last, 0), self.count))

    def cells(self, window: Window) -> int:
        """How many target times the window should hold, whether the grid reaches there or not."""
        return -((self.start - window.end) // self.step) + ((self.start - window.start) // self.step)

    def times(self, cells: slice = slice(None)) -> NDArray[np.datetime64]:
        """The target times as `datetime64[s]` in UTC."""
        first = np.datetime64(self.start.astimezone(UTC).replace(tzinfo=None), "s")
        step = np.timedelta64(int(self.step.total_seconds()), "s")
        return (first + np.arange(self.count) * step)[cells]


def iso(moment: datetime) -> str:
    """The moment as ISO 8601 in UTC with a Z, to the second.

    >>> iso(datetime(2020, 4, 10, tzinfo=UTC))
    '2020-04-10T00:00:00Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Series(NamedTuple):
    """What a measurement is about: a model version in a city (None: all cities pooled) at a horizon
    band (None: the horizon that is judged).
    """

    model_version: str
    city: str | None = None
    horizon: str | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number, or the reason why there is none, with what it measures."""

    kind: Kind
    name: str
    series: Series
    column: str | None
    value: float | None
    undefined: Undefined | None
    n: int
    coverage: float


@dataclass(frozen=True, slots=True)
class Panel:
    """Measurements of one kind as dense arrays, axes `series × columns × names`.

    `value` is NaN exactly where `reason` is not 0. `n` and `coverage` are per series and column. Metrics
    have the single column None; statistics have one a data column; detectors one a channel, and
    None for all of them together.
    """

    kind: Kind
    series: tuple[Series, ...]
    columns: tuple[str | None, ...]
    names: tuple[str, ...]
    value: Floats
    reason: Codes
    n: NDArray[np.int64]
    coverage: Floats

    def __post_init__(self) -> None:
        shape = (len(self.series), len(self.columns), len(self.names))
        if self.value.shape != shape or self.reason.shape != shape:
            raise ValueError(f"a panel of {shape} got arrays of {self.value.shape}")
        if self.n.shape != shape[:2] or self.coverage.shape != shape[:2]:
            raise ValueError(f"a panel of {shape} got counts of {self.n.shape}")

    def __len__(self) -> int:
        return self.value.size

    def __iter__(self) -> Iterator[Measurement]:
        for s, series in enumerate(self.series):
            for c, column in enumerate(self.columns):
                for k in range(len(self.names)):
                    yield self.at(s, c, k, series, column)

    def only(self, names: Collection[str]) -> Panel | None:
        """The measurements of these names; None where it has none of them."""
        found = [k for k, name in enumerate(self.names) if name in names]
        if not found:
            return None
        value, reason = self.value[..., found], self.reason[..., found]
        return replace(self, names=tuple(self.names[k] for k in found), value=value, reason=reason)

    def at(self, s: int, c: int, k: int, series: Series, column: str | None) -> Measurement:
        """The measurement in one cell."""
        reason = int(self.reason[s, c, k])
        return Measurement(
            kind=self.kind,
            name=self.names[k],
            series=series,
            column=column,
            value=None if reason else float(self.value[s, c, k]),
            undefined=Undefined(reason) if reason else None,
            n=int(self.n[s, c]),
            coverage=float(self.coverage[s, c]),
        )


class VerdictStatus(StrEnum):
    """A measurement held against its threshold."""

    OK = "ok"
    BREACH = "breach"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit: breached when the value is `below` (or `above`) `limit`. `basis` says where it is from.

    A firing alert is quiet where the value is no worse than `release`, by default the limit itself.
    """

    limit: float
    side: Side
    basis: Literal["fixed", "calibrated"] = "fixed"
    release: float | None = None

    def breached(self, value: float) -> bool:
        """Whether one value is on the wrong side of the limit. On the limit is not; NaN is not."""
        return value < self.limit if self.side == "below" else value > self.limit


class AlertKey(NamedTuple):
    """What one alert is about; its fingerprint is made from it."""

    rule: str
    model_version: str
    city: str | None
    horizon: str | None
    column: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One measurement against the threshold of one rule."""

    key: AlertKey
    name: str
    status: VerdictStatus
    value: float | None
    threshold: Threshold
    undefined: Undefined | None = None
    n: int = 0
    coverage: float = 0.0


class AlertStatus(StrEnum):
    """Where an alert stands."""

    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Alert:
    """The state of one rule for one series.

    `since` is when the present breach began, or when the alert got its present status if there is none;
    `changed` is when its status last changed; `seen` is the last slot that had a value for it;
    `quiet_since` is since when a firing alert has been quiet, if it is. `worst` is the value furthest on the
    bad side since the last breach began; None where there was none yet.
    """

    key: AlertKey
    status: AlertStatus
    since: datetime
    changed: datetime
    seen: datetime | None
    value: float | None
    threshold: Threshold
    severity: str = "warning"
    episode: int = 0
    quiet_since: datetime | None = None
    worst: float | None = None

    def _repr_html_(self) -> str:
        from drift.notebook import alert_html

        return alert_html(self)

    def _repr_pretty_(self, page: Page, cycle: bool) -> None:  # noqa: ARG002 - as IPython asks
        from drift.notebook import alert_line

        page.text(alert_line(self))


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of an alert's status, with its reason and the evidence for it."""

    at: datetime
    key: AlertKey
    name: str
    before: AlertStatus
    after: AlertStatus
    reason: str
    value: float | None
    threshold: Threshold
    since: datetime
    episode: int
    severity: str = "warning"
    evidence: Mapping[str, object] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        from drift.notebook import transition_html

        return transition_html(self)

    def _repr_pretty_(self, page: Page, cycle: bool) -> None:  # noqa: ARG002 - as IPython asks
        from drift.notebook import transition_line

        page.text(transition_line(self))


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that went wrong in a run and stopped nothing else."""

    stage: str
    what: str
    message: str


@dataclass(frozen=True, slots=True)
class PairCount:
    """How the rows and hours of one window of one model version in one city were used.

    The history is all that was read; only there are rows counted that have no hour, and, under no model
    version and no city (None), those without a key.
    """

    model_version: str | None
    city: str | None
    used: int
    unused: Mapping[Unused, int]
    window: Literal["current", "reference", "history"] = "current"


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What a slot's detectors were fitted to: when, on which hours, how many series, and whose limits."""

    made_at: datetime
    span: Window
    series: int
    origin: str


@dataclass(frozen=True, slots=True)
class Revised:
    """Earlier slots that were measured anew, as what they had seen has changed: their panels, by slot, in
    these cities. `whole`: in all there are, so that the panels hold pooled figures as well.
    """

    slots: Mapping[datetime, tuple[Panel, ...]]
    cities: tuple[str, ...]
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """All that one slot produced. `data_hash` names what it was measured of, where that was asked for."""

    slot: datetime
    current: Window
    reference: Window
    duration_s: float
    panels: tuple[Panel, ...]
    verdicts: tuple[Verdict, ...]
    alerts: tuple[Alert, ...]
    transitions: tuple[Transition, ...]
    pair_counts: tuple[PairCount, ...]
    actuals_delay_s: Mapping[str, float] = field(default_factory=dict)
    actuals_expected_delay_s: Mapping[str, float] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    calibrated: Calibrated | None = None
    data_hash: str | None = None
    revised: Revised | None = None
    estimates: tuple[Panel, ...] = ()
    """What is expected of hours without actuals: never among the measurements."""
    data_faults: tuple[DataFault, ...] = ()
    recent: Mapping[Series, Floats] = field(default_factory=dict)
    """The error ÷ what is normal for it of each of the last days `(days,)`, oldest first, NaN where it is not
    known, of each series that a detector is calibrated for. Kept nowhere: it is for whoever looks at the run.
    """

    def measurements(self) -> Iterator[Measurement]:
        """Every measurement, one by one."""
        for panel in self.panels:
            yield from panel

    def to_pandas(self, what: RunPart = "measurements") -> pd.DataFrame:
        """What it found, as a tidy pandas frame: a row a measurement, alert, transition, verdict, or count of
        rows that were used and not (`drift.notebook.frames` has the columns).

        Raises:
            ValueError: it has nothing of that name.
        """
        from drift.notebook import run_frame  # upwards, for whoever asks a run in a notebook

        return run_frame(self, what)

    def _repr_html_(self) -> str:
        from drift.notebook import run_html

        return run_html(self)

    def _repr_pretty_(self, page: Page, cycle: bool) -> None:  # noqa: ARG002 - as IPython asks
        from drift.notebook import run_line

        page.text(run_line(self))
