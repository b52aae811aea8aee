"""The commands. Here the objects are built and handed down; here, and in the scheduler, the clock is read.

Nothing heavy is imported until a command needs it. Exit codes: 0 done; 1 done, but something failed, or
the slot could not be evaluated (each failure is named); 2 usage or config; 3 alerts are firing, only
with `--fail-on-alert`.
"""

from __future__ import annotations

import atexit
import gc
import io
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from drift.cli_alerts import app as alerts_app
from drift.cli_compare import compare
from drift.cli_export import app as export_app
from drift.cli_logs import app as logs_app
from drift.cli_options import (
    DEFAULT_CONFIG,
    AllOption,
    ConfigOption,
    JsonOption,
    length,
    load,
    moment,
    traced,
    view_of,
)
from drift.cli_store import ddl, load_store
from drift.cli_watch import watch
from drift.errors import ConfigError, DriftError, WindowError

if TYPE_CHECKING:
    from drift.config import Config
    from drift.domain import Failure, Run
    from drift.stores.compact import Compaction
    from drift.stores.rewriting import Way
    from drift.tables import TableName
    from drift.terminal import View

app = typer.Typer(
    name="drift",
    help="Know within hours, for every city and model version, that a forecast got worse.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

store_app = typer.Typer(help="The feature store itself.", no_args_is_help=True, rich_markup_mode=None)
store_app.command("ddl")(ddl)
store_app.command("load")(load_store)
app.add_typer(store_app, name="store")
app.add_typer(alerts_app, name="alerts")
app.add_typer(export_app, name="export")
app.add_typer(logs_app, name="logs")

SlotOption = Annotated[
    str | None, typer.Option("--slot", help="The slot, ISO 8601 with a zone. [default: the last one due]")
]


def _slot(config: Config, text: str | None) -> datetime:
    if text is not None:
        return moment(text, "--slot")
    from drift.clock import wall_clock
    from drift.schedule import last_slot

    return last_slot(config.schedule, wall_clock())


def _show(run: Run, config: Config, as_json: bool, view: View) -> None:
    from drift.document import run_document, to_json
    from drift.terminal_run import print_run, print_run_next

    if as_json:
        print(to_json(run_document(run)))
    else:
        print_run(run, config, view)
        print_run_next(run, config, view)


def _exit(run: Run, fail_on_alert: bool) -> NoReturn:
    if fail_on_alert and any(alert.status.value == "firing" for alert in run.alerts):
        raise typer.Exit(3)
    if run.failures:
        raise typer.Exit(1)
    raise typer.Exit(0)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Where the demo is built.")] = Path("demo"),
    as_json: JsonOption = False,
) -> None:
    """Show the real thing: replay shipped real data with two real models, and say what to open."""
    from drift.demo.show import build, play
    from drift.terminal_progress import progress
    from drift.terminal_run import print_demo

    config = load(path := build(folder))
    with progress("replaying the demo's slots", "replayed {count} slots", quiet=as_json) as advance:
        run, fired = play(config, advance)
    _show(run, config, as_json, view_of(path, everything=True))
    if not as_json:
        print_demo(run, fired, folder, Path(sys.argv[0]).absolute())
    _exit(run, fail_on_alert=False)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The project's folder.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a config that is there.")] = False,
    store: Annotated[str, typer.Option(help="The kind of store: parquet, sql or feast.")] = "parquet",
    predictions: Annotated[
        str | None, typer.Option(help="Look at this: a path; a table of a database; a feature view.")
    ] = None,
    actuals: Annotated[str | None, typer.Option(help="The same for the actuals.")] = None,
    features: Annotated[str | None, typer.Option(help="The same for the features.")] = None,
    url: Annotated[
        str | None,
        typer.Option(envvar="DRIFT_STORE_URL", help="The database to look at; it is not written down."),
    ] = None,
    repo: Annotated[str | None, typer.Option(help="The folder of the Feast repo.")] = None,
) -> None:
    """Write a commented config/drift.yaml for your own data, with what the columns of your tables say."""
    from drift.starter import STARTER, with_store, write_starter

    given: dict[TableName, str | None]
    given = {"predictions": predictions, "actuals": actuals, "features": features}
    tables = {name: at for name, at in given.items() if at is not None}
    text, what = STARTER, "fill in the store"
    if tables or store != "parquet":
        from drift.starter_look import section_of

        text = with_store(section_of(store, tables, folder / "config", url=url, repo=repo))
        what = "correct what is a guess in it"
    path = write_starter(folder, force=force, text=text)
    print(f"wrote {path}; {what}, then try `drift doctor -c {path}`")


@app.command()
def run(
    config_file: ConfigOption = DEFAULT_CONFIG,
    slot: SlotOption = None,
    everything: AllOption = False,
    as_json: JsonOption = False,
    fail_on_alert: Annotated[
        bool, typer.Option("--fail-on-alert", help="Exit with 3 when an alert is firing.")
    ] = False,
) -> None:
    """Evaluate one slot: measure, alert, publish. For cron, Kubernetes CronJob, Airflow."""
    from drift.monitor import Monitor

    config = load(config_file)
    with traced(config):
        with Monitor(config) as monitor:
            result = monitor.run(_slot(config, slot))
        _show(result, config, as_json, view_of(config_file, everything=everything))
    _exit(result, fail_on_alert)


@app.command()
def serve(
    config_file: ConfigOption = DEFAULT_CONFIG,
    host: Annotated[str | None, typer.Option(help="Listen here instead of serve.host.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Listen on this port instead of serve.port.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="Let the clock start here: to watch over data of the past.")
    ] = None,
) -> None:
    """Run the schedule, deliver messages, and serve the pages, reports, /metrics, /healthz and /readyz."""
    from drift.clock import clock_starting_at, wall_clock
    from drift.web.serve import serve_forever

    config = load(config_file)
    clock = wall_clock if at is None else clock_starting_at(moment(at, "--at"))
    with traced(config, goes_on=False):  # each slot is a trace of its own
        serve_forever(config, host or config.serve.host, config.serve.port if port is None else port, clock)


@app.command()
def replay(
    first: Annotated[str, typer.Option("--from", help="The first slot.")],
    last: Annotated[str, typer.Option("--to", help="The last slot.")],
    every: Annotated[str, typer.Option(help="The distance of slots.")] = "1h",
    out: Annotated[Path | None, typer.Option(help="One JSON line a transition goes here.")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Give each alarm its evidence, as a slot does.")
    ] = False,
    config_file: ConfigOption = DEFAULT_CONFIG,
    everything: AllOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show what past slots would have alerted. Nothing is delivered, and the state is left alone."""
    from drift.document import to_json, transition_document
    from drift.files import write_atomically
    from drift.monitor import Monitor
    from drift.terminal_progress import progress
    from drift.terminal_replay import print_replay

    config = load(config_file)
    start, end = moment(first, "--from"), moment(last, "--to")
    step = length(every, "--every")
    with (
        traced(config),
        progress("replaying", "replayed {count} slots", quiet=as_json) as advance,
        Monitor(config) as monitor,
    ):
        result = monitor.replay(start, end, step, explain=explain, on_slot=advance)
    lines = [transition_document(transition) for transition in result.transitions]
    if out is not None:
        write_atomically(out, "".join(f"{to_json(line)}\n" for line in lines).encode())
    if as_json:
        failures = [asdict(failure) for failure in result.failures]
        print(to_json({"slots": len(result.slots), "transitions": lines, "failures": failures}))
    else:
        print_replay(result, config, out, view_of(config_file, everything=everything))
    raise typer.Exit(1 if result.failures else 0)


@app.command()
def report(
    config_file: ConfigOption = DEFAULT_CONFIG,
    slot: SlotOption = None,
    city: Annotated[str | None, typer.Option(help="Only this city's page beside the fleet's.")] = None,
    single_file: Annotated[
        bool, typer.Option("--single-file", help="Make every page complete, to be mailed one by one.")
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Add Evidently's report of --city, or of every city that alerts.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the HTML report of a slot: the fleet page, and a page a city."""
    from drift.document import to_json
    from drift.monitor import Monitor
    from drift.terminal import console, print_failures, print_links
    from drift.terminal_progress import progress

    config = load(config_file)
    failed: list[Failure] = []
    with (
        traced(config),
        progress("writing pages", "wrote {count} pages", quiet=as_json) as advance,
        Monitor(config) as monitor,
    ):
        links = monitor.report(
            _slot(config, slot), city, advance, single_file=single_file, deep=failed.append if deep else None
        )
    if as_json:
        print(to_json({"links": links, "failures": [asdict(failure) for failure in failed]}))
    else:
        print_links(links)
        print_failures(console(), failed)
    if deep and not failed and not any(name.startswith("deep:") for name in links):
        print("no city alerts, so there is no deep report: name one by --city", file=sys.stderr)
    raise typer.Exit(1 if failed else 0)


app.command()(compare)
app.command()(watch)


@app.command()
def doctor(config_file: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Connect to everything configured, and say what is wrong and how to mend it."""
    from drift.doctor import examine
    from drift.document import to_json
    from drift.terminal_doctor import print_checks

    checks = examine(load(config_file))
    if as_json:
        print(to_json({"checks": [check.document() for check in checks]}))
    else:
        print_checks(checks)
    raise typer.Exit(1 if any(check.bad for check in checks) else 0)


@store_app.command("compact")
def store_compact(
    config_file: ConfigOption = DEFAULT_CONFIG,
    out: Annotated[
        str | None,
        typer.Option("--out", help="Write a compacted copy of the whole store to this new folder."),
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--replace", help="Compact where the files are; the old ones are deleted.")
    ] = False,
    keep: Annotated[str, typer.Option(help="Leave files alone that reach into the last so much.")] = "7d",
    before: Annotated[
        str | None, typer.Option(help="Leave files alone that reach this time, ISO 8601, instead of --keep.")
    ] = None,
    cities_per_group: Annotated[int, typer.Option(min=1, max=10_000, help="Cities in a row group.")] = 32,
    period: Annotated[
        str | None, typer.Option(help="Time in a row group. [default: half of what a slot reads]")
    ] = None,
    zstd: Annotated[
        bool, typer.Option("--zstd", help="Compress with zstd, level 1: smaller, slower.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the Parquet store's older files anew, in the layout that a slot reads fastest."""
    from drift.document import to_json
    from drift.stores.rewriting import Way
    from drift.terminal import print_compaction
    from drift.terminal_progress import progress

    if (out is None) is not in_place:
        raise ConfigError("say where to: a new folder with --out, or where the files are with --replace")
    way = Way(
        period=None if period is None else length(period, "--period"),
        keep=length(keep, "--keep"),
        before=None if before is None else moment(before, "--before"),
        cities_per_group=cities_per_group,
        compression="zstd" if zstd else "none",
    )
    config = load(config_file)
    with progress("compacting", "compacted {count} row groups", quiet=as_json) as advance:
        done = _compacted(config, way, out, advance)
    if as_json:
        print(to_json(done.document()))
    else:
        print_compaction(done)
    raise typer.Exit(1 if done.left_over else 0)


def _compacted(config: Config, way: Way, out: str | None, advance: Callable[[int], None]) -> Compaction:
    """Compact, and time reading the same windows before and after."""
    from drift.clock import wall_clock
    from drift.stores import open_store
    from drift.stores.compact import Compaction, compact_to, relocated
    from drift.stores.in_place import compact_in_place
    from drift.stores.layout import history_of, period_of, seconds_to_read

    store = open_store(config)
    window = history_of(config, store, wall_clock())
    way = replace(way, period=way.period or period_of(window.length))
    took = seconds_to_read(store, config, window)
    tables = compact_in_place(config, way, advance) if out is None else compact_to(config, out, way, advance)
    now = relocated(config, tables)
    after = seconds_to_read(open_store(now), now, window)
    return Compaction(tuple(tables), window, took, after, in_place=out is None)


@app.command()
def version() -> None:
    """Print the version."""
    from drift import __version__

    print(__version__)


def main() -> NoReturn:
    """Run the command line; a fault that is no bug of drift's is told on stderr, and an exit code."""
    atexit.register(gc.freeze)  # a process that ends need not look for garbage first, for a tenth of a second
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no ● gets a ?, and no traceback
    try:
        app(standalone_mode=True)
    except DriftError as error:
        _tell(type(error).__name__, str(error))
        sys.exit(2 if isinstance(error, ConfigError | WindowError) else 1)
    except OSError as error:  # a file that a command was told to write, and that cannot be written
        place = f"{error.filename}: " if error.filename else ""
        said = f"{place}{error.strerror or error}: name another place, or make it writable"
        _tell(type(error).__name__, said)
        sys.exit(1)
    sys.exit(0)


def _tell(what: str, message: str) -> None:
    """Say what failed: for people on stderr, and as a document where one was asked for."""
    from drift.text import printable_lines

    print(f"drift: {printable_lines(message)}", file=sys.stderr)
    if "--json" in sys.argv:
        from drift.document import to_json

        print(to_json({"failures": [{"stage": "run", "what": what, "message": message}]}))


if __name__ == "__main__":
    main()
