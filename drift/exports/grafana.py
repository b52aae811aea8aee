"""PURE. Grafana's dashboards from the config, and the files by which Grafana finds them and Prometheus.

Dashboards have stable uids, so that links and bookmarks survive an export; where Prometheus is, and under
which jobs services are scraped, is chosen in Grafana. Provisioning is for those who run Grafana from files;
others import the JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from drift.config import Config
from drift.exports.document import Document, to_yaml
from drift.exports.grafana_api import api_board
from drift.exports.grafana_city import city_board
from drift.exports.grafana_model import model_board
from drift.exports.grafana_parts import Board, written
from drift.exports.grafana_system import system_board

BOARDS: Mapping[str, Callable[[Config], Board]] = {
    "api_performance": api_board,
    "model_performance": model_board,
    "system_health": system_board,
    "city": city_board,
}
"""The dashboards: the guide's three by its names, and the drill-down to a city."""
FOLDER = "/var/lib/grafana/dashboards"
"""Where Grafana finds the JSON, in the container or on the machine that it runs on."""
PROMETHEUS = "http://prometheus:9090"
SCRAPED_EVERY = "15s"
"""What Grafana takes for the distance of samples, from which it makes the length of its rates."""


def dashboard(config: Config, name: str) -> str:
    """A dashboard as Grafana's JSON; the same config gives the same bytes."""
    return written(BOARDS[name](config), config)


def texts(config: Config, header: Sequence[str]) -> dict[str, str]:
    """All files, by their path below `grafana/`: dashboards, and the provisioning that names them."""
    found = [*header, f"Mount dashboards/ at {FOLDER}."]
    elsewhere = [*header, "Where Prometheus is elsewhere, provision a data source of your own."]
    return {
        **{f"dashboards/{name}.json": dashboard(config, name) for name in BOARDS},
        "provisioning/dashboards/drift.yaml": to_yaml(_provider(), found),
        "provisioning/datasources/prometheus.yaml": to_yaml(_datasource(), elsewhere),
    }


def _provider() -> Document:
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": "drift",
                "folder": "drift",
                "type": "file",
                "allowUiUpdates": False,
                "updateIntervalSeconds": 30,
                "options": {"path": FOLDER},
            }
        ],
    }


def _datasource() -> Document:
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "name": "Prometheus",
                "uid": "prometheus",
                "type": "prometheus",
                "access": "proxy",
                "url": PROMETHEUS,
                "isDefault": True,
                "jsonData": {"httpMethod": "POST", "timeInterval": SCRAPED_EVERY},
            }
        ],
    }
