"""The course of the error over the last days, beside a slot's figures: the same figures, a day each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from drift.config import load_config
from drift.domain import Series
from drift.findings import Findings
from drift.monitor import Monitor

SLOT = datetime(2026, 4, 1, tzinfo=UTC)
DAYS = 14


@pytest.fixture
def config(made):
    return load_config(made.edit("alerts:\n", "reports: null\nalerts:\n  worse: {detector: profile}\n"))


def find(config, slot: datetime) -> Findings:
    with Monitor(config) as monitor:
        monitor.run(SLOT)  # the first slot fits what is normal
        return monitor.find(slot)


def ratios(found: Findings) -> dict[Series, float]:
    return {
        series: float(panel.value[s, 0, panel.names.index("error_ratio")])
        for panel in found.panels
        if panel.kind == "detector" and "error_ratio" in panel.names
        for s, series in enumerate(panel.series)
        if series.city is not None and not panel.reason[s, 0, 0]
    }


def test_its_last_day_is_the_slot_s_own_figure_and_each_day_was_that_of_its_slot(config):
    found = find(config, SLOT + timedelta(days=2))
    own = {series: days for series, days in found.recent.items() if series.city is not None}
    assert (
        own.keys()
        == ratios(found).keys()
        == {Series(v, c) for v in ("v1", "v2") for c in ("Delhi", "Pune", "Surat")}
    )
    assert {days.shape for days in found.recent.values()} == {(DAYS,)}
    for back in (0, 1, 2):
        earlier = ratios(find(config, SLOT + timedelta(days=2 - back)))
        for series, days in own.items():
            assert days[DAYS - 1 - back] == pytest.approx(earlier[series], rel=1e-5)
    assert own["v1", "Surat", None][-3:-1].min() > 2.0, "two days a quarter too high"


def test_all_cities_together_are_the_mean_however_cities_came_in_blocks(config):
    whole = find(config, SLOT)
    blocks = find(config.model_copy(update={"engine": config.engine.model_copy(update={"block": 1})}), SLOT)
    assert whole.recent.keys() == blocks.recent.keys()
    for series, days in whole.recent.items():
        np.testing.assert_allclose(days, blocks.recent[series], rtol=1e-5)
    v1 = np.array(
        [days for series, days in whole.recent.items() if series.model_version == "v1" and series.city]
    )
    np.testing.assert_allclose(whole.recent["v1", None, None], v1.mean(axis=0))


def test_a_day_without_actuals_is_not_known(config):
    """Delhi has none after 5 April."""
    found = find(config, SLOT + timedelta(days=7))
    assert np.isnan(found.recent["v1", "Delhi", None][-2:]).all()
    assert np.isfinite(found.recent["v1", "Delhi", None][:-4]).all()
    assert np.isfinite(found.recent["v1", None, None]).all(), "two of three cities are known"


def test_without_a_detector_nothing_is_normal_and_nothing_is_shown(config):
    plain = config.model_copy(update={"alerts": {"drop": config.alerts["model_accuracy_drop"]}})
    with Monitor(plain) as monitor:
        assert monitor.find(SLOT).recent == {}
