"""The limits that come with drift: whole, and of the shape that a fit gives."""

from __future__ import annotations

import json

import numpy as np

from drift.detectors import FEATURES, Series, Settings
from drift.detectors.learn import learn
from drift.detectors.standard import document_of, pooled_of, standard


def test_the_standard_limits_are_complete_and_say_what_they_are_of() -> None:
    found = standard()
    channels = {"size": 2, "bias": 1, "profile": 4, "timing": 1, "stale": 1}
    assert set(found.root) == {(channel, days) for channel in channels for days in Settings().windows}
    assert set(found.tails.of) == set(found.root)
    for (channel, _), root in found.root.items():
        assert root.shape == (channels[channel], channels[channel])
    assert found.spread.shape == (len(FEATURES),)
    assert (found.spread > 0).all()
    assert found.city_years > 50


def test_a_smaller_budget_has_higher_limits() -> None:
    half, twice = (standard().tails.limits(Settings(budget=budget)) for budget in (0.25, 1.0))
    assert all(half[key] > twice[key] > 1 for key in half)


def test_a_document_gives_back_what_was_learnt(reference: Series) -> None:
    learnt = learn(reference, Settings())
    back = pooled_of(json.loads(json.dumps(document_of(learnt, "a test"))))
    np.testing.assert_allclose(back.spread, learnt.spread, rtol=1e-5)
    assert back.tails.limits(Settings()).keys() == learnt.tails.limits(Settings()).keys()
    for key, limit in learnt.tails.limits(Settings()).items():
        np.testing.assert_allclose(back.tails.limits(Settings())[key], limit, rtol=1e-5)
        np.testing.assert_allclose(back.root[key], learnt.root[key], rtol=1e-5)
    assert "nan" not in json.dumps(document_of(learnt, "")).lower()
