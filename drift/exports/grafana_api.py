"""PURE. The dashboard `api_performance`: what the API is asked, how quickly and how well it answers."""

from __future__ import annotations

from drift.config import Config
from drift.exports.grafana_parts import (
    Board,
    Column,
    Limit,
    Panel,
    Query,
    Row,
    Shown,
    buckets,
    figure,
    firing,
    limit_of,
    lines,
    rows_of,
    variable,
)
from drift.exports.recording import (
    AVAILABILITY,
    ENDPOINT_ERRORS,
    ENDPOINT_QUANTILE,
    ERROR_RATE,
    JOB_QUANTILE,
    PERCENTS,
    REQUESTS,
)

JOB = 'job=~"$job"'
ASKED = f'{JOB}, endpoint=~"$endpoint"'
IDLE, UNASKED = "while there are no requests", "before the first request"
P95 = ENDPOINT_QUANTILE.format(percent=95)


def api_board(config: Config) -> Board:
    """The dashboard on the API; its limits are those of the config's rules on it."""
    latency = limit_of(config, "api_latency_seconds")
    errors, available = limit_of(config, "error_rate"), limit_of(config, "availability")
    platform = 'ALERTS{alertstate="firing", about="platform"}'
    return Board(
        name="api_performance",
        title="API performance",
        says="Requests to the platform's services: how many, how quickly, how well they are answered.",
        refresh="1m",
        span="6h",
        variables=(
            variable("job", "Job", "label_values(api_requests_total, job)"),
            variable("endpoint", "Endpoint", f"label_values(api_requests_total{{{JOB}}}, endpoint)"),
        ),
        annotations=(firing("Firing alerts", platform, "{{alertname}}", "severity,endpoint"),),
        rows=(
            Row("Now", _now(latency, errors, available)),
            Row("Traffic", _traffic()),
            Row("Errors", _errors(errors, available)),
            Row("Latency", (*_latency(latency), _endpoints(latency, errors))),
        ),
    )


def _rate(by: str, select: str = ASKED) -> str:
    return f"sum by ({by}) (rate(api_requests_total{{{select}}}[$__rate_interval]))"


def _availability() -> str:
    """Of all requests in the time shown; without a failure 1, without a request nothing."""
    asked, failed = (
        f"sum by (job) (increase(api_requests_total{{{select}}}[$__range]))"
        for select in (ASKED, f'{ASKED}, status=~"5.."')
    )
    return f"1 - ({failed} or 0 * {asked}) / ({asked} > 0)"


def _now(latency: Limit | None, errors: Limit | None, available: Limit | None) -> tuple[Panel, ...]:
    all_of_them = f"sum(rate(api_requests_total{{{ASKED}}}[$__rate_interval]))"
    return (
        figure(Shown(
            "Requests per second", "Requests to the chosen endpoints, all together.",
            (Query(all_of_them, "requests"),), "reqps", None, UNASKED, 6, 4,
        )),
        figure(Shown(
            "Error rate", "Share of requests answered 5xx in the last five minutes.",
            (Query(f"{ERROR_RATE}{{{JOB}}}", "{{job}}"),), "percentunit", errors, IDLE, 6, 4,
        )),
        figure(Shown(
            "Availability of the time shown", "Share of the time's requests that were not answered 5xx.",
            (Query(_availability(), "{{job}}"),), "percentunit", available, IDLE, 6, 4,
        )),
        figure(Shown(
            "Slowest endpoint", "The highest 95th percentile of an endpoint, of the last five minutes.",
            (Query(f"max({P95}{{{ASKED}}})", "95th percentile"),), "s", latency, IDLE, 6, 4,
        )),
    )  # fmt: skip


def _traffic() -> tuple[Panel, ...]:
    return (
        lines(Shown(
            "Requests by endpoint",
            "By route template, so that an endpoint is one series; `unmatched` had none.",
            (Query(_rate("job, endpoint"), "{{job}} {{endpoint}}"),), "reqps", empty=UNASKED,
        ), stacked=True),
        lines(Shown(
            "Requests by status and method",
            "5xx is the service's fault, 4xx the caller's; 499 is a caller who left.",
            (Query(_rate("status, method"), "{{status}} {{method}}"),), "reqps", empty=UNASKED,
        ), stacked=True),
    )  # fmt: skip


def _errors(errors: Limit | None, available: Limit | None) -> tuple[Panel, ...]:
    refused = _rate("job, endpoint", f'{ASKED}, status=~"4.."')
    return (
        lines(Shown(
            "Error rate by endpoint", "Share of an endpoint's requests answered 5xx, of five minutes.",
            (Query(f"{ENDPOINT_ERRORS}{{{ASKED}}}", "{{job}} {{endpoint}}"),),
            "percentunit", errors, IDLE, 8,
        )),
        lines(Shown(
            "Availability", "Share of a job's requests not answered 5xx, of five minutes.",
            (Query(f"{AVAILABILITY}{{{JOB}}}", "{{job}}"),), "percentunit", available, IDLE, 8,
        )),
        lines(Shown(
            "Refused requests", "Requests answered 4xx: a client that is wrong, or someone who tries doors.",
            (Query(refused, "{{job}} {{endpoint}}"),), "reqps", empty="while no request was refused", width=8,
        )),
    )  # fmt: skip


def _latency(limit: Limit | None) -> tuple[Panel, ...]:
    increase = f"sum by (le) (increase(api_latency_seconds_bucket{{{ASKED}}}[$__rate_interval]))"
    quantiles = (
        Query(f"{JOB_QUANTILE.format(percent=percent)}{{{JOB}}}", f"{{{{job}}}} p{percent}")
        for percent in PERCENTS
    )
    return (
        lines(Shown(
            "95th percentile by endpoint",
            "The time within which 95 % of an endpoint's requests were answered: what "
            "the alert on latency looks at. One beyond the last bucket is shown as 5 s.",
            (Query(f"{P95}{{{ASKED}}}", "{{job}} {{endpoint}}"),), "s", limit, IDLE, 8,
        )),
        lines(Shown(
            "50th, 95th and 99th percentile",
            "Of all endpoints of a job: the usual request, the slow, the unlucky.",
            tuple(quantiles), "s", limit, IDLE, 8,
        )),
        buckets(Shown(
            "Where the requests lie",
            "Requests by how long they took: two bands tell of two kinds of requests.",
            (Query(increase),), "s", empty=UNASKED, width=8,
        )),
    )  # fmt: skip


def _endpoints(latency: Limit | None, errors: Limit | None) -> Panel:
    found = {
        "requests": f"{REQUESTS}{{{ASKED}}} > 0",
        "errors": f"{ENDPOINT_ERRORS}{{{ASKED}}}",
        **{f"p{p}": f"{ENDPOINT_QUANTILE.format(percent=p)}{{{ASKED}}}" for p in PERCENTS},
    }
    columns = (
        Column("job", "Job"),
        Column("endpoint", "Endpoint"),
        Column("requests", "Requests", "reqps"),
        Column("errors", "Error rate", "percentunit", errors),
        *(Column(f"p{p}", f"{p}th percentile", "s", latency) for p in PERCENTS),
    )
    says = "Every endpoint that was asked in the last five minutes, the slowest first."
    queries = tuple(Query(expr, name) for name, expr in found.items())
    shown = Shown("Endpoints", says, queries, empty=IDLE, width=24)
    return rows_of(shown, columns, sort="95th percentile")
