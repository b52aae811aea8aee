"""From standardised features to evidence: window means, whitened, gated by what the error costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from drift.detectors.features import CHANNELS, FEATURES, UPWARD, ChannelWindow
from drift.detectors.normal import Memory, bounded, moving_mean
from drift.detectors.settings import ByChannel, Settings
from drift.detectors.trailing import Flags, lagged
from drift.domain import Floats
from drift.values import quiet

KNOWN_SHARE = 0.6  # of a window's days, or there is no mean
LEAST_RATIO_DAYS = 3


def window_means(z: Floats, settings: Settings, per_day: int) -> dict[int, Floats]:
    """By window of w days: the mean of the features 0, 1 … w − 1 days back, minus the moving normal w days
    back.

    Shapes: (S, N, K), `per_day` slots a day; in spreads. Days with a NaN feature are left out; NaN where
    fewer than 60 % of the days are known.
    """
    normal = moving_mean(z, np.zeros(z.shape[1:], z.dtype), per_day, memory_of(settings))
    known: Flags = np.asarray(np.isfinite(z).all(axis=-1))
    value = np.where(known[..., None], z, 0)
    total, count = np.zeros_like(value), np.zeros(known.shape, z.dtype)
    out: dict[int, Floats] = {}
    for day in range(max(settings.windows)):
        rows = day * per_day
        if rows < len(z):
            total[rows:] += value[: len(z) - rows]
            count[rows:] += known[: len(z) - rows]
        if day + 1 in settings.windows:
            out[day + 1] = excess(total, count, np.nan_to_num(lagged(normal, per_day * (day + 1))), day + 1)
    return out


def last_means(z: Floats, settings: Settings) -> dict[int, Floats]:
    """`window_means` of the last row only, (1, N, K), of the last days' features (D, N, K), a row a day.

    The two are equal; this one asks for no more than a slot has, and costs a hundredth.
    """
    newest, memory, windows = z[::-1], memory_of(settings), settings.windows
    bound, known = bounded(newest)
    value = np.where(known > 0, newest, 0)
    back = np.arange(len(z)) - np.array(windows)[:, None]
    weight = np.where((back >= 0) & (back < memory.terms), memory.factor ** np.maximum(back, 0), 0)
    weight = ((1 - memory.factor) * weight).astype(z.dtype)
    normal = np.tensordot(weight, bound, 1) / (np.tensordot(weight, known, 1) + z.dtype.type(memory.rest))
    return {
        days: excess(value[:days].sum(axis=0), known[:days, :, 0].sum(axis=0), of_days, days)[None]
        for days, of_days in zip(windows, normal, strict=True)
    }


def last_ratio(ratio: Floats, centre: Floats, settings: Settings) -> Floats:
    """(1, N) `recent_ratio` of the last row of the last days' error ratio (D, N), a row a day."""
    newest, days = ratio[::-1], settings.ratio_days
    value, known = bounded(newest[days : days + settings.normal_days])
    memory = Memory(settings.ratio_memory_days, settings.normal_days)
    weight = ((1 - memory.factor) * memory.factor ** np.arange(len(value))).astype(ratio.dtype)
    normal = (weight @ value + ratio.dtype.type(memory.rest) * centre.astype(ratio.dtype)) / (
        weight @ known + ratio.dtype.type(memory.rest)
    )
    return recent_ratio([day[None] for day in newest[:days]], normal[None], settings)


def memory_of(settings: Settings) -> Memory:
    """Of the features' moving normal."""
    return Memory(settings.memory_days, settings.normal_days)


def excess(total: Floats, count: Floats, normal: Floats, days: int) -> Floats:
    """Mean of the known days (…, N, K), `count` of them (…, N), minus the normal; NaN with too few."""
    mean = total / np.maximum(count, 1)[..., None] - normal
    return np.where((count >= max(1.0, KNOWN_SHARE * days))[..., None], mean, np.nan).astype(total.dtype)


def recent_ratios(ratio: Floats, centre: Floats, settings: Settings, per_day: int) -> Floats:
    """(S, N) `recent_ratio` of every row of the error ratio (S, N), by the normal before those days."""
    days = [lagged(ratio, day * per_day) for day in range(settings.ratio_days)]
    return recent_ratio(days, ratio_normal(ratio, centre, settings, per_day), settings)


def ratio_normal(ratio: Floats, centre: Floats, settings: Settings, per_day: int) -> Floats:
    """(S, N) the normal of the error ratio (S, N) before the days that `recent_ratio` is of."""
    memory = Memory(settings.ratio_memory_days, settings.normal_days)
    normal = lagged(moving_mean(ratio, centre, per_day, memory), per_day * settings.ratio_days)
    return np.where(np.isnan(normal), centre, normal).astype(ratio.dtype)


@quiet
def recent_ratio(days: Sequence[Floats], normal: Floats, settings: Settings) -> Floats:
    """(S, N) how many times normal the error of the last days is; each day capped, the worst left out.

    `days` are the ratios (S, N) of each of them; `normal` (S, N) is from before them. NaN days are left out;
    with fewer than 3 days the ratio is 0: nothing is concluded.
    """
    total, worst, count = np.zeros_like(normal), np.zeros_like(normal), np.zeros(normal.shape, np.float32)
    for day in days:
        value = day / normal
        known = np.isfinite(value)
        value = np.where(known, np.minimum(value, settings.ratio_cap), 0)
        total, worst, count = total + value, np.maximum(worst, value), count + known
    return np.where(count >= LEAST_RATIO_DAYS, (total - worst) / np.maximum(count - 1, 1), 0)


def columns_of(channel: str) -> list[int]:
    """Where a channel's features stand in `FEATURES`.

    >>> columns_of("profile")
    [3, 4, 5, 6]
    """
    return [FEATURES.index(name) for name in CHANNELS[channel]]


def statistics(
    means: Mapping[int, Floats], whitening: Mapping[ChannelWindow, Floats]
) -> dict[ChannelWindow, Floats]:
    """By channel and window: (S, N) the length |W x| of the channel's whitened means; the sizes count upward
    only.

    About 1 for each feature of the channel on the reference; NaN where a mean is.
    """
    out: dict[ChannelWindow, Floats] = {}
    for window, channel in product(means, CHANNELS):
        x = means[window][..., columns_of(channel)]
        if all(name in UPWARD for name in CHANNELS[channel]):
            x = np.maximum(x, 0)
        matrix = whitening[channel, window].astype(x.dtype)
        out[channel, window] = np.sqrt((np.einsum("snk,njk->snj", x, matrix) ** 2).sum(axis=-1))
    return out


def gate(
    values: Mapping[ChannelWindow, Floats], ratio: Floats, least: ByChannel
) -> dict[ChannelWindow, Floats]:
    """The statistics (S, N) where the recent error `ratio` (S, N) is at least so many times normal; elsewhere
    0.

    Drift that costs nothing is no page. A NaN statistic is 0: no evidence.
    """
    return {
        key: np.where(ratio >= least.of(key[0]), np.nan_to_num(value), 0) for key, value in values.items()
    }
