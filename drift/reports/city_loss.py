"""What makes up the loss of accuracy on a city's page: what would take it away, and where it falls.

Of the hours since the city's alerts began, where one is firing; else of the current window. The figures are
those of `drift.evidence.loss`; here they become ranked bars and a few sentences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from drift.calendar import calendar
from drift.domain import Grid
from drift.evidence.loss import Groups, Loss, LossHours, Part, Remedy, find_loss, moved
from drift.evidence.part import Lack, Reason
from drift.evidence.wording import amount, digits, percent, times
from drift.reports.bar import bar, scale_of
from drift.reports.book import Book, style_of
from drift.reports.city_faults import FaultRun
from drift.reports.local import LocalTimes
from drift.reports.normal import normal_size
from drift.reports.shown import readable
from drift.reports.thirds import Thirds
from drift.values import Bools

HOUR = timedelta(hours=1)
DAY_PARTS = ("at night (22–6)", "in the morning (6–12)", "in the afternoon (12–18)", "in the evening (18–22)")
PART_ENDS = np.array([6, 12, 18, 22])
"""Local hours that the parts of the day end with; from 22 on it is night again."""
WEEK = ("on weekdays", "on weekends", "on holidays and bridge days")
MOST_VERSIONS, MOST_PARTS, MOST_OTHERS = 4, 7, 3
TELLING, WORTH_IT = 0.2, 0.25
"""From this lift on a part is said, and from this share on what would take the extra error away."""


@dataclass(frozen=True, slots=True)
class LossRow:
    """A bar with its words: a share of the extra error. `picture` is markup made by us."""

    words: str
    picture: str
    share: str
    time: str = ""
    """The share of the hours, where that is beside it."""


@dataclass(frozen=True, slots=True)
class LossView:
    """The loss of one model version; where there is none, the sentence says why."""

    model_version: str
    style: str
    sentences: tuple[str, ...]
    remedies: tuple[LossRow, ...] = ()
    parts: tuple[LossRow, ...] = ()


def losses_of(
    book: Book,
    c: int,
    times_: LocalTimes,
    cells: slice,
    faults: Sequence[FaultRun],
    thirds: Mapping[str, Thirds],
) -> tuple[LossView, ...]:
    """The losses of a city in some hours, of the first few model versions."""
    groups = _groups(book, c, times_, cells, thirds)
    return tuple(
        _view(book, v, find_loss(_hours(book, c, v, cells, groups, faults)))
        for v in range(len(book.pairs.model_versions[:MOST_VERSIONS]))
    )


def _hours(
    book: Book, c: int, v: int, cells: slice, groups: Mapping[str, Groups], faults: Sequence[FaultRun]
) -> LossHours:
    judged, versions = book.pairs.judged.predicted, book.pairs.model_versions
    wrong = _faulty(book, cells, faults, None)
    others = [w for w in range(len(versions)) if w != v][:MOST_OTHERS]
    return LossHours(
        actual=book.pairs.actual[c, cells],
        predicted=moved(judged[v, c], cells, int(HOUR / book.pairs.grid.step)),
        normal=normal_size(book, v, np.array([c]), cells, wrong[np.newaxis])[0],
        faulty=wrong | _faulty(book, cells, faults, versions[v]),
        others={versions[w]: judged[w, c, cells] for w in others},
        groups={**groups, **_horizons(book, c, v, cells)},
    )


def _faulty(book: Book, cells: slice, faults: Sequence[FaultRun], version: str | None) -> Bools:
    """(H,) the hours with a value that is a fault, of the actuals or of a model version."""
    found: Bools = np.zeros(cells.stop - cells.start, np.bool_)
    grid = book.pairs.grid
    for run in faults:
        if run.version == version and np.isfinite(run.low):
            first, end = ((at - grid.start) // grid.step - cells.start for at in (run.start, run.end))
            found[max(first, 0) : max(end, 0)] = True
    return found


def _groups(
    book: Book, c: int, times_: LocalTimes, cells: slice, thirds: Mapping[str, Thirds]
) -> dict[str, Groups]:
    """How the hours of all model versions are told apart."""
    grid = book.pairs.grid
    part = Grid(grid.start + cells.start * grid.step, grid.step, cells.stop - cells.start)
    days = calendar(part, [book.pairs.cities[c]], book.config)
    week = np.where(days.holiday[:, 0], 2, days.weekend[:, 0].astype(np.int64))
    found = {
        "day": (DAY_PARTS, np.searchsorted(PART_ENDS, times_.hour[cells], side="right") % 4),
        "week": (WEEK, week),
    }
    for name, each in thirds.items():
        words = tuple(f"where {each.feature} is {words}" for words in each.words)
        group = each.group[cells]
        found[f"feature {name}"] = words, np.where(group < 3, group, -1)
    return found


def _horizons(book: Book, c: int, v: int, cells: slice) -> dict[str, Groups]:
    """Each hour by the nearest horizon band that forecasts it."""
    if not book.pairs.bands:
        return {}
    names = tuple(f"{readable(label, 16)} ahead" for label in book.pairs.bands)
    there = [np.isfinite(book.whole(band.predicted[v, c])[cells]) for band in book.pairs.bands.values()]
    nearest = np.argmax(there, axis=0)
    return {"horizon": (names, np.where(np.any(there, axis=0), nearest, -1))}


def _view(book: Book, v: int, found: Loss | Reason) -> LossView:
    name, style = readable(book.pairs.model_versions[v]), style_of(v)
    if not isinstance(found, Loss):
        why = (
            "all hours together, the error is no larger than normal"
            if found is Lack.NO_EXCESS
            else found.text
        )
        return LossView(name, style, (f"There is no loss to explain: {why}.",))
    parts = _telling(found.parts)
    said = [_remedy_words(book, remedy) for remedy in found.remedies]
    scale = scale_of([remedy.gone for remedy in found.remedies])
    spread = scale_of([part.share for part in parts])
    return LossView(
        name,
        style,
        tuple(_sentences(book, found, parts)),
        tuple(
            LossRow(words, bar(remedy.gone, scale, style), percent(remedy.gone))
            for words, remedy in zip(said, found.remedies, strict=True)
        ),
        tuple(
            LossRow(p.name, bar(p.share, spread, style, p.time), percent(p.share), percent(p.time))
            for p in parts
        ),
    )


def _telling(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts with most, of one feature only: that which tells the extra error apart best."""
    feature = next((part.by for part in parts if part.by.startswith("feature ")), "")
    kept = [part for part in parts if part.by == feature or not part.by.startswith("feature ")]
    return tuple(kept[:MOST_PARTS])


def _sentences(book: Book, found: Loss, parts: Sequence[Part]) -> Iterator[str]:
    extra = amount(found.extra, book.unit)
    yield f"The error is {times(found.ratio)} × normal: {extra} more than normal, on average."
    if parts and parts[0].lift >= TELLING:
        share = _most(parts[0].share)
        what = f"{share[:1].upper()}{share[1:]} of the extra error"
        yield f"{what} falls {parts[0].name}, which is {percent(parts[0].time)} of the hours."
    elif parts:
        yield "The extra error is spread over the hours: no part of them stands out."
    best = next((r for r in found.remedies if r.kind != "version"), None)
    if best is not None and best.gone >= WORTH_IT:
        yield f"{_remedy_words(book, best)}, {_most(best.gone)} of it would be gone."
    other = next((r for r in found.remedies if r.kind == "version"), None)
    if other is not None:
        yield _version_sentence(other)


def _version_sentence(other: Remedy) -> str:
    """Whether another model version would have been better."""
    name = readable(other.name)
    if other.gone <= 0:
        return f"{name} would not have been better."
    better = "better" if other.gone >= WORTH_IT else "a little better"
    return f"{name} would have been {better}: {_most(other.gone)} of it would be gone."


def _most(share: float) -> str:
    """A share as it is said: nothing is more than all of it.

    >>> _most(0.62), _most(1.3)
    ('62 %', 'all')
    """
    return "all" if share >= 0.995 else percent(share)


def _remedy_words(book: Book, remedy: Remedy) -> str:
    hours = digits(abs(remedy.size) * (book.pairs.grid.step / HOUR))
    if remedy.kind == "bias":
        way = "over-forecast" if remedy.size > 0 else "under-forecast"
        return f"Without a steady {way} of {amount(abs(remedy.size), book.unit)}"
    if remedy.kind == "scale":
        return f"With every prediction × {digits(remedy.size)}"
    if remedy.kind == "shift":
        return f"With the forecast {hours} h {'earlier' if remedy.size > 0 else 'later'}"
    if remedy.kind == "worst":
        return f"Without the worst {hours} h"
    if remedy.kind == "faults":
        return f"Without the {hours} h of faulty data"
    return f"With {readable(remedy.name)} instead"
