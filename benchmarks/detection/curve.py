"""A figure of share found against alarms: each detector a line, each of its levels a point."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from benchmarks.chart import COLOURS

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900, 420, 70, 330, 52, 60
TICKS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
Points = Sequence[tuple[float, float]]


def curve(title: str, series: Mapping[str, Points], x_label: str, y_label: str) -> str:
    """As SVG: x logarithmic from 0.1 to 50, y a share from 0 to 1. Points outside of x are left out.

    A series of one point is a mark without a line.
    """
    body = [_text(12, 22, title, ' font-size="15" font-weight="bold"'), *_axes(x_label, y_label)]
    for number, (name, points) in enumerate(series.items()):
        body += _line(number, name, sorted(p for p in points if TICKS[0] <= p[0] <= TICKS[-1]))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" font-family="sans-serif" font-size="12" fill="#222">'
    )
    ground = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
    return "\n".join([head, ground, *body, "</svg>"]) + "\n"


def _across(x: float) -> float:
    return LEFT + math.log(x / TICKS[0]) / math.log(TICKS[-1] / TICKS[0]) * (WIDTH - LEFT - RIGHT)


def _up(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _text(x: float, y: float, text: str, extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}"{extra}>{escape(text)}</text>'


def _axes(x_label: str, y_label: str) -> list[str]:
    parts = []
    for x in TICKS:
        at, dark = _across(x), "#888" if x == 1 else "#ddd"
        parts.append(
            f'<line x1="{at:.1f}" y1="{_up(1):.1f}" x2="{at:.1f}" y2="{_up(0):.1f}" stroke="{dark}"/>'
        )
        parts.append(_text(at, _up(0) + 16, f"{x:g}", ' text-anchor="middle"'))
    for tenth in range(0, 11, 2):
        at = _up(tenth / 10)
        parts.append(f'<line x1="{LEFT}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 8, at + 4, f"{tenth * 10} %", ' text-anchor="end"'))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 18, x_label, ' text-anchor="middle"'))
    parts.append(_text(12, TOP - 10, y_label))
    return parts


def _line(number: int, name: str, points: Points) -> list[str]:
    colour = COLOURS[number % len(COLOURS)]
    dashed = "" if number < len(COLOURS) else ' stroke-dasharray="5 3"'
    at = [(_across(x), _up(share)) for x, share in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashed}/>']
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in at]
    parts.append(_text(WIDTH - RIGHT + 14, TOP + 16 + 20 * number, name, f' style="fill:{colour}"'))
    return parts
