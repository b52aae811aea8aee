"""The command that compares two model versions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drift.cli_options import DEFAULT_CONFIG, AllOption, ConfigOption, JsonOption, load, moment, view_of


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A model version.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The one to hold it against.")],
    config_file: ConfigOption = DEFAULT_CONFIG,
    first: Annotated[
        str | None,
        typer.Option("--from", help="The range's start. [default: the reference and current window]"),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="The range's end. [default: the last slot, or the data's end]")
    ] = None,
    city: Annotated[str | None, typer.Option(help="Only this city.")] = None,
    feature: Annotated[
        str | None,
        typer.Option(help="The feature to tell apart by. [default: the temperature, or the first]"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the page, one file, here; a folder: by its name.")
    ] = None,
    everything: AllOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say which of two model versions is better on the same hours: by how much, where, and how surely."""
    from drift.clock import wall_clock
    from drift.compare_document import document
    from drift.comparing import Ask, compare_versions
    from drift.document import to_json
    from drift.schedule import last_slot
    from drift.terminal_compare import print_comparison
    from drift.terminal_progress import progress

    config = load(config_file)
    slot = last_slot(config.schedule, wall_clock())
    start, end = (
        None if text is None else moment(text, name) for text, name in ((first, "--from"), (last, "--to"))
    )
    with progress("comparing", "compared the two versions", quiet=as_json) as advance:
        answer = compare_versions(config, Ask(a, b, slot, start, end, city, feature), advance)
    if out is not None:
        from drift.reports.compare import write_compare
        from drift.reports.names import compare_name

        out = out if out.suffix else out / compare_name(a, b)
        write_compare(out, answer, config)
    if as_json:
        print(to_json(document(answer) | {"links": {} if out is None else {"report": str(out)}}))
    else:
        print_comparison(answer, config, out, view_of(config_file, everything=everything))
    raise typer.Exit(1 if answer.failures else 0)
