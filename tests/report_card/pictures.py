"""The card's pictures as small SVG files: power against true effect, and finding against false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 340, 56, 20, 200, 48
SHAPES = ("circle", "square", "diamond", "triangle", "cross", "bar")
STYLE = (
    "text{font:12px sans-serif;fill:#333}.a{stroke:#999}.g{stroke:#ddd}"
    ".s0{stroke:#0b5;fill:#0b5}.s1{stroke:#06c;fill:#06c}.s2{stroke:#c50;fill:#c50}.s3{stroke:#90a;fill:#90a}"
    ".s4{stroke:#a80;fill:#a80}.s5{stroke:#555;fill:#555}polyline{fill:none!important;stroke-width:2}"
    "rect.bg{fill:#fff}"
)


@dataclass(frozen=True)
class Line:
    """A named series of points; ``marks`` are drawn as shapes, ``points`` joined by a line."""

    name: str
    points: Sequence[tuple[float, float]] = ()
    marks: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True)
class Axis:
    """An axis from ``low`` to ``high`` with ticks at places and their texts."""

    title: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]

    def at(self, value: float, start: float, length: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(start + share * length, 1)


def chart(title: str, across: Axis, up: Axis, lines: Sequence[Line]) -> str:
    """One chart; every series has a colour and a shape of its own, and stands in the legend."""
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(value: float) -> float:
        return across.at(value, LEFT, width)

    def y(value: float) -> float:
        return up.at(value, TOP + height, -height)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f'<title>{escape(title)}</title><style>{STYLE}</style><rect class="bg" width="{WIDTH}" height="{HEIGHT}"/>',
    ]
    for value, text in across.ticks:
        parts.append(f'<line class="g" x1="{x(value)}" x2="{x(value)}" y1="{TOP}" y2="{TOP + height}"/>')
        parts.append(f'<text x="{x(value)}" y="{TOP + height + 16}" text-anchor="middle">{escape(text)}</text>')
    for value, text in up.ticks:
        parts.append(f'<line class="g" x1="{LEFT}" x2="{LEFT + width}" y1="{y(value)}" y2="{y(value)}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(value) + 4}" text-anchor="end">{escape(text)}</text>')
    parts.append(f'<text x="{LEFT + width / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(across.title)}</text>')
    parts.append(f'<text x="{LEFT}" y="{TOP - 6}">{escape(up.title)}</text>')
    for place, line in enumerate(lines):
        kind, shape = f"s{place % 6}", SHAPES[place % len(SHAPES)]
        if line.points:
            joined = " ".join(f"{x(a)},{y(b)}" for a, b in line.points)
            parts.append(f'<polyline class="{kind}" points="{joined}"/>')
        parts += [_mark(shape, kind, x(a), y(b)) for a, b in line.marks]
        legend = TOP + 12 + 18 * place
        parts.append(_mark(shape, kind, LEFT + width + 18, legend - 4))
        parts.append(f'<text x="{LEFT + width + 30}" y="{legend}">{escape(line.name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _mark(shape: str, kind: str, x: float, y: float) -> str:
    if shape == "circle":
        return f'<circle class="{kind}" cx="{x}" cy="{y}" r="3.5"/>'
    path = {
        "square": "m-3-3h6v6h-6z",
        "diamond": "m0-5l4 5-4 5-4-5z",
        "triangle": "m0-4l4 7h-8z",
        "cross": "m-4-4l8 8m0-8l-8 8",
        "bar": "m-4-1h8v2h-8z",
    }[shape]
    return f'<path class="{kind}" d="M{x} {y}{path}"/>'
