"""Two plain charts as SVG: bars for what things cost, lines for how cost grows, both logarithmic.

Why drawn here: a plotting library is a large thing to install for two pictures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, LEFT, RIGHT, ROW = 760, 300, 90, 26
PLOT_HEIGHT, TOP, BOTTOM = 320, 52, 46
COLOURS = ("#3060a0", "#c05020", "#308050", "#806090", "#907020", "#505050")


def _text(x: float, y: float, text: str, anchor: str = "start", extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{escape(text)}</text>'


def _svg(height: float, title: str, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'aria-label="{escape(title)}" font-family="sans-serif" font-size="12" fill="#222">'
    )
    background = f'<rect width="{WIDTH}" height="{height:.0f}" fill="#fff"/>'
    heading = _text(12, 22, title, extra=' font-size="15" font-weight="bold"')
    return "\n".join([head, background, heading, *parts, "</svg>"]) + "\n"


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """The powers of ten around the values."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _power(exponent: int) -> str:
    return f"{10.0**exponent:,.10f}".rstrip("0").rstrip(".") if exponent < 0 else f"{10**exponent:,}"


def bars(title: str, values: Mapping[str, float], unit: str) -> str:
    """A bar a value, its length the logarithm: a bar one decade longer is ten times as dear."""
    low, high = _decades(list(values.values()))
    reach = (WIDTH - LEFT - RIGHT) / (high - low)
    bottom = TOP + ROW * len(values)
    parts = []
    for exponent in range(low, high + 1):
        x = LEFT + (exponent - low) * reach
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#ddd"/>')
        parts.append(_text(x, bottom + 16, _power(exponent), "middle"))
    for row, (name, value) in enumerate(values.items()):
        y, length = TOP + row * ROW, max((math.log10(value) - low) * reach, 1.0)
        colour = COLOURS[0 if name.startswith("drift") else 5]
        parts.append(_text(LEFT - 8, y + 17, name, "end"))
        parts.append(
            f'<rect x="{LEFT}" y="{y + 4}" width="{length:.1f}" height="{ROW - 8}" fill="{colour}"/>'
        )
        parts.append(_text(LEFT + length + 6, y + 17, f"{value:.3g} {unit}"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, bottom + 34, f"{unit}, logarithmic", "middle"))
    return _svg(bottom + BOTTOM, title, parts)


def lines(title: str, series: Mapping[str, Sequence[tuple[float, float]]], x_label: str, y_label: str) -> str:
    """A line a series, both axes logarithmic: a straight line is a power, its slope the exponent."""
    points = [point for line in series.values() for point in line]
    (x_low, x_high), (y_low, y_high) = (_decades([point[k] for point in points]) for k in (0, 1))
    left, right, bottom = 80, WIDTH - 230, TOP + PLOT_HEIGHT

    def across(x: float) -> float:
        return left + (math.log10(x) - x_low) / (x_high - x_low) * (right - left)

    def up(y: float) -> float:
        return bottom - (math.log10(y) - y_low) / (y_high - y_low) * PLOT_HEIGHT

    parts = []
    for exponent in range(x_low, x_high + 1):
        x = across(10.0**exponent)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#ddd"/>')
        parts.append(_text(x, bottom + 16, _power(exponent), "middle"))
    for exponent in range(y_low, y_high + 1):
        y = up(10.0**exponent)
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(_text(left - 8, y + 4, _power(exponent), "end"))
    for k, (name, line) in enumerate(series.items()):
        colour = COLOURS[k % len(COLOURS)]
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3.5" fill="{colour}"/>' for x, y in line]
        parts.append(_text(right + 14, TOP + 16 + 20 * k, name, extra=f' style="fill:{colour}"'))
    parts.append(_text((left + right) / 2, bottom + 36, x_label, "middle"))
    parts.append(_text(12, TOP - 10, y_label))
    return _svg(bottom + BOTTOM + 6, title, parts)
