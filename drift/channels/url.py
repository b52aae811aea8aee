"""Slack, mail, SMS and a hundred more, each by its URL, through Apprise."""

from __future__ import annotations

from typing import Literal

from drift.channels.answers import Answer, fault
from drift.channels.courier import Courier
from drift.config_channels import ChannelConfig
from drift.messages import Message
from drift.notices import Notice
from drift.text import printable

FORMS = ("text", "html", "sms", "slack")
Colour = Literal["failure", "warning", "success", "info"]


class UrlChannel:
    """Sends messages to what an Apprise URL leads to."""

    def __init__(self, name: str, config: ChannelConfig) -> None:
        self.name = name
        self._url = config.url.get_secret_value()
        self._form = config.form
        self._seconds = config.timeout.total_seconds()
        self._courier = Courier()

    def check(self) -> str:
        """The service, and the form of its messages. A mail server is logged in to; no other is asked.

        Raises:
            ChannelError: Apprise does not take the URL, or the mail server not the login.
        """
        answer = self._run({"do": "look"})
        if not answer.service or answer.error is not None or answer.smtp is not None:
            raise fault(self.name, answer, self._url, self._seconds)
        return f"{printable(answer.service)}; messages as {answer.form}; nothing was sent"

    def send(self, notice: Notice, message: Message) -> None:
        """Send the message.

        Raises:
            ChannelError: the service did not take it, or cannot be asked.
        """
        answer = self._run(
            {
                "do": "notify",
                "key": notice.key,
                "type": colour(notice),
                "title": message.title,
                "message": {form: getattr(message, form) for form in FORMS},
            }
        )
        if not answer.sent:
            raise fault(self.name, answer, self._url, self._seconds)

    def close(self) -> None:
        """End the process that sends."""
        self._courier.close()

    def _run(self, errand: dict[str, object]) -> Answer:
        return self._courier.run({**errand, "url": self._url, "form": self._form}, self._seconds)


def colour(notice: Notice) -> Colour:
    """What services colour a message by."""
    if notice.why == "test":
        return "info"
    if notice.status == "resolved":
        return "success"
    return "failure" if notice.severity in ("critical", "high") else "warning"
