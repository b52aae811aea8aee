"""What people read when they are told of alerts: one story of a notice, and a form of it a channel can show.

    Notice, Words ─▶ story ─▶ plain text, HTML, SMS, Slack's mrkdwn, Alertmanager's annotations

The story (`story.py`) bounds what comes from data and marks it; each form escapes it. One more form is one
file here, with a function of a `Story`. Nothing here reads the clock or raises for what a notice holds: a
message that cannot be said in full is said without what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

from drift.messages.alertmanager import AlertmanagerAlert, alertmanager_alert
from drift.messages.html import html_of
from drift.messages.plain_text import text_of
from drift.messages.slack import slack_of
from drift.messages.sms import sms_of
from drift.messages.story import story_of
from drift.messages.words import Words
from drift.notices import Notice

__all__ = ["AlertmanagerAlert", "Message", "Words", "alertmanager_alert", "message_of"]


@dataclass(frozen=True, slots=True)
class Message:
    """A notice in every form that a channel may want."""

    title: str
    """One line of at most 120 characters: a mail's subject."""
    text: str
    """Plain text of at most 78 columns."""
    html: str
    """A whole HTML document for mail, with the same content as the text."""
    sms: str
    """At most 160 characters of the GSM 7-bit alphabet."""
    slack: str
    """mrkdwn of at most 3000 characters."""


def message_of(notice: Notice, words: Words) -> Message:
    """The notice as people read it."""
    story = story_of(notice, words)
    return Message(story.title, text_of(story), html_of(story), sms_of(story), slack_of(story))
