from datetime import UTC, datetime, timedelta

import pytest

from drift.config import Config, format_duration, load_config, parse_duration
from drift.errors import ConfigError
from drift.starter import STARTER, write_starter

STORE = "store: {predictions: {path: p.parquet}, actuals: {path: a.parquet}}\n"


def load(tmp_path, text: str) -> Config:
    file = tmp_path / "drift.yaml"
    file.write_text(text)
    return load_config(file)


def test_what_the_config_leaves_out_has_the_designs_defaults(tmp_path):
    config = load(tmp_path, STORE)
    assert config.windows.current == timedelta(hours=24)
    assert config.windows.reference == timedelta(days=90)
    assert config.accuracy.min_coverage == 0.6
    assert config.serve.host == "127.0.0.1"
    rule = config.alerts["model_accuracy_drop"]
    assert (rule.metric, rule.threshold, rule.duration, rule.severity, rule.channels) == (
        "model_accuracy", 0.85, timedelta(hours=1), "high", ("slack", "email"),
    )  # fmt: skip


def test_the_platforms_three_rules_are_taken_as_its_guide_writes_them(tmp_path):
    config = load(
        tmp_path,
        STORE
        + """
alerts:
  high_latency: {metric: api_latency_seconds, threshold: 2.0, duration: 5m, severity: critical, channels: [slack, email]}
  model_accuracy_drop: {metric: model_accuracy, threshold: 0.85, duration: 1h, severity: high, channels: [slack, email]}
  resource_usage: {metric: resource_usage, threshold: 80.0, duration: 10m, severity: warning, channels: [slack]}
""",
    )
    assert config.alerts["high_latency"].duration == timedelta(minutes=5)
    assert config.alerts["resource_usage"].threshold == 80


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (STORE + "windos: {current: 24h}", "windos: unknown key; did you mean `windows`?"),
        (STORE + "windows: {curent: 24h}", "windows.curent: unknown key; did you mean `current`?"),
        (STORE + "alerts: {a: {metric: mape, treshold: 1}}", "alerts.a.treshold: unknown key; did you mean `threshold`?"),
        (STORE + "alerts: {a: {metric: mape}}", "alerts.a: threshold: is missing: a rule on a metric needs one"),
        (STORE + "alerts: {a: {threshold: 1}}", "alerts.a: a rule has a metric and its threshold, or a detector"),
        (STORE + "alerts: {a: {metric: mape, threshold: 1, detector: profile}}", "alerts.a: a rule has a metric and its threshold, or a detector"),
        (STORE + "alerts: {a: {detector: profile, threshold: 1}}", "alerts.a: threshold: is not for a detector"),
        (STORE + "alerts: {a: {detector: profile, budget: lots}}", "alerts.a.budget: "),
        (STORE + "alerts: {a: {detector: profile, budget: 0}}", "alerts.a.budget: "),
        (STORE + "alerts: {a: {detector: faults, budget: 1}}", "budget: hard faults have rules, not a budget"),
        (STORE + "alerts: {a: {detector: profile, scope: pooled}}", "write `detector: fleet`"),
        (STORE + "alerts: {a: {metric: mape, threshold: 1, budget: 1}}", "budget: is for a detector"),
        (STORE + "alerts: {no_data: {metric: mape, threshold: 1}}", "alerts: no_data: is a rule of drift's own"),
        (STORE + "detection: {country: India}", "no ISO 3166 code of a country: write one such as IN or US"),
        (STORE + "windows: {current: 24x}", "windows.current: '24x' is no length of time: write a number and a unit"),
        (STORE + "windows: {current: 0h}", "windows.current: must be longer than zero"),
        (STORE + "accuracy: {tolerance: 10}", "accuracy.tolerance: Input should be less than 1"),
        (STORE + "accuracy: {bands: [6h, 2h]}", "accuracy.bands are at least two edges, rising"),
        (STORE + "timezone: Mars/Olympus", "timezone: 'Mars/Olympus' is no IANA time zone"),
        (STORE + "windows: {reference: {start: 2020-02-01T00:00Z, end: 2020-01-01T00:00Z}}", "ends before it starts"),
        (STORE.replace("store: {", "store: {unit: bananas, "), "store.unit: 'bananas' is no unit of load: one of W, kW"),
        (STORE + "a: &x 1\nb: *x", "line 3: YAML aliases (*name) are not taken"),
        (STORE + "windows: {current: 99999999999d}", "windows.current: 99999999999d is longer than a hundred years: write"),
        (STORE + "windows: {current: 900000d}", "900000d is longer than a hundred years"),
        (STORE + "windows: {reference: {start: 0001-01-01T00:00+05:00, end: 2020-01-01T00:00Z}}", "windows.reference.start: the year 1 is not from 1900 to 2200"),
        (STORE + "windows: {reference: {start: 2025-02-30}}", "line 2, column 30: the value cannot be read (day is out of range for month)"),
        (STORE + "windows: {reference: 5}", "windows.reference: 5 is no length of time: write a number and a unit of s, m, h, d, w: 24h; or {start: "),
        (STORE + "windows: {reference: {start: 2020-01-01T00:00Z}}", "windows.reference.end: is missing and has no default"),
        (STORE + "windows: {? [a, b] : 1}", "line 2, column 13: a key should be a word"),
        (STORE + "accuracy: {floor: " + "9" * 5000 + "}", "line 2, column 19: the value cannot be read (Exceeds the limit"),
        (STORE + "accuracy: {floor: .inf}", "accuracy.floor: write `auto`, or a number of the store's unit, zero or more"),
        (STORE + "accuracy: {floor: -1}", "accuracy.floor: write `auto`, or a number"),
        (STORE + "accuracy: {floor: true}", "accuracy.floor: write `auto`, or a number"),
        (STORE + "alerts: {a: {metric: mape, threshold: .nan}}", "alerts.a.threshold: Input should be a finite number"),
        (STORE + "schedule: {cron: bogus}", "schedule.cron: 'bogus' is no cron line"),
        (STORE + "schedule: {cron: '* * * * * *'}", "is no cron line (not five fields): five fields, such as '5 * * * *'"),
        (STORE + "schedule: {catch_up: 0h}", "schedule.catch_up: must be a minute or more"),
        (STORE + "cities: []", "cities: write `all`, or a list of one city or more, such as [SCL, IDPC]"),
        (STORE + "cities: SCL", "cities: write `all`, or a list of one city or more"),
        (STORE + "cities: [SCL, SCL]", "cities: 'SCL' is listed twice"),
        (STORE + "'a[b]': 1", "a[b]: unknown key; known are accuracy, "),
        (STORE + "cities: all\ncities: [SCL]", "line 3, column 1: the key `cities` is written twice"),
        (STORE + "base: /etc", "base: is not a key of the config"),
        (STORE + "state: ${DRIFT_TEST_UNSET}", "${DRIFT_TEST_UNSET} is not set in the environment"),
        ("- a\n- b", "should be a mapping of keys"),
        ("a: [", "is no YAML that we take"),
        ("a: " + "[" * 30 + "]" * 30, "nested deeper than 20 levels"),
        ("x: " + "y" * 2_000_000, "more than the 1,048,576 a config may have"),
    ],
)  # fmt: skip
def test_a_config_that_does_not_fit_says_which_key_and_what_to_do(tmp_path, text, message):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert message in str(caught.value)
    assert "drift.yaml" in str(caught.value)


def test_every_fault_is_named_at_once(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, STORE + "windos: 1\naccuracy: {tolerance: 10}")
    assert len(str(caught.value).splitlines()) == 2


def test_no_config_says_how_to_get_one(tmp_path):
    with pytest.raises(ConfigError, match="write one with `drift init`"):
        load_config(tmp_path / "none.yaml")


def test_variables_come_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("DRIFT_TEST_DB", "sqlite:///x.db")
    assert load(tmp_path, STORE + "state: ${DRIFT_TEST_DB}").state.get_secret_value() == "sqlite:///x.db"


def test_paths_are_relative_to_the_configs_folder(tmp_path, monkeypatch):
    config = load(tmp_path, STORE)
    monkeypatch.chdir("/")
    assert config.path("data/x") == tmp_path / "data" / "x"
    assert config.path("/abs") == config.path("/abs").absolute()
    assert config.database_url("sqlite:///state/drift.db") == f"sqlite:///{tmp_path}/state/drift.db"
    assert config.database_url("sqlite:////abs.db") == "sqlite:////abs.db"
    assert config.database_url("postgresql+psycopg://h/d") == "postgresql+psycopg://h/d"


def test_moments_are_kept_in_utc(tmp_path):
    config = load(
        tmp_path, STORE + "windows: {reference: {start: 2020-01-01T05:30+05:30, end: 2020-02-01T00:00Z}}"
    )
    assert config.windows.reference.start == datetime(2020, 1, 1, tzinfo=UTC)
    assert config.windows.reference.start.tzinfo is UTC


@pytest.mark.parametrize("text", ["90d", "24h", "15m", "30s"])
def test_a_length_of_time_reads_back_as_it_was_written(text):
    assert format_duration(parse_duration(text)) == text


def test_the_starter_is_a_config_and_overwrites_none(tmp_path):
    path = write_starter(tmp_path, force=False)
    assert load_config(path).store.unit == "MW"
    with pytest.raises(ConfigError, match="overwrite it with --force"):
        write_starter(tmp_path, force=False)


def test_the_checked_in_config_is_what_init_writes(repository):
    assert (repository / "config" / "drift.yaml").read_text() == STARTER


@pytest.mark.parametrize("written", ["0.5", "0.5 per city-year", "0.5 a city-year", "0.5 per year"])
def test_a_budget_may_be_written_with_its_unit(tmp_path, written):
    config = load(tmp_path, STORE + f"alerts: {{worse: {{detector: profile, budget: {written}}}}}")
    assert config.alerts["worse"].budget == 0.5


def test_a_city_keeps_the_holidays_of_its_country(tmp_path):
    config = load(tmp_path, STORE + "detection: {country: IN, countries: {Boston: US}}")
    assert (config.country_of("Pune"), config.country_of("Boston")) == ("IN", "US")
