"""The config of the feature store: its kind, where each logical table is, how its columns are named there.

Each kind of store has keys of its own: a Parquet store reads a `path`, a SQL store a `table` or a `select`,
and what holds for a whole store of a kind stands in a section of the kind's name. A key of another kind is
refused rather than passed over. A store that comes from another package says itself what it needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    SecretStr,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from drift.config_rules import Section
from drift.config_values import Length, PowerUnit, Zone
from drift.redact import redact

KEYS_OF: Mapping[str, tuple[str, ...]] = {
    "parquet": ("path",),
    "sql": ("table", "select"),
    "feast": ("view", "service"),
}
"""What says where a table is, by the kind of store: one of them."""

_COMMENT = re.compile(r"\s+|--[^\n]*(?:\n|$)|/\*.*?\*/", re.DOTALL)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)


class TableConfig(Section):
    """Where one logical table is, and how its columns are named there.

    `path`: files. `table`: a table or a view of a database, `schema.table` where it is in a schema.
    `select`: a SELECT of one's own, whose columns are the table's. `view`, `service`: a feature view of a
    Feast repo, or a feature service; both: of that service, what it takes of that view.
    `columns` maps our name to theirs; a column left out has our name. `marks` says whether a timestamp
    marks the start or the end of its interval. `timezone` is declared for timestamps that carry none.
    """

    path: str | None = None
    table: Annotated[str, Field(min_length=1)] | None = None
    select: str | None = None
    view: Annotated[str, Field(min_length=1)] | None = None
    service: Annotated[str, Field(min_length=1)] | None = None
    columns: dict[str, str] = {}
    marks: Literal["start", "end"] = "start"
    timezone: Zone | None = None

    @field_validator("select")
    @classmethod
    def _one_select(cls, select: str | None) -> str | None:
        """One SELECT, as it is used in the place of a table. The database has the last word."""
        if select is None:
            return None
        text = select.strip().removesuffix(";").rstrip()
        start = 0
        while found := _COMMENT.match(text, start):
            start = found.end()
        if not re.match(r"(?i)(select|with)\b", text[start:]) or ";" in _QUOTED.sub("", text):
            raise ValueError("should be a single SELECT: it is read in the place of a table")
        return text

    @field_serializer("path")
    def _without_secrets(self, path: str | None) -> str | None:
        return None if path is None else redact(path)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """What `repr` shows: a URL's user, password and signature do not count."""
        for name, value in super().__repr_args__():
            yield name, redact(value) if name == "path" and value is not None else value


class PredictionsConfig(TableConfig):
    """The predictions. `model_version` names the version of a table that has no such column."""

    model_version: str | None = None


class FeaturesConfig(TableConfig):
    """The features: the columns in `use`, or every numeric column that is not mapped."""

    use: tuple[str, ...] | None = None


class SqlConfig(Section):
    """The database of a SQL store.

    `url` may stand in a file of its own (`url_file`). `schema`: how the tables look that the config does not
    place: `platform` is the energy platform's own schema, `drift` has the logical tables as they are.
    `statement_timeout`: how long the database works on one statement. `connect_timeout`: how long it may take
    to answer. `connections`: how many are open at most.
    """

    url: SecretStr
    url_file: str | None = None
    layout: Annotated[Literal["platform", "drift"], Field(alias="schema")] = "platform"
    statement_timeout: Length = timedelta(seconds=30)
    connect_timeout: Length = timedelta(seconds=10)
    connections: Annotated[int, Field(ge=1, le=100)] = 4


class FeastConfig(Section):
    """The repo of a Feast store: the folder of its `feature_store.yaml`, relative to the config file.

    The others are for an offline store that is PostgreSQL, as those of a SQL store.
    """

    repo: Annotated[str, Field(min_length=1)]
    statement_timeout: Length = timedelta(seconds=30)
    connect_timeout: Length = timedelta(seconds=10)
    connections: Annotated[int, Field(ge=1, le=100)] = 4


class StoreConfig(Section):
    """The feature store."""

    kind: str = "parquet"
    sql: SqlConfig | None = None
    feast: FeastConfig | None = None
    interval: Length | None = None
    unit: PowerUnit = "MW"
    predictions: PredictionsConfig
    actuals: TableConfig
    features: FeaturesConfig | None = None

    @model_validator(mode="before")
    @classmethod
    def _tables_of_the_schema(cls, content: Any) -> Any:
        """Tables that a SQL store's config leaves out are those of its `schema`; its features too, as long as
        predictions or actuals are. The platform counts in kWh. `Any`: nothing has been validated yet.
        """
        if not isinstance(content, Mapping) or content.get("kind") != "sql":
            return content
        placed = [isinstance(t := content.get(n), Mapping) and _placed(t) for n in ("predictions", "actuals")]
        names = ("predictions", "actuals") if all(placed) else ("predictions", "actuals", "features")
        sql = content.get("sql")
        drifts = isinstance(sql, Mapping) and sql.get("schema") == "drift"
        unit = {} if drifts or placed[1] else {"unit": "kWh"}
        return {name: {} for name in names} | unit | dict(content)

    @field_validator("predictions", "actuals", "features")
    @classmethod
    def _keys_of_the_kind(cls, table: TableConfig | None, info: ValidationInfo) -> TableConfig | None:
        kind = info.data.get("kind", "")
        if table is None or kind not in KEYS_OF:
            return table
        ours = KEYS_OF[kind]
        wanted = " or ".join(f"`{key}`" for key in ours)
        given = [key for keys in KEYS_OF.values() for key in keys if getattr(table, key) is not None]
        for key in given:
            if key not in ours:
                raise ValueError(f"a {kind} store takes {wanted}, not `{key}`")
        if len(given) > 1 and kind != "feast":  # a view of a service
            raise ValueError(f"a {kind} store takes {wanted}, not both")
        if not given and kind != "sql":
            raise ValueError(f"{wanted} is missing: a {kind} store needs it")
        return table

    @model_validator(mode="after")
    def _section_of_the_kind(self) -> Self:
        if self.kind == "sql" and self.sql is None:
            raise ValueError("sql: is missing: say where the database is, `sql: {url_file: secrets/store}`")
        if self.kind != "sql" and self.sql is not None:
            raise ValueError(f"sql: is for `kind: sql`, and this store's kind is {self.kind}")
        if self.kind == "feast" and self.feast is None:
            raise ValueError("feast: is missing: say where the repo is, `feast: {repo: feature_repo}`")
        if self.kind != "feast" and self.feast is not None:
            raise ValueError(f"feast: is for `kind: feast`, and this store's kind is {self.kind}")
        return self


def _placed(table: Mapping[str, Any]) -> bool:
    return any(table.get(key) is not None for key in KEYS_OF["sql"])
