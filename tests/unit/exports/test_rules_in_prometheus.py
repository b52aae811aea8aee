"""What the exported rules do, as Prometheus evaluates them: series by minute in, alerts out (`promtool test rules`).

A slot is due every full hour; what it measured is seen at once unless a test says otherwise.
"""

from __future__ import annotations

import math

import pytest
import yaml

from drift.exports import rules

HOUR, DAY = 60, 1440
SLOT = 'drift_last_success_timestamp_seconds{job="drift", instance="a"}'
ACCURACY = (
    'model_accuracy_by_city{job="drift", instance="a", city="Pune", metric="accuracy", model_version="v1"}'
)
PUNE = '{job="drift", city="Pune", model_version="v1"}'
SCORE = 'drift_score{job="drift", instance="a", channel="all", city="Pune", model_version="v1"}'


def slots(minute: int) -> int:
    """The latest slot, in seconds."""
    return minute // HOUR * 3600


def bad(first: int, last: int = 10**9, otherwise: object = 0.9):
    """An accuracy that is too low in these minutes, the last one included."""
    return lambda minute: 0.8 if first <= minute <= last else otherwise


def test_a_breach_fires_after_the_duration_and_the_settling_time_and_ends_with_it(config, expect):
    expect(
        config, "model_accuracy_drop", {SLOT: slots, ACCURACY: bad(60, 299)},
        {59: [], 60: [], 60 + 64: [], 60 + 65: [PUNE], 299: [PUNE], 300: []},
    )  # fmt: skip


def test_one_bad_slot_is_no_hour_even_when_the_next_ones_run_takes_longer(config, expect):
    """Seen at 1:00, gone at 2:04: sixty-four minutes of one hour's value."""
    expect(
        config, "model_accuracy_drop", {SLOT: slots, ACCURACY: bad(60, 123)},
        {m: [] for m in range(60, 200)},
    )  # fmt: skip


@pytest.mark.parametrize(
    "value", [None, math.nan, math.inf, 0.85], ids=["absent", "NaN", "+Inf", "on the limit"]
)
def test_what_is_no_breach_begins_no_alert(config, expect, value):
    expect(config, "model_accuracy_drop", {SLOT: slots, ACCURACY: lambda _: value}, {60: [], 300: []})


def test_without_any_series_nothing_fires_but_what_watches_the_monitor(config, expect):
    of_drift = ("monitor_stale", "monitor_late", "run_failed", "delivery_failed", "delivery_late")
    expect(config, (*config.alerts, *of_drift), {}, {200: []})
    expect(config, "watchdog", {}, {0: ["{}"], 200: ["{}"]})
    expect(config, "monitor_absent", {}, {9: [], 10: ["{}"], 200: ["{}"]})


def test_a_value_that_is_missing_for_less_than_two_slots_resolves_nothing(config, expect):
    def hole(last: int):
        return lambda minute: None if 200 <= minute < last else 0.8

    longer = {199: [PUNE], 310: [PUNE], 330: [], 400: []}  # and then it must last its hour again
    expect(
        config,
        "model_accuracy_drop",
        {SLOT: slots, ACCURACY: hole(300)},
        {m: [PUNE] for m in range(190, 310)},
    )
    expect(config, "model_accuracy_drop", {SLOT: slots, ACCURACY: hole(340)}, longer)


def test_a_restart_of_drift_that_takes_some_minutes_resolves_nothing(config, expect):
    def down(value):
        return lambda minute: None if 190 <= minute < 205 else value(minute)

    expect(
        config, "model_accuracy_drop", {SLOT: down(slots), ACCURACY: down(bad(60))},
        {m: [PUNE] for m in range(185, 250)},
    )  # fmt: skip


def test_the_replica_with_the_latest_slot_counts(config, expect):
    """Replica b took every slot from 1:00 on; a still shows its own, in which Pune was bad."""
    series = {
        SLOT: lambda _: 0,
        SLOT.replace('"a"', '"b"'): lambda m: slots(m) if m >= 60 else None,
        ACCURACY: bad(0),
        ACCURACY.replace('"a"', '"b"'): lambda m: 0.9 if m >= 60 else None,
    }
    expect(config, "model_accuracy_drop", series, {59: [], 70: [], 150: [], 300: []})


def test_an_alert_goes_on_when_another_replica_takes_the_next_slot(config, expect):
    """They take turns, and Pune is bad in all they see."""
    series = {}
    for turn, name in enumerate(("a", "b")):
        series[SLOT.replace('"a"', f'"{name}"')] = lambda m, turn=turn: (
            (m // HOUR - (m // HOUR + turn) % 2) * 3600 if m >= 60 else None
        )
        series[ACCURACY.replace('"a"', f'"{name}"')] = lambda m: 0.8 if m >= 60 else None
    expect(config, "model_accuracy_drop", series, {124: [], **{m: [PUNE] for m in range(130, 400)}})


def test_two_installations_are_told_apart(config, expect):
    staging, theirs = 'job="staging"', PUNE.replace("drift", "staging")
    series = {
        SLOT: slots,
        SLOT.replace('job="drift"', staging): lambda _: 0,
        ACCURACY: bad(10**9),
        ACCURACY.replace('job="drift"', staging): bad(0),
    }
    expect(config, "model_accuracy_drop", series, {100: [theirs]})
    expect(config, "monitor_stale", series, {120: [], 200: ['{job="staging"}']})


def test_a_calibrated_alarm_ends_after_a_day_below_its_release(config, expect):
    """Above 1 it begins; 0.8 is not quiet yet; at 0.7 the day begins that it must stay quiet."""
    scores = {0: 1.2, 1: 0.8, 10: 0.7, 20: 0.8, 21: 0.6}

    def score(minute: int) -> float:
        return scores[max(hour for hour in scores if hour * HOUR <= minute)]

    firing = {
        0: [PUNE],
        5 * HOUR: [PUNE],
        15 * HOUR: [PUNE],
        21 * HOUR + DAY - 2: [PUNE],
        21 * HOUR + DAY + 2: [],
    }
    expect(config, "forecast_worse", {SLOT: slots, SCORE: score}, firing)


def test_a_score_between_release_and_limit_begins_no_alarm(config, expect):
    series = {SLOT: slots, SCORE: lambda _: 0.95}
    expect(config, "forecast_worse", series, {300: []})
    expect(config, "early_notice", series, {300: [PUNE]})  # a rule of its own on the same score


CITY = 'city="Pune", model_version="v1"'
KINDS = [
    ("pooled_mape", "model_accuracy", 'metric="mape", model_version="v1"', 0.06, '{job="drift", model_version="v1"}'),
    ("over_forecast", "model_accuracy_by_city", f'metric="bias", {CITY}', 101, PUNE),
    ("day_ahead", "model_horizon_accuracy", 'horizon="24h-48h", metric="accuracy", model_version="v1"', 0.7, '{job="drift", horizon="24h-48h", model_version="v1"}'),
    ("any_column", "model_drift", f'column="load", statistic="psi", {CITY}', 0.3, '{job="drift", column="load", city="Pune", model_version="v1"}'),
    ("temperature", "model_drift", f'column="temperature", statistic="psi", {CITY}', 0.6, '{job="drift", column="temperature", city="Pune", model_version="v1"}'),
    ("fleet_worse", "drift_fleet_score", 'channel="all", model_version="v1"', 1.1, '{job="drift", model_version="v1"}'),
    ("data_fault", "model_fault_hours", CITY, 1, PUNE),
    ("interval_off", "drift_score", f'channel="interval", {CITY}', 1.1, PUNE),
    ("input_off", "drift_feature_score", f'column="load", {CITY}', 1.1, '{job="drift", column="load", city="Pune", model_version="v1"}'),
    ("worse_for_weeks", "drift_score", f'channel="slow", {CITY}', 1.1, PUNE),
    ("twice_normal", "model_fleet_error_ratio", 'model_version="v1"', 2.1, '{job="drift", model_version="v1"}'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "gauge", "labels", "value", "fires"), KINDS, ids=[kind[0] for kind in KINDS]
)
def test_every_kind_of_rule_looks_at_its_gauge_and_no_other(
    config, expect, rule, gauge, labels, value, fires
):
    """The others' breaches are there too, of another city."""
    others = {
        f'{other[1]}{{job="drift", instance="a", {other[2].replace("Pune", "Surat").replace("v1", "v2")}}}': (
            lambda _, value=other[3]: value
        )
        for other in KINDS
        if other[0] != rule and not (rule == "any_column" and other[0] == "temperature")
    }
    mine = {f'{gauge}{{job="drift", instance="a", {labels}}}': lambda _: value}
    expect(config, rule, {SLOT: slots, **others, **mine}, {5: [fires]})


def test_a_rule_with_a_hostile_name_fires_for_its_column(config, expect, hostile):
    column = '"' + hostile.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    series = {
        SLOT: slots,
        f'model_drift{{job="drift", instance="a", city="Pune", column={column}, model_version="v1", statistic="psi"}}': (
            lambda _: 0.6
        ),
    }
    fires = f'{{job="drift", city="Pune", column={column}, model_version="v1"}}'
    expect(config, hostile, series, {5: [fires]})


def bucket(limit: str, of_a_hundred: int):
    """Requests of an endpoint that took up to `limit`: so many in a hundred a minute."""
    name = f'api_latency_seconds_bucket{{job="api", endpoint="/forecast", le="{limit}"}}'
    return name, lambda minute: of_a_hundred * minute


def test_slow_requests_fire_when_more_than_one_in_twenty_takes_longer(config, expect):
    slow = dict(
        bucket(limit, count) for limit, count in (("1.0", 80), ("2.0", 94), ("5.0", 99), ("+Inf", 100))
    )
    quick = dict(
        bucket(limit, count) for limit, count in (("1.0", 80), ("2.0", 96), ("5.0", 99), ("+Inf", 100))
    )
    none = {name: lambda _: 7 for name in slow}
    fires = '{job="api", endpoint="/forecast"}'
    expect(config, "high_latency", slow, {5: [], 6: [fires], 60: [fires]})
    expect(config, "high_latency", quick, {60: []})
    expect(config, "high_latency", none, {60: []})  # nobody asks: the quantile is NaN


def test_resources_fire_after_ten_minutes_above_eighty_percent(config, expect):
    usage = 'resource_usage{job="api", instance="api-1", resource_type="memory"}'
    fires = '{job="api", resource_type="memory"}'
    expect(config, "resource_usage", {usage: lambda m: 81 if m >= 5 else 80}, {14: [], 15: [fires]})
    expect(config, "resource_usage", {usage: lambda m: 81 if m % 10 else 79}, {60: []})


def test_a_monitor_is_late_after_one_missed_slot_and_stale_after_two(config, expect):
    """The last slot is that of 2:00; the process answers on, and shows it."""
    series = {SLOT: lambda m: min(slots(m), 2 * 3600)}
    fires = ['{job="drift"}']
    expect(config, "monitor_late", series, {60: [], 120: [], 120 + 65: [], 120 + 66: fires, 120 + 300: fires})
    expect(config, "monitor_stale", series, {120 + 130: [], 120 + 131: fires, 120 + 300: fires})
    expect(config, "monitor_absent", series, {120 + 300: []})


def test_how_old_a_slot_may_be_is_the_configs_where_it_says_so(make_config, expect):
    config = make_config({}, notify={"stale_after": "6h"})
    expect(
        config, "monitor_stale", {SLOT: lambda _: 0}, {6 * HOUR + 10: [], 6 * HOUR + 11: ['{job="drift"}']}
    )


def test_a_city_without_actuals_is_told_once_nothing_can_be_judged_for_six_hours(config, expect):
    """A day's window with 60 % of its hours is judged: its last 9.6 hours may be missing, and then six hours."""
    delay = 'drift_actuals_delay_seconds{job="drift", instance="a", city="Pune"}'
    hours = (0.5, 15.5, 15.7)
    series = {SLOT: slots, delay: lambda m: 3600 * hours[min(m // HOUR, 2)]}
    expect(config, "no_data", series, {60: [], 119: [], 120: ['{job="drift", city="Pune"}']})


def test_actuals_that_are_later_than_is_usual_at_the_hour_are_told_after_three_hours(config, expect):
    """Each city is held against its own; one of which nothing is expected begins no alert."""
    labels = '{{job="drift", instance="a", city="{}"}}'
    delay = {city: f"drift_actuals_delay_seconds{labels.format(city)}" for city in ("Pune", "Surat", "Delhi")}
    expected = {city: d.replace("_delay", "_expected_delay") for city, d in delay.items() if city != "Delhi"}
    series = {
        SLOT: slots,
        **{gauge: lambda m: 3600 * (2 + m // HOUR) for gauge in delay.values()},
        expected["Pune"]: lambda _: 3600 * 2,
        expected["Surat"]: lambda m: 3600 * (2 + m // HOUR),
    }
    fires = {HOUR: [], 4 * HOUR + 4: [], 4 * HOUR + 6: ['{job="drift", city="Pune"}']}
    expect(config, "late_actuals", series, fires)


def test_a_monitor_on_time_is_neither_late_nor_stale_though_runs_take_four_minutes(config, expect):
    series = {SLOT: lambda m: slots(m - 4) if m >= 4 else None}
    of_age = ("monitor_late", "monitor_stale", "monitor_absent")
    expect(config, of_age, series, {m: [] for m in range(0, 300, 5)})


def test_a_monitor_that_died_is_stale_for_a_day_and_then_absent(config, expect):
    series = {SLOT: lambda m: slots(m) if m < 130 else None}
    fires = ['{job="drift"}']
    expect(
        config,
        "monitor_stale",
        series,
        {249: [], 120 + 131: fires, 130 + DAY + 118: fires, 130 + DAY + 121: []},
    )
    expect(config, "monitor_absent", series, {300: [], 130 + DAY + 118: [], 130 + DAY + 132: ["{}"]})


def test_an_age_that_is_no_number_is_not_known_to_be_young(config, expect):
    expect(config, "monitor_stale", {SLOT: lambda _: math.nan}, {9: [], 10: ['{job="drift"}']})


def test_the_first_failure_counts_and_an_old_one_does_not(config, expect):
    failures = 'drift_failures_total{job="drift", instance="a", stage="read"}'
    fires = ['{job="drift", stage="read"}']
    first = {failures: lambda m: 1 if m >= 60 else None}
    second = {failures: lambda m: 1 if m < 300 else 2}
    expect(config, "run_failed", first, {59: [], 60: fires, 179: fires, 190: []})
    expect(config, "run_failed", second, {200: [], 301: fires, 410: fires, 430: []})


def test_messages_that_wait_or_were_given_up_are_told(config, expect):
    pending, dead = 'drift_outbox_pending{job="drift"}', 'drift_outbox_dead{job="drift"}'
    fires = ['{job="drift"}']
    expect(config, "delivery_late", {pending: lambda m: 0 if m < 10 else 3}, {39: [], 40: fires})
    expect(config, "delivery_late", {pending: lambda m: 3 if m % 20 else 0}, {100: []})
    expect(config, "delivery_failed", {dead: lambda m: 0 if m < 10 else 1}, {9: [], 10: fires})


SAID = [
    (
        "model_accuracy_drop", ACCURACY.replace("Pune", "<b>{{ .Evil }}</b>"), lambda _: 0.8123,
        {"city": "<b>{{ .Evil }}</b>", "model_version": "v1", "rule": "model_accuracy_drop"},
        "<b>{{ .Evil }}</b> · v1: Accuracy is 81.23%, below its limit of 85%",
    ),
    (
        "over_forecast", ACCURACY.replace('"accuracy"', '"bias"'), lambda _: 123.456,
        {"city": "Pune", "model_version": "v1", "rule": "over_forecast"},
        "Pune · v1: Bias is 123.5 MW, above its limit of 100 MW",
    ),
    (
        "resource_usage", 'resource_usage{job="drift", exported_instance="db-1", instance="x", resource_type="disk"}', lambda _: 91,
        {"exported_instance": "db-1", "instance": "x", "resource_type": "disk", "rule": "resource_usage"},
        "disk of db-1 is 91.0%, limit 80%",
    ),
    (
        "monitor_stale", SLOT, lambda _: 0, {},
        "drift's last good slot is 3h 20m 0s old: slots were missed.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "name", "value", "labels", "summary"), SAID, ids=[said[0] for said in SAID])
def test_an_alert_says_it_in_words(config, promtool, tmp_path, rule, name, value, labels, summary):
    text = rules(config)
    (made,) = [r for g in yaml.safe_load(text)["groups"] for r in g["rules"] if r.get("alert") == rule]
    (tmp_path / "rules.yml").write_text(text)
    series = {SLOT: lambda _: 0} | {name: value}
    samples = [{"series": name, "values": f"{value(0)}x200"} for name, value in series.items()]
    expected = {
        "exp_labels": {"job": "drift", **made["labels"], **labels},
        "exp_annotations": made["annotations"] | {"summary": summary},
    }
    checks = [{"eval_time": "200m", "alertname": rule, "exp_alerts": [expected]}]
    tests = [{"interval": "1m", "input_series": samples, "alert_rule_test": checks}]
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(document))
    ran = promtool("test", "rules", tmp_path / "tests.yml")
    assert ran.returncode == 0, ran.stdout + ran.stderr
