"""PURE. What else lies in the same hours: faults of the data, and holidays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo

import numpy as np

from drift.detectors.trailing import Integers
from drift.evidence.case import Case, Rows
from drift.evidence.onset import FAULT, Onset
from drift.evidence.part import Lack, Reason
from drift.evidence.wording import listed
from drift.quality import FAULTS, NAMES, SOUND

WORDS: Mapping[str, str] = {
    "missing": "missing",
    "not_positive": "not above zero",
    "stuck": "stuck",
    "scale": "at the wrong scale",
    "spike": "with a spike",
    "shift": "at the wrong hours",
}
MISSING = FAULTS["missing"].code


@dataclass(frozen=True, slots=True)
class Disturbances:
    """Faults and holidays since the onset, or since the current window began if that is earlier."""

    actual_faults: Mapping[str, int]
    """Hours by kind, the names those of `drift.quality`."""
    prediction_faults: Mapping[str, int]
    fault_share: float
    """Of the hours, with a fault of either."""
    faulty_now: bool
    """Whether the last hour has one; a value that is only missing may yet come."""
    holidays: tuple[str, ...]
    """Local dates, bridge days included."""
    holiday_share: float
    """Of the hours."""
    holidays_count: bool
    """Whether holidays are in the figures, because there is hardly anything else."""

    def faults(self) -> str:
        """What is faulty, and for how many hours; empty if nothing is."""
        both = (("actuals", self.actual_faults), ("predictions", self.prediction_faults))
        said = [
            f"{whose} {WORDS.get(kind, kind)} in {hours} h"
            for whose, faults in both
            for kind, hours in faults.items()
        ]
        return listed(said)

    def sentence(self, *, faults_told: bool = False) -> str | None:
        """What was found, and whether it is in the figures; None if nothing was."""
        said = []
        if self.faults():
            said.append(
                "The figures leave the faulty hours out."
                if faults_told
                else f"Data faults, left out of these figures: {self.faults()}."
            )
        if self.holidays:
            how = "are in these figures" if self.holidays_count else "are left out of these figures"
            said.append(f"Holidays and bridge days {how}: {listed(self.holidays)}.")
        return " ".join(said) or None


def find_disturbances(case: Case, rows: Rows, zone: tzinfo) -> Disturbances:
    """Faults and holidays; no codes of faults are no faults."""
    part = slice(min(rows.start, rows.current), len(rows.actual))
    count = max(part.stop - part.start, 1)
    actual, prediction = _codes(case.faults, part), _codes(case.prediction_faults, part)
    faulty = (actual != SOUND) | (prediction != SOUND)
    last = set(actual[-1:].tolist() + prediction[-1:].tolist())
    holiday = np.asarray(case.hours.holiday).reshape(-1)[part]
    return Disturbances(
        _by_kind(actual, rows.per_day),
        _by_kind(prediction, rows.per_day),
        float(faulty.sum() / count),
        bool(last - {SOUND, MISSING}),
        _dates(case, np.flatnonzero(holiday) + part.start, zone),
        float(holiday.sum() / count),
        rows.holidays_count and bool(holiday.any()),
    )


def fault_onset(case: Case) -> Onset | Reason:
    """Where the first run of faults began that reaches into the current window; NO_CHANGE where none does."""
    window = case.grid.cut(case.current)
    part = slice(0, window.stop)
    faulty = (_codes(case.faults, part) != SOUND) | (_codes(case.prediction_faults, part) != SOUND)
    there = np.flatnonzero(faulty[window])
    if not there.size:
        return Lack.NO_CHANGE
    sound = np.flatnonzero(~faulty[: window.start + there[0]])
    at = case.grid.start + (int(sound[-1]) + 1 if sound.size else 0) * case.grid.step
    return Onset(at, at, at, earlier=False, channel=FAULT)


def _codes(codes: Integers | None, part: slice) -> Integers:
    """The codes of the rows; sound where nobody looked."""
    return np.zeros(part.stop - part.start, np.int64) if codes is None else np.asarray(codes)[part]


def _by_kind(codes: Integers, per_day: int) -> dict[str, int]:
    """Hours by kind of fault, the most first."""
    kinds, counts = np.unique(codes[codes != SOUND], return_counts=True)
    most = np.argsort(-counts, kind="stable")
    return {
        NAMES.get(int(kinds[k]), f"fault {int(kinds[k])}"): -(-24 * int(counts[k]) // per_day) for k in most
    }


def _dates(case: Case, rows: Integers, zone: tzinfo) -> tuple[str, ...]:
    """The local dates of some rows, in their order."""
    moments = [(case.grid.start + int(row) * case.grid.step).astimezone(zone) for row in rows]
    return tuple(dict.fromkeys(f"{moment:%Y-%m-%d}" for moment in moments))
