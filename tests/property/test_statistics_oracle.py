"""Statistics against scipy and exact arithmetic, and what must hold for any two samples.

As with the metrics, scipy is asked about values of common size, and the same values times a power of two
must give the same answer. The bins are counted here by comparing each value with each edge.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from statistics import pstdev

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from scipy.stats import ks_2samp, wasserstein_distance

from drift.domain import Floats
from drift.statistics import hellinger, jensen_shannon, ks, psi, wasserstein

oracle = settings(deadline=None, max_examples=150)

COMMON = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda x: round(x, 6))
TIED = st.integers(-3, 3).map(float)
TINY = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda x: round(x, 6) * 1e-12)
NEARLY_CONSTANT = st.integers(0, 1000).map(lambda i: 1e5 + i * 2.0**-20)
SCALES = st.sampled_from([-900, -600, -40, 0, 333, 480, 900])
SEEDS = st.integers(0, 2**32)
Samples = tuple[Floats, Floats]


@st.composite
def samples(draw: st.DrawFn, least: int = 2) -> Samples:
    """A reference that is not constant and a current sample that may be, of one kind and any lengths."""
    cell = draw(st.sampled_from([COMMON, TIED, TINY, NEARLY_CONSTANT]))
    reference = draw(st.lists(cell, min_size=least, max_size=60))
    current = draw(st.lists(cell, min_size=1, max_size=40))
    if draw(st.booleans()):
        current = [current[0]] * len(current)
    if draw(st.booleans()):
        current = [*current, *reference[: len(reference) // 2]]
    assume(min(reference) < max(reference))
    return np.array(reference), np.array(current)


def mixed(seed: int, values: Floats) -> Floats:
    """The same values in another order, with gaps among them."""
    rng = np.random.default_rng(seed)
    return rng.permutation([*values, *rng.choice([np.nan, np.inf, -np.inf], rng.integers(5))])


def shares(samples: Samples, bins: int) -> tuple[list[float], list[float]]:
    """The shares of the bins, counted value by value."""
    reference, current = samples
    edges = [-math.inf, *np.quantile(reference, np.arange(1, bins) / bins), math.inf]
    p, q = (
        [sum(low < x <= high for x in sample) / len(sample) for low, high in pairwise(edges)]
        for sample in (reference, current)
    )
    return p, q


def scipy_ks(reference: ArrayLike, current: ArrayLike) -> float:
    with np.errstate(divide="ignore"):  # in the p-value of two single values, which nobody asks for here
        return float(ks_2samp(reference, current, method="asymp").statistic)


def close(value: float, expected: float, floor: float = 1e-12) -> bool:
    return math.isclose(value, expected, rel_tol=1e-9, abs_tol=floor)


@oracle
@given(samples(), SCALES, SEEDS)
def test_ks_and_wasserstein_equal_scipy(pair: Samples, power: int, seed: int) -> None:
    reference, current = pair
    unit = 2.0**power
    r, c = mixed(seed, reference * unit), mixed(seed, current * unit)
    assert close(ks(r, c), scipy_ks(reference, current))
    deviation = pstdev(reference.tolist())  # exact, where np.std loses the digits of nearly constant values
    width = float(np.ptp(np.concatenate(pair)))
    expected = wasserstein_distance(reference, current) / deviation
    assert close(wasserstein(r, c), expected, 1e-13 * width / deviation)


@oracle
@given(samples(least=10), SCALES, st.integers(2, 10), SEEDS)
def test_binned_statistics_equal_scipy_on_the_same_shares(
    pair: Samples, power: int, bins: int, seed: int
) -> None:
    unit = 2.0**power
    r, c = mixed(seed, pair[0] * unit), mixed(seed, pair[1] * unit)
    p, q = shares(pair, bins)
    assert close(jensen_shannon(r, c, bins=bins), float(jensenshannon(p, q, base=2)), 1e-9)
    expected = math.sqrt(sum((math.sqrt(a) - math.sqrt(b)) ** 2 for a, b in zip(p, q, strict=True)) / 2)
    assert close(hellinger(r, c, bins=bins), expected)
    floored_p, floored_q = (np.maximum(share, 1e-4) / np.maximum(share, 1e-4).sum() for share in (p, q))
    jeffreys = rel_entr(floored_q, floored_p).sum() + rel_entr(floored_p, floored_q).sum()
    assert close(psi(r, c, bins=bins), float(jeffreys))


@oracle
@given(st.lists(COMMON, min_size=1, max_size=20), st.lists(COMMON, min_size=1, max_size=20))
@example([5.0], [5.0])
def test_ks_needs_no_spread(reference: list[float], current: list[float]) -> None:
    constant = [reference[0]] * len(reference)
    assert close(ks(constant, current), scipy_ks(constant, current))


@oracle
@given(samples(least=10))
def test_each_stays_in_its_range(pair: Samples) -> None:
    assert psi(*pair) >= 0
    assert wasserstein(*pair) >= 0
    for statistic in (ks, jensen_shannon, hellinger):
        assert 0 <= statistic(*pair) <= 1 + 1e-12


@oracle
@given(samples())
def test_ks_does_not_care_which_sample_is_the_reference(pair: Samples) -> None:
    assert close(ks(*pair), ks(pair[1], pair[0]))


@oracle
@given(*[st.integers(1, 9)] * 4)
def test_share_distances_do_not_care_which_sample_is_the_reference(
    k: int, zeros: int, j: int, more: int
) -> None:
    # as many values below zero as above: both have their median, the edge of two bins, at zero
    reference, current = ([-1.0] * n + [0.0] * z + [1.0] * n for n, z in ((k, zeros), (j, more)))
    for statistic in (psi, jensen_shannon, hellinger):
        assert close(statistic(reference, current, bins=2), statistic(current, reference, bins=2))


@pytest.mark.parametrize("statistic", [psi, ks, wasserstein, jensen_shannon, hellinger])
@oracle
@given(pair=samples(least=10), seed=SEEDS)
def test_order_does_not_matter(statistic: Callable[..., float], pair: Samples, seed: int) -> None:
    shuffled = [np.random.default_rng(seed).permutation(sample) for sample in pair]
    assert statistic(*shuffled) == statistic(*pair)


@pytest.mark.parametrize("statistic", [psi, ks, jensen_shannon, hellinger])
@oracle
@given(pair=samples(least=10))
def test_binned_statistics_and_ks_see_only_ranks_at_the_bin_edges(
    statistic: Callable[..., float], pair: Samples
) -> None:
    # beyond the outer edges, how far a value lies away changes nothing
    reference, current = pair
    far = np.where(current > reference.max(), 1e300, np.where(current < reference.min(), -1e300, current))
    assert statistic(reference, far) == statistic(reference, current)


@oracle
@given(samples(), st.floats(0.1, 1e3))
def test_wasserstein_of_a_shifted_reference_is_the_shift(pair: Samples, shift: float) -> None:
    reference = pair[0]
    deviation, moved = pstdev(reference.tolist()), reference + shift
    error = 1e-15 * (np.abs(moved).max() + shift) / deviation  # of adding the shift
    assert close(wasserstein(reference, moved), shift / deviation, error)
