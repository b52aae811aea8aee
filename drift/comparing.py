"""SHELL. Reads what two model versions forecast and what came, block by block, and has them compared.

Only what a comparison needs is read: of the features one, of the horizons the one that is judged. Actuals
count as they are known at the slot, with all their revisions. Cities come in blocks over threads, as in a
slot; what is kept of a block are its results and the day sums of all its cities.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from drift.compare import Compared, combine, compare_block
from drift.comparison import Answer, RunLinks, Settings
from drift.config import Config, ReferenceSpan
from drift.config_text import did_you_mean
from drift.domain import Failure, Window
from drift.engines.local import Block, map_blocks
from drift.errors import ConfigError, SinkError, StoreError, WindowError
from drift.quality import FaultSettings
from drift.reading import timeline_of
from drift.sinks.mlflow_runs import search
from drift.stores import open_store
from drift.stores.base import Store
from drift.survey import Survey, survey
from drift.windows import Cadence, Windows


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be compared: two versions, between two moments (None: as the config's windows lie before
    `slot`), in one city or in all, by the thirds of a feature (None: the temperature, or the first there is).
    """

    a: str
    b: str
    slot: datetime
    start: datetime | None = None
    end: datetime | None = None
    city: str | None = None
    feature: str | None = None


class _Read(NamedTuple):
    """What a block of cities came to, the model versions it has, and the cities that were not read."""

    compared: Compared
    versions: tuple[str, ...]
    unread: list[Failure]


def compare_versions(
    config: Config,
    ask: Ask,
    advance: Callable[[int], None] = lambda _: None,
    settings: Settings | None = None,
) -> Answer:
    """Compare two model versions; `advance` hears of every block, with the number of them all.

    Raises:
        ConfigError: a model version, the city or the feature is not known; the nearest one is named.
        WindowError: the range is empty, or the data have no hour of it.
        StoreError: nothing can be read.
    """
    settings = settings or Settings()
    feature = _feature(config, ask.feature)
    config = _narrowed(config, feature)
    store = open_store(config)
    there = survey(store, config)
    cities = _cities(there, ask.city)
    window = range_of(config, there, ask)
    looked = search(config, (ask.a, ask.b), window)
    blocks = store.partition(cities, config.engine.block)
    task = _Task(config, store, there.cadence, ask, window, feature, settings)
    seen: dict[str, None] = {}
    failures: list[Failure] = []

    def compared() -> list[Compared]:
        found = []
        for read in map_blocks(task, blocks, config.engine.workers):
            advance(len(blocks))
            seen.update(dict.fromkeys(read.versions))
            failures.extend(read.unread)
            found.append(read.compared)
        return found

    parts = compared()
    if len(failures) == len(cities):
        raise StoreError(failures[0].message)
    _check_versions(ask, sorted(seen), window)
    found = combine(parts, ask.a, ask.b, window, there.cadence.step, feature, settings)
    if not found.all.pairs:
        text = (
            f"no hour of {window} has both predictions and a sound actual: name a range with --from and --to"
        )
        failures.append(Failure("compare", "hours", text))
    runs = RunLinks()
    try:
        runs = looked.found() if looked else runs
    except SinkError as error:
        failures.append(Failure("publish", "mlflow", str(error)))
    return Answer(found, runs, tuple(failures))


@dataclass(frozen=True, slots=True)
class _Task:
    """What is done with each block of cities."""

    config: Config
    store: Store
    cadence: Cadence
    ask: Ask
    window: Window
    feature: str | None
    settings: Settings

    def __call__(self, cities: Block) -> _Read:
        """Read and compare; a block that can't be read stops no other."""
        back = max(timedelta(days=FaultSettings().memory_days), self.config.accuracy.season)
        history = Window(self.cadence.floor(self.window.start - back), self.window.end)
        try:
            timeline, unread = timeline_of(self.store, history, self.cadence, cities, self.config)
        except StoreError as error:
            return _Read(Compared(), (), [Failure("read", city, str(error)) for city in cities])
        pairs = timeline.at(Windows(self.ask.slot, self.window, self.window, self.window, history))
        compared = compare_block(
            pairs, self.ask.a, self.ask.b, self.window, self.config, self.feature, self.settings
        )
        return _Read(compared, pairs.model_versions, unread)


def range_of(config: Config, there: Survey, ask: Ask) -> Window:
    """The range to compare on: as asked, by default the reference and the current window together, before the
    last slot, or before the data's end where that comes sooner.

    Raises:
        WindowError: it is empty, or beside the data.
    """
    floor, windows = there.cadence.floor, config.windows
    end = floor(min(ask.slot - windows.lag, there.span.end) if ask.end is None else ask.end)
    if ask.start is not None:
        start = floor(ask.start)
    elif isinstance(windows.reference, ReferenceSpan):
        start = floor(windows.reference.start)
    else:
        start = end - windows.current - windows.gap - windows.reference
    if start >= end:
        raise WindowError(
            f"the range ends at {end}, which is not after its start {start}: see --from and --to"
        )
    found = Window(start, end)
    if start >= there.span.end or end <= there.span.start:
        raise WindowError(f"the range {found} holds no data: the store spans {there.span}")
    return Window(max(start, floor(there.span.start)), end)


def _cities(there: Survey, city: str | None) -> tuple[str, ...]:
    if city is None:
        return there.cities
    if city not in there.cities:
        raise ConfigError(f"--city: there is no city {city!r}{did_you_mean(city, list(there.cities))}")
    return (city,)


def _check_versions(ask: Ask, known: list[str], window: Window) -> None:
    for version in (ask.a, ask.b):
        if version not in known:
            raise ConfigError(
                f"there is no model version {version!r} in the predictions of {window}"
                f"{did_you_mean(version, known)}"
            )


def _feature(config: Config, wanted: str | None) -> str | None:
    """The feature whose thirds are told apart."""
    known = open_store(config).features() if config.store.features else ()
    if wanted is not None and wanted not in known:
        raise ConfigError(f"--feature: there is no feature {wanted!r}{did_you_mean(wanted, list(known))}")
    warm = [name for name in known if "temp" in name.lower()]
    return wanted or next(iter((*warm, *known)), None)


def _narrowed(config: Config, feature: str | None) -> Config:
    """The config with no feature but this one, and without horizon bands."""
    features = config.store.features
    own = None if features is None or feature is None else features.model_copy(update={"use": (feature,)})
    store = config.store.model_copy(update={"features": own})
    accuracy = config.accuracy.model_copy(update={"bands": ()})
    return config.model_copy(update={"store": store, "accuracy": accuracy})
