"""Channels: one file a kind, and an explicit table of them by the word that a rule names them with.

A channel from outside is a package with an entry point in the group `drift.channels`, called as those in
the table are: with the logger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from drift.channels.base import Channel
from drift.channels.log import LogChannel, Logger
from drift.entry_points import factory

ChannelFactory: TypeAlias = Callable[[Logger], Channel]

CHANNELS: Mapping[str, ChannelFactory] = {"log": LogChannel}
GROUP = "drift.channels"


def open_channel(name: str, logger: Logger) -> Channel:
    """The channel of that name.

    Raises:
        ConfigError: no such channel is known, or the package that should bring it does not load.
    """
    return factory(CHANNELS, GROUP, name, "the channel")(logger)
