"""From scores to alarms: on above the limit, off after a quiet day."""

from __future__ import annotations

import numpy as np

from drift.detectors.trailing import Flags
from drift.domain import Floats


def firing(score: Floats, release: float, hold_slots: int, start: Flags | None = None) -> Flags:
    """(S, N) alarm state of scores (S, N) in units of the limit: on above 1, off after `hold_slots` quiet
    slots.

    Quiet is at or below `release`, or NaN. `start` (N,) is the state before the first slot.

    >>> firing(np.array([[0.5], [1.2], [0.8], [0.1], [0.1]]), release=0.7, hold_slots=1).ravel()
    array([False,  True,  True,  True, False])
    """
    on = np.zeros(score.shape[1], bool) if start is None else start.copy()
    quiet = np.zeros(score.shape[1], int)
    out = np.empty(score.shape, bool)
    for row, value in enumerate(score):
        on |= value > 1
        quiet = np.where(value > release, 0, quiet + 1)
        on &= quiet <= hold_slots
        out[row] = on
    return out


def onsets(state: Flags) -> Flags:
    """(S, N) the slots at which an alarm begins.

    >>> onsets(np.array([[True], [True], [False], [True]])).ravel()
    array([ True, False, False,  True])
    """
    earlier: Flags = np.concatenate([np.zeros((1, state.shape[1]), np.bool_), state[:-1]])
    begins: Flags = state & ~earlier
    return begins
