"""Runs for the sinks' tests: small, whole, with names that a hostile store could hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import numpy as np
import pytest

from drift.domain import (
    Alert,
    AlertKey,
    AlertStatus,
    Failure,
    Kind,
    PairCount,
    Panel,
    Run,
    Series,
    Threshold,
    Transition,
    Undefined,
    Unused,
    Window,
)

DAY = datetime(2020, 4, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIMIT = Threshold(0.85, "below")

MakeRun: TypeAlias = Callable[..., Run]


def panel(kind: Kind, series: Sequence[Series], columns: Sequence[str | None], names: Sequence[str]) -> Panel:
    """Values 0.01, 0.02 … in order; the first cell is undefined."""
    shape = (len(series), len(columns), len(names))
    value = np.arange(1, np.prod(shape) + 1).reshape(shape) / 100
    reason = np.zeros(shape, dtype=np.uint8)
    value[0, 0, 0], reason[0, 0, 0] = np.nan, Undefined.LOW_COVERAGE
    n = np.arange(np.prod(shape[:2])).reshape(shape[:2])
    return Panel(
        kind, tuple(series), tuple(columns), tuple(names), value, reason, n, np.full(shape[:2], 0.75)
    )


def _run(
    slot: datetime = DAY,
    cities: Sequence[str] = ("SCL", "PJM"),
    versions: Sequence[str] = ("v1", "v2"),
    **changes: object,
) -> Run:
    scored = [Series(v, c) for v in versions for c in (None, *cities)]
    bands = [Series(v, None, "24h-30h") for v in versions]
    key = AlertKey("model_accuracy_drop", versions[0], cities[0], None, None)
    firing = AlertStatus.FIRING
    alert = Alert(key, firing, slot - HOUR, slot, slot, 0.7, LIMIT, "high", 1)
    change = Transition(
        slot, key, "accuracy", AlertStatus.PENDING, firing, "held for 1h", 0.7, LIMIT, slot - HOUR, 1, "high"
    )
    fields = {
        "slot": slot,
        "current": Window(slot - 24 * HOUR, slot),
        "reference": Window(slot - 2400 * HOUR, slot - 24 * HOUR),
        "duration_s": 1.5,
        "panels": (
            panel("metric", [*scored, *bands], (None,), ("accuracy", "mape")),
            panel(
                "statistic",
                [s for s in scored if s.city is not None],
                ("actual", "temperature"),
                ("psi", "ks"),
            ),
        ),
        "verdicts": (),
        "alerts": (alert,),
        "transitions": (change,),
        "pair_counts": (
            PairCount(versions[0], cities[0], 20, {Unused.LATE: 3}),
            PairCount(versions[0], cities[0], 999, {}, "reference"),
        ),
        "actuals_delay_s": {cities[0]: 3600.0},
        "actuals_expected_delay_s": {cities[0]: 7200.0},
        "failures": (Failure("read", "PJM", "no rows"),),
    }
    return Run(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    return _run
