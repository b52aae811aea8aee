"""The config: YAML and environment become one frozen, validated `Config`.

Every number that people act on lives here with its unit. A key that is not known fails with the nearest
one that is; a path is relative to the config file; `${NAME}` is taken from the environment. What may hold
a password (`state`, `mlflow.tracking_uri`) can stand in a file of its own, and shows itself nowhere: not in
`repr`, not in a dump, not in an error. YAML with aliases, over a megabyte or nested deeper than 20 levels is
refused before anything is built from it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    ByteSize,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from drift.config_channels import ChannelConfig, with_url_files
from drift.config_estimate import Estimated
from drift.config_logs import LogsConfig
from drift.config_mlflow import MlflowConfig
from drift.config_notify import BUILTIN, NotifyConfig
from drift.config_reports import ReportsConfig
from drift.config_rules import SEED_RULES, DetectionConfig, RuleConfig, Section
from drift.config_security import SecurityConfig
from drift.config_store import (
    FeastConfig,
    FeaturesConfig,
    PredictionsConfig,
    SqlConfig,
    StoreConfig,
    TableConfig,
)
from drift.config_text import explain_invalid, read_yaml
from drift.config_traces import TracesConfig
from drift.config_urls import database_url, from_files, tracking_url
from drift.config_values import (
    Cities,
    Cron,
    Duration,
    Floor,
    Fraction,
    HostName,
    Length,
    Moment,
    OpenFraction,
    WaitingTime,
    Zone,
    format_duration,
    parse_duration,
)
from drift.config_watch import Watched
from drift.errors import ConfigError

__all__ = [
    "Config",
    "FeastConfig",
    "FeaturesConfig",
    "PredictionsConfig",
    "RuleConfig",
    "SqlConfig",
    "StoreConfig",
    "TableConfig",
    "format_duration",
    "load_config",
    "parse_config",
    "parse_duration",
]


class ReferenceSpan(Section):
    """A reference window with fixed ends."""

    start: Moment
    end: Moment

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end <= self.start:
            raise ValueError("the reference ends before it starts")
        return self


def _reference_length(value: object) -> timedelta:
    try:
        return parse_duration(value)
    except ValueError as error:
        raise ValueError(f"{error}; or {{start: 2025-01-01T00:00Z, end: 2025-07-01T00:00Z}}") from None


def _kind_of_reference(value: object) -> str:
    """Which of its two forms a reference has, so that only that one's faults are told."""
    return "span" if isinstance(value, dict | ReferenceSpan) else "length"


class WindowsConfig(Section):
    """How long the windows are. The current window ends `lag` before the slot. Target times are watched for
    changes for `revise_for`; for none, nothing is measured anew.
    """

    current: Length = timedelta(hours=24)
    reference: Annotated[
        Annotated[Length, BeforeValidator(_reference_length), Tag("length")]
        | Annotated[ReferenceSpan, Tag("span")],
        Discriminator(_kind_of_reference),
    ] = timedelta(days=90)
    gap: Duration = timedelta(0)
    lag: Duration = timedelta(0)
    revise_for: Duration = timedelta(days=7)

    @model_validator(mode="after")
    def _a_window_at_least(self) -> Self:
        said = "revise_for" in self.model_fields_set
        if said and timedelta(0) < self.revise_for < self.current:
            raise ValueError(
                f"revise_for: {format_duration(self.revise_for)} is shorter than the current window of "
                f"{format_duration(self.current)}, of which hours would change unseen: make it as long at "
                f"least, or 0h, which measures nothing anew"
            )
        return self


class ScheduleConfig(Section):
    """When slots are due (cron, in `timezone`), and how far back a missed one is made up for."""

    cron: Cron = "5 * * * *"
    timezone: Zone = "UTC"
    catch_up: WaitingTime = timedelta(hours=24)


class AccuracyConfig(Section):
    """How accuracy is measured.

    `horizon`: the latest issue at least this long before the target time is judged. `bands`: the edges
    of horizon bands. `season`: the distance of the seasonal-naive forecast in MASE and skill.
    `leave_out_faults`: actuals that cannot be a load are no measure of a forecast; they are counted.
    """

    tolerance: OpenFraction = 0.10
    floor: Floor = "auto"
    floor_share: OpenFraction = 0.05
    floor_window: Length = timedelta(days=28)
    min_coverage: Fraction = 0.6
    interval_level: OpenFraction = 0.8
    season: Length = timedelta(hours=168)
    horizon: Duration = timedelta(0)
    bands: tuple[Duration, ...] = ()
    leave_out_faults: bool = True

    @property
    def band_labels(self) -> tuple[str, ...]:
        """The horizon bands by name: `24h-36h` for the edges 24h and 36h."""
        edges = [format_duration(edge) for edge in self.bands]
        return tuple(f"{low}-{high}" for low, high in pairwise(edges))

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


def _as_spark_writes(value: object) -> object:
    """YAML's true and 2 as Spark wants them: `"true"`, `"2"`."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


class SparkConfig(Section):
    """Where Spark runs, if there is no session already: `master` as in `spark-submit --master` (by default
    what spark-submit says, else this machine), and Spark's own settings. A setting may be a secret: none is
    shown.
    """

    master: str | None = None
    conf: dict[str, Annotated[SecretStr, BeforeValidator(_as_spark_writes)]] = {}


class CacheConfig(Section):
    """Where sorted references are kept between slots, and how much room they may take.

    90 days of 14 columns take 0.14 MB a city.
    """

    dir: str = "state/cache"
    size: ByteSize = ByteSize(4 * 2**30)


class EngineConfig(Section):
    """How measuring is carried to the data: by threads here (`local`; all cores by default) or by Spark; how
    many cities are in memory together; which form of the kernel (`auto` takes the compiled one where it is
    installed and pays); and where references are kept (null: nowhere).
    """

    kind: Literal["local", "spark"] = "local"
    kernel: Literal["auto", "numpy", "numba"] = "auto"
    block: Annotated[int, Field(ge=1, le=10_000)] = 128
    workers: Annotated[int, Field(ge=1, le=256)] | None = None
    spark: SparkConfig = SparkConfig()
    cache: CacheConfig | None = CacheConfig()


class DirConfig(Section):
    """A folder that drift writes."""

    dir: str


class ServeConfig(Section):
    """Where `drift serve` listens: loopback unless told otherwise.

    Who sends the `token` may have messages sent, and who logs in with it may silence alerts; without one
    nobody may. It may stand in a file of its own (`token_file`). `hosts` are the names under which people
    reach it; on loopback it answers for no others but loopback's.
    """

    host: str = "127.0.0.1"
    hosts: tuple[HostName, ...] = ()
    port: Annotated[int, Field(ge=0, le=65535)] = 9109
    token: SecretStr | None = None
    token_file: str | None = None

    @field_validator("token")
    @classmethod
    def _hard_to_guess(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not re.fullmatch(r"[!-~]{16,}", token.get_secret_value()):
            raise ValueError(
                "should be 16 characters or more, without spaces: make one by `openssl rand -hex 32`"
            )
        return token


class Config(Section):
    """The whole config. `base` is the folder that relative paths are relative to.

    `state_file` names a file that holds the state's URL; what is in it is in `state` then. `groups` names the
    region, or whatever it may be, that a city belongs to.
    """

    store: StoreConfig
    cities: Cities = "all"
    timezone: Zone = "UTC"
    timezones: dict[str, Zone] = {}
    groups: dict[str, str] = {}
    windows: WindowsConfig = WindowsConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    accuracy: AccuracyConfig = AccuracyConfig()
    statistics: StatisticsConfig = StatisticsConfig()
    engine: EngineConfig = EngineConfig()
    state: SecretStr = SecretStr("sqlite:///state/drift.db")
    state_file: str | None = None
    history: DirConfig | None = DirConfig(dir="history")
    mlflow: MlflowConfig | None = None
    reports: ReportsConfig | None = ReportsConfig(dir="reports")
    serve: ServeConfig = ServeConfig()
    detection: DetectionConfig = DetectionConfig()
    estimate: Estimated = None
    watch: Watched = None
    traces: TracesConfig | None = None
    logs: LogsConfig = LogsConfig()
    security: SecurityConfig = SecurityConfig()
    alerts: dict[str, RuleConfig] = SEED_RULES
    channels: dict[str, ChannelConfig] = {}
    notify: NotifyConfig = NotifyConfig()
    base: Path = Path()

    @field_validator("alerts")
    @classmethod
    def _own_names(cls, alerts: dict[str, RuleConfig]) -> dict[str, RuleConfig]:
        for name in BUILTIN:
            if name in alerts:
                raise ValueError(f"{name}: is a rule of drift's own: give yours another name")
        return alerts

    def path(self, text: str) -> Path:
        """The path, from the config file's folder when it is relative."""
        return self.base / Path(text).expanduser()

    @model_validator(mode="before")
    @classmethod
    def _with_secrets(cls, content: Any) -> Any:
        """Read in what stands in files of its own. `Any`: nothing has been validated yet."""
        if not isinstance(content, Mapping):
            return content
        base = Path(content.get("base", "."))
        filled = from_files(content, base)
        if isinstance(filled.get("channels"), Mapping):
            filled["channels"] = with_url_files(filled["channels"], base)
        return filled

    def database_url(self, url: str | SecretStr) -> str:
        """The URL in plain text, with the file of a relative SQLite URL placed in the config's folder.

        `sqlite:///state/drift.db` is relative; `sqlite:////var/drift.db` is not.
        """
        return database_url(url if isinstance(url, str) else url.get_secret_value(), self.base)

    def store_url(self) -> str:
        """Where a SQL store's database is, in plain text: hand it to the database, and show it to no one.

        Raises:
            ConfigError: the store is of another kind.
        """
        if self.store.sql is None:
            raise ConfigError("store.sql: is missing: say where the database is, `sql: {url_file: …}`")
        return self.database_url(self.store.sql.url)

    def state_url(self) -> str:
        """Where the state is, in plain text: hand it to the database, and show it to no one."""
        return self.database_url(self.state)

    def tracking_url(self) -> str:
        """Where runs are logged, in plain text: hand it to MLflow, and show it to no one."""
        return tracking_url((self.mlflow or MlflowConfig()).tracking_uri.get_secret_value(), self.base)

    def for_measuring(self) -> Config:
        """What a process that measures blocks of cities is sent: without what only the monitor needs, which
        is where the secrets of the state, of MLflow and of Spark are.
        """
        return Config.model_construct(**{name: value for name, value in self if name not in _MONITOR_ONLY})

    @cached_property
    def measuring_words(self) -> str:
        """That part as text: two configs with the same measure the same, of the same rows."""
        return self.for_measuring().model_dump_json()

    def zone_of(self, city: str) -> str:
        """The IANA zone that a city's times are shown in."""
        return self.timezones.get(city, self.timezone)

    def country_of(self, city: str) -> str | None:
        """The country whose holidays a city keeps; None where none is said."""
        return self.detection.countries.get(city, self.detection.country)


_MONITOR_ONLY = frozenset(
    {"state", "state_file", "mlflow", "engine", "history", "reports", "serve", "alerts", "channels", "notify"}
    | {"estimate", "watch", "security", "traces", "logs"}
)


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
