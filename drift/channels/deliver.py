"""Telling people of transitions: each goes to the log, and to those of its rule's channels that there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import entry_points

from drift.channels import CHANNELS, GROUP, open_channel
from drift.channels.log import Logger
from drift.config_text import did_you_mean
from drift.detect import Rule
from drift.domain import Failure, Transition
from drift.errors import ChannelError, ConfigError

LOG = "log"
GUIDE = ("slack", "email", "sms")
"""Channels of the platform's guide: a rule may name them, and this version does not deliver to them."""


def check_channels(rules: Iterable[Rule]) -> None:
    """Every channel that a rule names is one that could be meant.

    Raises:
        ConfigError: one is not.
    """
    known = _known()
    for rule in rules:
        for name in rule.channels:
            if name not in (*known, *GUIDE):
                hint = did_you_mean(name, sorted({*known, *GUIDE}))
                raise ConfigError(f"alerts.{rule.name}.channels: there is no channel {name!r}{hint}")


def _known() -> set[str]:
    return {*CHANNELS, *(point.name for point in entry_points(group=GROUP))}


def deliver(transitions: Sequence[Transition], rules: Iterable[Rule], logger: Logger) -> list[Failure]:
    """Send the transitions; a failure for each channel that could not be told, which stops no other."""
    if not transitions:
        return []
    named = {rule.name: rule.channels for rule in rules}
    failures = []
    for name in sorted(_known()):
        theirs = [t for t in transitions if name == LOG or name in named.get(t.key.rule, ())]
        try:
            if theirs:
                open_channel(name, logger).send(theirs)
        except (ChannelError, ConfigError) as error:
            failures.append(Failure("channel", name, str(error)))
    return failures
