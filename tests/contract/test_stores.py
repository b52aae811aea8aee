"""What every store does alike. A new kind of store joins with one line in `LAYOUTS`."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from drift.arrow import LABEL
from drift.config import Config, parse_config
from drift.domain import Unused, Window
from drift.errors import StoreError
from drift.stores import open_store
from drift.stores.base import Store
from drift.stores.sql_schema import tables
from drift.tables import OPTIONAL, Skipped

from .. import throwaway  # noqa: TID252 - tests are no package
from ..e2e.feast_repo import making as feast_repo  # noqa: TID252 - tests are no package

HOUR = timedelta(hours=1)
START = datetime(2021, 3, 1, tzinfo=UTC)
CITIES = ("Köln", "Ooty", "Pune")
HOURS = 72
UTC_TIME = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Content:
    """Rows as a store should give them: `(city, time, value)`; a city or a value may be None."""

    predictions: list[tuple[str | None, datetime, float | None]]
    actuals: list[tuple[str | None, datetime, float | None]]


def some_content() -> Content:
    grid = [(city, START + i * HOUR, 100.0 * c + i) for c, city in enumerate(CITIES) for i in range(HOURS)]
    predictions: list[tuple[str | None, datetime, float | None]] = [*grid, (None, START + HOUR, 5.0)]
    predictions[4] = (*grid[4][:2], None)
    return Content(predictions, [(city, time, value + 1) for city, time, value in grid[:-10]])


def _table(rows: list[tuple[str | None, datetime, float | None]], value: str) -> pa.Table:
    city, time, values = ([row[i] for row in rows] for i in range(3))
    types = (pa.string(), UTC_TIME, pa.float64())
    arrays = [pa.array(column, kind) for column, kind in zip((city, time, values), types, strict=True)]
    return pa.table(arrays, names=["city", "target_time", value])


def _predictions(content: Content) -> pa.Table:
    table = _table(content.predictions, "predicted")
    return table.append_column("model_version", pa.array(["v1"] * len(table), pa.string()))


def _features(content: Content) -> pa.Table:
    table = _table(content.actuals, "temperature")
    return table.append_column("holiday", pa.array([i % 2 == 0 for i in range(len(table))], pa.bool_()))


def _write(table: pa.Table, path: Path, row_group_size: int = 25) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=row_group_size, write_page_checksum=True)


def _config(folder: Path, predictions: str, actuals: str, features: str) -> Config:
    paths = {"predictions": predictions, "actuals": actuals, "features": features}
    return parse_config({"store": {name: {"path": path} for name, path in paths.items()}}, base=folder)


def one_file(content: Content, folder: Path) -> Config:
    _write(_predictions(content), folder / "p.parquet")
    _write(_table(content.actuals, "actual"), folder / "a.parquet")
    _write(_features(content), folder / "f.parquet")
    return _config(folder, "p.parquet", "a.parquet", "f.parquet")


def _spread(table: pa.Table, folder: Path) -> None:
    """Several files, one below another folder, one with its columns turned round, one with one more."""
    third = len(table) // 3
    _write(table.slice(0, third), folder / "one.parquet")
    turned = table.slice(third, third)
    _write(turned.select(turned.column_names[::-1]), folder / "2021" / "two.parquet")
    rest = table.slice(2 * third)
    _write(rest.append_column("note", pa.array(["x"] * len(rest), pa.string())), folder / "three.parquet")


def a_folder(content: Content, folder: Path) -> Config:
    _spread(_predictions(content), folder / "p")
    _spread(_table(content.actuals, "actual"), folder / "a")
    _spread(_features(content), folder / "f")
    return _config(folder, "p", "a/", "f")


def a_glob(content: Content, folder: Path) -> Config:
    a_folder(content, folder)
    return _config(folder, "p/**/*.parquet", "a/**/*", "f/**/[ot]*.parquet")


def one_combined_file(content: Content, folder: Path) -> Config:
    both = _predictions(content).join(
        _table(content.actuals, "actual"), ["city", "target_time"], join_type="full outer"
    )
    _write(both, folder / "both.parquet")
    _write(_features(content), folder / "f.parquet")
    return _config(folder, "both.parquet", "both.parquet", "f.parquet")


def in_memory_url(content: Content, folder: Path) -> Config:
    fsspec = pytest.importorskip("fsspec")
    one_file(content, folder)
    memory = fsspec.filesystem("memory")
    for name in "paf":
        memory.pipe(f"{folder}/{name}/x.parquet", (folder / f"{name}.parquet").read_bytes())
    root = f"memory://{folder}"
    return _config(folder, f"{root}/p/x.parquet", f"{root}/a", f"{root}/f/*.parquet")


def a_feast_repo(repo: Callable[[Path, dict[str, pa.Table]], Path]) -> Callable[[Content, Path], Config]:
    def made(content: Content, folder: Path) -> Config:
        tables = {"predictions": _predictions(content), "actuals": _table(content.actuals, "actual")}
        repo(folder, tables | {"features": _features(content)})
        return parse_config({"store": feast_repo.CONFIG}, base=folder)

    return made


def _engine(url: str) -> sa.Engine:
    return sa.create_engine(url)


def _insert(connection: sa.Connection, table: str, rows: pa.Table) -> None:
    """Rows as a writer of that database would put them: in SQLite times are text."""
    values = rows.to_pylist()
    if connection.dialect.name == "sqlite":
        values = [{k: str(v) if isinstance(v, datetime) else v for k, v in row.items()} for row in values]
    if values:
        connection.execute(sa.insert(sa.table(table, *map(sa.column, rows.column_names))), values)


def _of_platform(table: pa.Table, keys: dict[str, str], names: dict[str, str]) -> pa.Table:
    city = [keys.get(name) if name is not None else None for name in table["city"].to_pylist()]
    table = table.set_column(table.schema.get_field_index("city"), "city", pa.array(city, pa.string()))
    return table.rename_columns([names.get(name, name) for name in table.column_names])


def _platform(url: str, content: Content, folder: Path) -> Config:
    """The platform's own tables. A city may be null here, as every store is asked to count such rows."""
    keys = {city: str(uuid.uuid5(uuid.NAMESPACE_DNS, city)) for city in CITIES}
    names = {"city": "city_id", "target_time": "timestamp"}
    engine = _engine(url)
    schema = tables("platform", engine.dialect.name, ["temperature"])
    weather = schema.tables["weather_data"]
    weather.append_column(sa.Column("holiday", sa.Boolean()))
    for table in schema.tables.values():
        if "city_id" in table.columns:
            table.columns["city_id"].nullable = True
    schema.create_all(engine)
    predictions = _predictions(content).drop_columns(["model_version"])
    model = pa.array([keys["Pune"]] * len(predictions), pa.string())
    made = pa.array([START] * len(predictions), UTC_TIME)
    with engine.begin() as connection:
        _insert(connection, "cities", pa.table({"id": [*keys.values()], "name": [*keys]}))
        if content.predictions:
            _insert(
                connection, "models", pa.table({"id": [keys["Pune"]], "name": ["gbm"], "version": ["v1"]})
            )
        theirs = _of_platform(predictions, keys, names | {"predicted": "predicted_consumption"})
        _insert(
            connection,
            "predictions",
            theirs.append_column("model_id", model).append_column("created_at", made),
        )
        actuals = _of_platform(_table(content.actuals, "actual"), keys, names | {"actual": "consumption_kwh"})
        _insert(connection, "energy_consumption", actuals)
        _insert(connection, "weather_data", _of_platform(_features(content), keys, names))
    engine.dispose()
    (folder / "url").write_text(url)
    # what the platform has beside the columns that this suite asks for
    store = {"kind": "sql", "sql": {"url_file": "url"}}
    return parse_config({"store": store}, base=folder)


def _mapped(url: str, content: Content, folder: Path, sections: dict[str, dict[str, object]]) -> Config:
    engine = _engine(url)
    time = sa.DateTime(timezone=True) if engine.dialect.name == "postgresql" else sa.Text()
    types = {"city": sa.Text(), "model_version": sa.Text(), "target_time": time, "holiday": sa.Boolean()}
    metadata = sa.MetaData()
    with engine.begin() as connection:
        for name, rows in (
            ("My Forecasts", _predictions(content)),
            ("a", _table(content.actuals, "actual")),
            ("f", _features(content)),
        ):
            columns = [sa.Column(c, types.get(c, sa.Double())) for c in rows.column_names]
            index = sa.Index(f"by {name}", "city", "target_time")
            sa.Table(name, metadata, *columns, index).create(connection)
            _insert(connection, name, rows)
    engine.dispose()
    return parse_config({"store": {"kind": "sql", "sql": {"url": url}, **sections}}, base=folder)


TABLES = {"predictions": {"table": "My Forecasts"}, "actuals": {"table": "a"}, "features": {"table": "f"}}
SELECTS = {
    "predictions": {"select": "SELECT *, '50%:x' AS note FROM \"My Forecasts\" -- all of them"},
    "actuals": {"select": "WITH mine AS (SELECT * FROM a) SELECT city, target_time, actual FROM mine;"},
    "features": {"select": "SELECT city, target_time, temperature, holiday FROM f WHERE 1 = 1"},
}


def _sqlite(folder: Path) -> str:
    return f"sqlite:///{folder / 'store.db'}"


def a_sql_layout(
    make: Callable[..., Config], url: Callable[[Path], str], *more: object
) -> Callable[[Content, Path], Config]:
    return lambda content, folder: make(url(folder), content, folder, *more)


LAYOUTS: dict[str, Callable[[Content, Path], Config]] = {
    "parquet one file": one_file,
    "parquet folder": a_folder,
    "parquet glob": a_glob,
    "parquet one combined file": one_combined_file,
    "parquet on a URL": in_memory_url,
    "sql platform on postgresql": a_sql_layout(_platform, lambda _: throwaway.database()),
    "sql tables on postgresql": a_sql_layout(_mapped, lambda _: throwaway.database(), TABLES),
    "sql selects on postgresql": a_sql_layout(_mapped, lambda _: throwaway.database(), SELECTS),
    "sql platform on sqlite": a_sql_layout(_platform, _sqlite),
    "sql tables on sqlite": a_sql_layout(_mapped, _sqlite, TABLES),
    "sql selects on sqlite": a_sql_layout(_mapped, _sqlite, SELECTS),
    "feast on files": a_feast_repo(feast_repo.files),
    "feast on postgresql": a_feast_repo(feast_repo.postgres),
}


NAMED = [
    pytest.param(layout, id=name, marks=[pytest.mark.feast] * name.startswith("feast"))
    for name, layout in LAYOUTS.items()
]


@pytest.fixture(params=NAMED)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(request.param(some_content(), tmp_path))


def _rows(table: pa.Table, value: str) -> list[tuple[str, datetime, float | None]]:
    return sorted(zip(*(table[c].to_pylist() for c in ("city", "target_time", value)), strict=True))


def _expected(rows: list, window: Window, cities: tuple[str, ...] = CITIES) -> list:
    return sorted(row for row in rows if row[0] in cities and row[1] in window and row[2] is not None)


WINDOW = Window(START + 10 * HOUR, START + 40 * HOUR)
ALL = Window(START, START + HOURS * HOUR)


def test_cities_are_those_with_predictions_sorted_and_without_null(store: Store) -> None:
    assert store.cities() == CITIES


def test_span_ends_with_the_last_interval(store: Store) -> None:
    assert store.span() == ALL


def test_interval_is_found(store: Store) -> None:
    assert store.cadence().step == HOUR


@pytest.mark.parametrize("window", [WINDOW, ALL], ids=["part", "all"])
@pytest.mark.parametrize("cities", [None, ("Pune",), ("Köln", "Pune", "Atlantis")])
def test_read_gives_the_rows_of_window_and_cities(
    store: Store, window: Window, cities: tuple[str, ...] | None
) -> None:
    content, tables = some_content(), store.read(window, cities)
    for table, value, rows in (
        (tables.predictions, "predicted", content.predictions),
        (tables.actuals, "actual", content.actuals),
        (tables.features, "temperature", content.actuals),
    ):
        found = _rows(table.filter(table[value].is_valid()), value)
        assert found == _expected(rows, window, cities or CITIES)


def test_read_gives_the_logical_types(store: Store) -> None:
    tables = store.read(ALL)
    keys = [("city", LABEL), ("target_time", UTC_TIME)]
    version = [("model_version", LABEL)]
    predictions, actuals = (
        rows.drop_columns([column for column in OPTIONAL[name] if column in rows.column_names])
        for name, rows in (("predictions", tables.predictions), ("actuals", tables.actuals))
    )
    assert predictions.schema == pa.schema([keys[0], *version, keys[1], ("predicted", pa.float64())])
    assert actuals.schema == pa.schema([*keys, ("actual", pa.float64())])
    assert tables.features is not None
    assert tables.features.schema == pa.schema(
        [*keys, ("holiday", pa.float64()), ("temperature", pa.float64())]
    )
    assert set(tables.features["holiday"].to_pylist()) == {0.0, 1.0}


def test_a_row_without_a_value_is_handed_on(store: Store) -> None:
    window = Window(START + 4 * HOUR, START + 5 * HOUR)
    assert _rows(store.read(window, ["Köln"]).predictions, "predicted") == [("Köln", window.start, None)]


def test_a_row_without_a_city_is_left_out_and_counted(store: Store) -> None:
    assert Skipped("predictions", None, Unused.NULL_KEY, 1) in store.read(ALL).skipped
    assert Skipped("predictions", None, Unused.NULL_KEY, 1) in store.read(ALL, ["Ooty"]).skipped
    assert store.read(WINDOW).skipped == ()


def test_windows_that_touch_share_no_row_and_lose_none(store: Store) -> None:
    cuts = [START, START + 7 * HOUR, START + 30 * HOUR, ALL.end]
    pieces = [store.read(Window(a, b)).actuals for a, b in pairwise(cuts)]
    whole = store.read(ALL).actuals
    assert sum(len(piece) for piece in pieces) == len(whole)
    both = pa.concat_tables(pieces)
    both, whole = (t.filter(t["actual"].is_valid()) for t in (both, whole))
    assert _rows(both, "actual") == _rows(whole, "actual")


@pytest.mark.parametrize("cities", [None, (), ("Atlantis",)])
def test_no_rows_have_the_same_types(store: Store, cities: tuple[str, ...] | None) -> None:
    later = Window(ALL.end, ALL.end + HOUR) if cities is None else ALL
    nothing, everything = store.read(later, cities), store.read(ALL)
    assert len(nothing.predictions) == len(nothing.actuals) == 0
    assert nothing.predictions.schema == everything.predictions.schema
    assert nothing.features is not None
    assert everything.features is not None
    assert nothing.features.schema == everything.features.schema


def test_threads_may_read_at_once(store: Store) -> None:
    together = threading.Barrier(4)

    def read(first: int) -> list[tuple[str, datetime, float | None]]:
        together.wait(timeout=30)
        return _rows(
            store.read(Window(START + first * HOUR, START + (first + 20) * HOUR), ["Ooty"]).actuals, "actual"
        )

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read, range(4)))
    rows = some_content().actuals
    for first, there in enumerate(found):
        window = Window(START + first * HOUR, START + (first + 20) * HOUR)
        assert [row for row in there if row[2] is not None] == _expected(rows, window, ("Ooty",))


@pytest.mark.parametrize("layout", NAMED)
def test_an_empty_store_is_an_error_that_names_the_table(
    layout: Callable[[Content, Path], Config], tmp_path: Path
) -> None:
    store = open_store(layout(Content([], []), tmp_path))
    for ask in (store.cities, store.span, store.cadence, lambda: store.read(ALL)):
        with pytest.raises(StoreError, match=r"store\.(predictions|actuals): .* holds no rows"):
            ask()
