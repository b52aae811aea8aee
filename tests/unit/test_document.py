from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from drift.config import parse_config
from drift.document import (
    config_hash,
    long_form,
    plain,
    run_document,
    to_json,
    transition_document,
)
from drift.domain import (
    Alert,
    AlertKey,
    AlertStatus,
    Calibrated,
    Failure,
    PairCount,
    Panel,
    Run,
    Series,
    Threshold,
    Transition,
    Undefined,
    Unused,
    Verdict,
    VerdictStatus,
    Window,
)

DAY = datetime(2020, 4, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = AlertKey("model_accuracy_drop", "v1", "SCL", None, None)
LIMIT = Threshold(0.85, "below")
CHANGE = Transition(
    at=DAY.astimezone(timezone(timedelta(hours=5, minutes=30))),
    key=KEY,
    name="accuracy",
    before=AlertStatus.PENDING,
    after=AlertStatus.FIRING,
    reason="held for 1h",
    value=0.7,
    threshold=LIMIT,
    since=DAY - HOUR,
    episode=2,
    severity="high",
    evidence={"hours": np.arange(2), "worst": np.float64("nan"), "at": DAY},
)
ALERT = Alert(KEY, AlertStatus.FIRING, DAY - HOUR, DAY, None, 0.7, LIMIT, "high", 2)
VERDICT = Verdict(KEY, "accuracy", VerdictStatus.NO_DATA, None, LIMIT, Undefined.LOW_COVERAGE)

METRICS = Panel(
    "metric",
    (Series("v1"), Series("v1", "SCL", "24h-30h")),
    (None,),
    ("accuracy", "mape"),
    np.array([[[0.97, 0.03]], [[np.nan, 0.05]]]),
    np.array([[[0, 0]], [[2, 0]]], dtype=np.uint8),
    np.array([[24], [12]]),
    np.array([[1.0], [0.5]]),
)
STATISTICS = Panel(
    "statistic",
    (Series("v1", "SCL"),),
    ("actual", "wind"),
    ("psi",),
    np.array([[[0.2], [np.nan]]]),
    np.array([[[0], [Undefined.CONSTANT_REFERENCE]]], dtype=np.uint8),
    np.array([[24, 23]]),
    np.array([[1.0, 0.9]]),
)
RUN = Run(
    slot=DAY,
    current=Window(DAY - 24 * HOUR, DAY),
    reference=Window(DAY - 48 * HOUR, DAY - 24 * HOUR),
    duration_s=1.25,
    panels=(METRICS, STATISTICS),
    verdicts=(VERDICT,),
    alerts=(ALERT,),
    transitions=(CHANGE,),
    pair_counts=(PairCount("v1", "SCL", 20, {Unused.LATE: 4}, "reference"),),
    actuals_delay_s={"SCL": 3600.0},
    actuals_expected_delay_s={"SCL": 7200.0},
    failures=(Failure("read", "PJM", "no rows: see the store"),),
    links={"report": "reports/index.html"},
    calibrated=Calibrated(DAY, Window(DAY - 48 * HOUR, DAY), 29, "blended"),
)


def test_a_run_is_the_promised_document() -> None:
    assert run_document(RUN) == {
        "slot": "2020-04-10T00:00:00Z",
        "duration_s": 1.25,
        "windows": {
            "current": {"start": "2020-04-09T00:00:00Z", "end": "2020-04-10T00:00:00Z"},
            "reference": {"start": "2020-04-08T00:00:00Z", "end": "2020-04-09T00:00:00Z"},
        },
        "calibrated": {
            "made_at": "2020-04-10T00:00:00Z",
            "start": "2020-04-08T00:00:00Z",
            "end": "2020-04-10T00:00:00Z",
            "series": 29,
            "origin": "blended",
        },
        "measurements": run_document(RUN)["measurements"],
        "estimates": [],
        "verdicts": [
            {
                "rule": "model_accuracy_drop",
                "model_version": "v1",
                "city": "SCL",
                "column": None,
                "horizon": None,
                "name": "accuracy",
                "status": "no_data",
                "value": None,
                "threshold": 0.85,
                "side": "below",
                "basis": "fixed",
                "undefined": "low_coverage",
                "undefined_text": "coverage is below the minimum",
            }
        ],
        "alerts": [
            {
                "rule": "model_accuracy_drop",
                "model_version": "v1",
                "city": "SCL",
                "column": None,
                "horizon": None,
                "status": "firing",
                "since": "2020-04-09T23:00:00Z",
                "changed": "2020-04-10T00:00:00Z",
                "seen": None,
                "value": 0.7,
                "worst": None,
                "threshold": 0.85,
                "side": "below",
                "basis": "fixed",
                "severity": "high",
                "episode": 2,
            }
        ],
        "transitions": [transition_document(CHANGE)],
        "pairs": [
            {"model_version": "v1", "city": "SCL", "window": "reference", "used": 20, "unused": {"late": 4}}
        ],
        "actuals_delay_s": {"SCL": 3600.0},
        "actuals_expected_delay_s": {"SCL": 7200.0},
        "revised": {"slots": 0, "cities": 0},
        "data_faults": [],
        "failures": [{"stage": "read", "what": "PJM", "message": "no rows: see the store"}],
        "links": {"report": "reports/index.html"},
    }


def test_a_measurement_has_a_value_or_a_reason() -> None:
    measured = run_document(RUN)["measurements"]
    assert isinstance(measured, list)
    assert measured[0] == {
        "kind": "metric",
        "name": "accuracy",
        "model_version": "v1",
        "city": None,
        "horizon": None,
        "column": None,
        "value": 0.97,
        "undefined": None,
        "undefined_text": None,
        "n": 24,
        "coverage": 1.0,
    }
    assert measured[2] == {
        "kind": "metric",
        "name": "accuracy",
        "model_version": "v1",
        "city": "SCL",
        "horizon": "24h-30h",
        "column": None,
        "value": None,
        "undefined": "low_coverage",
        "undefined_text": "coverage is below the minimum",
        "n": 12,
        "coverage": 0.5,
    }
    assert [(m["column"], m["undefined"]) for m in measured[4:]] == [
        ("actual", None),
        ("wind", "constant_reference"),
    ]


def test_a_transition_is_the_promised_document() -> None:
    assert transition_document(CHANGE) == {
        "at": "2020-04-10T00:00:00Z",
        "rule": "model_accuracy_drop",
        "model_version": "v1",
        "city": "SCL",
        "column": None,
        "horizon": None,
        "from": "pending",
        "to": "firing",
        "reason": "held for 1h",
        "value": 0.7,
        "threshold": 0.85,
        "side": "below",
        "basis": "fixed",
        "since": "2020-04-09T23:00:00Z",
        "name": "accuracy",
        "severity": "high",
        "episode": 2,
        "evidence": {"hours": [0, 1], "worst": None, "at": "2020-04-10T00:00:00Z"},
    }


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_json_has_no_number_that_json_does_not_know(bad: float) -> None:
    value = METRICS.value.copy()
    value[0, 0, 0] = bad
    limit = Threshold(bad, "above")
    run = replace(
        RUN,
        duration_s=bad,
        panels=(replace(METRICS, value=value, coverage=np.full((2, 1), bad)),),
        verdicts=(replace(VERDICT, value=bad, threshold=limit),),
        alerts=(replace(ALERT, value=bad, threshold=limit),),
        transitions=(replace(CHANGE, value=bad, evidence={"deep": [{"er": bad}]}),),
        actuals_delay_s={"SCL": bad},
    )
    back = json.loads(to_json(run_document(run)))  # raises where a NaN is left
    assert back["measurements"][0]["value"] is None
    assert back["measurements"][0]["undefined"] == "not_finite"
    assert back["transitions"][0]["evidence"] == {"deep": [{"er": None}]}


def test_json_is_one_line_of_ascii() -> None:
    text = to_json(run_document(replace(RUN, links={"a\n\x1b[2J\x9b": "São \u2028 Paulo"})))
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text)["links"] == {"a\n\x1b[2J\x9b": "São \u2028 Paulo"}


def test_plain_leaves_nothing_that_json_lacks() -> None:
    given = {
        1: {Undefined.NO_PAIRS},
        "b": (np.int64(3), np.bool_(True)),
        "c": HOUR,
        "d": Path("x"),
        "e": b"y",
    }
    assert plain({**given, "e": None}) == {
        "1": ["no_pairs"],
        "b": [3, True],
        "c": 3600.0,
        "d": "x",
        "e": None,
    }


def test_the_long_form_has_each_word_once() -> None:
    table = long_form((METRICS, STATISTICS, METRICS))
    assert table.words["name"] == ("accuracy", "mape", "psi")
    assert table.words["city"] == ("SCL",)
    assert len(table) == 10
    assert np.isnan(table.value).tolist() == (table.reason > 0).tolist()


def test_a_document_is_made_without_pandas() -> None:
    code = "import sys, drift.document; print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def config(**changes: object) -> str:
    content = {"store": {"predictions": {"path": "a"}, "actuals": {"path": "b"}}, **changes}
    return config_hash(parse_config(content, base=Path("/somewhere")))


def test_the_hash_of_a_config_is_of_what_it_judges_by() -> None:
    assert config() == config(state="sqlite:///elsewhere.db", serve={"port": 1}, reports=None)
    assert config() == config(windows={"current": "1d"})  # which is what it is anyway
    assert config() != config(windows={"current": "2d"})
    assert config() != config(accuracy={"tolerance": 0.2})
    assert len({config(), config(estimate="on"), config(estimate={"level": 0.9})}) == 3
    assert len(config()) == 12
