"""What is known of a block of cities at a slot: read whole, or by what an earlier slot kept of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from drift.cache import Cache, key_of
from drift.domain import Failure, Floats, Window
from drift.engines.local import Block
from drift.evaluate import Prepared, prepare
from drift.past import Past, past_of
from drift.reading import fingerprint_of, timeline_of
from drift.timeline import Pairs, Timeline
from drift.tools import Tools
from drift.windows import Cadence, Windows


class Known(NamedTuple):
    """What is known of a block: its rows on the grid, the pairs at the slot, the references, what failed, and
    the scale where it is at hand.
    """

    timeline: Timeline
    pairs: Pairs
    references: tuple[Prepared, ...]
    unread: list[Failure]
    scale: Floats | None = None


def known_whole(
    tools: Tools, windows: Windows, cadence: Cadence, cities: Block, *, write_features: bool
) -> Known:
    """The block, read from the beginning of the slot's history.

    Raises:
        StoreError: not one of its cities can be read.
    """
    timeline, unread = timeline_of(
        tools.store, windows.history, cadence, cities, tools.config, write_features=write_features
    )
    pairs = timeline.at(windows)
    return Known(timeline, pairs, prepare(pairs, windows, tools.how), unread)


def known_by_past(cache: Cache, tools: Tools, windows: Windows, cadence: Cadence, cities: Block) -> Known:
    """The block by what an earlier slot kept of it, if that still holds; else read whole, and kept for the
    next.

    Raises:
        StoreError: not one of its cities can be read.
    """
    config = tools.config
    key = key_of(config, cities, cadence, tools.how.kernel.NAME)

    def made_from(window: Window) -> str | None:
        return fingerprint_of(tools.store, window, cities)

    kept = cache.recall(key, windows, made_from)
    known = None if kept is None else _followed(kept.past, tools, windows, cadence, cities)
    if kept is not None and known is not None and made_from(kept.past.window) == kept.fingerprint:
        return known  # and the rows did not change while they were read
    moves = isinstance(config.windows.reference, timedelta)
    before = made_from(past_of(windows, moves=moves))
    known = known_whole(tools, windows, cadence, cities, write_features=False)
    if before is not None and not known.unread:
        span = config.accuracy.season // cadence.step
        later = Past.of(
            known.timeline,
            known.pairs,
            windows,
            known.references,
            config.accuracy,
            moves=moves,
            span=span,
        )
        if later is not None:
            cache.offer(key, later, before, made_from)
    return known


def _followed(
    past: Past, tools: Tools, windows: Windows, cadence: Cadence, cities: Sequence[str]
) -> Known | None:
    """The block by its past and the rows since; None where they do not go together."""
    since = Window(past.end, windows.history.end)
    fresh, unread = timeline_of(tools.store, since, cadence, cities, tools.config, write_features=False)
    timeline = None if unread or fresh.averaged else past.followed_by(fresh, windows)
    if timeline is None:
        return None
    pairs = timeline.at(windows)
    references = past.references(pairs, windows, tools.how.kernel)
    return Known(timeline, pairs, references, [], past.scale_at(windows))
