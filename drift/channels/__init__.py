"""Channels: one file a kind, and an explicit table of them by the word that a rule names them with.

A channel from outside is a package with an entry point in the group `drift.channels`, called as those in
the table are: with the logger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import TypeAlias

from drift.channels.base import Channel
from drift.channels.log import LogChannel, Logger
from drift.config_text import did_you_mean
from drift.errors import ConfigError

ChannelFactory: TypeAlias = Callable[[Logger], Channel]

CHANNELS: Mapping[str, ChannelFactory] = {"log": LogChannel}
GROUP = "drift.channels"


def open_channel(name: str, logger: Logger) -> Channel:
    """The channel of that name.

    Raises:
        ConfigError: no such channel is known, or the package that should bring it does not load.
    """
    if name in CHANNELS:
        return CHANNELS[name](logger)
    outside = {point.name: point for point in entry_points(group=GROUP)}
    if name not in outside:
        known = sorted({*CHANNELS, *outside})
        raise ConfigError(f"the channel {name!r} is unknown{did_you_mean(name, known)}")
    try:
        factory: ChannelFactory = outside[name].load()
    except Exception as error:  # whatever it does on import, it is named here
        raise ConfigError(f"the channel {name!r} ({outside[name].value}) does not load: {error}") from error
    return factory(logger)
