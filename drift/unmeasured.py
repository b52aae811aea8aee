"""PURE. What a slot's counts of rows say is wrong with the data as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from drift.config import format_duration
from drift.domain import Failure, PairCount, Panel, Unused
from drift.windows import Cadence, Windows


def unmeasured(
    panels: Sequence[Panel], counts: Sequence[PairCount], windows: Windows, said: Sequence[Failure]
) -> list[Failure]:
    """A slot of which nothing could be measured is no success, whatever the reason."""
    if any((panel.reason == 0).any() for panel in panels if panel.kind == "metric"):
        return []
    if any(failure.what == "current" for failure in said):
        return []
    why: Counter[str] = Counter()
    for count in counts:
        if count.window == "current":
            why.update({reason.value: many for reason, many in count.unused.items()})
    reasons = ", ".join(f"{reason} {many}" for reason, many in why.most_common()) or "there are no rows"
    text = f"nothing could be measured in {windows.current}: {reasons}; see `drift doctor`"
    return [Failure("windows", "current", text)]


def off_interval(counts: Sequence[PairCount], cadence: Cadence) -> list[Failure]:
    """Cities more of whose rows lie beside the grid than on it have another interval, or another phase."""
    off = sorted(
        {
            str(count.city)
            for count in counts
            if count.window == "history" and count.unused.get(Unused.OFF_INTERVAL, 0) > count.used
        }
    )
    if not off:
        return []
    some = ", ".join(off[:5]) + (f" and {len(off) - 5} more" if len(off) > 5 else "")
    first = cadence.floor(cadence.anchor + timedelta(days=1))
    text = (
        f"most rows of {some} lie off the interval of {format_duration(cadence.step)} (at {first:%M} past): "
        f"both tables want this interval and phase, or parts of it; see store.interval, or give these cities "
        f"a config of their own"
    )
    return [Failure("read", "interval", text)]
