from datetime import timedelta

import numpy as np
import pytest

from drift.config import RuleConfig
from drift.detect import budgets_of, compile_rules, judge
from drift.domain import AlertKey, Panel, Series, Threshold, Undefined, VerdictStatus
from drift.errors import ConfigError
from drift.metrics import METRICS
from drift.statistics import STATISTICS


def compiled(**rule):
    return compile_rules({"r": RuleConfig(**rule)}, METRICS, STATISTICS, ["0h-6h", "24h-30h"])


def metric_panel() -> Panel:
    """Two cities, one band of the first, and all pooled; accuracy of the second is undefined."""
    series = (Series("v1", "Pune"), Series("v1", "Surat"), Series("v1", "Pune", "24h-30h"), Series("v1"))
    value = np.array([[0.80, 0.20], [np.nan, np.nan], [0.84, 0.16], [0.90, 0.10]])[:, np.newaxis, :]
    reason = np.where(np.isnan(value), Undefined.LOW_COVERAGE, 0).astype(np.uint8)
    n = np.array([[24], [3], [6], [27]])
    return Panel("metric", series, (None,), ("accuracy", "mape"), value, reason, n, n / 48)


def statistic_panel() -> Panel:
    value = np.array([[[0.1], [0.7]]])
    ones = np.ones((1, 2))
    return Panel(
        "statistic", (Series("v1", "Pune"),), ("actual", "temp"), ("psi",), value,
        np.zeros(value.shape, np.uint8), ones.astype(np.int64), ones,
    )  # fmt: skip


def judged(**rule):
    verdicts = judge(compiled(**rule), [metric_panel(), statistic_panel()])
    return {(v.key.city, v.key.horizon, v.key.column): v.status.value for v in verdicts}


def test_the_guides_rule_looks_at_each_citys_accuracy():
    assert judged(metric="model_accuracy", threshold=0.85) == {
        ("Pune", None, None): "breach",
        ("Surat", None, None): "no_data",
    }


def test_a_pooled_rule_looks_at_all_cities_together():
    assert judged(metric="model_accuracy", threshold=0.85, scope="pooled") == {(None, None, None): "ok"}


def test_a_rule_can_look_at_a_horizon_band():
    assert judged(metric="accuracy", threshold=0.85, horizon="24h-30h") == {
        ("Pune", "24h-30h", None): "breach"
    }


def test_an_error_breaches_above_and_on_the_limit_is_no_breach():
    assert judged(metric="mape", threshold=0.20)["Pune", None, None] == "ok"
    assert judged(metric="mape", threshold=0.19)["Pune", None, None] == "breach"
    assert judged(metric="accuracy", threshold=0.80)["Pune", None, None] == "ok"


def test_a_statistic_is_held_against_its_threshold_by_column():
    assert judged(metric="psi", threshold=0.5) == {
        ("Pune", None, "actual"): "ok",
        ("Pune", None, "temp"): "breach",
    }
    assert judged(metric="psi", threshold=0.5, column="temp") == {("Pune", None, "temp"): "breach"}


def test_a_verdict_carries_the_value_and_what_it_stands_on():
    pune, surat = judge(compiled(metric="accuracy", threshold=0.85), [metric_panel()])
    assert (pune.value, pune.n, pune.coverage, pune.threshold.side) == (0.80, 24, 0.5, "below")
    assert (surat.value, surat.undefined, surat.status) == (
        None,
        Undefined.LOW_COVERAGE,
        VerdictStatus.NO_DATA,
    )


def test_rules_on_what_the_platform_measures_are_not_for_a_slot():
    assert compiled(metric="api_latency_seconds", threshold=2.0) == ()
    assert compiled(metric="resource_usage", threshold=80.0) == ()


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({"metric": "acuracy"}, "alerts.r.metric: 'acuracy' is not measured; did you mean `accuracy`?"),
        ({"metric": "bias"}, "alerts.r.side: bias can be wrong on both sides: write `side: above` or `side: below`"),
        ({"metric": "coverage_of_interval"}, "alerts.r.side: coverage_of_interval can be wrong on both sides"),
        ({"metric": "mape", "column": "temp"}, "alerts.r.column: mape is a metric of pairs and has no column"),
        ({"metric": "psi", "scope": "pooled"}, "alerts.r.scope: a statistic is measured by city, not pooled"),
        ({"metric": "mape", "horizon": "24h-3h"}, "alerts.r.horizon: '24h-3h' is no horizon band; did you mean `24h-30h`?"),
        ({"metric": "psi", "horizon": "0h-6h"}, "alerts.r.horizon: a statistic is not measured by horizon band"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_judged_is_refused_by_its_key(rule, text):
    with pytest.raises(ConfigError) as caught:
        compiled(threshold=0.5, **rule)
    assert text in str(caught.value)


def test_a_signed_figure_has_the_side_that_the_rule_says():
    (rule,) = compiled(metric="bias", threshold=-10.0, side="below")
    assert rule.threshold.side == "below"


def detector_panel(score: float, fleet: float) -> Panel:
    value = np.array([[[score, 1.8]], [[fleet, 1.1]]])
    return Panel(
        kind="detector",
        series=(Series("v1", "Pune"), Series("v1")),
        columns=(None,),
        names=("drift_score", "error_ratio"),
        value=value,
        reason=np.where(np.isfinite(value), 0, Undefined.NOT_CALIBRATED).astype(np.uint8),
        n=np.full((2, 1), 24),
        coverage=np.ones((2, 1)),
    )


def test_a_detector_holds_the_score_of_each_city_against_its_own_limit():
    (city,) = judge(compiled(detector="profile"), [metric_panel(), detector_panel(1.2, 0.4)])
    assert (city.key, city.name, city.value, city.status) == (
        AlertKey("r", "v1", "Pune", None, None), "drift_score", 1.2, VerdictStatus.BREACH,
    )  # fmt: skip
    assert city.threshold == Threshold(1.0, "above", "calibrated", release=0.7)


def test_the_fleets_detector_looks_at_all_cities_pooled():
    (fleet,) = judge(compiled(detector="fleet"), [detector_panel(1.2, 0.4)])
    assert (fleet.key.city, fleet.value, fleet.status) == (None, 0.4, VerdictStatus.OK)


def test_what_is_not_calibrated_is_no_data():
    (city,) = judge(compiled(detector="profile"), [detector_panel(np.nan, 0.4)])
    assert (city.status, city.undefined) == (VerdictStatus.NO_DATA, Undefined.NOT_CALIBRATED)


def test_a_rule_may_hold_a_score_against_a_threshold_of_its_own():
    (early,) = judge(compiled(metric="drift_score", threshold=0.8), [detector_panel(0.9, 0.4)])
    assert early.status is VerdictStatus.BREACH
    with pytest.raises(ConfigError, match="bias_ratio can be wrong on both sides"):
        compiled(metric="bias_ratio", threshold=2)


def test_detectors_end_their_alarms_after_a_quiet_day_and_rules_may_say_otherwise():
    assert compiled(detector="profile")[0].keep_firing_for == timedelta(days=1)
    assert compiled(detector="profile", keep_firing_for="2h")[0].keep_firing_for == timedelta(hours=2)
    assert compiled(metric="mape", threshold=0.1)[0].keep_firing_for == timedelta(0)


def test_a_detector_has_one_budget():
    def rules(**budgets):
        return {name: RuleConfig(detector="profile", budget=budget) for name, budget in budgets.items()}

    assert budgets_of(rules(a=0.5, b=0.5)) == {"profile": 0.5}
    assert budgets_of({"a": RuleConfig(metric="error_ratio", threshold=2)}) == {"profile": None}
    assert budgets_of({"a": RuleConfig(metric="drift_score", threshold=1, scope="pooled")}) == {"fleet": None}
    with pytest.raises(ConfigError, match=r"alerts.b.budget: 1.0 differs from the 0.5 of alerts.a"):
        budgets_of(rules(a=0.5, b=1.0))
