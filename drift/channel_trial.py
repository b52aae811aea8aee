"""A marked test message through every channel: what came back is said, and nothing is kept.

It takes the road that an alert takes, the same channel object with the same limits, so that a green test
means that an alert would have arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog

from drift.channels import open_channel
from drift.config import Config
from drift.config_text import did_you_mean
from drift.domain import AlertKey, Threshold
from drift.errors import ChannelError, ConfigError
from drift.fingerprints import fingerprint
from drift.messages import message_of
from drift.notices import Notice, Told
from drift.telling import words_of

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a test message."""

    channel: str
    sent: bool
    said: str


def try_channels(config: Config, names: Sequence[str], now: datetime) -> list[Tried]:
    """Send a test through the named channels, or through all.

    Raises:
        ConfigError: there is no channel, or none of that name.
    """
    known = sorted(config.channels)
    for name in names:
        if name not in known:
            raise ConfigError(f"channels: there is no channel {name!r}{did_you_mean(name, known)}")
    if not known:
        raise ConfigError("channels: none is configured: add one, such as slack: {url: ${SLACK_URL}}")
    return [_tried(config, name, now) for name in names or known]


def _tried(config: Config, name: str, now: datetime) -> Tried:
    words = words_of(config)
    notice = trial_notice(name, now)
    try:
        channel = open_channel(name, config.channels[name], log, words)
    except ConfigError as error:
        return Tried(name, False, str(error))
    try:
        channel.send(notice, message_of(notice, words))
    except ChannelError as error:
        said = str(error).removeprefix(f"{name}: ")  # as the channel's name stands before it anyway
        return Tried(name, False, f"{said} ({'permanent' if error.permanent else 'may pass'})")
    finally:
        with suppress(ChannelError):
            channel.close()
    return Tried(name, True, "taken by the receiver")


def trial_notice(channel: str, now: datetime) -> Notice:
    """A notice that says that it is a test. Each moment has one of its own."""
    key = AlertKey("drift_test", "test", None, None, None)
    told = Told(key, fingerprint(key), int(now.timestamp()), "test", None, Threshold(1.0, "above"), now)
    return Notice(channel, "firing", "test", now, "drift_test", "test", "info", (told,))
