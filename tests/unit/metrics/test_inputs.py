"""What a metric takes: sequences, arrays, Series; and what it says of anything else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from drift.domain import Undefined
from drift.errors import DriftError, UndefinedError
from drift.metrics import METRICS, Sample, coverage_of_interval, mae, skill
from drift.metrics.base import as_rows, scalar
from drift.values import only_value, where_undefined


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 3],
        (1.0, 2.0, 3.0),
        np.array([1, 2, 3], dtype=np.int32),
        np.array([1, 2, 3], dtype=np.float32),
        pd.Series([1.0, 2.0, 3.0], index=[7, 8, 9]),
        pd.Series([1, 2, 3], dtype="Int64"),
        np.arange(6.0)[1:4],
        np.array([1.0, 9.0, 2.0, 9.0, 3.0])[::2],
    ],
)
def test_any_1d_form_of_numbers(values: object) -> None:
    assert mae(values, [2.0, 4.0, 6.0]) == 2.0  # type: ignore[arg-type]


def test_series_are_paired_by_position() -> None:
    assert mae(pd.Series([1.0, 2.0], index=[0, 1]), pd.Series([1.0, 2.0], index=[1, 0])) == 0.0


def test_the_arrays_handed_in_stay_as_they_are() -> None:
    actual, predicted = np.array([1.0, np.inf]), np.array([2.0, 3.0])
    mae(actual, predicted)
    np.testing.assert_array_equal(actual, [1.0, np.inf])
    np.testing.assert_array_equal(predicted, [2.0, 3.0])


def test_lengths_must_match() -> None:
    with pytest.raises(ValueError, match=r"want 1-D arrays of one length, got shapes \[\(2,\), \(3,\)\]"):
        mae([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"want 1-D arrays of one length, got shapes \[\(2,\), \(1,\)\]"):
        skill([1.0, 2.0], [1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match=r"want 1-D arrays of one length, got shapes \[\(2,\), \(0,\)\]"):
        coverage_of_interval([1.0, 2.0], [1.0, 2.0], [])


@pytest.mark.parametrize("values", [1.0, [[1.0, 2.0]]])
def test_arrays_must_be_1d(values: object) -> None:
    with pytest.raises(ValueError, match="want 1-D arrays of one length"):
        mae(values, values)  # type: ignore[arg-type]


def test_nan_and_infinity_are_no_pair() -> None:
    a, p = as_rows([1.0, np.nan, 3.0, 4.0], [1.0, 2.0, -np.inf, 4.0])
    np.testing.assert_array_equal(a, [[1.0, np.nan, np.nan, 4.0]])
    np.testing.assert_array_equal(p, [[1.0, np.nan, np.nan, 4.0]])


def test_an_undefined_metric_names_itself_and_its_reason() -> None:
    sample = Sample(np.full((1, 3), np.nan), np.full((1, 3), np.nan))
    with pytest.raises(
        UndefinedError, match="mae is undefined: no pairs of a prediction and an actual"
    ) as caught:
        scalar(METRICS["mae"], sample)
    assert (caught.value.name, caught.value.reason) == ("mae", Undefined.NO_PAIRS)
    assert isinstance(caught.value, DriftError)


def test_the_first_reason_that_holds_is_given() -> None:
    value, reason = where_undefined(
        np.array([1.0, 2.0, np.inf, np.nan]),
        (np.array([False, True, False, False]), Undefined.NO_PAIRS),
        (np.array([False, True, True, False]), Undefined.NO_SCALE),
    )
    np.testing.assert_array_equal(reason, [0, Undefined.NO_PAIRS, Undefined.NO_SCALE, Undefined.NOT_FINITE])
    np.testing.assert_array_equal(value, [1.0, np.nan, np.nan, np.nan])


def test_only_value_is_a_python_float() -> None:
    assert type(only_value("mae", where_undefined(np.array([1.5])))) is float
