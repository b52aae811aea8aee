"""The commands that write files for other tools: Prometheus' rules, as files or for Kubernetes, and more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drift.cli_options import DEFAULT_CONFIG, ConfigOption, load

if TYPE_CHECKING:
    from drift.config import Config
    from drift.exports import Receivers, What

app = typer.Typer(
    help="Files for Prometheus, Alertmanager and Grafana, generated from the config.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

OutOption = Annotated[
    Path | None, typer.Option("--out", help="The folder to write below. [default: the config's own]")
]
CheckOption = Annotated[
    bool, typer.Option("--check", help="Write nothing; exit with 1 when a file is missing or not current.")
]
RunbooksOption = Annotated[
    str | None,
    typer.Option("--runbooks", help="Folder or URL of the runbooks. [default: notify.runbook_folder]"),
]


def _export(
    config: Config,
    what: What,
    out: Path | None,
    check: bool,
    receivers: Receivers | None,
    runbooks: str | None = None,
) -> None:
    from drift.exports import stale, write

    runbooks = runbooks or config.notify.runbook_folder
    if check:
        old = stale(config, what, out, receivers, runbooks)
        for path in old:
            print(f"not current: {path}; write it with `drift export {what}`")
        raise typer.Exit(1 if old else 0)
    for path in write(config, what, out, receivers, runbooks):
        print(f"wrote {path}")


@app.command("rules")
def export_rules(
    config_file: ConfigOption = DEFAULT_CONFIG,
    out: OutOption = None,
    check: CheckOption = False,
    runbooks: RunbooksOption = None,
) -> None:
    """Write Prometheus' alerting and recording rules."""
    _export(load(config_file), "rules", out, check, None, runbooks)


@app.command("kubernetes")
def export_kubernetes(
    config_file: ConfigOption = DEFAULT_CONFIG,
    out: OutOption = None,
    check: CheckOption = False,
    runbooks: RunbooksOption = None,
) -> None:
    """Write those rules as a PrometheusRule, for the Prometheus operator on Kubernetes."""
    _export(load(config_file), "kubernetes", out, check, None, runbooks)


@app.command("dashboards")
def export_dashboards(
    config_file: ConfigOption = DEFAULT_CONFIG,
    out: OutOption = None,
    check: CheckOption = False,
) -> None:
    """Write Grafana's dashboards, and the provisioning files that name them."""
    _export(load(config_file), "dashboards", out, check, None)


@app.command("elastic")
def export_elastic(
    config_file: ConfigOption = DEFAULT_CONFIG,
    out: OutOption = None,
    check: CheckOption = False,
) -> None:
    """Write the index template, the life cycle and the pipeline of the logs, and Filebeat's config."""
    _export(load(config_file), "elastic", out, check, None)


@app.command("alertmanager")
def export_alertmanager(
    config_file: ConfigOption = DEFAULT_CONFIG,
    out: OutOption = None,
    check: CheckOption = False,
    secrets: Annotated[str, typer.Option(help="The folder of files that hold secrets.")] = (
        "/etc/alertmanager/secrets"
    ),
    bridge: Annotated[
        str | None, typer.Option(help="URL of drift's bridge, for channels Alertmanager lacks.")
    ] = None,
    smarthost: Annotated[str | None, typer.Option(help="Mail server for Alertmanager's own mails.")] = None,
    mail_from: Annotated[str | None, typer.Option(help="Sender of those mails.")] = None,
    mail_to: Annotated[str | None, typer.Option(help="Who gets them.")] = None,
    dead_man: Annotated[
        str | None, typer.Option(help="URL to call for as long as alerts arrive; it stands in the file.")
    ] = None,
) -> None:
    """Write Alertmanager's routes, receivers and inhibition, without a secret."""
    from drift.exports import Receivers

    receivers = Receivers(secrets, bridge, smarthost, mail_from, mail_to, dead_man)
    _export(load(config_file), "alertmanager", out, check, receivers)
