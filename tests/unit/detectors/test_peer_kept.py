"""What is kept of a fit of features says the same when it is read back, and says why where it says nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from drift.detectors.peer_kept import FeatureCalibration, calibrate_features
from drift.detectors.peer_model import PeerSettings
from drift.detectors.peers import feature_days, score_slot
from drift.detectors.stored import pack
from drift.domain import Window
from drift.reasons import Undefined

HOURS = 200 * 24
CITIES = ("Agra", "São\0 Paulo", "Pune", "Quito")
START = datetime(2021, 1, 1, tzinfo=UTC)
SPAN = Window(START, START + timedelta(hours=HOURS))
TIMES = np.datetime64("2021-01-01T00", "h") + np.arange(HOURS)
SETTINGS = PeerSettings(budget=2.0)


def temperature() -> np.ndarray:
    """Days of their own, a walk that all share, and noise; Quito has no values."""
    rng = np.random.default_rng(5)
    shared = np.cumsum(rng.normal(0, 0.5, HOURS)) - 0.02 * np.arange(HOURS)
    shared -= np.convolve(shared, np.full(240, 1 / 240), "same")
    values = 20 + 5 * np.sin(np.arange(HOURS)[:, None] * np.pi / 12) + shared[:, None]
    values = values + rng.normal(0, 1, (HOURS, len(CITIES)))
    values[:, 3] = np.nan
    return values


@pytest.fixture(scope="module")
def calibration() -> FeatureCalibration:
    features = [("temperature", temperature()), ("altitude", np.full((HOURS, len(CITIES)), 8.0))]
    return calibrate_features(features, CITIES, TIMES, SPAN, SETTINGS)


def test_what_is_read_back_scores_as_what_was_fitted(calibration: FeatureCalibration) -> None:
    again = FeatureCalibration.from_bytes(calibration.to_bytes())
    assert (again.span, again.cities, again.unfit) == (
        SPAN,
        CITIES,
        {"altitude": Undefined.CONSTANT_REFERENCE},
    )
    fitted, kept = calibration.features["temperature"], again.features["temperature"]
    assert kept.settings == SETTINGS
    assert kept.arrays().keys() == fitted.arrays().keys()
    for name, array in fitted.arrays().items():
        np.testing.assert_array_equal(kept.arrays()[name], array, err_msg=name)
        assert kept.arrays()[name].dtype == array.dtype
    days = feature_days(fitted, temperature(), TIMES)
    np.testing.assert_array_equal(score_slot(kept, days).score, score_slot(fitted, days).score)
    assert again.to_bytes() == calibration.to_bytes()


def test_every_feature_of_every_city_has_a_reason_or_a_fit(calibration: FeatureCalibration) -> None:
    rows = calibration.rows(["Quito", "Oslo", "Agra"])
    np.testing.assert_array_equal(rows, [3, -1, 0])
    short, unknown = Undefined.SHORT_REFERENCE, Undefined.NOT_CALIBRATED
    np.testing.assert_array_equal(calibration.reasons("temperature", rows), [short, unknown, 0])
    np.testing.assert_array_equal(calibration.reasons("altitude", rows), 3 * [Undefined.CONSTANT_REFERENCE])
    np.testing.assert_array_equal(calibration.reasons("wind", rows), 3 * [unknown])


def test_a_fit_of_nothing_is_kept_too() -> None:
    nothing = calibrate_features([], [], TIMES, SPAN, SETTINGS)
    again = FeatureCalibration.from_bytes(nothing.to_bytes())
    assert (again.names, again.cities) == (frozenset(), ())


def test_features_are_asked_for_one_after_the_other() -> None:
    asked = []

    def features():
        for name in ("a", "b"):
            asked.append(name)
            yield name, np.full((48, 1), np.nan)

    found = calibrate_features(features(), ["Agra"], TIMES[:48], SPAN, SETTINGS)
    assert asked == ["a", "b"]
    assert found.unfit == dict.fromkeys(("a", "b"), Undefined.SHORT_REFERENCE)


def test_bytes_of_something_else_are_refused(calibration: FeatureCalibration) -> None:
    with pytest.raises(ValueError, match="something else than features: fit anew"):
        FeatureCalibration.from_bytes(pack({"kind": "slow"}, {}))
    damaged = bytearray(calibration.to_bytes())
    damaged[len(damaged) // 2] ^= 1
    with pytest.raises(ValueError, match="damaged, its checksum does not hold"):
        FeatureCalibration.from_bytes(bytes(damaged))
