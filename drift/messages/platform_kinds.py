"""PURE. Kinds of alerts, in words: what each says of what was measured; here those that watchers find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of alert. `runbook` is its page's name; `{what}` (with its column), `{input}`, `{channel}`,
    `{value}`, `{side}`, `{limit}`, `{said}` (what the alert says of itself) and `{heard}` (the same, without
    its place) are filled in.
    """

    runbook: str
    happened: str
    """Said of one city, with a value."""
    many: str
    """Said of several, or of one without a value."""
    ended: str
    first: str
    """What to do first, where no evidence says better."""
    place: tuple[str, str] = ("city", "cities")
    """What its alerts are about, one and several."""


_ENDPOINTS, _VERSIONS = ("endpoint", "endpoints"), ("model version", "model versions")
PLATFORM_KINDS: Mapping[str, Kind] = {
    "api_latency_seconds": Kind(
        "platform",
        "95 % of requests take up to {value}, limit {limit}",
        "requests take longer than {limit}",
        "95 % of requests take no longer than {limit} again",
        "See whether all endpoints are slow or one, and what was released: an input, a query, too much load?",
        _ENDPOINTS,
    ),
    "error_rate": Kind(
        "platform",
        "{value} of requests fail, limit {limit}",
        "more than {limit} of requests fail",
        "no more than {limit} of requests fail again",
        "Read the service's log for the error behind the 5xx answers; roll back what was just released.",
        _ENDPOINTS,
    ),
    "availability": Kind(
        "platform",
        "{value} of requests are answered, limit {limit}",
        "less than {limit} of requests are answered",
        "{limit} of requests or more are answered again",
        "See which endpoints fail: one has a fault of its own, all share a dependency or a release.",
        ("service", "services"),
    ),
    "prediction_latency_seconds": Kind(
        "platform",
        "95 % of predictions take up to {value}, limit {limit}",
        "predictions take longer than {limit}",
        "95 % of predictions take no longer than {limit} again",
        "See whether the features or the model are slow: a trace of one prediction says which.",
        _VERSIONS,
    ),
    "prediction_error_rate": Kind(
        "platform",
        "{value} of predictions fail, limit {limit}",
        "more than {limit} of predictions fail",
        "no more than {limit} of predictions fail again",
        "Read the service's log for what predictions raise: no feature, or a model that does not load.",
        _VERSIONS,
    ),
    "resource_usage": Kind(
        "platform",
        "{value} used, limit {limit}",
        "more than {limit} used",
        "no more than {limit} used again",
        "See what takes it, and whether it grows: free some, give it more, or move work away.",
        ("resource", "resources"),
    ),
    "failed_auth": Kind(
        "security",
        "{heard}",
        "failed log-ins",
        "no more failed log-ins than usual",
        "See whether a log-in worked after them: then lock the account. Else block where they come from.",
        ("source", "sources"),
    ),
    "api_abuse": Kind(
        "security",
        "{heard}",
        "requests beyond the limit",
        "requests within the limit again",
        "Ask whose client it is: throttle a fault, block an attack.",
        ("source", "sources"),
    ),
    "data_access": Kind(
        "security",
        "{heard}",
        "unusual access to data",
        "access to data as usual again",
        "Ask the person, by another way than the account, whether it was them; if not, lock the account.",
        ("source", "sources"),
    ),
    "system_changes": Kind(
        "security",
        "{heard}",
        "changes of the system",
        "no more changes of the system",
        "Find the change that was approved; where there is none, undo it and ask who made it.",
        ("source", "sources"),
    ),
}
"""By what was measured; the last four are detectors of security."""
