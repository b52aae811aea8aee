"""What other tools read, generated from the config: Prometheus' rules, Alertmanager's routes, dashboards.

One rule model serves drift's own engine, the exported rules and the routes. An export is a pure function of
the config that gives text; `FILES` says where each stands below the config's folder, and `write` puts them
there. What is checked in is generated: a header says by what, and `stale` whether the config still makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from drift.config import Config
from drift.errors import ConfigError
from drift.exports.alertmanager import Receivers, alertmanager_document, silent
from drift.exports.document import Group, rule_file, to_yaml
from drift.exports.elastic import elastic_texts
from drift.exports.kubernetes import prometheus_rule
from drift.exports.models import model_group, not_exported
from drift.exports.monitor import OWN, monitor_group
from drift.exports.platform import platform_group, unseen_by_prometheus
from drift.exports.recording import recording_group
from drift.exports.said import Runbooks
from drift.files import write_atomically
from drift.text import printable

__all__ = [
    "FILES",
    "GROUPS",
    "Receivers",
    "alertmanager",
    "kubernetes",
    "not_exported",
    "rules",
    "stale",
    "texts",
    "write",
]

What: TypeAlias = Literal["rules", "alertmanager", "kubernetes", "dashboards", "elastic"]
Part: TypeAlias = Literal["forecasts", "platform", "monitor", "recordings"]

RUNBOOKS = "docs/runbooks"
DASHBOARDS = ("api_performance", "model_performance", "system_health", "city")
GROUPS: Mapping[Part, Callable[[Config, Runbooks], Group]] = {
    "forecasts": model_group,
    "platform": platform_group,
    "monitor": monitor_group,
    "recordings": recording_group,
}
"""The parts of the rules: a file each, because an engine of our own makes the first one needless."""
FILES: Mapping[What, Mapping[str, Part | None]] = {
    "rules": {f"rules/{part}.yml": part for part in GROUPS},
    "alertmanager": {"alertmanager/alertmanager.yml": None},
    "kubernetes": {f"kubernetes/rules/{part}.yml": part for part in GROUPS},
    "dashboards": dict.fromkeys(
        (
            *(f"grafana/dashboards/{name}.json" for name in DASHBOARDS),
            "grafana/provisioning/dashboards/drift.yaml",
            "grafana/provisioning/datasources/prometheus.yaml",
        )
    ),
    "elastic": dict.fromkeys(f"elastic/{name}" for name in elastic_texts()),
}
"""Where each export stands, from the config's folder."""


def rules(config: Config, parts: Sequence[Part] = tuple(GROUPS), runbooks: str = RUNBOOKS) -> str:
    """Prometheus' alerting and recording rules as YAML, for Prometheus 2.42 or later.

    `runbooks` is a folder or URL that holds a page a kind of alert, for rules that `notify.runbooks` does not
    name. The same config gives the same bytes.

    Raises:
        ConfigError: a rule does not fit what is measured, or has a name that is taken; names key and remedy.
    """
    _check_names(config)
    books = Runbooks(runbooks, config.notify.runbooks)
    header = [*_header("rules"), *_left_out(config, parts)]
    return rule_file([GROUPS[part](config, books) for part in parts], header)


def _left_out(config: Config, parts: Sequence[Part]) -> list[str]:
    """Which rules no gauge shows, a line each."""
    left_out = not_exported(config) if "forecasts" in parts else {}
    left_out |= unseen_by_prometheus(config) if "platform" in parts else {}
    return [
        f"Not here, but in drift's own engine: {printable(name)} ({why})." for name, why in left_out.items()
    ]


def kubernetes(config: Config, part: Part, runbooks: str = RUNBOOKS) -> str:
    """A part of those rules as a `PrometheusRule`, which the Prometheus operator takes.

    Raises:
        ConfigError: as `rules`.
    """
    _check_names(config)
    group = GROUPS[part](config, Runbooks(runbooks, config.notify.runbooks))
    return to_yaml(prometheus_rule(part, group), [*_header("kubernetes"), *_left_out(config, [part])])


def alertmanager(config: Config, receivers: Receivers | None = None) -> str:
    """Alertmanager's config as YAML, for 0.25 or later: routes, receivers, inhibition, and no secret.

    Raises:
        ConfigError: a rule has a name that is taken.
    """
    _check_names(config)
    document = alertmanager_document(config, receivers or Receivers())
    return to_yaml(document, [*_header("alertmanager"), *silent(document)])


def _check_names(config: Config) -> None:
    """Two rules of one name would be one alert to Alertmanager."""
    for name in config.alerts:
        if name in OWN:
            raise ConfigError(
                f"alerts.{name}: an exported rule on drift itself is called so: choose another name"
            )


def _header(what: What) -> list[str]:
    return [f"Generated from drift's config by `drift export {what}`: edit the config, and export again."]


def texts(
    config: Config, what: What, receivers: Receivers | None = None, runbooks: str = RUNBOOKS
) -> dict[str, str]:
    """The files of one export: their paths from the config's folder, and their text."""
    if what == "kubernetes":
        return {path: kubernetes(config, part, runbooks) for path, part in FILES[what].items() if part}
    if what == "dashboards":
        from drift.exports import grafana  # its library is for this export only

        return {f"grafana/{path}": text for path, text in grafana.texts(config, _header(what)).items()}
    if what == "elastic":
        return {f"elastic/{name}": text for name, text in elastic_texts().items()}
    return {
        path: alertmanager(config, receivers) if part is None else rules(config, [part], runbooks)
        for path, part in FILES[what].items()
    }


def _placed(
    config: Config, what: What, folder: Path | None, receivers: Receivers | None, runbooks: str
) -> dict[Path, str]:
    """The files of one export: where they belong, and their text."""
    below = folder or config.base
    return {below / path: text for path, text in texts(config, what, receivers, runbooks).items()}


def write(
    config: Config,
    what: What,
    folder: Path | None = None,
    receivers: Receivers | None = None,
    runbooks: str = RUNBOOKS,
) -> list[Path]:
    """Write the files of one export below `folder`, by default the config's own; gives where they are.

    Raises:
        OSError: a file cannot be written; it names the path.
    """
    made = _placed(config, what, folder, receivers, runbooks)
    for path, text in made.items():
        write_atomically(path, text.encode())
    return list(made)


def stale(
    config: Config,
    what: What,
    folder: Path | None = None,
    receivers: Receivers | None = None,
    runbooks: str = RUNBOOKS,
) -> list[Path]:
    """The files of one export that are missing, or are not what the config makes now."""
    made = _placed(config, what, folder, receivers, runbooks)
    return [path for path, text in made.items() if not path.is_file() or path.read_bytes() != text.encode()]
