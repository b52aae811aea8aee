"""Alertmanager, by its API v2: people who have one route, group and silence there.

An Alertmanager forgets an alert that it does not hear of again, and all of them when it restarts. So an alert
is sent with a time at which it expires, which every repeat moves on, and one that ended is to be sent
again for five minutes (`STANDING`): whoever calls settles when. It tells duplicates by their labels, so
sending once more is no harm.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from drift.channels.answers import Answer, fault
from drift.channels.courier import Courier
from drift.config_channels import ChannelConfig
from drift.domain import iso
from drift.errors import ChannelError
from drift.messages import AlertmanagerAlert, Message, Words, alertmanager_alert
from drift.notices import Notice
from drift.telemetry.traces import headers
from drift.text import printable

STANDING = timedelta(minutes=5)
"""So long after its end an alert is still to be sent: Alertmanager tells people of it only after a group's
interval, five minutes by default, and one that restarts in between would have forgotten it.
"""
NAMED = 3
"""So many refused alerts are named."""
ALERTS = "/api/v2/alerts"


class AlertmanagerChannel:
    """Posts alerts to one Alertmanager. Of a cluster, each member is a channel of its own."""

    def __init__(self, name: str, config: ChannelConfig, words: Words) -> None:
        self.name = name
        self._words = words
        self._expires = config.expires
        self._url = config.url.get_secret_value().rstrip("/")
        self._seconds = config.timeout.total_seconds()
        self._courier = Courier()

    def check(self) -> str:
        """That there is an Alertmanager which is ready; nothing is sent.

        Raises:
            ChannelError: there is none at the URL, or it is not ready.
        """
        answer = self._ask("GET", "/-/ready", None, self._seconds)
        if not answer.sent:
            raise fault(self.name, answer, self._url, self._seconds)
        return "an Alertmanager, ready; nothing was sent"

    def send(self, notice: Notice, message: Message) -> None:  # noqa: ARG002 - it has a form of its own
        """Post the notice's alerts, each for itself: Alertmanager does its own grouping.

        Raises:
            ChannelError: as `post` does.
        """
        self.post(posted(notice, self._words, self._expires))

    def post(self, alerts: Sequence[AlertmanagerAlert]) -> None:
        """Post alerts in one request. One that is refused sinks no other: batches are halved to find it.

        Raises:
            ChannelError: some were refused, for good, and are named, the others posted; or none can be now.
        """
        refused = self._post(alerts, time.monotonic() + self._seconds)
        if not refused:
            return
        told = "; ".join(refused[:NAMED])
        more = f"; and {len(refused) - NAMED} more" if len(refused) > NAMED else ""
        raise ChannelError(
            f"{self.name}: {len(refused)} of {len(alerts)} alerts refused, the others posted: {told}{more}",
            permanent=True,
        )

    def close(self) -> None:
        """End the process that sends."""
        self._courier.close()

    def _post(self, alerts: Sequence[AlertmanagerAlert], ends: float) -> list[str]:
        """What is told of each alert that is refused."""
        if not alerts:
            return []
        answer = self._ask("POST", ALERTS, list(alerts), ends - time.monotonic())
        if answer.sent:
            return []
        error = fault(self.name, answer, self._url, self._seconds)
        if answer.status != 400:
            raise error
        if len(alerts) == 1:
            return [f"{named(alerts[0])}: {str(error).removeprefix(f'{self.name}: ')}"]
        half = len(alerts) // 2
        return self._post(alerts[:half], ends) + self._post(alerts[half:], ends)

    def _ask(self, method: str, path: str, content: object, seconds: float) -> Answer:
        if seconds <= 0:
            return Answer(error="Overdue")
        errand = {
            "do": "request",
            "method": method,
            "url": self._url + path,
            "json": content,
            "headers": headers(),
        }
        return self._courier.run(errand, seconds)


def posted(notice: Notice, words: Words, expires: timedelta) -> list[AlertmanagerAlert]:
    """The notice's alerts as the API has them. One that fires `expires` if nothing more is heard of it."""
    alerts = [alertmanager_alert(told, notice, words) for told in notice.alerts]
    ends = iso(notice.at + expires)
    return [{**alert, "endsAt": ends} if notice.status == "firing" else alert for alert in alerts]


def named(alert: AlertmanagerAlert) -> str:
    """An alert by what people know it by.

    >>> named({"labels": {"alertname": "data_stopped", "city": "Pune", "severity": "high"}})
    'data_stopped of Pune'
    """
    labels = alert.get("labels", {})
    name, city = labels.get("alertname", "an alert"), labels.get("city")
    return printable(name) + (f" of {printable(city)}" if city else "")
