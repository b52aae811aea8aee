from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import structlog

from drift.channels import CHANNELS, open_channel
from drift.channels.alertmanager import posted
from drift.channels.url import colour
from drift.config_channels import ChannelConfig
from drift.domain import AlertKey, Threshold
from drift.errors import ConfigError
from drift.messages import Words
from drift.notices import Notice, Told

DAY = datetime(2020, 4, 10, tzinfo=UTC)
KEY = AlertKey("model_accuracy_drop", "v1", "SCL", None, None)
TOLD = Told(KEY, "f0", 1, "model_accuracy", 0.7, Threshold(0.85, "below"), DAY - timedelta(hours=1))


def notice(status: str = "firing", why: str = "began", severity: str = "high") -> Notice:
    return Notice("x", status, why, DAY, "model_accuracy_drop", "v1", severity, (TOLD,))  # type: ignore[arg-type]


def config(**fields: object) -> ChannelConfig:
    return ChannelConfig.model_validate({"url": "http://localhost:9093", **fields})


def test_every_kind_of_the_table_makes_a_channel_of_that_name() -> None:
    for kind in CHANNELS:
        made = open_channel("ops", config(kind=kind), structlog.get_logger(), Words())
        assert made.name == "ops"
        made.close()  # nothing was started


def test_an_unknown_kind_is_named_with_the_nearest_there_is() -> None:
    with pytest.raises(ConfigError, match=r"channels\.ops\.kind 'aprise' is unknown; did you mean `apprise`"):
        open_channel("ops", config(kind="aprise"), structlog.get_logger(), Words())


def test_a_firing_alert_expires_and_one_that_ended_has_ended() -> None:
    (firing,) = posted(notice(), Words(), timedelta(hours=25))
    assert (firing["startsAt"], firing["endsAt"]) == ("2020-04-09T23:00:00Z", "2020-04-11T01:00:00Z")
    (ended,) = posted(notice("resolved", "resolved"), Words(), timedelta(hours=25))
    assert (ended["startsAt"], ended["endsAt"]) == ("2020-04-09T23:00:00Z", "2020-04-10T00:00:00Z")
    assert firing["labels"] == ended["labels"]  # else it would never resolve there


@pytest.mark.parametrize(("given", "meant"), [
    (notice(severity="critical"),                "failure"),
    (notice(severity="high"),                    "failure"),
    (notice(severity="warning"),                 "warning"),
    (notice("resolved", "resolved", "critical"), "success"),
    (notice(why="test", severity="critical"),    "info"),
])  # fmt: skip
def test_services_colour_by_how_bad_it_is(given: Notice, meant: str) -> None:
    assert colour(given) == meant
