"""The commands about alerts: what fires, why, who was told; silences; and a test of every channel."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from drift.cli_options import DEFAULT_CONFIG, ConfigOption, JsonOption, length, load, moment, view_of
from drift.errors import ConfigError

if TYPE_CHECKING:
    from drift.config import Config
    from drift.domain import Alert
    from drift.state import State

app = typer.Typer(
    help="Alerts: what fires and why, silences, a test of the channels.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

MatcherArguments = Annotated[
    list[str],
    typer.Argument(
        help="What must match: city=Mumbai rule=~data_.* severity!=critical", metavar="LABEL=VALUE…"
    ),
]


def _state(config: Config) -> State:
    from drift.state import State

    return State.open(config.state_url())


def _print(document: object) -> None:
    from drift.document import to_json

    print(to_json(document))


@app.command("list")
def list_alerts(
    everything: Annotated[bool, typer.Option("--all", help="Those too that are ok or resolved.")] = False,
    config_file: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show what fires or is pending, what is silenced, and which messages could not be delivered."""
    from drift.alerts_shown import alerts_document, standing_of
    from drift.clock import wall_clock
    from drift.terminal_alerts import print_alerts

    config = load(config_file)
    with _state(config) as state:
        standing = standing_of(state, config, wall_clock(), everything=everything)
    if as_json:
        _print(alerts_document(standing))
    else:
        print_alerts(standing, view_of(config_file, everything=everything))


@app.command()
def show(
    which: Annotated[str, typer.Argument(help="The beginning of an alert's fingerprint (see `list`).")],
    config_file: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show one alert: its evidence, its history, and who was told."""
    from drift.alerts_shown import alert_history, history_document
    from drift.terminal_alerts import print_history

    config = load(config_file)
    with _state(config) as state:
        history = alert_history(state, _only(state, which))
    if as_json:
        _print(history_document(history))
    else:
        print_history(history, view_of(config_file))


def _only(state: State, which: str) -> Alert:
    """The one alert whose fingerprint begins so."""
    from drift.fingerprints import fingerprint

    found = [alert for key, alert in state.alerts().items() if fingerprint(key).startswith(which.lower())]
    if len(found) != 1:
        many = "no alert has" if not found else f"{len(found)} alerts have"
        raise ConfigError(
            f"{many} a fingerprint that begins with {which!r}: `drift alerts list --all` shows them"
        )
    return found[0]


@app.command()
def silence(
    matchers: MatcherArguments,
    lasts: Annotated[str, typer.Option("--for", help="How long: 4h, 2d.")],
    comment: Annotated[str, typer.Option("--comment", help="Why, for whoever wonders.")],
    author: Annotated[str | None, typer.Option("--author", help="Who. [default: the user's name]")] = None,
    starts: Annotated[str | None, typer.Option("--from", help="From when. [default: now]")] = None,
    config_file: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Tell nobody of alerts that match, for a time. They go on being judged, and are shown."""
    from drift.alerts_shown import silence_document
    from drift.clock import wall_clock
    from drift.silences import new_silence, parse_matchers
    from drift.terminal_alerts import print_silence

    config, now = load(config_file), wall_clock()
    first = now if starts is None else moment(starts, "--from")
    made = new_silence(
        parse_matchers(matchers),
        starts=first,
        ends=first + length(lasts, "--for"),
        author=author or getpass.getuser(),
        comment=comment,
        created=now,
        longest=config.notify.longest_silence,
    )
    with _state(config) as state:
        state.silences.add(made)
    if as_json:
        _print(silence_document(made))
    else:
        print_silence(made, view_of(config_file))


@app.command()
def expire(
    which: Annotated[str, typer.Argument(help="The silence's id (see `list`).")],
    config_file: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """End a silence now. What still fires is told at the next slot."""
    from drift.clock import wall_clock

    config = load(config_file)
    with _state(config) as state:
        if not state.silences.expire(which, wall_clock()):
            raise ConfigError(f"there is no silence {which!r} to end: `drift alerts list` shows them")
    print(f"silence {which} has ended")


@app.command("test")
def try_all(
    names: Annotated[
        list[str] | None, typer.Argument(help="Channels to test. [default: all that are configured]")
    ] = None,
    config_file: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Send a marked test message through every configured channel, and say what came back."""
    from dataclasses import asdict

    from drift.channel_trial import try_channels
    from drift.clock import wall_clock
    from drift.terminal_alerts import print_tests

    config = load(config_file)
    results = try_channels(config, names or [], wall_clock())
    if as_json:
        _print({"channels": [asdict(result) for result in results]})
    else:
        print_tests(results)
    raise typer.Exit(0 if all(result.sent for result in results) else 1)
