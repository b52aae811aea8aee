"""PURE. What an estimate is fitted to: windows of the past, seen as their slots saw them, and measured since.

How: some windows of some cities are drawn with a seed. A gradient-boosted model learns the |error| of their
hours. How far its windows are off is told by windows that it did not see: the time is cut into blocks, each
is estimated by a model of the others without the days beside it, and the quantiles of measured ÷ estimated
are the bounds (split conformal prediction by blocks of time, as hours beside each other are alike). The same
is done with the bounds: how many windows of a block fell within those of the other blocks is the estimate's
own measured calibration, and goes with it wherever it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drift.detectors.stored import pack, unpack
from drift.domain import Floats, Undefined, Window
from drift.errors import UndefinedError
from drift.estimate import FIGURES, OWN, Estimate, Outlook, inputs_of, load_of, reasons_of, scale_of, sums_of
from drift.estimate_trees import Trees, trees_of
from drift.values import quiet

SEED = 11
BLOCKS = 5
WINDOWS = 6000
"""So many past windows of a model version are looked at."""
HOURS = 40_000
"""So many of their hours a model is fitted to."""
LEAST_WINDOWS = 60
"""With fewer there is no estimate."""
LEAST_OF_CITY = 80
"""With so many windows a city has bounds, and a measured calibration, of its own."""
MOST = 3.0
"""An hour's error ÷ its city's mean load counts as this at most: one hour should not decide a model."""
TINY = 1e-6
FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """M past windows of W cells each, in units of each city's mean load: `inputs` (M, W, d), what was
    `unknown` then (M, W), `error` and `actual` as measured since (M, W), NaN where they are not, and the
    floor (M,). `city` and `origin` (M,) say which window it is, by number and by
    its slot's cell; it spans `before` cells before it and `after` from it on.
    """

    inputs: NDArray[np.float32]
    unknown: NDArray[np.bool_]
    error: Floats
    actual: Floats
    floor: Floats
    city: NDArray[np.int64]
    origin: NDArray[np.int64]
    before: int
    after: int

    def rows(self, some: NDArray[Any]) -> Looks:
        """Some of the windows."""
        return Looks(
            inputs=self.inputs[some],
            unknown=self.unknown[some],
            error=self.error[some],
            actual=self.actual[some],
            floor=self.floor[some],
            city=self.city[some],
            origin=self.origin[some],
            before=self.before,
            after=self.after,
        )

    @classmethod
    def join(cls, parts: Sequence[Looks]) -> Looks:
        """All of them; they span as many cells."""
        return cls(
            inputs=np.concatenate([part.inputs for part in parts]),
            unknown=np.concatenate([part.unknown for part in parts]),
            error=np.concatenate([part.error for part in parts]),
            actual=np.concatenate([part.actual for part in parts]),
            floor=np.concatenate([part.floor for part in parts]),
            city=np.concatenate([part.city for part in parts]),
            origin=np.concatenate([part.origin for part in parts]),
            before=parts[0].before,
            after=parts[0].after,
        )


@quiet
def look_at(
    outlook: Outlook,
    names: tuple[str, ...],
    truth: Floats,
    floor: Floats,
    cities: NDArray[np.int64],
    origin: int,
) -> Looks:
    """What a slot at cell `origin` knew of its cities, whose numbers are `cities` (n,), and the `truth`
    (n, W): the actuals of the cells to estimate as they are known since. `floor` is (n,).
    """
    scale = scale_of(outlook)[:, None]
    predicted = outlook.forecast.predicted[:, outlook.cells].astype(np.float64)
    found = Looks(
        inputs=inputs_of(outlook, names),
        unknown=outlook.unknown(),
        error=np.abs(predicted - truth) / scale,
        actual=truth / scale,
        floor=floor / scale[:, 0],
        city=cities,
        origin=np.full(len(cities), origin),
        before=outlook.end - outlook.first,
        after=predicted.shape[1] - (outlook.end - outlook.first),
    )
    return found.rows(np.isfinite(scale[:, 0]))


class Held(NamedTuple):
    """Where past windows came to lie: by figure the low, middle and high quantile (2, 3) of what they came to
    ÷ their estimate, and the share `within` (2,) of `windows` that lay between bounds they had no part in.
    """

    ratios: Floats
    within: Floats
    windows: int

    def numbers(self) -> list[float]:
        """All of it."""
        return [*self.ratios.ravel().tolist(), *self.within.tolist(), self.windows]

    @classmethod
    def of_numbers(cls, said: Sequence[float]) -> Held:
        """That again. Raises ValueError: they are not so many."""
        numbers, size = np.array(said, np.float64), 3 * len(FIGURES)
        return cls(numbers[:size].reshape(-1, 3), numbers[size:-1].reshape(len(FIGURES)), int(numbers[-1]))


@dataclass(frozen=True, slots=True, eq=False)
class VersionFit:
    """The model of one model version: its `features`, its trees, and what its past windows came to, of all
    cities (`held`) and of those that have enough of their own. The bounds are to hold `level` of windows.
    """

    features: tuple[str, ...]
    trees: Trees
    held: Held
    own: Mapping[str, Held]
    level: float

    def held_by(self, city: str) -> Held:
        """The city's own, or that of all."""
        return self.own.get(city, self.held)


@dataclass(frozen=True, slots=True)
class EstimateFit:
    """The models of all model versions, and the hours that they were fitted to."""

    versions: Mapping[str, VersionFit]
    span: Window

    def to_bytes(self) -> bytes:
        """With a checksum, and nothing in it that could run."""
        header, arrays = list[object](), dict[str, NDArray[Any]]()
        for k, (name, fit) in enumerate(sorted(self.versions.items())):
            own = {city: held.numbers() for city, held in fit.own.items()}
            said = {"name": name, "features": fit.features, "level": fit.level, "held": fit.held.numbers()}
            header.append({**said, "own": own})
            arrays |= {f"{k} {key}": value for key, value in fit.trees.arrays().items()}
        span = [self.span.start.isoformat(), self.span.end.isoformat()]
        return pack({"estimate": FORMAT, "versions": header, "span": span}, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> EstimateFit:
        """That again.

        Raises:
            ValueError: it is no estimate's fit, or of another format, or damaged.
        """
        header, arrays = unpack(data)
        if header.get("estimate") != FORMAT:
            raise ValueError("these bytes are no estimate of this format: fit anew")
        try:
            found = {
                said["name"]: VersionFit(
                    tuple(said["features"]),
                    Trees.of_arrays(_part(arrays, k)),
                    Held.of_numbers(said["held"]),
                    {city: Held.of_numbers(numbers) for city, numbers in said["own"].items()},
                    float(said["level"]),
                )
                for k, said in enumerate(header["versions"])
            }
            return cls(found, _window(header["span"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"a stored estimate cannot be read ({error}): fit anew") from error


def _part(arrays: Mapping[str, NDArray[Any]], k: int) -> dict[str, NDArray[Any]]:
    return {name.partition(" ")[2]: value for name, value in arrays.items() if name.startswith(f"{k} ")}


def _window(span: Sequence[str]) -> Window:
    return Window(*(datetime.fromisoformat(moment) for moment in span))


def fit_version(
    looks: Looks, names: tuple[str, ...], cities: Sequence[str], level: float, min_coverage: float
) -> VersionFit:
    """The model of one model version, fitted to its past windows; `cities` are those that they number.

    Raises:
        UndefinedError: there are too few windows.
    """
    looks = _measured(looks, min_coverage)
    if len(looks.origin) < LEAST_WINDOWS or not _hours(looks).any():
        raise UndefinedError("the estimate", Undefined.NOT_FITTED)
    block = _blocks(looks.origin)
    ratios = np.full((len(looks.origin), len(FIGURES)), np.nan)
    for k in range(BLOCKS):
        inside = np.flatnonzero(block == k)
        others = _apart(looks, looks.origin[inside])
        if inside.size and _hours(others).any():
            ratios[inside] = _off_by(looks.rows(inside), _trees(others))
    known = np.isfinite(ratios).all(axis=1)
    if (
        known.sum() < LEAST_WINDOWS
        or not np.isfinite([_bounds(each, level) for each in ratios[known].T]).all()
    ):
        raise UndefinedError("the estimate", Undefined.NOT_FITTED)  # or for bounds of so high a level
    within = _within(ratios, block, looks.city, level)
    everywhere = np.ones(len(ratios), np.bool_)
    return VersionFit(
        features=names,
        trees=_trees(looks),
        held=_held(ratios, _within(ratios, block, np.zeros_like(looks.city), level), everywhere, level),
        own={
            cities[city]: _held(ratios, within, looks.city == city, level)
            for city in _enough(ratios, looks.city)
        },
        level=level,
    )


def _held(ratios: Floats, within: Floats, some: NDArray[np.bool_], level: float) -> Held:
    known = within[some & np.isfinite(within).all(axis=1)]
    bounds = [_bounds(ratios[some, f], level) for f in range(ratios.shape[1])]
    return Held(np.exp(np.stack(bounds)), known.mean(axis=0), len(known))


def _enough(ratios: Floats, city: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers of the cities with enough windows of their own."""
    names, many = np.unique(city[np.isfinite(ratios).all(axis=1)], return_counts=True)
    return np.asarray(names[many >= LEAST_OF_CITY])


def _measured(looks: Looks, min_coverage: float) -> Looks:
    """Those that were measured since, by at least so many of their hours, on hours that are known."""
    known = looks.unknown & np.isfinite(looks.error)
    share = known.sum(axis=1) / np.maximum(looks.unknown.sum(axis=1), 1)
    some = np.flatnonzero((share >= min_coverage) & known.any(axis=1))
    return looks.rows(some)


def _hours(looks: Looks) -> NDArray[np.bool_]:
    return np.asarray(looks.unknown & np.isfinite(looks.error))


def _blocks(origin: NDArray[np.int64]) -> NDArray[np.int64]:
    """(M,) which of `BLOCKS` stretches of time each window is in, of about as many windows each."""
    edges = np.quantile(origin, np.linspace(0, 1, BLOCKS + 1)[1:-1])
    return np.asarray(np.searchsorted(edges, origin, side="right"))


def _apart(looks: Looks, origin: NDArray[np.int64]) -> Looks:
    """The windows that have no hour in common with those of the block."""
    if not origin.size:
        return looks
    span = looks.before + looks.after
    return looks.rows((looks.origin < origin.min() - span) | (looks.origin > origin.max() + span))


def _trees(looks: Looks) -> Trees:
    """A model of the |error| of the windows' hours, of `HOURS` of them at most."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    known = np.flatnonzero(_hours(looks))
    if len(known) > HOURS:
        known = np.sort(np.random.default_rng(SEED).choice(known, HOURS, replace=False))
    rows = looks.inputs.reshape(-1, looks.inputs.shape[2])[known]
    rows[:, np.isnan(rows).all(axis=0)] = 0.0  # an input that there never is: the library wants some value
    target = np.minimum(looks.error.ravel()[known], MOST)
    model = HistGradientBoostingRegressor(
        loss="poisson",  # whose optimum is the mean, so that hours add up, and under a logarithm: above 0
        max_iter=80,
        max_depth=4,
        min_samples_leaf=40,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=SEED,
    )
    return trees_of(model.fit(rows, np.maximum(target, TINY)), rows.shape[1])


@quiet
def _off_by(looks: Looks, trees: Trees) -> Floats:
    """(M, 2) log of measured ÷ estimated; NaN where one of them is not there."""
    some = _hours(looks)
    expected = _expected(trees, looks.inputs, some)
    said = sums_of(expected, load_of(looks.inputs), looks.floor, some)
    told = sums_of(looks.error, looks.actual, looks.floor, some)
    pairs = (told.wape, said.wape), (told.mape, said.mape)
    ratios = [np.log(np.maximum(measured, TINY) / estimated) for measured, estimated in pairs]
    return np.stack(ratios, axis=1)


def _expected(trees: Trees, inputs: NDArray[np.float32], some: NDArray[np.bool_]) -> Floats:
    """(n, W) what the trees say of some hours; NaN of the others."""
    found = np.full(some.shape, np.nan)
    found[some] = trees.predict(inputs[some].astype(np.float64))
    return found


def _bounds(ratios: Floats, level: float) -> Floats:
    """Low, middle and high quantile of log ratios (M,): between them lies at least `level` of what is to
    come, where it is like them; −∞ and ∞ where they are too few to say.

    >>> _bounds(np.arange(9.0), level=0.8)
    array([0., 4., 8.])
    """
    known = np.sort(ratios[np.isfinite(ratios)])
    last = int(np.floor((len(known) + 1) * (1 - level) / 2 + 1e-9))
    middle = float(np.median(known)) if len(known) else np.nan
    return np.array([known[last - 1], middle, known[-last]] if last else [-np.inf, middle, np.inf])


def _within(ratios: Floats, block: NDArray[np.int64], city: NDArray[np.int64], level: float) -> Floats:
    """(M, 2) whether each window fell within the bounds of the other blocks: 1, 0, or NaN where not known."""
    found = np.full(ratios.shape, np.nan)
    for k in range(BLOCKS):
        inside, others = block == k, block != k
        everywhere = [_bounds(ratios[others, f], level) for f in range(ratios.shape[1])]
        own = frozenset(_enough(ratios[others], city[others]).tolist())
        for c in np.unique(city[inside]).tolist():
            some, like = inside & (city == c), others & (city == c)
            for f in range(ratios.shape[1]):
                low, _, high = _bounds(ratios[like, f], level) if c in own else everywhere[f]
                value = ratios[some, f]
                found[some, f] = np.where(np.isfinite(value), (low <= value) & (value <= high), np.nan)
    return found


@quiet
def estimate(
    outlook: Outlook, cities: Sequence[str], fit: VersionFit, floor: Floats, min_coverage: float
) -> Estimate:
    """What to expect of the hours without actuals of the n cities; `floor` is (n,), in the load's unit."""
    reason, coverage = reasons_of(outlook, min_coverage)
    some = outlook.unknown() & (reason == 0)[:, None]
    inputs, scale = inputs_of(outlook, fit.features), scale_of(outlook)
    expected = _expected(fit.trees, inputs, some)
    sums = sums_of(expected, load_of(inputs), floor / scale, some)
    raw = np.stack([sums.wape, sums.mape], axis=1)
    reason[(reason == 0) & ~np.isfinite(raw).all(axis=1)] = Undefined.ACTUALS_AT_FLOOR
    predicted = outlook.forecast.predicted[:, outlook.cells].astype(np.float64)
    ratios = np.stack([fit.held_by(city).ratios for city in cities])
    low, value, high = (np.where(reason[:, None] == 0, raw * ratios[:, :, k], np.nan) for k in range(3))
    return Estimate(value, low, high, reason, sums.hours, coverage, expected * scale[:, None], predicted)


def inputs_named(names: Sequence[str]) -> tuple[str, ...]:
    """What each input is, in words, in the order of `inputs_of`."""
    return OWN + tuple(words for name in names for words in (name, f"{name}, departure from its days"))
