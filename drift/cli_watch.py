"""The command that looks at the platform once: for cron, or for whoever wants to see what is watched."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from drift.cli_options import DEFAULT_CONFIG, AllOption, ConfigOption, JsonOption, load, traced, view_of
from drift.errors import ConfigError

if TYPE_CHECKING:
    from drift.config import Config
    from drift.detect import Rule
    from drift.watchers import Watcher
    from drift.watching import Round

BETWEEN_SECONDS = 1.0
"""CPU and network are measured from one look to the next: a command looks twice."""


def watch(
    config_file: ConfigOption = DEFAULT_CONFIG,
    everything: AllOption = False,
    as_json: JsonOption = False,
    fail_on_alert: Annotated[
        bool, typer.Option("--fail-on-alert", help="Exit with 3 when an alert of the platform is firing.")
    ] = False,
) -> None:
    """Look at the platform once: latency, models, resources, logs; alert and deliver as `serve` does."""
    from drift.document import to_json
    from drift.round_shown import fires, round_document
    from drift.terminal_watch import print_round

    config = load(config_file)
    if config.watch is None:
        raise ConfigError("watch: nothing is watched: write `watch: on`, or what of it, into the config")
    with traced(config):
        done, rules, unread = _round(config)
    if as_json:
        print(to_json(round_document(done, rules)))
    else:
        print_round(done, rules, view_of(config_file, everything=everything), unread)
    raise typer.Exit(3 if fail_on_alert and fires(done) else 1 if done.failures else 0)


def _round(config: Config) -> tuple[Round, tuple[Rule, ...], tuple[str, ...]]:
    """One round, with its messages sent; what failed of these is among its failures. Then the rules, and what
    of the platform has no watcher in a command.
    """
    from drift.clock import wall_clock
    from drift.decisions import Decisions
    from drift.detect import compile_rules
    from drift.metrics import load_metrics
    from drift.state import State
    from drift.statistics import load_statistics
    from drift.telling import Telling
    from drift.watchers import open_watchers
    from drift.watching import Watching

    slots = compile_rules(config.alerts, load_metrics(), load_statistics(), config.accuracy.band_labels)
    decisions = Decisions(config, slots)
    with State.open(config.state_url()) as state:
        watchers = open_watchers(config, None, state)
        with (
            closing(Telling(config, decisions, state, wall_clock)) as telling,
            closing(Watching(decisions, state, telling, watchers)) as watching,
        ):
            _first_look(watchers)
            done = watching.round(wall_clock())
            done = replace(done, failures=(*done.failures, *telling.deliver()))
            of_requests = {"latency"} if config.watch is not None and config.watch.latency else set()
            unread = sorted(of_requests - {watcher.name for watcher in watchers})
            return done, decisions.watched, tuple(unread)


def _first_look(watchers: tuple[Watcher, ...]) -> None:
    from drift.clock import wall_clock
    from drift.watchers.resource import ResourceWatcher

    looked = [one.readings(wall_clock()) for one in watchers if isinstance(one, ResourceWatcher)]
    if looked:
        time.sleep(BETWEEN_SECONDS)
