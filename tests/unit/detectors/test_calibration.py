"""What was fitted, where it came from, and its way through bytes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift.detectors import Calibration, FleetSettings, Series, Settings, calibrate, watch
from drift.detectors.calibration import PRIOR_YEARS
from drift.detectors.standard import standard
from drift.domain import Window
from drift.errors import UndefinedError

YEAR = 365 * 24
START = datetime(2020, 1, 1, tzinfo=UTC)
CITIES = [f"city {number}" for number in range(12)]
STRANGE = ["", "a\0b", "São Paulo", "\ud800", "x" * 300, "a/b", "\u202e", "'", "\n", "header", "days", "0"]


def fitted(series: Series, names: list[str] = CITIES, version: str = "v1") -> Calibration:
    rows = len(series.actual)
    span = Window(START, START + timedelta(hours=rows))
    never = np.zeros(rows, bool)
    return calibrate({version: series}, {version: names}, {version: never}, span, Settings(), FleetSettings())


@pytest.fixture(scope="module")
def own(reference: Series) -> Calibration:
    return fitted(reference)


def test_few_city_years_are_steadied_by_the_standard_limits(own: Calibration, world) -> None:
    assert own.origin == "blended"
    share = 12 / (12 + PRIOR_YEARS)
    theirs = standard().tails.limits(Settings())
    for key, limit in own.limits.limit.items():
        expected = world.limits.limit[key] ** share * theirs[key] ** (1 - share)
        assert limit == pytest.approx(expected, rel=0.01)


def test_a_short_history_has_the_standard_limits_and_its_own_normal(reference: Series) -> None:
    short = fitted(reference.rows(slice(0, 60 * 24)))
    assert short.origin == "standard"
    assert short.limits.limit == standard().tails.limits(Settings())
    assert not short.fleet
    limits, found = short.of("v1", CITIES)
    assert found == list(range(12))
    np.testing.assert_allclose(limits.model.error.level, 0.017, rtol=0.3)
    np.testing.assert_allclose(limits.widening(14), np.sqrt(1 + 28 / 60), rtol=1e-2)


def test_a_series_with_too_few_days_is_fitted_to_nothing_and_left_out(reference: Series) -> None:
    actual = reference.actual.copy()
    actual[20 * 24 :, 3] = np.nan
    found = fitted(replace(reference, actual=actual))
    limits, where = found.of("v1", ["city 4", "city 3", "nowhere", "city 0"])
    assert where == [0, 3]
    assert len(limits.days) == 2
    np.testing.assert_array_equal(limits.centre, found.limits.centre[[4, 0]])
    assert np.isnan(found.limits.model.error.level[3])
    fleet = found.fleet_of("v1", ["city 4", "city 3", "city 0"])
    assert fleet is not None
    assert fleet.scale.centre.shape == (3, 2)
    assert np.isfinite(fleet.scale.centre).all()
    everyone, _ = found.of("v1", CITIES)
    np.testing.assert_array_equal(found.fleet["v1"].scale.centre[:, [3, 0]], fleet.scale.centre)
    assert len(everyone.days) == 11


def test_what_is_not_known_has_no_limits(own: Calibration) -> None:
    limits, where = own.of("v1", ["nowhere"])
    assert where == []
    assert len(limits.days) == 0
    assert own.held_against("v1", "nowhere") is None
    assert own.cities_of("v2") == set()


def test_a_new_model_version_is_held_against_the_one_before(own: Calibration) -> None:
    limits, where = own.of("v2", [CITIES[3], "nowhere", CITIES[0]])
    assert where == [0, 2]
    np.testing.assert_array_equal(limits.centre, own.limits.centre[[3, 0]])
    assert own.held_against("v2", CITIES[3]) == "v1"
    fleet = own.fleet_of("v2", [CITIES[3], "nowhere", CITIES[0]])
    assert fleet is not None
    np.testing.assert_array_equal(fleet.scale.centre, own.fleet["v1"].scale.centre[:, [3, 0]])
    assert own.fleet_limits("v2", len(CITIES)) is own.fleet["v1"]
    assert own.fleet_limits("v2", len(CITIES) // 2) is None, "the mean of half the cities swings more"
    assert own.fleet_limits("v1", 3) is own.fleet["v1"]


def test_a_city_of_two_model_versions_has_limits_for_each(reference: Series) -> None:
    worse = replace(reference, predicted=reference.actual + 3 * (reference.predicted - reference.actual))
    span, never = Window(START, START + timedelta(hours=YEAR)), np.zeros(YEAR, bool)
    both = {"old": worse, "new": reference.cities(np.arange(5))}
    names = {"old": CITIES, "new": CITIES[:5]}
    found = calibrate(both, names, dict.fromkeys(both, never), span, Settings(), FleetSettings())
    assert set(found.fleet) == {"old", "new"}
    level = {v: found.of(v, ["city 2"])[0].model.error.level.item() for v in both}
    assert level["old"] == pytest.approx(3 * level["new"])
    assert len(found.fleet["new"].scale.spread[0]) == 5


def test_nothing_to_fit_is_refused(reference: Series) -> None:
    with pytest.raises(UndefinedError, match="the reference has too few values"):
        fitted(reference.rows(slice(0, 20 * 24)))


def test_bytes_give_back_the_same_and_are_the_same_each_time(own: Calibration, reference: Series) -> None:
    data = own.to_bytes()
    back = Calibration.from_bytes(data)
    assert back.to_bytes() == data
    assert (back.span, back.series, back.origin) == (own.span, own.series, own.origin)
    assert back.limits.settings == own.limits.settings
    assert back.limits.limit == own.limits.limit
    assert back.fleet["v1"].settings == own.fleet["v1"].settings
    one, other = (watch(each.limits, each.fleet["v1"], reference) for each in (own, back))
    np.testing.assert_array_equal(one.score, other.score)
    np.testing.assert_array_equal(one.pool.total, other.pool.total)


def test_names_are_only_text(reference: Series) -> None:
    strange = fitted(reference.rows(slice(0, 60 * 24)), STRANGE, "\0 v/../1")
    back = Calibration.from_bytes(strange.to_bytes())
    assert back.series == tuple(("\0 v/../1", name) for name in STRANGE)
    assert back.of("\0 v/../1", STRANGE)[1] == list(range(12))


@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused(own: Calibration, at: float, bit: int) -> None:
    data = bytearray(own.to_bytes())
    data[int(at * len(data))] ^= 1 << bit
    with pytest.raises(ValueError, match=r"damaged|no stored calibration|format"):
        Calibration.from_bytes(bytes(data))


@given(length=st.floats(0, 1, exclude_max=True))
def test_a_cut_one_is_refused(own: Calibration, length: float) -> None:
    data = own.to_bytes()
    with pytest.raises(ValueError, match=r"damaged|no stored calibration|format"):
        Calibration.from_bytes(data[: int(length * len(data))])


def test_another_format_is_refused_by_name(own: Calibration) -> None:
    data = own.to_bytes().replace(b"drift calibration 1 ", b"drift calibration 2 ", 1)
    with pytest.raises(ValueError, match="has format '2', this drift reads 1: fit anew"):
        Calibration.from_bytes(data)
    body = b"not an archive"
    forged = b"drift calibration 1 %s\n%s" % (hashlib.sha256(body).hexdigest().encode(), body)
    with pytest.raises(ValueError, match="fit anew"):
        Calibration.from_bytes(forged)
