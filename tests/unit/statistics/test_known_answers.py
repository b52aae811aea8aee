"""Every statistic on values worked out by hand, and the reason where it has none."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from drift.domain import Undefined
from drift.errors import UndefinedError
from drift.statistics import hellinger, jensen_shannon, ks, psi, wasserstein
from drift.statistics.wasserstein import _steps

NAN = float("nan")
HUNDRED = [float(i) for i in range(100)]
BINNED = [psi, jensen_shannon, hellinger]
Measure = Callable[..., float]


def test_psi_floors_an_empty_bin_and_renormalises() -> None:
    # p = ½, ½; q = 0, 1 floored to 1e-4, 1 and divided by 1.0001
    low, high = 1e-4 / 1.0001, 1 / 1.0001
    expected = (low - 0.5) * math.log(low / 0.5) + (high - 0.5) * math.log(high / 0.5)
    assert psi([1.0, 2.0, 3.0, 4.0], [3.0, 4.0], bins=2) == pytest.approx(expected, rel=1e-12)


def test_psi_depends_on_the_floor_that_is_stated() -> None:
    # q = 0.01/1.01, 1/1.01
    low, high = 0.01 / 1.01, 1 / 1.01
    expected = (low - 0.5) * math.log(low / 0.5) + (high - 0.5) * math.log(high / 0.5)
    assert psi([1.0, 2.0, 3.0, 4.0], [3.0, 4.0], bins=2, share_floor=0.01) == pytest.approx(
        expected, rel=1e-12
    )


def test_psi_of_half_the_mass_moved_between_two_deciles() -> None:
    # deciles of 0 … 99 hold 10 values each; the current sample leaves the first bin for the second
    current = [v + 10 if v < 10 else v for v in HUNDRED]
    floored = [1e-4, 0.2] + [0.1] * 8
    q = [share / sum(floored) for share in floored]
    expected = sum((b - 0.1) * math.log(b / 0.1) for b in q)
    assert psi(HUNDRED, current) == pytest.approx(expected, rel=1e-12)


def test_jensen_shannon_and_hellinger_of_samples_apart() -> None:
    # two bins: p = ½, ½ and q = 0, 1: JS = ½(½ log₂ 2 + ½ log₂ ⅔) + ½ log₂ 4⁄3; H² = 1 − √½
    reference, current = [1.0, 2.0, 3.0, 4.0], [3.0, 9.0]
    divergence = 0.5 * (0.5 + 0.5 * math.log2(2 / 3)) + 0.5 * math.log2(4 / 3)
    assert jensen_shannon(reference, current, bins=2) == pytest.approx(math.sqrt(divergence), rel=1e-12)
    assert hellinger(reference, current, bins=2) == pytest.approx(math.sqrt(1 - math.sqrt(0.5)), rel=1e-12)


def test_ks_of_samples_apart_and_of_the_same() -> None:
    assert ks([1.0, 2.0], [3.0, 4.0, 5.0]) == 1.0
    assert ks([3.0, 4.0, 5.0], [1.0, 2.0]) == 1.0
    assert ks([1.0, 2.0, 2.0], [2.0, 2.0, 1.0]) == 0.0


def test_ks_with_ties_across_and_within_the_samples() -> None:
    # F: ¼ at 1, ¾ at 2, 1 at 3. G: ½ at 2, 1 at 3. Gaps ¼, ¼, 0
    assert ks([1.0, 2.0, 2.0, 3.0], [2.0, 3.0]) == 0.25
    # G is still 0 where F has reached 1
    assert ks([2.0, 2.0, 2.0], [2.5, 2.5]) == 1.0


def test_ks_sees_a_gap_just_before_a_current_value() -> None:
    # just before 10, F is ¾ and G 0; at 10, both are 1
    assert ks([1.0, 2.0, 3.0, 10.0], [10.0]) == 0.75


def test_ks_has_a_value_for_a_constant_reference() -> None:
    assert ks([5.0, 5.0], [5.0, 6.0, 6.0, 6.0]) == 0.75


def test_wasserstein_of_a_shift_is_the_shift_in_standard_deviations() -> None:
    reference = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]  # σ = 2
    assert wasserstein(reference, [v + 3 for v in reference]) == pytest.approx(1.5)
    assert wasserstein(reference, reference) == 0.0


def test_wasserstein_of_samples_of_different_length() -> None:
    # σ = 1; quantiles: 0 to ½ is 0 against 1, ½ to ⅔ is 2 against 1, ⅔ to 1 is 2 against 5
    assert wasserstein([0.0, 2.0], [1.0, 1.0, 5.0]) == pytest.approx(1 / 2 + 1 / 6 + 3 / 3)


@pytest.mark.parametrize("unit", [1e-300, 1e150])
def test_wasserstein_of_tiny_and_huge_values(unit: float) -> None:
    assert wasserstein([0.0, 2 * unit], [3 * unit, 5 * unit]) == pytest.approx(3.0)


def test_wasserstein_that_overflows_is_said_to() -> None:
    for reference, current in (
        ([-1e308, 1e308], [0.0]),
        ([0.0, 1.0], [1e308, -1e308]),
        ([0.0, 1e-300], [1e300]),
    ):
        with pytest.raises(UndefinedError, match="wasserstein is undefined: the values overflow") as caught:
            wasserstein(reference, current)
        assert caught.value.reason is Undefined.NOT_FINITE


def test_the_steps_of_two_quantile_functions_are_kept_bounded_and_cannot_be_written() -> None:
    of_reference, of_current, width = _steps(2, 3)  # ends at ⅓, ½, ⅔, 1
    assert (list(of_reference), list(of_current)) == ([0, 0, 1, 1], [0, 1, 1, 2])
    assert list(width) == pytest.approx([2 / 6, 1 / 6, 1 / 6, 2 / 6])
    with pytest.raises(ValueError, match="read-only"):
        width[0] = 0.0
    assert _steps.cache_info().maxsize is not None


@pytest.mark.parametrize("statistic", [psi, ks, wasserstein, jensen_shannon, hellinger])
@pytest.mark.parametrize("current", [[], [NAN, float("inf")]])
def test_no_current_values(statistic: Measure, current: list[float]) -> None:
    with pytest.raises(
        UndefinedError, match=f"{statistic.__name__} is undefined: no current values"
    ) as caught:
        statistic(HUNDRED, current)
    assert caught.value.reason is Undefined.NO_CURRENT


@pytest.mark.parametrize(
    ("statistic", "reference"),
    [
        *((s, HUNDRED[:9]) for s in BINNED),
        (wasserstein, [1.0]),
        (ks, []),
        (ks, [NAN]),
        *((s, []) for s in BINNED),
    ],
)
def test_too_short_a_reference(statistic: Measure, reference: list[float]) -> None:
    with pytest.raises(UndefinedError, match="the reference has too few values") as caught:
        statistic(reference, [1.0, 2.0])
    assert caught.value.reason is Undefined.SHORT_REFERENCE


@pytest.mark.parametrize("statistic", [*BINNED, wasserstein])
def test_a_constant_reference(statistic: Measure) -> None:
    with pytest.raises(UndefinedError, match="all reference values are equal") as caught:
        statistic([0.1] * 20, [0.1, 0.2])
    assert caught.value.reason is Undefined.CONSTANT_REFERENCE


@pytest.mark.parametrize("statistic", BINNED)
def test_as_many_reference_values_as_bins_are_enough(statistic: Measure) -> None:
    assert statistic([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], bins=3) == 0.0
    with pytest.raises(UndefinedError):
        statistic([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], bins=4)
