"""PURE. Two model versions on the same hours: how much better is one, where, and is it more than chance?

Only hours count that both versions forecast, whose actual is known, and in which none of the three is a
fault of data; every other hour is counted by its reason (`LeftOut`). So neither version is judged by hours
that the other was spared.

How: a block of cities becomes figures a city and day sums of all its cities (`compare_block`); blocks add up
(`combine`), so memory does not grow with the fleet. Errors of a day, and of a week, depend on each other:
tests look at days, and intervals draw weeks (`significance.py`). A day is 24 h from the range's start on.

Every difference is a − b, on the same hours: of an error, positive says that b is better.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drift.calendar import calendar
from drift.compare_sums import RATIOS, Ratios, daily, ratios_of, spread, thirds
from drift.comparison import Comparison, Figure, Interval, LeftOut, Part, Result, Settings, Value, Won
from drift.config import Config
from drift.domain import Codes, Floats, Grid, Undefined, Window
from drift.errors import UndefinedError
from drift.evaluate import floor_of
from drift.metrics import METRICS, seasonal_scale
from drift.metrics.base import Sample
from drift.quality import SOUND, faults
from drift.significance import LEAST_SHARE, benjamini_yekutieli, block_bootstrap_interval, diebold_mariano
from drift.significance import Comparison as DailyTest
from drift.timeline import Pairs
from drift.values import Values

DAY = timedelta(days=1)
FIGURES = ("accuracy", "wape", "mape", "mae", "rmse", "bias", "mase", "skill")
"""What both versions are measured by; the metrics of `drift.metrics`."""
WEEK = ("weekdays", "weekends")
THIRDS = ("low", "middle", "high")
DAY_PARTS: Mapping[str, tuple[int, ...]] = {
    "at night": (22, 23, 0, 1, 2, 3, 4, 5),
    "in the morning": (6, 7, 8, 9, 10, 11),
    "in the afternoon": (12, 13, 14, 15, 16, 17),
    "in the evening": (18, 19, 20, 21),
}


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """What a block of cities came to: results a city, and the day sums of all of them.

    `ratios` (name → (3, D)), and `parts` (kind → (4, parts, D)): of a, of b, what both are divided by, and,
    in parts, the pairs. `cells` counts the cells of a day in cities that have any pair.
    """

    results: tuple[Result, ...] = ()
    ratios: Ratios = field(default_factory=dict)
    parts: Mapping[str, Floats] = field(default_factory=dict)
    cells: int = 0


class _Good(NamedTuple):
    """The hours of some cities that are compared, NaN in all others, and why others are not."""

    actual: Floats
    a: Floats
    b: Floats
    naive: Floats
    scale: Floats
    why: Codes


_REASONS = tuple(LeftOut)


def compare_block(
    pairs: Pairs, a: str, b: str, window: Window, config: Config, feature: str | None, settings: Settings
) -> Compared:
    """Compare two model versions in a block of cities; `pairs` reach back 28 days before the window or more,
    so that what is usual is known of its first hours, and a season, for the seasonal-naive forecast.

    A version that none of the cities has is one without predictions.
    """
    grid = Grid(window.start, pairs.grid.step, pairs.grid.cells(window))
    per_day = max(DAY // grid.step, 1)
    good = _good_hours(pairs, a, b, window, per_day, config.accuracy.season // grid.step)
    floor = floor_of(good.actual, config.accuracy)[:, np.newaxis]
    samples = [
        Sample(good.actual, predicted, naive=good.naive, floor=floor, scale=good.scale[:, np.newaxis])
        for predicted in (good.a, good.b)
    ]
    ratios = {name: daily(cells, per_day) for name, cells in ratios_of(*samples).items()}
    hours = calendar(grid, pairs.cities, config)
    kinds = {"hours": (np.asarray(hours.hour).T.astype(np.int64), 24), "week": (hours.weekend.T, 2)}
    if feature is not None:
        values = pairs.features[feature][:, pairs.grid.cut(window)]
        kinds["regimes"] = (thirds(values, samples[0].scored), 3)
    parts = {
        name: spread(samples, np.asarray(part, np.int64), many, per_day)
        for name, (part, many) in kinds.items()
    }
    results = _results(pairs.cities, good.why, samples, ratios, parts["hours"], grid, settings)
    whole = {name: sums.sum(axis=1) for name, sums in ratios.items()}
    cells = per_day * int((samples[0].n > 0).sum())
    return Compared(results, whole, {name: sums.sum(axis=1) for name, sums in parts.items()}, cells)


def _good_hours(pairs: Pairs, a: str, b: str, window: Window, per_day: int, season: int) -> _Good:
    cut = pairs.grid.cut(window)
    values = {name: _of(pairs, name) for name in {a, b}}
    bad = {name: faults(each, per_day, first=cut.start)[:, cut] != SOUND for name, each in values.items()}
    missing = {name: ~np.isfinite(each[:, cut]) for name, each in values.items()}
    codes = faults(pairs.actual, per_day)
    unknown = ~np.isfinite(pairs.actual[:, cut])
    why = np.zeros(unknown.shape, np.uint8)
    cases = {
        LeftOut.NEITHER: missing[a] & missing[b],
        LeftOut.NO_A: missing[a],
        LeftOut.NO_B: missing[b],
        LeftOut.NO_ACTUAL: unknown,
        LeftOut.BAD_ACTUAL: codes[:, cut] != SOUND,
        LeftOut.BAD_BOTH: bad[a] & bad[b],
        LeftOut.BAD_A: bad[a],
        LeftOut.BAD_B: bad[b],
    }
    for code, reason in enumerate(_REASONS, start=1):
        why[cases[reason] & (why == 0)] = code
    sound = np.where(codes == SOUND, pairs.actual, np.nan).astype(np.float64, copy=False)
    scale = seasonal_scale(sound[:, max(cut.start - season, 0) : cut.stop], season)
    before = np.full(unknown.shape, np.nan)
    lack = max(season - cut.start, 0)
    before[:, lack:] = sound[:, cut.start + lack - season : cut.stop - season]
    a_cells, b_cells, actual = (
        np.where(why == 0, each[:, cut], np.nan).astype(np.float64, copy=False)
        for each in (values[a], values[b], pairs.actual)
    )
    return _Good(actual, a_cells, b_cells, before, scale, why)


def _of(pairs: Pairs, version: str) -> Floats:
    """The predictions of a model version `(cities, times)`."""
    if version not in pairs.model_versions:
        return np.full(pairs.actual.shape, np.nan)
    values: Floats = pairs.judged.predicted[pairs.model_versions.index(version)]
    return values


def _results(
    cities: Sequence[str],
    why: Codes,
    samples: Sequence[Sample],
    ratios: Ratios,
    hours: Floats,
    grid: Grid,
    settings: Settings,
) -> tuple[Result, ...]:
    """The cities of a block, one by one."""
    measured = {name: [METRICS[name].rows(sample) for sample in samples] for name in FIGURES}
    counts = np.stack([(why == code).sum(axis=1) for code in range(len(_REASONS) + 1)], axis=1)
    per_day, found = max(DAY // grid.step, 1), []
    for c, city in enumerate(cities):
        figures = {name: _figure(both, c) for name, both in measured.items()}
        figures["wape"] = replace(figures["wape"], interval=_interval(ratios["wape"][:, c], settings))
        by_hour = [_part_figure(sums) for sums in hours[:, c].transpose(1, 0, 2)]
        won = Won.among(by_hour)
        found.append(
            Result(
                city,
                int(counts[c, 0]),
                {reason: int(n) for reason, n in zip(_REASONS, counts[c, 1:], strict=True) if n},
                figures,
                _test(ratios["mae"][:, c], per_day),
                (won.a, won.b),
                won.of,
                tuple(_day_part(name, hours[:, c, list(own)], per_day) for name, own in DAY_PARTS.items()),
            )
        )
    return tuple(found)


def _figure(both: Sequence[Values], c: int) -> Figure:
    """A metric of a city, of both versions."""
    a, b = (Undefined(int(v.reason[c])) if v.reason[c] else float(v.value[c]) for v in both)
    return _difference(a, b)


def _difference(a: Value, b: Value, interval: Interval | Undefined | None = None) -> Figure:
    if isinstance(a, Undefined):
        return Figure(a, b, a, a)
    if isinstance(b, Undefined):
        return Figure(a, b, b, b)
    return Figure(a, b, a - b, interval)


def _interval(sums: Floats, settings: Settings) -> Interval | Undefined:
    """Of (Σ a − Σ b) ÷ Σ below, of day sums (3, D)."""
    a, b, below = sums
    weight = np.where(below > 0, below, np.nan)
    try:
        return block_bootstrap_interval(
            a - b,
            weight,
            rng=np.random.default_rng(settings.seed),  # the same weeks for every figure, and for b against a
            block=settings.block,
            level=settings.level,
            replicates=settings.replicates,
        )
    except UndefinedError as error:
        return error.reason


def _test(sums: Floats, cells: int) -> DailyTest | Undefined:
    """Diebold and Mariano's test, of day sums (3, D): a day needs 60 % of its cells."""
    a, b, n = sums
    known = (n >= LEAST_SHARE * cells) & (n > 0)
    losses = [np.divide(side, n, out=np.full(len(n), np.nan), where=known) for side in (a, b)]
    try:
        return diebold_mariano(*losses)
    except UndefinedError as error:
        return error.reason


def _part_figure(sums: Floats, settings: Settings | None = None) -> Figure:
    """The WAPE of a part of the hours, of day sums (4, D)."""
    a, b, load, pairs = sums.sum(axis=1).tolist()
    if not load > 0:
        lack = Undefined.ACTUALS_AT_FLOOR if pairs else Undefined.NO_PAIRS
        return Figure(lack, lack, lack, lack)
    interval = None if settings is None else _interval(sums[:3], settings)
    return _difference(a / load, b / load, interval)


def _day_part(name: str, sums: Floats, per_day: int) -> Part:
    """A part of a city's day, of the day sums of its hours (4, hours, D)."""
    whole = sums.sum(axis=1)
    test = _test(whole[[0, 1, 3]], per_day * sums.shape[1] / 24)
    p_value = test if isinstance(test, Undefined) else test.p_value
    return Part(name, int(whole[3].sum()), _part_figure(whole), p_value)


def combine(
    blocks: Iterable[Compared],
    a: str,
    b: str,
    window: Window,
    step: timedelta,
    feature: str | None,
    settings: Settings,
) -> Comparison:
    """All blocks of cities as one comparison. The pooled figures count each hour of each city once, with its
    own city's floor and scale, as `drift run` does.
    """
    results: list[Result] = []
    ratios: dict[str, Floats] = {}
    parts: dict[str, Floats] = {}
    cells = 0
    for block in blocks:
        results += block.results
        cells += block.cells
        for sums, more in ((ratios, block.ratios), (parts, block.parts)):
            for name, values in more.items():
                sums[name] = sums[name] + values if name in sums else values
    results = _clear(results, settings.rate)
    by_hour = _parts([f"{hour:02d}:00" for hour in range(24)], parts["hours"], settings)
    return Comparison(
        a=a,
        b=b,
        window=window,
        step=step,
        all=_whole(results, ratios, cells, Won.among(part.wape for part in by_hour), settings),
        cities=tuple(results),
        by_hour=by_hour,
        by_week=_parts(WEEK, parts["week"], settings),
        by_regime=_parts(THIRDS, parts["regimes"], settings) if "regimes" in parts else (),
        feature=feature,
        settings=settings,
    )


def _whole(results: Sequence[Result], ratios: Ratios, cells: int, won: Won, settings: Settings) -> Result:
    """All cities together."""
    left_out = {
        reason: n for reason in _REASONS if (n := sum(each.left_out.get(reason, 0) for each in results))
    }
    figures = {name: _pooled(name, ratios, settings) for name in FIGURES}
    test = _test(ratios["mae"], cells)
    found = Result(None, sum(each.pairs for each in results), left_out, figures, test, (won.a, won.b), won.of)
    return replace(found, clear=found.wape.beyond_zero and _sure(found, settings.rate))


def _sure(result: Result, rate: float) -> bool:
    test, sign = result.test, result.better
    return isinstance(test, DailyTest) and test.p_value <= rate and sign == np.sign(test.difference) != 0


def _pooled(name: str, ratios: Ratios, settings: Settings) -> Figure:
    """A figure of all cities, with the interval of its difference."""
    ratio = RATIOS[name]
    sums = ratios[ratio.sums]
    a, b, below = sums.sum(axis=1).tolist()
    if not below > 0:
        lack = Undefined.NO_PAIRS if not ratios["mae"][2].any() else ratio.lack
        return Figure(lack, lack, lack, lack)
    values = [ratio.finish(side / below) for side in (a, b)]
    if not np.isfinite(values).all():
        return Figure(*[Undefined.NOT_FINITE] * 4)
    interval = _interval(sums, settings)
    if not isinstance(interval, Undefined):
        low, high = sorted(ratio.slope(values[0], values[1]) * end for end in interval)
        interval = (low, high)
    return _difference(values[0], values[1], interval)


def _parts(names: Sequence[str], sums: Floats, settings: Settings) -> tuple[Part, ...]:
    """Parts of the hours of all cities, of day sums (4, parts, D)."""
    return tuple(
        Part(name, int(sums[3, k].sum()), _part_figure(sums[:, k], settings)) for k, name in enumerate(names)
    )


def _clear(results: Sequence[Result], rate: float) -> list[Result]:
    """The same, with what is clear among all of them marked: cities, and parts of their days."""
    cities = _believed([_p_of(each.test) for each in results], rate)
    parts = _believed([_p_of(part.p_value) for each in results for part in each.parts], rate).tolist()
    found = []
    for result, believed in zip(results, cities.tolist(), strict=True):
        own = tuple(replace(part, clear=parts.pop(0) and part.wape.sign != 0) for part in result.parts)
        clear = believed and _sure(result, 1.0)
        found.append(replace(result, clear=clear, parts=own))
    return found


def _p_of(value: DailyTest | Value) -> float:
    if isinstance(value, Undefined):
        return float("nan")
    return value if isinstance(value, float) else value.p_value


def _believed(p_values: ArrayLike, rate: float) -> NDArray[np.bool_]:
    """Benjamini and Yekutieli's choice; nothing where there is no test."""
    p = np.asarray(p_values, np.float64)
    return benjamini_yekutieli(p, rate) if np.isfinite(p).any() else np.zeros(p.shape, np.bool_)
