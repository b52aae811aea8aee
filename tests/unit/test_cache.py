"""What is kept of a slot for later ones: when it is used, when not, and that nothing on disk can do harm."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drift import Monitor, load_config
from drift.domain import Window
from drift.errors import StoreError
from drift.findings import Findings
from drift.stores import open_store
from drift.stores.base import Store
from drift.tables import Tables

SLOT = datetime(2026, 3, 28, 0, 5, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UTC_TIME = pa.timestamp("us", "UTC")


class Watched:
    """A store, the windows that were read of it, what happens before a read, and cities it cannot read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.reads: list[Window] = []
        self.before: Callable[[], None] = lambda: None
        self.damaged: frozenset[str] = frozenset()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, window: Window, cities: Sequence[str] | None = None) -> Tables:
        self.reads.append(window)
        self.before()
        if self.damaged.intersection(cities or ()):
            raise StoreError("a page is damaged")
        return self._store.read(window, cities)


class Fleet:
    """The made store, monitored with its cache."""

    def __init__(self, made: Any) -> None:
        self.made = made
        self.folder = made.folder / "state/cache"
        self.restart()

    def restart(self) -> None:
        """As another process with the config as it is now."""
        config = load_config(self.made.config)
        self.store = Watched(open_store(config))
        self.monitor = Monitor(config, store=self.store)
        self.plain = uncached(self.monitor)

    def used(self, slot: datetime) -> bool:
        """Ask for a slot, which must say what it says without a cache; whether it read less than all of it."""
        self.store.reads.clear()
        found = self.monitor.find(slot)
        assert said(found) == said(self.plain.find(slot))
        return all(window.start > found.windows.history.start for window in self.store.reads)

    def kept(self, slot: datetime = SLOT) -> None:
        """Have a past on disk that slots from this one on use."""
        assert any(self.used(slot) for _ in range(4))

    def files(self, kind: str = "past") -> list[Path]:
        return sorted(self.folder.glob(f"*.{kind}"))

    def part_of(self, name: str, rows: slice, to: str) -> Path:
        """Some rows of a table in a file of their own, in a folder of the table's name."""
        path = self.made.folder / "data" / name / f"{to}.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pq.read_table(self.made.folder / "data" / f"{name}.parquet")[rows], path)
        return path


@pytest.fixture
def fleet(made) -> Fleet:
    return Fleet(made)


def uncached(monitor: Monitor) -> Monitor:
    plain = copy(monitor)
    plain.cache, plain.store = None, open_store(monitor.config)
    return plain


def said(found: Findings) -> list[Any]:
    """All that was found, as values that compare; NaN is where there is a reason."""
    panels = [
        (panel.kind, panel.series, panel.columns, panel.names,
         *(getattr(panel, name).tobytes() for name in ("value", "reason", "n", "coverage")))
        for panel in found.panels
    ]  # fmt: skip
    return [
        panels, found.windows, found.cities, found.verdicts, found.counts, found.delays, found.lateness,
        found.failures,
    ]  # fmt: skip


@contextmanager
def writing_stops_at(size: int) -> Iterator[None]:
    """No file may grow beyond this size: to a writer that is a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def old(path: Path, days: float) -> None:
    at = path.stat().st_mtime - days * 86_400
    os.utime(path, (at, at))


# when it is used


def test_the_first_slot_notes_the_second_keeps_the_third_uses(fleet):
    assert not fleet.used(SLOT)
    assert (len(fleet.files("seen")), len(fleet.files())) == (1, 0)
    assert not fleet.used(SLOT + HOUR)
    assert (len(fleet.files("seen")), len(fleet.files())) == (1, 1)
    assert fleet.used(SLOT + 2 * HOUR)


def test_only_the_hours_since_are_read(fleet):
    fleet.kept()
    fleet.used(SLOT + 5 * HOUR)
    (window,) = fleet.store.reads
    assert window.length == DAY + 5 * HOUR  # the current window and the hours between; not three weeks


def test_another_process_uses_what_one_kept(fleet):
    fleet.kept()
    fleet.restart()
    assert fleet.used(SLOT + HOUR)


@pytest.mark.parametrize(
    ("later", "used"),
    [
        (timedelta(0), True),
        (timedelta(minutes=59), True),
        (7 * DAY, True),
        (7 * DAY + HOUR, False),  # a season, beyond which hours have left that it does not know
        (-timedelta(minutes=2), False),  # what was known then may have been less
        (-HOUR, False),
    ],
)
def test_it_serves_the_slots_of_a_season_and_none_before(fleet, later, used):
    fleet.kept()
    assert fleet.used(SLOT + later) is used


def test_a_slot_beyond_it_keeps_its_own(fleet):
    fleet.kept()
    assert not fleet.used(SLOT + 8 * DAY)
    assert fleet.used(SLOT + 8 * DAY + HOUR)


def test_a_reference_shorter_than_the_season_serves_as_long_as_it_is(fleet):
    """A cell that was never in the reference cannot leave it."""
    fleet.made.edit("reference: 14d", "reference: 3d")
    fleet.restart()
    fleet.kept()
    assert fleet.used(SLOT + 3 * DAY)
    assert not fleet.used(SLOT + 3 * DAY + HOUR)


def test_a_fixed_reference_is_never_sorted_again(fleet):
    fleet.made.edit("reference: 14d", "reference: {start: 2026-03-05T00:00Z, end: 2026-03-20T00:00Z}")
    fleet.restart()
    fleet.kept()
    assert fleet.used(SLOT + 3 * DAY)


def test_hours_before_the_data_begin_are_looked_at_again_and_no_others(fleet):
    """A season before a reference that begins with the data there is nothing; from then on nothing lacks."""
    first = fleet.store.span().start
    fleet.made.edit("reference: 14d", f"reference: {{start: {first.isoformat()}, end: 2026-03-20T00:00Z}}")
    fleet.restart()
    fleet.kept()
    past = fleet.monitor.cache._read(fleet.files()[0]).past
    assert past.grid.start < first == past.grid.start + past.whole * past.grid.step


# what it was made from


def test_a_file_with_another_time_alone_is_read_again(fleet):
    fleet.kept()
    old(fleet.made.folder / "data/features.parquet", 1)
    assert [fleet.used(SLOT) for _ in range(3)] == [False, False, True]


def test_another_value_in_the_past_is_seen_at_once(fleet):
    fleet.kept()
    path = fleet.made.folder / "data/actuals.parquet"
    table = pq.read_table(path)
    actual = table["actual"].to_numpy().copy()
    actual[20 * 24 : 21 * 24] *= 3  # in the reference of Delhi
    pq.write_table(table.set_column(2, "actual", pa.array(actual, from_pandas=True)), path)
    assert not fleet.used(SLOT)
    assert len(fleet.store.reads) == 1  # and nothing was read in vain


def in_files(fleet: Fleet) -> None:
    """The tables as folders, of 32 bits: what is older than two days before the slot, and the rest."""
    for name in ("predictions", "actuals", "features"):
        path = fleet.made.folder / "data" / f"{name}.parquet"
        table = pq.read_table(path)
        narrow = [pa.float32() if each.type == pa.float64() else each.type for each in table.schema]
        table = table.cast(pa.schema(list(zip(table.column_names, narrow, strict=True))))
        recent = np.array(table["target_time"].cast(pa.int64())) >= (SLOT - 2 * DAY).timestamp() * 1e6
        (path.parent / name).mkdir()
        for part, rows in (("a", ~recent), ("b", recent)):
            pq.write_table(table.filter(pa.array(rows)), path.parent / name / f"{part}.parquet")
        fleet.made.edit(f"data/{name}.parquet", f"data/{name}")
    fleet.restart()


def test_a_new_file_of_new_hours_changes_nothing_that_was_kept(fleet):
    in_files(fleet)
    fleet.kept()
    old(fleet.made.folder / "data/predictions/b.parquet", 1)
    assert not fleet.used(SLOT)  # it reaches into the reference
    fleet.kept(SLOT + 2 * DAY)
    path = fleet.made.folder / "data/features/b.parquet"
    newest = pq.read_table(path)[-2:]
    pq.write_table(newest, path.with_name("c.parquet"))
    assert fleet.used(SLOT + 2 * DAY)
    wide = [pa.float64() if each.type == pa.float32() else each.type for each in newest.schema]
    newest = newest.cast(pa.schema(list(zip(newest.column_names, wide, strict=True))))
    pq.write_table(newest, path.with_name("c.parquet"))
    assert not fleet.used(SLOT + 2 * DAY)  # the column has 64 bits now, in all files


def test_an_old_hour_in_a_new_file_changes_what_was_kept(fleet):
    in_files(fleet)
    fleet.kept()
    actuals = pq.read_table(fleet.made.folder / "data/actuals/a.parquet")
    pq.write_table(actuals.slice(500, 1), fleet.made.folder / "data/actuals/z.parquet")
    assert not fleet.used(SLOT)
    fleet.kept()
    (fleet.made.folder / "data/actuals/z.parquet").unlink()
    assert not fleet.used(SLOT)


def test_an_interval_that_became_a_quarter_of_an_hour_is_another_grid(fleet):
    """It is found in all rows, also those that the past has no part in."""
    in_files(fleet)
    fleet.kept()
    start = datetime(2026, 3, 28, tzinfo=UTC)
    times = [start + k * HOUR / 4 for k in range(13 * 96)]
    cities = np.repeat(["Delhi", "Pune", "Surat"], len(times))
    rows = {"city": cities, "target_time": pa.array(times * 3, UTC_TIME)}
    predicted = {**rows, "model_version": ["v1"] * len(cities), "predicted": np.full(len(cities), 100.0)}
    pq.write_table(pa.table(predicted), fleet.made.folder / "data/predictions/c.parquet")
    assert fleet.store.cadence().step == HOUR  # of the actuals, to which the predictions are averaged
    assert not fleet.used(SLOT)
    actual = {**rows, "actual": np.full(len(cities), 100.0)}
    pq.write_table(pa.table(actual), fleet.made.folder / "data/actuals/c.parquet")
    assert fleet.store.cadence().step == HOUR / 4
    assert not fleet.used(SLOT)


@pytest.mark.parametrize("name", ["predictions", "actuals", "features"])
def test_a_file_replaced_between_the_fingerprint_and_the_read_is_seen(fleet, name):
    fleet.kept()
    path = fleet.made.folder / f"data/{name}.parquet"
    content = pq.read_table(path)
    column = content.column_names[-1]
    other = content.set_column(
        content.num_columns - 1, column, pa.array(np.nan_to_num(content[column].to_numpy().copy()) * 1.5)
    )

    def replace() -> None:
        fleet.store.before = lambda: None
        pq.write_table(other, path)

    fleet.store.before = replace
    assert not fleet.used(SLOT)
    assert len(fleet.store.reads) == 2  # what followed the past, then all


def test_rows_that_changed_while_they_were_read_are_not_kept(fleet):
    assert not fleet.used(SLOT)
    fleet.store.before = lambda: old(fleet.made.folder / "data/actuals.parquet", 0.01)
    assert not fleet.used(SLOT)
    assert not fleet.files()


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("alerts:", "statistics: {bins: 7}\nalerts:"),
        ("floor_window: 14d", "floor_window: 14d, floor: 20"),
        ("floor_window: 14d", "floor_window: 14d, season: 24h"),
        ("{path: data/actuals.parquet}", "{path: data/actuals.parquet, marks: end}"),
        ("{path: data/features.parquet}", "{path: data/features.parquet, use: []}"),
        ("current: 24h", "current: 12h"),
    ],
)
def test_another_config_never_takes_it(fleet, was, now):
    fleet.kept()
    fleet.made.edit(was, now)
    fleet.restart()
    assert not fleet.used(SLOT)


def test_rules_and_places_to_publish_are_no_part_of_it(fleet):
    fleet.kept()
    fleet.made.edit("threshold: 0.85", "threshold: 0.99")
    fleet.restart()
    assert fleet.used(SLOT)


def test_each_form_of_the_kernel_has_its_own(fleet):
    """They add up in different orders, and a slot must say to the last bit what it says without."""
    pytest.importorskip("numba")
    fleet.kept()
    fleet.made.edit("alerts:", "engine: {kernel: numba}\nalerts:")
    fleet.restart()
    fleet.kept()
    fleet.made.edit("kernel: numba", "kernel: numpy")
    fleet.restart()
    assert fleet.used(SLOT + HOUR)  # and it is still there


def test_a_slot_with_pages_reads_every_hour(fleet):
    fleet.kept()
    fleet.store.reads.clear()
    found = fleet.monitor.find(SLOT, keep_pairs=True)
    assert [window.start for window in fleet.store.reads] == [found.windows.history.start]
    assert found.pairs is not None
    assert found.pairs.judged.predicted.shape[-1] == found.pairs.grid.count


# what is not kept


@pytest.mark.parametrize("trouble", ["off the interval", "without a city", "revised later"])
def test_a_past_that_later_slots_would_see_otherwise_is_not_kept(fleet, trouble):
    in_files(fleet)
    when = datetime(2026, 3, 20, tzinfo=UTC) + (
        timedelta(minutes=7) if trouble == "off the interval" else HOUR
    )
    city = None if trouble == "without a city" else "Pune"
    row: dict[str, Any] = {"city": pa.array([city], pa.string()), "target_time": pa.array([when], UTC_TIME)}
    if trouble == "revised later":
        row["available_time"] = pa.array([SLOT + 3 * HOUR], UTC_TIME)
    pq.write_table(pa.table({**row, "actual": [55.0]}), fleet.made.folder / "data/actuals/z.parquet")
    for hours in range(5):
        assert not fleet.used(SLOT + hours * HOUR)
    # the revision is known from the fourth slot on, which may keep it
    assert bool(fleet.files()) is (trouble == "revised later")


def test_a_model_version_that_appears_is_read_whole_until_the_past_has_it(fleet):
    in_files(fleet)
    fleet.kept()
    path = fleet.made.folder / "data/predictions/b.parquet"
    table = pq.read_table(path)
    ahead = np.array(table["target_time"].cast(pa.int64())) >= SLOT.timestamp() * 1e6
    new = table.filter(pa.array(ahead & (np.array(table["model_version"]) == "v2")))
    pq.write_table(
        new.set_column(1, "model_version", pa.array(["v3"] * len(new))), path.with_name("c.parquet")
    )
    assert fleet.used(SLOT)
    assert not fleet.used(SLOT + 3 * HOUR)
    assert {panel.series[0].model_version for panel in fleet.monitor.find(SLOT + 3 * HOUR).panels} == {
        "v1", "v2", "v3",
    }  # fmt: skip
    assert not fleet.used(SLOT + 2 * DAY)
    assert fleet.used(SLOT + 2 * DAY)


@pytest.mark.parametrize("ends", ["for all", "in one city", "as nulls", "in a band alone"])
def test_what_only_the_oldest_hours_have_is_not_kept(fleet, ends):
    """A model version, or its city, is listed as long as the history has it, which is not for long."""
    path = fleet.made.folder / "data/predictions.parquet"
    table = pq.read_table(path)
    city, version = (np.array(table[name]) for name in ("city", "model_version"))
    of_these = (version == "v1") & ((city == "Surat") | (ends in ("for all", "as nulls")))
    hour = np.array(table["target_time"].cast(pa.int64())) / 3.6e9
    early = hour < (SLOT - 20 * DAY).timestamp() / 3600  # two days more than the history begins with
    values = np.where(of_these & (ends == "as nulls"), np.nan, table["predicted"])
    ahead = np.where(of_these & (ends == "in a band alone"), 2, 9)
    table = table.set_column(3, "predicted", pa.array(values, from_pandas=True))
    if ends == "in a band alone":
        issued = pa.array(((hour - ahead) * 3.6e9).astype("int64"), pa.int64())
        table = table.append_column("issue_time", issued.cast(UTC_TIME))
    pq.write_table(table.filter(pa.array(~of_these | early)), path)
    fleet.made.edit("floor_window: 14d", "floor_window: 14d, horizon: 6h, bands: [0h, 6h, 12h]")
    fleet.restart()
    for hours in (0, 1, 2, 50):
        assert not fleet.used(SLOT + hours * HOUR)
    fleet.kept(SLOT + 3 * DAY)


def test_a_block_with_a_city_that_cannot_be_read_is_not_kept(fleet):
    fleet.plain.store = Watched(fleet.plain.store)
    fleet.store.damaged = fleet.plain.store.damaged = frozenset({"Pune"})
    for _ in range(3):
        assert not fleet.used(SLOT)
    assert [failure.what for failure in fleet.monitor.find(SLOT).failures] == ["Pune"]
    assert not fleet.files()
    fleet.store.damaged = fleet.plain.store.damaged = frozenset()
    fleet.kept()
    fleet.store.damaged = fleet.plain.store.damaged = frozenset({"Surat"})
    assert not fleet.used(SLOT)
    fleet.store.damaged = fleet.plain.store.damaged = frozenset({"Delhi", "Pune", "Surat"})
    with pytest.raises(StoreError, match="a page is damaged"):
        fleet.monitor.find(SLOT)


class Elsewhere:
    """A store of another package, from before stores were asked for a fingerprint."""

    def __init__(self, store: Store) -> None:
        self.cities, self.span, self.cadence, self.partition = (
            store.cities, store.span, store.cadence, store.partition,
        )  # fmt: skip
        self.read = store.read


class Silent(Elsewhere):
    def fingerprint(self, _window: Window, _cities: Sequence[str]) -> str | None:
        return None


class Refusing(Elsewhere):
    def fingerprint(self, _window: Window, _cities: Sequence[str]) -> str | None:
        raise StoreError("the catalogue is away")


@pytest.mark.parametrize("kind", [Elsewhere, Silent, Refusing])
def test_a_store_that_cannot_say_what_its_rows_are_made_from_is_read_whole(fleet, kind):
    config = fleet.monitor.config
    monitor = Monitor(config, store=kind(open_store(config)))
    for _ in range(3):
        assert said(monitor.find(SLOT)) == said(fleet.plain.find(SLOT))
    assert not fleet.folder.exists()


# what is on disk


@pytest.mark.parametrize("place", [3, 9, 21, 300, 4096 + 11, -100_000])
def test_a_flipped_bit_is_seen_by_the_next_process_and_mended(fleet, place):
    fleet.kept()
    (path,) = fleet.files()
    content = bytearray(path.read_bytes())
    content[place] ^= 0x10
    path.write_bytes(content)
    fleet.restart()
    assert not fleet.used(SLOT)
    fleet.restart()
    assert fleet.used(SLOT)


@pytest.mark.parametrize("size", [0, 5, 500, 4096, 5000])
def test_half_a_file_is_no_past(fleet, size):
    fleet.kept()
    (path,) = fleet.files()
    path.write_bytes(path.read_bytes()[:size])
    fleet.restart()
    assert not fleet.used(SLOT)
    assert fleet.used(SLOT)


@pytest.mark.parametrize("content", [b"PK", b"no past of ours, but a long text of somebody else's " * 400])
def test_a_foreign_file_under_the_name_is_replaced(fleet, content):
    fleet.kept()
    (path,) = fleet.files()
    path.write_bytes(content)
    fleet.restart()
    assert not fleet.used(SLOT)
    assert fleet.used(SLOT)


@pytest.mark.parametrize(
    "note", [b"", b"\xff\xfe", b"[]", b"{}", b'{"window": [], "fingerprint": ""}', b'{"window": "no"}']
)
def test_a_note_that_says_nothing_is_written_anew(fleet, note):
    assert not fleet.used(SLOT)
    (path,) = fleet.files("seen")
    path.write_bytes(note)
    assert not fleet.used(SLOT)
    assert not fleet.files()
    fleet.kept(SLOT + HOUR) if fleet.files() else None
    assert not fleet.used(SLOT)
    assert fleet.used(SLOT)


def test_a_folder_under_the_name_stops_nothing(fleet):
    fleet.kept()
    (path,) = fleet.files()
    path.unlink()
    path.mkdir()
    for _ in range(3):
        assert not fleet.used(SLOT)


def test_a_folder_that_cannot_be_made_stops_nothing(fleet):
    (fleet.made.folder / "state").write_text("a file where the folder should be")
    for _ in range(3):
        assert not fleet.used(SLOT)


@pytest.mark.privilege
def test_a_folder_that_is_not_ours_stops_nothing(fleet):
    if os.geteuid() == 0:
        pytest.skip("root may write to any folder")
    fleet.folder.mkdir(parents=True)
    fleet.folder.chmod(0o500)
    for _ in range(3):
        assert not fleet.used(SLOT)


def test_a_full_disk_stops_nothing_and_leaves_no_halves(fleet):
    with writing_stops_at(8192):
        for _ in range(3):
            assert not fleet.used(SLOT)
    assert [path.suffix for path in fleet.folder.iterdir()] == [".seen"]
    assert not fleet.used(SLOT)
    assert fleet.used(SLOT)


@pytest.mark.parametrize("size", ["0", "100kB"])
def test_beyond_its_size_nothing_is_kept(fleet, size):
    fleet.made.edit("alerts:", f"engine: {{cache: {{size: {size}}}}}\nalerts:")
    fleet.restart()
    for _ in range(3):
        assert not fleet.used(SLOT)
    assert not fleet.files()


def limited(fleet: Fleet, blocks: float) -> int:
    """Blocks of one city, and room for so many; the size of one."""
    fleet.made.edit("alerts:", "engine: {block: 1, workers: 1}\nalerts:")
    # a table sorted by city, in row groups of a city each, so that blocks can be as small
    for name in ("predictions", "actuals", "features"):
        path = fleet.made.folder / f"data/{name}.parquet"
        table = pq.read_table(path).sort_by([("city", "ascending")])
        pq.write_table(table, path, row_group_size=table.num_rows // 3)
    fleet.restart()
    fleet.kept()
    one, *others = (path.stat().st_size for path in fleet.files())
    assert len(others) == 2
    for path in fleet.folder.iterdir():
        path.unlink()
    room = int(one * blocks)
    fleet.made.edit("workers: 1}", f"workers: 1, cache: {{size: {room}}}}}")
    fleet.restart()
    return room


def test_a_full_folder_keeps_what_it_has(fleet):
    room = limited(fleet, 2.5)
    for _ in range(4):
        assert not fleet.used(SLOT)  # the third city found no room
    assert len(fleet.files()) == 2
    assert sum(path.stat().st_size for path in fleet.folder.iterdir()) <= room
    starts = [window.start for window in fleet.store.reads]
    assert len(set(starts)) == 2  # two cities of three read less


def test_what_was_not_used_for_a_day_makes_room(fleet):
    room = limited(fleet, 2.5)
    for _ in range(3):
        fleet.used(SLOT)
    before = {path.name for path in fleet.files()}
    old(fleet.files()[0], 1.1)
    theirs = fleet.folder / "notes of somebody else.txt"
    theirs.write_text("x")
    old(theirs, 400)
    fleet.made.edit("reference: 14d", "reference: 13d")  # another config, hence other names
    fleet.restart()
    for _ in range(3):
        fleet.used(SLOT)
    left = {path.name for path in fleet.files()}
    assert len(left & before) == 1
    assert len(left) == 2
    assert sum(path.stat().st_size for path in fleet.files()) <= room
    assert theirs.exists()


def test_a_folder_full_of_what_nobody_uses_is_not_stuck(fleet):
    """All of it is equally old: the new slot's note says what time it is."""
    limited(fleet, 2.5)
    for _ in range(3):
        fleet.used(SLOT)
    for path in fleet.folder.iterdir():
        old(path, 40)
    fleet.made.edit("reference: 14d", "reference: 13d")
    fleet.restart()
    before = set(fleet.files())
    for _ in range(3):
        fleet.used(SLOT)
    assert len(set(fleet.files()) - before) == 2


def test_what_a_process_left_that_died_writing_goes_too(fleet):
    room = limited(fleet, 3.2)
    fleet.folder.mkdir(exist_ok=True)
    half = fleet.folder / f".{'ab' * 20}.0123456789abcdef.tmp"
    half.write_bytes(bytes(room))
    old(half, 2)
    for _ in range(2):
        assert not fleet.used(SLOT)
    assert fleet.used(SLOT)
    assert not half.exists()


def test_no_secret_is_in_any_file(fleet, monkeypatch):
    monkeypatch.setenv("STATE_URL", "postgresql+psycopg://drift:hunter2@db/drift")
    fleet.made.edit("alerts:", 'state: "${STATE_URL}"\nalerts:')
    fleet.restart()

    def fingerprint(window: Window, cities: Sequence[str]) -> str:
        return f"postgresql://drift:hunter2@db/load {window} {cities}"

    fleet.store.fingerprint = fingerprint  # as of a store that is careless
    fleet.kept()
    for path in fleet.folder.iterdir():
        assert b"hunter2" not in path.read_bytes()
        assert re.fullmatch(r"[0-9a-f]{40}\.(past|seen)", path.name)


# two at once

RACER = """
import sys
from datetime import datetime, timedelta
from hashlib import sha256
from drift import Monitor, load_config
sys.path.insert(0, {tests!r})
from test_cache import said
first = datetime.fromisoformat({slot!r})
for turn in range(12):
    monitor = Monitor(load_config({config!r}))
    hours = turn * int(sys.argv[1]) % 15
    print(hours, sha256(repr(said(monitor.find(first + timedelta(hours=hours)))).encode()).hexdigest())
"""


def test_processes_that_share_a_folder_say_what_one_alone_says(fleet):
    """They ask for slots in different orders, back and forth, each keeping what the other would not."""
    code = RACER.format(
        tests=str(Path(__file__).parent), slot=SLOT.isoformat(), config=str(fleet.made.config)
    )
    ran = [
        subprocess.Popen([sys.executable, "-c", code, str(step)], stdout=subprocess.PIPE, text=True)
        for step in (1, 4, 11)
    ]
    answers = [process.communicate()[0] for process in ran]
    assert [process.returncode for process in ran] == [0, 0, 0]
    lines = {tuple(line.split()) for answer in answers for line in answer.splitlines()}
    slots = {hours for hours, _ in lines}
    assert lines == {(hours, digest(fleet.plain.find(SLOT + int(hours) * HOUR))) for hours in slots}
    assert len(slots) > 10
    assert fleet.files()
    assert not list(fleet.folder.glob(".*"))


def digest(found: Findings) -> str:
    from hashlib import sha256

    return sha256(repr(said(found)).encode()).hexdigest()
