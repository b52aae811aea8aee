"""The exported rules see what drift's own engine sees: two slots of made-up cities, judged by both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from drift.config import load_config
from drift.domain import VerdictStatus
from drift.monitor import Monitor
from drift.sinks.prometheus import PrometheusSink

SLOTS = (datetime(2026, 4, 1, 1, tzinfo=UTC), datetime(2026, 4, 6, 12, tzinfo=UTC))
OK, BREACH, NO_DATA = VerdictStatus.OK, VerdictStatus.BREACH, VerdictStatus.NO_DATA
ALERTS = """\
  bad: {metric: model_accuracy, threshold: 0.93}
  also_bad: {metric: mape, threshold: 0.035}
  never_bad: {metric: model_accuracy, threshold: 0.01}
  pooled: {metric: wape, threshold: 0.035, scope: pooled}
  moved: {metric: psi, threshold: 0.05}
  warmer: {metric: ks, column: temperature, threshold: 0.01}
  faulty: {detector: faults}
"""


def test_what_breaches_in_a_run_fires_in_prometheus(made, expect):
    """First Surat is bad, and later Delhi has no actuals: its accuracy is an absent series, and no alert."""
    made.edit(made.config.read_text().partition("alerts:\n")[2], ALERTS)
    config = load_config(made.config)
    sink, seen = PrometheusSink(), set()
    with Monitor(config, sinks=(sink,)) as monitor:
        for slot in SLOTS:
            run = monitor.run(slot)
            assert not run.failures
            for rule in config.alerts:
                breaches = [v.key for v in run.verdicts if v.key.rule == rule and v.status is BREACH]
                fires = [
                    labels(city=k.city, column=k.column, model_version=k.model_version) for k in breaches
                ]
                expect(config, rule, series_of(sink), {3: fires})
            seen |= {(v.key.rule, v.key.city, v.status) for v in run.verdicts}
    # the rules are not all of one mind, or this would show nothing
    assert {("bad", "Surat", BREACH), ("bad", "Pune", OK), ("bad", "Delhi", NO_DATA)} <= seen
    assert {("faulty", "Delhi", BREACH), ("faulty", "Pune", OK), ("warmer", "Pune", BREACH)} <= seen
    assert ("never_bad", "Surat", BREACH) not in seen


def series_of(sink: PrometheusSink) -> dict[str, Callable[[int], object]]:
    """The gauges as they are, minute after minute."""
    lines = [line for line in sink.render().decode().splitlines() if not line.startswith("#")]
    samples = [line.rpartition(" ") for line in lines]
    return {name: (lambda _, value=value: float(value)) for name, _, value in samples}


def labels(**known: str | None) -> str:
    inside = ", ".join(f'{name}="{value}"' for name, value in known.items() if value is not None)
    return f"{{{inside}}}"
