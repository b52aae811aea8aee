"""What the config allows is passed by, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from drift.config_security import AllowConfig
from drift.watchers.allowed import AllowList
from drift.watchers.events import Kind, Outcome, SecurityEvent

MONDAY = datetime(2025, 3, 3, 3, 30, tzinfo=UTC)


def event(at: datetime = MONDAY, address: str = "10.1.2.3") -> SecurityEvent:
    return SecurityEvent(
        at.timestamp(),
        Kind.CHANGE,
        Outcome.SUCCESS,
        "deploy-bot",
        address,
        path="/admin/config/x",
        change="configuration",
        target="limits",
    )


def allows(
    entry: dict[str, object], seen: SecurityEvent | None = None, detector: str = "system_changes"
) -> bool:
    return AllowList([AllowConfig.model_validate(entry)]).allows(detector, seen or event())


@pytest.mark.parametrize(
    ("entry", "allowed"),
    [
        ({"principal": "deploy-bot"}, True),
        ({"principal": "Deploy-*"}, True),
        ({"principal": "deploy"}, False),
        ({"principal": "deploy-bo[t]"}, False),
        ({"address": "10.0.0.0/8"}, True),
        ({"address": "10.1.2.3"}, True),
        ({"address": "192.168.0.0/16"}, False),
        ({"address": "2001:db8::/32"}, False),
        ({"path": "/admin/**"}, True),
        ({"path": "/admin/*"}, False),
        ({"change": "configuration"}, True),
        ({"change": "users"}, False),
        ({"target": "lim*"}, True),
        ({"principal": "deploy-bot", "change": "users"}, False),
        ({"principal": "deploy-bot", "detectors": ["system_changes"]}, True),
        ({"principal": "deploy-bot", "detectors": ["api_abuse"]}, False),
        ({"between": ["03:00", "04:00"]}, True),
        ({"between": ["03:30", "04:00"]}, True),
        ({"between": ["03:00", "03:30"]}, False),
        ({"between": ["08:00", "10:00"], "timezone": "Asia/Kolkata"}, True),
        ({"days": ["mon"]}, True),
        ({"days": ["sun"]}, False),
        ({"between": ["22:00", "04:00"], "days": ["sun"]}, True),
        ({"between": ["22:00", "04:00"], "days": ["mon"]}, False),
        ({"principal": "*", "until": "2025-03-03T03:30:00Z"}, False),
        ({"principal": "*", "until": "2025-03-03T03:30:01Z"}, True),
    ],
)
def test_an_entry_allows_what_all_of_it_holds_of(entry: dict[str, object], allowed: bool):
    assert allows(entry) is allowed


def test_an_address_of_ipv6_is_allowed_by_its_network():
    assert allows({"address": "2001:db8::/32"}, event(address="2001:db8:1:2::/64"))
    assert allows({"address": "2001:db8:1:2::7"}, event(address="2001:db8:1:2::/64"))
    assert not allows({"address": "2001:db9::/32"}, event(address="2001:db8:1:2::/64"))


def test_a_line_that_does_not_say_who_is_not_allowed_by_who():
    assert not allows({"principal": "*"}, event()._replace(principal=None))
    assert not allows({"address": "0.0.0.0/0"}, event()._replace(address="web-1"))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({}, "allows everything"),
        ({"detectors": ["api_abuse"], "why": "calm"}, "allows everything"),
        ({"address": "10.0.0.0/33"}, "no address or CIDR"),
        ({"between": ["03:00", "03:00"]}, "the same"),
        ({"principal": "a", "adress": "10.0.0.1"}, "adress"),
    ],
)
def test_an_entry_that_would_allow_too_much_or_is_no_entry_is_refused(entry: dict[str, object], said: str):
    with pytest.raises(ValidationError, match=said):
        AllowConfig.model_validate(entry)
