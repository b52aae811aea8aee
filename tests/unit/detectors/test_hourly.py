"""Quarters of an hour become hours."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from drift.detectors.hourly import hourly
from drift.errors import UndefinedError

NAN = np.nan


def test_an_hour_is_the_mean_of_pairs_of_which_at_least_half_are_there() -> None:
    actual = np.array([[1.0, 2, 3, 6, NAN, NAN, 5, 7, NAN, NAN, NAN, 5]])
    predicted = np.array([[2.0, 3, 4, NAN, 9, 9, 6, 8, 1, 1, 1, 1]])
    found = hourly(actual, predicted, timedelta(minutes=15))
    np.testing.assert_array_equal(found[0].ravel(), [2, 6, NAN])  # the fourth quarter has no prediction
    np.testing.assert_array_equal(found[1].ravel(), [3, 7, NAN])


def test_hours_stay_hours_and_change_their_axes() -> None:
    actual = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(hourly(actual, actual, timedelta(hours=1))[0], actual.T)


@pytest.mark.parametrize("minutes", [120, 1440, 45])
def test_what_is_no_part_of_an_hour_is_refused(minutes: int) -> None:
    with pytest.raises(UndefinedError, match="the calibrated detector is undefined"):
        hourly(np.ones((1, 2)), np.ones((1, 2)), timedelta(minutes=minutes))
