"""A slot and the config become the windows that are judged and that they are judged against.

The current window ends with the last interval that was complete `lag` before the slot; the reference
ends `gap` before the current window starts, or is fixed. `history` is all that a slot must read: the
reference and the current window, and before them one season for the naive forecast, and the days that
the floor's median looks back on.

    |<- season ->|<------ reference ------>|<- gap ->|<- current ->|<- lag ->| slot
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from drift.config import AccuracyConfig, ReferenceSpan, WindowsConfig, format_duration
from drift.domain import Window, iso
from drift.errors import WindowError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cadence:
    """The distance of target times, and one of them: half-hour zones have theirs at half past."""

    step: timedelta = timedelta(hours=1)
    anchor: datetime = EPOCH

    def floor(self, moment: datetime) -> datetime:
        """The last target time at or before the moment.

        >>> half_past = Cadence(timedelta(hours=1), EPOCH + timedelta(minutes=30))
        >>> half_past.floor(datetime(2020, 4, 10, 12, 5, tzinfo=UTC)).minute
        30
        """
        return self.anchor + (moment - self.anchor) // self.step * self.step


HOURLY = Cadence()


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of one slot."""

    slot: datetime
    current: Window
    reference: Window
    floor: Window
    history: Window


def windows_of(
    slot: datetime,
    windows: WindowsConfig,
    accuracy: AccuracyConfig,
    cadence: Cadence = HOURLY,
    look_back: timedelta = timedelta(0),
) -> Windows:
    """The windows that the slot judges, is judged against, and needs to read.

    `look_back` is how much before the current window's end is read at least: detectors look further back.

    >>> w = windows_of(datetime(2020, 4, 10, 0, 5, tzinfo=UTC), WindowsConfig(), AccuracyConfig())
    >>> str(w.current)
    '[2020-04-09T00:00:00Z, 2020-04-10T00:00:00Z)'
    """
    if slot.tzinfo is None:
        raise WindowError(f"the slot {slot.isoformat()} has no time zone: write it with one, or with Z")
    slot = slot.astimezone(UTC)
    _whole_steps(windows, accuracy, cadence)
    end = cadence.floor(slot - windows.lag)
    current = Window(end - windows.current, end)
    reference = _reference(current, windows, cadence)
    floor = Window(end - accuracy.floor_window, end)
    first = min(current.start, reference.start) - accuracy.season
    first = min(first, floor.start, cadence.floor(end - look_back))
    return Windows(slot, current, reference, floor, Window(first, end))


def _whole_steps(windows: WindowsConfig, accuracy: AccuracyConfig, cadence: Cadence) -> None:
    lengths = {
        "windows.current": windows.current,
        "windows.gap": windows.gap,
        "windows.revise_for": windows.revise_for,
        "accuracy.season": accuracy.season,
        "accuracy.floor_window": accuracy.floor_window,
    }
    if isinstance(windows.reference, timedelta):
        lengths["windows.reference"] = windows.reference
    for key, length in lengths.items():
        if length % cadence.step:
            raise WindowError(
                f"{key}: {format_duration(length)} is no multiple of the data's interval of "
                f"{format_duration(cadence.step)}"
            )


def _reference(current: Window, windows: WindowsConfig, cadence: Cadence) -> Window:
    latest = current.start - windows.gap
    if not isinstance(windows.reference, ReferenceSpan):
        return Window(latest - windows.reference, latest)
    span = Window(cadence.floor(windows.reference.start), cadence.floor(windows.reference.end))
    if span.end > latest:
        raise WindowError(
            f"the fixed reference {span} ends after {iso(latest)}, where the current window (less the "
            f"gap) starts: choose an earlier windows.reference.end, or a later slot"
        )
    return span


def slots_between(first: datetime, last: datetime, every: timedelta) -> list[datetime]:
    """The slots `first, first + every, …` up to and with `last`.

    >>> day = datetime(2020, 1, 1, tzinfo=UTC)
    >>> [s.hour for s in slots_between(day, day + timedelta(hours=3), timedelta(hours=1))]
    [0, 1, 2, 3]
    """
    if every <= timedelta(0):
        raise WindowError(f"slots need a positive distance, not {every}")
    if last < first:
        raise WindowError(f"the last slot {iso(last)} is before the first {iso(first)}")
    return [first + i * every for i in range((last - first) // every + 1)]
