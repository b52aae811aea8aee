"""A city is coarser where its rows come evenly, and only then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from drift.coarser import coarser
from drift.domain import Grid
from drift.timeline import Forecast, Pairs

QUARTER = timedelta(minutes=15)
CELLS = 7 * 96
WHOLE = np.ones(CELLS)


def pairs(actual: np.ndarray, predicted: np.ndarray) -> Pairs:
    both = np.stack([WHOLE, actual]), np.stack([WHOLE, predicted])[np.newaxis]
    grid = Grid(datetime(2026, 3, 1, tzinfo=UTC), QUARTER, CELLS)
    return Pairs(grid, ("Pune", "Surat"), ("v1",), both[0], Forecast(both[1], None, None), {}, {})


def where(kept: np.ndarray) -> np.ndarray:
    return np.where(kept, 1.0, np.nan)


HOURLY = where(np.arange(CELLS) % 4 == 0)


@pytest.mark.parametrize("tables", [(HOURLY, WHOLE), (WHOLE, HOURLY), (HOURLY, HOURLY)])
def test_an_hourly_city_on_quarters_is_named_once(tables) -> None:
    (failure,) = coarser(pairs(*tables))
    assert failure.message.startswith("rows of Surat are 1h apart, and the interval is 15m: say `store.inter")


def test_a_few_holes_more_change_nothing() -> None:
    holes = HOURLY.copy()
    holes[::96] = np.nan
    assert len(coarser(pairs(holes, WHOLE))) == 1


@pytest.mark.parametrize(
    "kept",
    [
        where(np.arange(CELLS) < 96),  # silent since
        where(np.arange(CELLS) % 96 < 40),  # by day only
        where(np.arange(CELLS) % 96 == 40),  # one quarter a day
        where(np.random.default_rng(1).random(CELLS) < 0.3),  # holes
        where(np.arange(CELLS) < 0),  # nothing
    ],
)
def test_other_holes_are_no_interval(kept) -> None:
    assert coarser(pairs(kept, WHOLE)) == []
