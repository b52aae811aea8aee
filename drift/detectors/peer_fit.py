"""The fit of feature drift: from the reference of one feature in N cities to its `FeatureLimits`.

Peers are the most correlated cities, their weights a ridge regression of the city's window means on theirs:
it is means of days that are judged, and the same front passes cities at different hours. Limits are set on at
most 200 cities, evenly chosen: each half of the months is judged by what the other half says is normal, and
the tail is carried on from levels that were passed often, as `limits` does it for the profile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from drift.detectors.climatology import (
    Climatology,
    Times,
    anomalies,
    day_aspects,
    fit_climatology,
    whole_days,
)
from drift.detectors.limits import LEAST_TAIL, OFTEN, SELDOM, YEARLY, Evidence
from drift.detectors.peer_model import (
    PeerModel,
    PeerSettings,
    contrasts,
    distance,
    level_and_swing,
    unexplained,
    widening,
)
from drift.detectors.peers import FeatureLimits, measured, stuck_hours
from drift.detectors.trailing import DAY, Flags, Integers, known_mean, over_known
from drift.domain import Codes, Floats
from drift.errors import UndefinedError
from drift.reasons import Undefined
from drift.values import quiet

PER_DAY = 4  # slots a day while fitting
MOST_CITIES = 200  # whose alarms are counted
BLOCK = 500  # cities whose correlations are taken at once
FITTED_WINDOWS = 3  # the shortest ones, that weights and spreads are fitted to
BOUND = 4.0  # robust standard deviations, beyond which a day counts no more
LEAST_OF_SPREAD = (
    0.25  # of the plain one, for the robust one: a feature that is mostly zero has no median width
)
STARTING = 1.2  # spreads; no limit is below it
LEAST_LIMIT = 3.0  # spreads: one city's year without a storm must not make a hair trigger
LEAST_LIKENESS = 0.2  # correlation of a peer
TINY = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Days of the reference: day aspects (3, N, D × 4), a row a slot, and the hours that end them."""

    aspects: Floats
    ends: Times

    def anomalies(self, climatology: Climatology) -> Floats:
        """(3, N, 4, D) by phase of the day, so that rows of the last axis are a day apart."""
        away = self.aspects - climatology.normal(self.ends)
        return away.reshape(*away.shape[:2], -1, PER_DAY).swapaxes(2, 3)

    @property
    def even(self) -> Flags:
        """(D × 4,) the rows of the even months."""
        even: Flags = self.ends.astype("datetime64[M]").astype(int) % 2 == 0
        return even


def fit_features(values: Floats, times: Times, settings: PeerSettings | None = None) -> FeatureLimits:
    """Fit one feature of N cities on its reference: hourly `values` (H, N) at `times` (H,); NaN: missing.

    A city that has no values, too few days (60) or only equal ones is fitted to nothing: `reason` says why,
    its scores are NaN, and it is nobody's peer. A year is what limits need; half a year knows no seasons.

    Raises:
        UndefinedError: no city has enough of a reference, or all of them are constant.
    """
    settings = settings or PeerSettings()
    reference, whole = _reference(values, times)
    rows = reference.anomalies(whole)
    days = np.isfinite(rows[0]).sum(axis=(1, 2)) / PER_DAY
    reason = _reasons(values, days, settings)
    if reason.all():
        raise UndefinedError("feature drift", Undefined(int(reason.min())))
    rows[:, reason != 0] = np.nan
    bound = _bound(rows[0].reshape(len(days), -1))
    model = _fit_model(rows[:, :, :: PER_DAY // 2], bound, settings)
    chosen = _evenly(np.flatnonzero(reason == 0))
    statistic = _judged_by_others(rows[:, chosen], reference.even, settings)
    years = float(days[chosen].sum() / 365.25)
    runs = stuck_hours(values).max(axis=0, initial=0)
    return FeatureLimits(
        settings,
        whole,
        model,
        bound,
        _fit_limits(statistic, reference.even, settings, years),
        np.maximum(settings.stuck_factor * runs, settings.stuck_hours),
        reason,
        np.where(reason == 0, _explained(model, rows), np.nan),
        years,
    )


def _evenly(usable: Integers) -> Integers:
    chosen: Integers = usable[
        np.linspace(0, len(usable) - 1, min(MOST_CITIES, len(usable))).round().astype(int)
    ]
    return chosen


def _reference(values: Floats, times: Times) -> tuple[Reference, Climatology]:
    """Days at four phases, short ones filled in; the first day is left out, so that all have as many."""
    count, step = len(values) // DAY - 1, DAY // PER_DAY
    if count < 1:
        raise UndefinedError("feature drift", Undefined.SHORT_REFERENCE)
    spans = [slice(None, len(values) - back) for back in reversed(range(0, DAY, step))]
    cut = [whole_days(values[span], times[span]) for span in spans]
    ends = np.stack([end[-count:] for _, end in cut], axis=1).ravel()
    aspects = np.stack([day_aspects(days, end)[..., -count:] for days, end in cut], axis=-1)
    whole = fit_climatology(aspects.reshape(*aspects.shape[:2], -1), ends)
    filled = np.stack([anomalies(whole, values[span], times[span])[..., -count:] for span in spans], axis=-1)
    filled = filled.reshape(*filled.shape[:2], -1)
    return Reference(filled + whole.normal(ends), ends), whole


def _reasons(values: Floats, days: Floats, settings: PeerSettings) -> Codes:
    known = np.isfinite(values)
    lowest = np.where(known, values, np.inf).min(axis=0, initial=np.inf)
    highest = np.where(known, values, -np.inf).max(axis=0, initial=-np.inf)
    reason = np.where(lowest == highest, int(Undefined.CONSTANT_REFERENCE), 0)
    return np.where(days < settings.least_days, int(Undefined.SHORT_REFERENCE), reason).astype(np.uint8)


def _bound(rows: Floats) -> Floats:
    """(n,) four robust standard deviations of rows (n, M) around zero; NaN without a row."""
    robust = over_known(np.nanmedian, np.abs(rows).T) * 1.4826
    plain = np.sqrt(known_mean(rows**2, axis=1))
    bound: Floats = BOUND * np.maximum(robust, LEAST_OF_SPREAD * plain)
    return bound


def _fit_model(rows: Floats, bound: Floats, settings: PeerSettings) -> PeerModel:
    """The model of N cities from anomalies (3, N, 4, D); NaN days are left out."""
    held = np.clip(rows, -bound[:, None, None], bound[:, None, None])
    away = contrasts(held, bound[:, None], rows.shape[-1], settings)
    away = away.reshape(*away.shape[:3], -1)
    scale = np.maximum(_root_mean_square(away[:, 0].reshape(len(away), -1)), TINY)
    peer = _choose(away[min(1, len(away) - 1), 0], settings)
    z = away[:FITTED_WINDOWS] / scale[:FITTED_WINDOWS, None, None, None]
    level, swing, precision = _fit_weights(z, peer, settings.ridge_days * z[:, 0, 0].size / rows.shape[-1])
    unknown = np.ones((3, len(settings.windows), len(peer)))
    model = PeerModel(peer, level, swing, precision, scale, unknown[0], unknown[:2], unknown[:, 0])
    return _fit_spread(model, rows, away, settings)


def _root_mean_square(values: Floats) -> Floats:
    """Along the last axis, of what is not NaN."""
    return np.sqrt(known_mean(values**2, axis=values.ndim - 1))


def _choose(level: Floats, settings: PeerSettings) -> Integers:
    """(N, k) the cities most correlated with each by rows (N, M); -1 for what says nothing."""
    z = np.nan_to_num(level)
    z = z / np.maximum(np.sqrt((z**2).sum(axis=1, keepdims=True)), TINY)
    count = min(settings.peers, len(z) - 1)
    out = np.full((len(z), count), -1, np.int32)
    for first in range(0, len(z), BLOCK):
        block = np.arange(first, min(first + BLOCK, len(z)))
        likeness = np.abs(z[block] @ z.T)
        likeness[np.arange(len(block)), block] = 0.0
        best = np.argsort(-likeness, axis=1, kind="stable")[:, :count]
        told = np.take_along_axis(likeness, best, axis=1) >= LEAST_LIKENESS
        out[block] = np.where(told, best, -1)
    return out


def _fit_weights(windows: Floats, peer: Integers, ridge_rows: float) -> tuple[Floats, Floats, Floats]:
    """Weights of the level (N, k, 3) and the wave (N, 2, k, 2), and the precision (N, k, k), by contrasts
    (W, 3, N, M) in units of the scale; `ridge_rows` rows without any relation hold them back.
    """
    cities, k = peer.shape
    level = np.zeros((cities, k, 3), np.float32)  # single: they are what is stored most of
    swing = np.zeros((cities, 2, k, 2), np.float32)
    precision = np.tile(np.eye(k, dtype=np.float32), (cities, 1, 1))
    z = np.ascontiguousarray(windows.transpose(2, 1, 0, 3)).reshape(cities, 3, -1)
    for city in range(cities):
        real = np.flatnonzero(peer[city] >= 0)
        known = np.isfinite(z[city, 0])
        if real.size and known.any():
            theirs = np.nan_to_num(z[peer[city, real]][:, :, known])
            found = _regress(theirs, z[city][:, known], ridge_rows / known.sum())
            level[city, real], swing[city][:, real] = found[:2]
            precision[city][np.ix_(real, real)] = found[2]
    return level, swing, precision


def _regress(theirs: Floats, own: Floats, ridge: float) -> tuple[Floats, Floats, Floats]:
    """Level (k, 3), wave (2, k, 2) and precision (k, k) of one city (3, M) on its peers (k, 3, M)."""
    k, aspects, count = theirs.shape
    flat = theirs.reshape(k * aspects, count)
    square = (flat @ flat.T / count).reshape(k, aspects, k, aspects)
    moment = (flat @ own.T / count).reshape(k, aspects, aspects)
    level = _ridge(square.reshape(k * aspects, -1), moment[..., 0].ravel(), ridge).reshape(k, aspects)
    wave = _ridge(square[:, 1:, :, 1:].reshape(2 * k, -1), moment[:, 1:, 1:].reshape(2 * k, 2), ridge)
    return level, wave.reshape(k, 2, 2).transpose(2, 0, 1), _ridge(square[:, 0, :, 0], np.eye(k), ridge)


def _ridge(square: Floats, moment: Floats, ridge: float) -> Floats:
    held_back = max(ridge * float(np.trace(square)) / len(square), TINY)
    weights: Floats = np.linalg.solve(square + held_back * np.eye(len(square)), moment)
    return weights


@quiet
def _fit_spread(model: PeerModel, rows: Floats, away: Floats, settings: PeerSettings) -> PeerModel:
    """With the bounds, the usual distances and the spreads that belong to the weights."""
    flat = rows.reshape(*rows.shape[:2], -1)
    left, _ = unexplained(model, flat, flat)
    bound = np.stack([_bound(aspect) for aspect in left])
    usual = distance(model, away[:, 0])
    mean = known_mean(np.where(np.isfinite(away[:, 0]), usual, np.nan), axis=2)
    model = replace(model, bound=np.nan_to_num(bound), usual=np.maximum(np.nan_to_num(mean, nan=1.0), TINY))
    found = contrasts(left.reshape(rows.shape), bound[..., None], rows.shape[-1], settings)
    found = level_and_swing(found.reshape(away.shape)) / np.sqrt(widening(model, usual, settings))
    least = settings.least_spread * _root_mean_square(level_and_swing(away))
    return replace(model, spread=_spread(found, least, settings))


def _spread(found: Floats, least: Floats, settings: PeerSettings) -> Floats:
    """(2, W, n) of statistics (2, W, n, M): what all cities have, by window, times what the city has more or
    less of it; half of that, in logs, up to `most_moved` times. Statistics count four robust deviations.
    """
    own = _root_mean_square(found)
    own = _root_mean_square(np.minimum(found, BOUND * own[..., None]))
    pooled = _root_mean_square(own)[..., None]
    ratio = _root_mean_square((own / pooled)[:, :FITTED_WINDOWS].swapaxes(1, 2))[:, None]
    moved = ratio * np.clip(1 / np.sqrt(ratio), 1 / settings.most_moved, settings.most_moved)
    spread = np.maximum(pooled * np.where(ratio > 0, moved, 1.0), np.nan_to_num(least))
    whole: Floats = np.maximum(np.nan_to_num(spread, nan=1.0), TINY)
    return whole


def _judged_by_others(rows: Floats, even: Flags, settings: PeerSettings) -> Floats:
    """(2, W, n, S) statistics of a fleet, each half of the months by the model of the other half.

    The climatology (anomalies `rows` (3, n, 4, D)) is that of all months: half a year says too little of it.
    """
    everybody, slots = np.arange(rows.shape[1]), rows.shape[-1]
    out = np.zeros((2, len(settings.windows), len(everybody), even.size))
    for fold in (even, ~even):
        others = np.where(fold.reshape(-1, PER_DAY).T, rows, np.nan)
        bound = _bound(others[0].reshape(len(everybody), -1))
        model = _fit_model(others, bound, settings)
        phases = [rows[:, :, phase] for phase in range(PER_DAY)]
        judged = np.stack([measured(model, own, own, bound, slots, settings)[0] for own in phases], axis=-1)
        out = np.where(fold, out, np.nan_to_num(judged.reshape(out.shape)))
    return out


def _fit_limits(statistic: Floats, even: Flags, settings: PeerSettings, years: float) -> Floats:
    """(2, W) limits of statistics (2, W, n, S): by their share of the budget, then one factor meets it."""
    held = np.where(statistic > STARTING, statistic, 0.0)
    folds = (even, ~even)
    of_even, of_odd = (_tails(np.where(fold, held, 0.0), settings, years / 2) for fold in folds)
    judged = held / np.where(even, of_odd[..., None, None], of_even[..., None, None])
    evidence, hold = Evidence.of(judged.max(axis=(0, 1)).T), settings.hold_hours * PER_DAY // DAY
    factor = evidence.level_for(settings.aim * settings.budget * years, settings.release, hold)
    limits: Floats = np.maximum(_tails(held, settings, years) * factor, LEAST_LIMIT)
    return limits


def _tails(statistic: Floats, settings: PeerSettings, years: float) -> Floats:
    """(2, W) levels that statistics (2, W, n, S) pass as often as their share of the budget says.

    An exponential tail as in `limits`, the same for all windows: in spreads they differ by chance only.
    """
    shares = np.outer([1 - settings.swing_share, settings.swing_share], settings.window_shares)
    hold, out = settings.hold_hours * PER_DAY // DAY, np.zeros_like(shares)
    rates = 2 * settings.budget * shares / shares.sum()
    for kind, windows in enumerate(statistic):
        tail = np.mean([_tail(window.T, years, settings.release, hold) for window in windows], axis=0)
        out[kind] = np.maximum(tail[0] + tail[1] * np.log(1 / rates[kind]), STARTING)
    return out


def _tail(values: Floats, years: float, release: float, hold: int) -> tuple[float, float]:
    """The level that values (S, n) pass once a city-year, and by how much it rises when e times as rarely."""
    evidence = Evidence.of(values)
    often, yearly, seldom = (
        evidence.level_for(alarms * years, release, hold) for alarms in (OFTEN, YEARLY, SELDOM)
    )
    return yearly, max((seldom - often) / float(np.log(OFTEN / SELDOM)), LEAST_TAIL * yearly)


def _explained(model: PeerModel, rows: Floats) -> Floats:
    """(N,) share of the variance of the day's level that the peers explain."""
    flat = rows.reshape(*rows.shape[:2], -1)
    left, _ = unexplained(model, flat, flat)
    variance = known_mean(flat[0] ** 2, axis=1)
    share: Floats = np.clip(1 - known_mean(left[0] ** 2, axis=1) / np.maximum(variance, TINY), 0, 1)
    return share
