"""Channels: one file a kind, and an explicit table of them by the word that `kind` in the config names.

A kind from outside is a package with an entry point in the group `drift.channels`, called as those in the
table are: with the channel's name, its config, a logger, and the words that messages are made with. The log
(`log.py`) is no channel of the config: every transition goes to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from drift.channels.alertmanager import AlertmanagerChannel
from drift.channels.base import Channel
from drift.channels.log import Logger
from drift.channels.url import UrlChannel
from drift.config_channels import ChannelConfig
from drift.entry_points import factory
from drift.messages import Words

ChannelFactory: TypeAlias = Callable[[str, ChannelConfig, Logger, Words], Channel]

CHANNELS: Mapping[str, ChannelFactory] = {
    "apprise": lambda name, config, _logger, _words: UrlChannel(name, config),
    "alertmanager": lambda name, config, _logger, words: AlertmanagerChannel(name, config, words),
}
GROUP = "drift.channels"


def open_channel(name: str, config: ChannelConfig, logger: Logger, words: Words) -> Channel:
    """The channel of that name. Nothing is asked of anyone yet.

    Raises:
        ConfigError: no such kind is known, or the package that should bring it does not load.
    """
    return factory(CHANNELS, GROUP, config.kind, f"channels.{name}.kind")(name, config, logger, words)
