"""Four weeks of daily error as a small picture in a table cell: drawn here, so that it needs no script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

WIDTH, HEIGHT = 140, 28


def sparkline(
    values: Sequence[float], top: float, marks: Iterable[tuple[float, float, str]], alt: str
) -> str:
    """An inline SVG of the values from 0 to `top` (more is cut off), gaps left open.

    `marks` are spans of the x axis, in values from the first, with the class of their level. Only numbers
    and `alt`, which is escaped, reach the markup.
    """
    from markupsafe import escape

    wide = WIDTH / max(len(values), 1)
    shades = "".join(
        f'<rect class="{level}" x="{start * wide:.1f}" y="0" width="{max((end - start) * wide, 1.5):.1f}" '
        f'height="{HEIGHT}"/>'
        for start, end, level in marks
        if level in ("firing", "pending")
    )
    return (
        f'<svg class="spark" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{escape(alt)}">{shades}<path d="{_path(values, top, wide)}"/></svg>'
    )


def _path(values: Sequence[float], top: float, wide: float) -> str:
    parts, drawing = [], False
    room = HEIGHT - 4
    for i, value in enumerate(values):
        if not math.isfinite(value):
            drawing = False
            continue
        x, y = (i + 0.5) * wide, HEIGHT - 2 - room * min(value / top if top > 0 else 0.0, 1.0)
        parts.append(f"{'L' if drawing else 'M'}{x:.1f} {y:.1f}")
        if not drawing and not (i + 1 < len(values) and math.isfinite(values[i + 1])):
            parts.append("h0.1")  # a lone day shows as a dot
        drawing = True
    return "".join(parts)
