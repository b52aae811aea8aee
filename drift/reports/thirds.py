"""The regimes of a city's hours: thirds of its temperature, or of each feature where none is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from drift.domain import Floats
from drift.evidence.wording import digits
from drift.reports.book import Book
from drift.reports.local import Ints
from drift.reports.shown import readable


@dataclass(frozen=True, slots=True, eq=False)
class Thirds:
    """The thirds of a feature's values in the reference; `group` has that of each hour, 3 for none."""

    feature: str
    words: tuple[str, str, str]
    group: Ints


def thirds_of(book: Book, c: int) -> Mapping[str, Thirds]:
    """The thirds of the temperature by the feature's name, as people think in it; else of every feature."""
    features = book.pairs.features
    warm = {name: values for name, values in features.items() if "temp" in name.lower()} or features
    found = {name: _thirds(readable(name, 40), book.whole(f[c]), book.reference) for name, f in warm.items()}
    return {name: thirds for name, thirds in found.items() if thirds is not None}


def _thirds(feature: str, values: Floats, reference: slice) -> Thirds | None:
    """None where the reference has no three values that differ."""
    known = values[reference][np.isfinite(values[reference])]
    if known.size < 3:
        return None
    first, second = known.size // 3, 2 * known.size // 3
    ranked = np.partition(known, (first, second))
    low, high = float(ranked[first]), float(ranked[second])
    if not low < high:
        return None
    bounds = digits(low), digits(high)
    words = (f"below {bounds[0]}", f"{bounds[0]} to {bounds[1]}", f"above {bounds[1]}")
    third = np.where(np.isfinite(values), (values > low).astype(np.int64) + (values > high), 3)
    return Thirds(feature, words, third)
