"""What a slot read of the past, kept for the slots after it: the sorted reference, and the little else that
they need of those hours.

Reading and sorting the reference is most of a slot's work, and an hour later all but an hour of it is the
same. So a slot's hours are cut in two at the end of its reference (`Past.end`). What lies before is kept,
and a later slot reads only what follows. Where the reference moves with the slots, the values that leave it
first are kept as they came, so that the kernel can exchange them for those that enter.

A slot that uses a past says exactly what it would have said without: `Past.of` keeps nothing of which that
could not be said, and `serves` refuses the slots it could not be said of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drift.config import AccuracyConfig
from drift.delays import KEPT, Moments, came_at, says_when
from drift.domain import Floats, Grid, Unused, Window
from drift.engines.base import Kernel
from drift.evaluate import Prepared, columns_of, scale_of
from drift.place import written
from drift.timeline import EVER, Cells, Counts, Forecast, Pairs, Revision, Timeline
from drift.windows import Windows


class Kept(NamedTuple):
    """References as they were, and the first values of their windows, in the order of time."""

    prepared: Prepared
    first: Floats


@dataclass(frozen=True)
class Past:
    """What is kept of a block of cities; `windows` are those of the slot that it comes from.

    Axes as in `Timeline`, with the times from the start of the history to `end`. `moves`: whether the
    reference follows the slot. `span`: for how many cells of such a way it is kept. `whole`: from which cell
    on no actual and no prediction is missing. `scale` is that of `evaluate.scale_of`. `came` is when the
    actuals of the last cells first came, None where the store does not say.
    """

    windows: Windows
    grid: Grid
    moves: bool
    span: int
    cities: tuple[str, ...]
    model_versions: tuple[str, ...]
    actual: Floats
    predicted: Floats
    actual_counts: Counts
    prediction_counts: Counts
    whole: int
    scale: Floats
    kept: tuple[Kept, ...]
    came: Moments | None = None

    @property
    def end(self) -> datetime:
        """Where it ends, and reading starts."""
        return self.grid.start + self.grid.count * self.grid.step

    @property
    def window(self) -> Window:
        """What it was made of."""
        return Window(self.grid.start, self.end)

    @classmethod
    def of(
        cls,
        timeline: Timeline,
        pairs: Pairs,
        windows: Windows,
        references: Sequence[Prepared],
        accuracy: AccuracyConfig,
        *,
        moves: bool,
        span: int,
    ) -> Past | None:
        """What can be kept of a slot that read all its hours; None: nothing, as later slots might differ."""
        cut = pairs.grid.cut(past_of(windows, moves=moves))
        if moves:  # what has not been in the reference cannot leave it
            span = min(span, pairs.grid.cells(windows.reference))
        odd = timeline.outside or timeline.unkeyed or timeline.averaged
        if cut.stop <= span or odd or not pairs.model_versions:
            return None
        reasons = timeline.actual_reasons(cut, windows)
        if Unused.LATE in reasons and reasons[Unused.LATE].any():  # they will be known to a later slot
            return None
        predicted = pairs.judged.predicted[..., cut]
        # what every slot that it serves will see
        later = np.asarray(~np.isnan(predicted[..., span:]).all(axis=-1))
        seen = [predicted, *(band.predicted[..., cut] for band in pairs.bands.values())]
        if not later.any(axis=1).all() or any((~np.isnan(of).all(axis=-1) & ~later).any() for of in seen):
            return None
        return cls(
            windows=windows,
            grid=Grid(pairs.grid.start, pairs.grid.step, cut.stop),
            moves=moves,
            span=span,
            cities=pairs.cities,
            model_versions=pairs.model_versions,
            actual=pairs.actual[:, cut],
            predicted=predicted,
            actual_counts=_some(reasons),
            prediction_counts=_some({r: c[..., cut] for r, c in timeline.prediction_counts.items()}),
            whole=_whole(pairs.actual[:, cut], predicted),
            scale=scale_of(pairs, windows, accuracy),
            kept=tuple(_keep(each, pairs, windows, span if moves else 0) for each in references),
            came=_came(timeline, cut),
        )

    def serves(self, windows: Windows) -> bool:
        """Whether a slot of these windows can be evaluated with it."""
        cells = self._cells(windows)
        ahead = cells * self.grid.step if self.moves else 0 * self.grid.step
        own = self.windows
        return (
            0 <= cells <= self.span
            and own.slot <= windows.slot
            and own.history.start <= windows.history.start
            and windows.current.length == own.current.length
            and windows.reference == Window(own.reference.start + ahead, own.reference.end + ahead)
        )

    def _cells(self, windows: Windows) -> int:
        """By how many cells the slot is later."""
        return (windows.current.start - self.windows.current.start) // self.grid.step

    def followed_by(self, fresh: Timeline, windows: Windows) -> Timeline | None:
        """The timeline of the slot's history: what is kept, and what was read of the hours from `end` on.

        None: they do not go together, as the fresh rows are of other cities, or of a new model version.
        """
        if fresh.cities != self.cities or not set(fresh.model_versions) <= set(self.model_versions):
            return None
        if {*fresh.features, *fresh.unwritten} != {
            c.name for k in self.kept for c in k.prepared.columns
        } - _OWN:
            return None
        skip = (windows.history.start - self.grid.start) // self.grid.step
        judged = _widened(fresh.judged, fresh.model_versions, self.model_versions)
        return replace(
            fresh,
            grid=Grid(windows.history.start, self.grid.step, self.grid.count - skip + fresh.grid.count),
            model_versions=self.model_versions,
            whole=range(max(self.whole - skip, 0), self.grid.count - skip),
            revisions=tuple(self._before(revision, k, skip) for k, revision in enumerate(fresh.revisions)),
            judged=replace(judged, predicted=_joined(self.predicted[..., skip:], judged.predicted)),
            bands={
                label: _widened(band, fresh.model_versions, self.model_versions)
                for label, band in fresh.bands.items()
            },
            actual_counts=_counts(self.actual_counts, fresh.actual_counts, skip, self.actual, fresh.grid),
            prediction_counts=_counts(
                self.prediction_counts,
                {r: _of_versions(c, fresh.model_versions, self.model_versions, 0)
                 for r, c in fresh.prediction_counts.items()},
                skip, self.predicted, fresh.grid,
            ),
        )  # fmt: skip

    def _before(self, revision: Revision, number: int, skip: int) -> Revision:
        """A revision with the past before it; the oldest has the past's values, known since they first came,
        and since ever where that is too long ago to matter.
        """
        past = self.actual[:, skip:] if number == 0 else np.full_like(self.actual[:, skip:], np.nan)
        known = revision.available
        if known is not None:
            cities, cells = past.shape
            came = np.zeros((cities, 0), np.int64) if number or self.came is None else self.came
            came = came[:, max(came.shape[1] - cells, 0) :]
            known = np.concatenate([np.full((cities, cells - came.shape[1]), EVER), came, known], axis=1)
        return Revision(_joined(past, revision.value), known)

    def scale_at(self, windows: Windows) -> Floats | None:
        """The scale of the slot, where its reference is the one that it was taken of."""
        return self.scale if windows.reference == self.windows.reference else None

    def references(self, pairs: Pairs, windows: Windows, kernel: Kernel) -> tuple[Prepared, ...]:
        """The references of the slot, which are those kept or have moved on a few cells."""
        cells = self._cells(windows)
        if not self.moves or cells == 0:
            return tuple(kept.prepared for kept in self.kept)
        entering = columns_of(
            pairs, Cells.of_window(pairs.grid, Window(self.windows.reference.end, windows.reference.end))
        )
        return tuple(
            Prepared(
                columns,
                kernel.move(reference, first[:, :cells], written([entering[column] for column in columns])),
            )
            for (columns, reference), first in self.kept
        )


def past_of(windows: Windows, *, moves: bool) -> Window:
    """The hours that a slot of these windows leaves to the slots after it."""
    return Window(windows.history.start, windows.reference.end if moves else windows.current.start)


_OWN = {"actual", "predicted", "error"}


def _keep(prepared: Prepared, pairs: Pairs, windows: Windows, span: int) -> Kept:
    start = windows.reference.start
    leaving = columns_of(pairs, Cells.of_window(pairs.grid, Window(start, start + span * pairs.grid.step)))
    return Kept(prepared, written([leaving[column] for column in prepared.columns]))


def _came(timeline: Timeline, cut: slice) -> Moments | None:
    """When the last actuals of the cells first came, as far back as delays are learnt from."""
    if not says_when(timeline):
        return None
    return came_at(timeline, slice(max(cut.stop - KEPT // timeline.grid.step, cut.start), cut.stop))


def _whole(*values: Floats) -> int:
    """The cell after the last one in which anything is missing."""
    missing = [np.isnan(each).reshape(-1, each.shape[-1]).any(axis=0) for each in values]
    cells = np.flatnonzero(np.logical_or.reduce(missing))
    return int(cells[-1]) + 1 if len(cells) else 0


def _some(counts: Counts) -> dict[Unused, NDArray[np.int32]]:
    return {reason: cellwise for reason, cellwise in counts.items() if cellwise.any()}


def _joined(past: Floats, fresh: Floats) -> Floats:
    return np.concatenate([past, fresh], axis=-1)


def _widened(forecast: Forecast, versions: Sequence[str], wanted: Sequence[str]) -> Forecast:
    """The forecast with an axis for each wanted version, NaN where it has none."""
    lower, upper = forecast.lower, forecast.upper
    return Forecast(
        _of_versions(forecast.predicted, versions, wanted, np.nan),
        None if lower is None else _of_versions(lower, versions, wanted, np.nan),
        None if upper is None else _of_versions(upper, versions, wanted, np.nan),
    )


def _of_versions(
    values: NDArray[Any], versions: Sequence[str], wanted: Sequence[str], missing: float
) -> NDArray[Any]:
    if tuple(versions) == tuple(wanted):
        return values
    wide = np.full((len(wanted), *values.shape[1:]), missing, dtype=values.dtype)
    wide[[wanted.index(version) for version in versions]] = values
    return wide


def _counts(
    past: Counts, fresh: Counts, skip: int, like: Floats, grid: Grid
) -> dict[Unused, NDArray[np.int32]]:
    """The counts of both, by reason; zero where one has none."""
    before = (*like.shape[:-1], like.shape[-1] - skip)
    after = (*like.shape[:-1], grid.count)
    return {
        reason: np.concatenate(
            [
                past[reason][..., skip:] if reason in past else np.zeros(before, dtype=np.int32),
                fresh[reason] if reason in fresh else np.zeros(after, dtype=np.int32),
            ],
            axis=-1,
        )
        for reason in {**past, **fresh}
    }
