"""The demo: the shipped real data as a store of its own, replayed, and its last slots run for real.

The slots are those around 2 January 2008, when one city's load trebled overnight and a cold snap caught
the models in all others: some alerts have resolved by the last slot, and one city's has good reason to
fire on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drift.config import Config
from drift.demo import data_dir
from drift.document import config_hash
from drift.domain import AlertStatus, Run
from drift.errors import ConfigError
from drift.files import write_atomically
from drift.monitor import Monitor
from drift.rehearsal import Replay
from drift.state import SlotCommit

HOUR = timedelta(hours=1)
FIRST = datetime(2007, 12, 20, tzinfo=UTC)
LAST = datetime(2008, 1, 5, 12, tzinfo=UTC)
PUBLISHED = 6
"""So many of the last slots are run in full, so that MLflow and the history have a course to show."""

CONFIG = """\
# The demo: twenty zones of GEFCom2012 and two models of ours; see drift/demo/README.md in the package.
# `drift init` writes a commented config for your own data.
store:
  kind: parquet
  unit: kW
  predictions: {path: data/predictions.parquet}
  actuals: {path: data/actuals.parquet}
  features: {path: data/features.parquet}
timezone: America/New_York
windows: {current: 24h, reference: 90d}
accuracy: {interval_level: 0.8, bands: [24h, 30h, 36h, 42h, 49h]}
state: sqlite:///state/drift.db
history: {dir: history}
reports: {dir: reports, cities: all}
mlflow: {tracking_uri: "sqlite:///mlflow.db", experiment: drift-demo}
detection: {country: US}
alerts:
  forecast_worse:               # the error is worse than is normal for this city, these hours, this season
    {detector: profile, budget: 0.5 per city-year, severity: high, channels: [log]}
  fleet_worse:                  # all cities of a model version together
    {detector: fleet, budget: 0.35 per year, severity: critical, channels: [log]}
  data_fault: {detector: faults, severity: warning, channels: [log]}
  model_accuracy_drop:          # the platform's own rule, over all cities of a model version
    {metric: model_accuracy, threshold: 0.85, duration: 1h, severity: high, channels: [log], scope: pooled}
  city_forecast_broken:         # a city's error is twice that of repeating last week
    {metric: mase, threshold: 2.0, duration: 3h, severity: critical, channels: [log]}
"""
MARK = CONFIG.partition("\n")[0]
"""The first line of the demo's config: by it we know a folder that the demo may write to."""


def build(folder: Path) -> Path:
    """Lay out the demo's store and config in the folder; what slots left there before is kept.

    Returns the path of the config.

    Raises:
        ConfigError: the folder holds a config or tables that are not the demo's.
    """
    config = folder / "drift.yaml"
    tables = [folder / "data" / f"{name}.parquet" for name in ("predictions", "actuals", "features")]
    _refuse_what_is_not_ours(config, tables)
    write_atomically(config, CONFIG.encode())  # first: from here on the folder is known to be the demo's
    for table in tables:
        write_atomically(table, (data_dir() / table.name).read_bytes())
    return config


def _refuse_what_is_not_ours(config: Path, tables: Sequence[Path]) -> None:
    if config.is_file() and config.read_bytes().startswith(f"{MARK}\n".encode()):
        return
    for there in (config, *tables):
        if there.exists():
            raise ConfigError(f"--dir: {there} is there and is not the demo's: name another folder")


def play(config: Config, advance: Callable[[int], None]) -> tuple[Run, int]:
    """Replay the slots up to the last few, then run those in full.

    Returns the last run, and how many alerts fired on the way.
    """
    with Monitor(config) as monitor:
        total = (LAST - FIRST) // HOUR + 1
        early = LAST - PUBLISHED * HOUR
        replayed = monitor.replay(FIRST, early, HOUR, explain=True, on_slot=lambda _: advance(total))
        _remember(monitor, replayed)
        run = monitor.run(early + HOUR)
        advance(total)
        for hour in range(2, PUBLISHED + 1):
            run = monitor.run(early + hour * HOUR)
            advance(total)
        transitions = monitor.state.transitions(since=FIRST)
        return run, sum(t.after is AlertStatus.FIRING for t in transitions)


def _remember(monitor: Monitor, replayed: Replay) -> None:
    """Commit the replayed slots, as if they had been run one by one."""
    last = replayed.slots[-1]
    monitor.state.commit_many(
        [
            SlotCommit(
                slot,
                replayed.by_slot.get(slot, ()),
                tuple(replayed.alerts.values()) if slot == last else (),
            )
            for slot in replayed.slots
        ],
        at=monitor.clock(),
        config_hash=config_hash(monitor.config),
        published=True,
    )
