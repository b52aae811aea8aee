"""What the recording rules record, as Prometheus evaluates them: counters by minute in, worked numbers out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import yaml

from drift.exports import rules
from drift.exports.recording import recording_group
from drift.exports.said import Runbooks

REQUESTS = 'api_requests_total{{job="api", instance="a", endpoint="{}", method="GET", status="{}"}}'
BUCKET = 'api_latency_seconds_bucket{{job="api", instance="a", endpoint="/load", le="{}"}}'
PREDICTIONS = '{}{{job="api", instance="a", model_version="v1", city="{}"}}'


@pytest.fixture
def recorded(config, promtool, tmp_path) -> Callable[..., None]:
    """Hold what is recorded ten minutes in, by expression, against what it should be; nothing is no series."""

    def hold(series: Mapping[str, str], said: Mapping[str, Mapping[str, float]]) -> None:
        (tmp_path / "rules.yml").write_text(rules(config, ["recordings"]))
        samples = [{"series": name, "values": values} for name, values in series.items()]
        checks = [
            {
                "expr": expr,
                "eval_time": "10m",
                "exp_samples": [{"labels": labels, "value": value} for labels, value in wanted.items()],
            }
            for expr, wanted in said.items()
        ]
        tests = [{"interval": "1m", "input_series": samples, "promql_expr_test": checks}]
        document = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}
        (tmp_path / "tests.yml").write_text(yaml.safe_dump(document, width=10**6))
        ran = promtool("test", "rules", tmp_path / "tests.yml")
        assert ran.returncode == 0, ran.stdout + ran.stderr

    return hold


def test_promtool_takes_them(config, promtool, tmp_path):
    (tmp_path / "rules.yml").write_text(rules(config, ["recordings"]))
    ran = promtool("check", "rules", tmp_path / "rules.yml")
    assert ran.returncode == 0, ran.stderr
    assert "duplicate" not in ran.stdout + ran.stderr


def test_they_are_called_as_the_guide_or_by_level_metric_and_operation(config):
    names = {rule.name for rule in recording_group(config, Runbooks("", {})).rules}
    assert {"error_rate", "availability"} <= names
    assert all(name.count(":") == 2 for name in names - {"error_rate", "availability"})


def test_error_rate_and_availability_by_job_and_by_endpoint(recorded):
    """Of `/load` 54 of 60 requests a minute are answered 200, and 6 are 503; of `/cities` all 30 are 200 or 404.

    /load: 6 ÷ 60 = 0.1. /cities: 0 ÷ 30, a 0 that was measured. The job: 6 ÷ 90.
    """
    series = {
        REQUESTS.format("/load", 200): "0+54x10",
        REQUESTS.format("/load", 503): "0+6x10",
        REQUESTS.format("/cities", 200): "0+20x10",
        REQUESTS.format("/cities", 404): "0+10x10",
    }
    of = "job_endpoint:error_rate:ratio_rate5m"
    recorded(series, {
        "error_rate": {'error_rate{job="api"}': 0.06666666666666667},
        "availability": {'availability{job="api"}': 1 - 0.06666666666666667},
        of: {f'{of}{{job="api", endpoint="/load"}}': 0.1, f'{of}{{job="api", endpoint="/cities"}}': 0},
        "job_endpoint:api_requests:rate5m": {
            'job_endpoint:api_requests:rate5m{job="api", endpoint="/load"}': 1,
            'job_endpoint:api_requests:rate5m{job="api", endpoint="/cities"}': 0.5,
        },
    })  # fmt: skip


def test_without_traffic_shares_and_quantiles_are_absent_and_not_nan(recorded):
    """`/load` was asked once, an hour of the counter ago; `/cities` has never been, and has no counter."""
    series = {
        REQUESTS.format("/load", 200): "7x10",
        **{BUCKET.format(le): "7x10" for le in ("0.1", "0.5", "1.0", "2.0", "5.0", "+Inf")},
        PREDICTIONS.format("model_predictions_total", "Pune"): "4x10",
        'prediction_latency_seconds_bucket{job="api", instance="a", model_version="v1", le="+Inf"}': "4x10",
    }
    recorded(series, {
        "error_rate": {}, "availability": {}, "job_endpoint:error_rate:ratio_rate5m": {},
        "job_endpoint:api_latency_seconds:p95": {}, "job:api_latency_seconds:p95": {},
        "job_model_version:prediction_error_rate:ratio_rate5m": {},
        "job_model_version:prediction_latency_seconds:p95": {},
        "job_endpoint:api_requests:rate5m": {'job_endpoint:api_requests:rate5m{job="api", endpoint="/load"}': 0},
    })  # fmt: skip


def test_with_nothing_scraped_nothing_is_recorded(recorded):
    recorded({}, {"error_rate": {}, "availability": {}, '{__name__=~"job.+"}': {}})


def test_quantiles_interpolate_within_their_bucket(recorded):
    """Of 100 requests a minute 50 take up to 0.1 s, 90 up to 0.5, all up to 1: the 50th percentile is the first
    bucket's end; the 95th is half way from 0.5 to 1; the 99th is nine tenths of it.
    """
    shares = {"0.1": 50, "0.5": 90, "1.0": 100, "2.0": 100, "5.0": 100, "+Inf": 100}
    series = {BUCKET.format(le): f"0+{count}x10" for le, count in shares.items()}
    of, all_of_them = "job_endpoint:api_latency_seconds", "job:api_latency_seconds"
    said = {50: 0.1, 95: 0.75, 99: 0.95}
    recorded(series, {
        **{f"round({of}:p{p}, 0.0001)": {'{job="api", endpoint="/load"}': v} for p, v in said.items()},
        **{f"round({all_of_them}:p{p}, 0.0001)": {'{job="api"}': v} for p, v in said.items()},
    })  # fmt: skip


def test_a_request_beyond_the_last_bucket_is_shown_at_its_limit(recorded):
    series = {BUCKET.format(le): "0+0x10" for le in ("0.1", "5.0")} | {BUCKET.format("+Inf"): "0+10x10"}
    name = "job_endpoint:api_latency_seconds:p95"
    recorded(series, {name: {f'{name}{{job="api", endpoint="/load"}}': 5}})


def test_predictions_that_raise_are_a_share_of_all_that_were_tried(recorded):
    """Nine are made and one fails, each minute, in two cities: 2 ÷ 20. Of v2 all fail, so none was counted."""
    series = {
        **{PREDICTIONS.format("model_predictions_total", city): "0+9x10" for city in ("Pune", "Surat")},
        **{
            PREDICTIONS.format("model_prediction_failures_total", city): "0+1x10"
            for city in ("Pune", "Surat")
        },
        'model_prediction_failures_total{job="api", instance="a", model_version="v2", city="Pune"}': "0+1x10",
        'model_predictions_total{job="api", instance="a", model_version="v3", city="Pune"}': "0+1x10",
    }
    of = "job_model_version:prediction_error_rate:ratio_rate5m"
    recorded(series, {
        f"round({of}, 0.0001)": {
            '{job="api", model_version="v1"}': 0.1,
            '{job="api", model_version="v2"}': 1,
            '{job="api", model_version="v3"}': 0,
        },
        "round(job_model_version:model_predictions:rate5m, 0.0001)": {
            '{job="api", model_version="v1"}': 0.3,
            '{job="api", model_version="v2"}': 0,
            '{job="api", model_version="v3"}': 0.0167,
        },
    })  # fmt: skip


def test_a_restart_of_a_service_is_no_negative_rate(recorded):
    """The counter begins anew at minute 6: what it counts since is counted."""
    series = {
        REQUESTS.format("/load", 200): "0+60x5 0+60x5",
        REQUESTS.format("/load", 500): "0+0x10",
    }
    recorded(
        series, {"error_rate": {'error_rate{job="api"}': 0}, "availability": {'availability{job="api"}': 1}}
    )


def test_two_jobs_are_not_mixed(recorded):
    series = {
        REQUESTS.format("/load", 200): "0+60x10",
        REQUESTS.format("/load", 500).replace('"api"', '"staging"'): "0+60x10",
    }
    recorded(series, {"error_rate": {'error_rate{job="api"}': 0, 'error_rate{job="staging"}': 1}})
