"""The interval of a table, found from its times.

Why: nobody should have to say what the data says; and a table of many years need not be read whole for it.

How: PURE. The row groups with the latest times are a sample without gaps of its own; within each of its
cities consecutive times are one interval apart, but for holes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np
import pyarrow as pa

from drift.arrow import labelled, view
from drift.stores.footers import Bounds

_SAMPLE_ROWS = 2_000_000
_SAMPLE_GROUPS = 512


def latest_groups(files: Sequence[Sequence[Bounds]]) -> Mapping[int, list[int]]:
    """The numbers of the files, and in each of the row groups, that are the sample."""
    groups = [(bounds, f, g) for f, file in enumerate(files) for g, bounds in enumerate(file) if bounds.rows]
    groups.sort(key=lambda group: group[0].times[1] if group[0].times else 0, reverse=True)
    chosen: dict[int, list[int]] = {}
    rows = 0
    for bounds, file, group in groups[:_SAMPLE_GROUPS]:
        if rows < _SAMPLE_ROWS:
            chosen.setdefault(file, []).append(group)
            rows += bounds.rows
    return chosen


def commonest_phase(rows: pa.Table, step: timedelta) -> timedelta:
    """How long after a whole number of steps since 1970 most target times lie: half an hour in India."""
    times = view(rows["target_time"].cast(pa.int64()))
    phases, counts = np.unique(times % (step // timedelta(microseconds=1)), return_counts=True)
    return timedelta(microseconds=int(phases[np.argmax(counts)])) if phases.size else timedelta(0)


def commonest_distance(rows: pa.Table) -> timedelta | None:
    """The commonest distance of consecutive distinct target times within a city; the shortest, if several."""
    city = labelled(rows["city"]).unify_dictionaries()
    codes = np.concatenate([np.empty(0, np.int32), *(np.from_dlpack(c.indices) for c in city.chunks)])
    times = view(rows["target_time"].cast(pa.int64()))
    order = np.lexsort((times, codes))
    steps = np.diff(times[order])
    steps = steps[(np.diff(codes[order]) == 0) & (steps > 0)]
    if not steps.size:
        return None
    lengths, counts = np.unique(steps, return_counts=True)
    return timedelta(microseconds=int(lengths[np.argmax(counts)]))
