"""From standardised features to evidence: window means, whitened, gated by what the error costs."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np

from drift.detectors.features import CHANNELS, FEATURES, UPWARD, ChannelWindow
from drift.detectors.settings import ByChannel, Settings
from drift.detectors.trailing import Flags, before, known_mean, lagged, over_known
from drift.domain import Floats
from drift.values import quiet

KNOWN_SHARE = 0.6  # of a window's days, or there is no mean
LEAST_RATIO_DAYS = 3
WHITENING_CLIP = 4.0  # spreads of a window's mean that may shape the correlation


def window_means(z: Floats, normal: Floats, windows: tuple[int, ...], per_day: int) -> dict[int, Floats]:
    """By window of w days: the mean of the features 0, 1 … w − 1 days back, minus the moving normal w days
    back.

    Shapes: (S, N, K), `per_day` slots a day; in spreads. Days with a NaN feature are left out; NaN where
    fewer than 60 % of the days are known.
    """
    known: Flags = np.asarray(np.isfinite(z).all(axis=-1))
    value = np.where(known[..., None], z, 0.0)
    total, count = np.zeros_like(value), np.zeros(known.shape, np.float32)
    out: dict[int, Floats] = {}
    for day in range(max(windows)):
        rows = day * per_day
        if rows < len(z):
            total[rows:] += value[: len(z) - rows]
            count[rows:] += known[: len(z) - rows]
        if day + 1 in windows:
            base = before(normal, min(per_day * (day + 1), len(z) - 1))
            mean = total / np.maximum(count, 1)[..., None] - base
            out[day + 1] = np.where((count >= max(1.0, KNOWN_SHARE * (day + 1)))[..., None], mean, np.nan)
    return out


@quiet
def recent_ratio(ratio: Floats, normal: Floats, settings: Settings, per_day: int) -> Floats:
    """(S, N) how many times normal the error of the last days is; each day capped, the worst left out.

    `ratio` (S, N) and its moving normal (S, N), which is taken from before those days. NaN days are left out;
    with fewer than 3 days the ratio is 0: nothing is concluded.
    """
    days = settings.ratio_days
    base = before(normal, min(per_day * days, len(ratio) - 1))
    total, worst, count = np.zeros_like(base), np.zeros_like(base), np.zeros(base.shape, np.float32)
    for day in range(days):
        value = lagged(ratio, day * per_day) / base
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


def fit_whitening(
    means: Mapping[int, Floats], settings: Settings, per_day: int
) -> dict[ChannelWindow, Floats]:
    """By channel and window (N, k, k): inverse root of all cities' correlation ÷ the city's spread of the
    mean.

    The city's variance is shrunk to the median city's, with the weight of `prior_windows` independent windows
    (every second one counts). A city without values has the median city's.
    """
    out: dict[ChannelWindow, Floats] = {}
    for window, mean in means.items():
        independent = np.isfinite(mean[..., 0]).sum(axis=0) / (2 * per_day * window)
        spread = _spread(mean, independent[:, None], settings.prior_windows)
        for channel in CHANNELS:
            columns = columns_of(channel)
            root = _inverse_root((mean / spread)[..., columns], settings.correlation_shrinkage)
            out[channel, window] = root[None] / spread[:, None, columns]
    return out


def _spread(mean: Floats, independent: Floats, weight: float) -> Floats:
    own = known_mean(mean**2)
    own = np.where(np.isfinite(own), own, over_known(np.nanmedian, own))
    variance = (own * independent + over_known(np.nanmedian, own) * weight) / (independent + weight)
    spread: Floats = np.sqrt(variance)
    return spread


def _inverse_root(means: Floats, shrinkage: float) -> Floats:
    features = means.shape[-1]
    z = means.reshape(-1, features)
    z = np.clip(z[np.isfinite(z).all(axis=1)], -WHITENING_CLIP, WHITENING_CLIP)
    second = (z.T @ z).reshape(features, -1) / max(len(z), 1)
    scale = np.sqrt(np.diag(second))
    correlation = (1 - shrinkage) * second / scale / scale[:, None] + shrinkage * np.eye(features)
    root: Floats = np.linalg.inv(np.linalg.cholesky(correlation))
    return root


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
