"""The config: YAML and environment become one frozen, validated `Config`.

Every number that people act on lives here with its unit. A key that is not known fails with the nearest
one that is; a path is relative to the config file; `${NAME}` is taken from the environment. YAML with
aliases, over a megabyte or nested deeper than 20 levels is refused before anything is built from it.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from drift.config_text import explain_invalid, read_yaml
from drift.errors import ConfigError

_UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.ASCII)
POWER_UNITS = ("W", "kW", "MW", "GW", "Wh", "kWh", "MWh", "GWh")


def parse_duration(text: object) -> timedelta:
    """A length of time as people write it: a number and one of s, m (or min), h, d, w.

    >>> parse_duration("90d"), parse_duration("1.5h")
    (datetime.timedelta(days=90), datetime.timedelta(seconds=5400))
    """
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[2] not in _UNITS:
        raise ValueError(f"{text!r} is no length of time: write a number and a unit of s, m, h, d, w: 24h")
    return timedelta(**{_UNITS[match[2]]: float(match[1])})


def format_duration(length: timedelta) -> str:
    """The length as people write it: whole days from three days on, else whole hours, else minutes.

    >>> [format_duration(timedelta(minutes=m)) for m in (90 * 1440, 1440, 90)]
    ['90d', '24h', '90m']
    """
    seconds = length.total_seconds()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if abs(seconds) >= (3 * size if unit == "d" else size) and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:g}s" if seconds else "0h"


def _positive(length: timedelta) -> timedelta:
    if length <= timedelta(0):
        raise ValueError("must be longer than zero")
    return length


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no IANA time zone: write one such as Asia/Kolkata or UTC") from None
    return name


def _unit(name: str) -> str:
    if name not in POWER_UNITS:
        raise ValueError(f"{name!r} is no unit of load: one of {', '.join(POWER_UNITS)}")
    return name


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Length = Annotated[timedelta, BeforeValidator(parse_duration), AfterValidator(_positive)]
Moment = Annotated[AwareDatetime, AfterValidator(_utc)]
Zone = Annotated[str, AfterValidator(_zone)]
Fraction = Annotated[float, Field(ge=0, le=1)]
OpenFraction = Annotated[float, Field(gt=0, lt=1)]


class Section(BaseModel):
    """A part of the config: frozen, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TableConfig(Section):
    """Where one logical table is, and how its columns are named there.

    `columns` maps our name to theirs; a column left out has our name. `marks` says whether a timestamp
    marks the start or the end of its interval. `timezone` is declared for timestamps that carry none.
    """

    path: str
    columns: dict[str, str] = {}
    marks: Literal["start", "end"] = "start"
    timezone: Zone | None = None


class PredictionsConfig(TableConfig):
    """The predictions. `model_version` names the version of a table that has no such column."""

    model_version: str | None = None


class FeaturesConfig(TableConfig):
    """The features: the columns in `use`, or every numeric column that is not mapped."""

    use: tuple[str, ...] | None = None


class StoreConfig(Section):
    """The feature store."""

    kind: str = "parquet"
    interval: Length | None = None
    unit: Annotated[str, AfterValidator(_unit)] = "MW"
    predictions: PredictionsConfig
    actuals: TableConfig
    features: FeaturesConfig | None = None


class ReferenceSpan(Section):
    """A reference window with fixed ends."""

    start: Moment
    end: Moment

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end <= self.start:
            raise ValueError("the reference ends before it starts")
        return self


class WindowsConfig(Section):
    """How long the windows are. The current window ends `lag` before the slot."""

    current: Length = timedelta(hours=24)
    reference: Length | ReferenceSpan = timedelta(days=90)
    gap: Duration = timedelta(0)
    lag: Duration = timedelta(0)


class ScheduleConfig(Section):
    """When slots are due (cron, in `timezone`), and how far back a missed one is made up for."""

    cron: str = "5 * * * *"
    timezone: Zone = "UTC"
    catch_up: Duration = timedelta(hours=24)


class AccuracyConfig(Section):
    """How accuracy is measured.

    `horizon`: the latest issue at least this long before the target time is judged. `bands`: the edges
    of horizon bands. `season`: the distance of the seasonal-naive forecast in MASE and skill.
    """

    tolerance: OpenFraction = 0.10
    floor: Literal["auto"] | Annotated[float, Field(ge=0)] = "auto"
    floor_share: OpenFraction = 0.05
    floor_window: Length = timedelta(days=28)
    min_coverage: Fraction = 0.6
    interval_level: OpenFraction = 0.8
    season: Length = timedelta(hours=168)
    horizon: Duration = timedelta(0)
    bands: tuple[Duration, ...] = ()

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if any(a >= b for a, b in zip(self.bands, self.bands[1:], strict=False)) or len(self.bands) == 1:
            raise ValueError("accuracy.bands are at least two edges, rising: [24h, 36h, 48h]")
        return self


class StatisticsConfig(Section):
    """How drift is measured: bins at reference quantiles, the floor of a share, and the least reference."""

    bins: Annotated[int, Field(ge=2, le=100)] = 10
    share_floor: OpenFraction = 1e-4
    min_reference: Annotated[int, Field(ge=10)] = 100


class EngineConfig(Section):
    """How measuring is carried to the data: cities in memory together, and threads (all cores by default)."""

    block: Annotated[int, Field(ge=1, le=10_000)] = 64
    workers: Annotated[int, Field(ge=1, le=256)] | None = None


class MlflowConfig(Section):
    """Where runs are logged."""

    tracking_uri: str = "sqlite:///mlflow.db"
    experiment: str = "drift"


class DirConfig(Section):
    """A folder that drift writes."""

    dir: str


class ReportsConfig(DirConfig):
    """Where pages go, a folder a slot: which cities get a page of their own, and how long slots are kept."""

    cities: Literal["alerting", "all"] = "alerting"
    keep: Length = timedelta(days=30)


class ServeConfig(Section):
    """Where `drift serve` listens: loopback unless told otherwise."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 9109


class RuleConfig(Section):
    """One alert rule, in the words of the platform's guide.

    `scope: city` holds each city against the threshold; `pooled` all cities together. `side` is known
    for most metrics (accuracy falls below, an error rises above) and must be said for a signed one.
    """

    metric: str
    threshold: float
    duration: Duration = timedelta(0)
    severity: Literal["critical", "high", "warning", "info"] = "warning"
    channels: tuple[str, ...] = ()
    side: Literal["below", "above"] | None = None
    scope: Literal["city", "pooled"] = "city"
    horizon: str | None = None
    column: str | None = None


SEED_RULES: dict[str, RuleConfig] = {
    "model_accuracy_drop": RuleConfig(
        metric="model_accuracy",
        threshold=0.85,
        duration=timedelta(hours=1),
        severity="high",
        channels=("slack", "email"),
    )
}


class Config(Section):
    """The whole config. `base` is the folder that relative paths are relative to."""

    store: StoreConfig
    cities: Literal["all"] | tuple[str, ...] = "all"
    timezone: Zone = "UTC"
    timezones: dict[str, Zone] = {}
    windows: WindowsConfig = WindowsConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    accuracy: AccuracyConfig = AccuracyConfig()
    statistics: StatisticsConfig = StatisticsConfig()
    engine: EngineConfig = EngineConfig()
    state: str = "sqlite:///state/drift.db"
    history: DirConfig | None = DirConfig(dir="history")
    mlflow: MlflowConfig | None = None
    reports: ReportsConfig | None = ReportsConfig(dir="reports")
    serve: ServeConfig = ServeConfig()
    alerts: dict[str, RuleConfig] = SEED_RULES
    base: Path = Path()

    def path(self, text: str) -> Path:
        """The path, from the config file's folder when it is relative."""
        return self.base / Path(text).expanduser()

    def database_url(self, url: str) -> str:
        """The URL, with the file of a relative SQLite URL placed in the config file's folder.

        `sqlite:///state/drift.db` is relative; `sqlite:////var/drift.db` is not.
        """
        prefix = "sqlite:///"
        if not url.startswith(prefix) or url in (prefix, prefix + ":memory:"):
            return url
        return f"{prefix}{(self.base / url.removeprefix(prefix)).absolute()}"

    def zone_of(self, city: str) -> str:
        """The IANA zone that a city's times are shown in."""
        return self.timezones.get(city, self.timezone)


def load_config(path: str | Path) -> Config:
    """Read, fill in and check the config at `path`.

    Raises:
        ConfigError: it is not there, is no YAML that we take, or does not fit; names key and remedy.
    """
    file = Path(path)
    content = read_yaml(file, os.environ)
    return parse_config(content, base=file.absolute().parent, name=str(path))


def parse_config(content: dict[str, Any], base: Path, name: str = "the config") -> Config:
    """Check what a YAML file said. `Any`: this is where untyped text becomes a `Config`."""
    if "base" in content:
        raise ConfigError(f"{name}: base: is not a key of the config; paths are relative to its folder")
    try:
        return Config.model_validate({**content, "base": base})
    except ValidationError as error:
        raise ConfigError(explain_invalid(name, error, Config)) from None
