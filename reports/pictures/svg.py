"""The pictures, drawn on the server as small SVGs: an interval on a shared axis, an ECDF, and samples in order.

Every function returns markup that is safe to insert: numbers are formatted here, and labels are escaped. Colours come
from the page's style sheet, by class, so that one picture serves light and dark. Paths use whole numbers and relative
commands, and long series are thinned to a bounded number of points that keeps every extreme.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from markupsafe import Markup, escape

# Pixels, a choice: a row of text is 16 high, and two plots stand side by side on a narrow screen.
FOREST_WIDTH, FOREST_HEIGHT = 200, 16
PLOT_WIDTH, PLOT_HEIGHT = 280, 64
_POINTS = 12
"""Points of a thinned ECDF."""
_BUCKETS = 9
"""Buckets of a thinned series, two points each."""
# A choice: round numbers, each at most half as large again or twice the one before.
_LIMITS = (0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0)


def axis_limit(changes: Iterable[float], band: float) -> float:
    """The half-width of a shared axis of changes (fractions): wide enough for twice the band and for every change up to
    three times the ninetieth percentile. The rest is drawn as an arrow: one wild row must not flatten all others.
    """
    sizes = sorted(abs(change) for change in changes)
    most = 3 * sizes[(len(sizes) * 9) // 10] if sizes else 0.0
    wanted = max([2 * band, *(size for size in sizes if size <= most)])
    return next((limit for limit in _LIMITS if limit >= wanted), _LIMITS[-1])


def forest(
    low: float | None,
    point: float,
    high: float | None,
    *,
    band: float,
    limit: float,
    label: str,
    epochs: Sequence[float] = (),
) -> Markup:
    """One row's change with its interval over the noise band, on the axis ``-limit … +limit`` (all fractions).

    ``epochs`` are the changes that the single epochs of an A/B saw, drawn as small points below the interval.
    """
    middle = FOREST_HEIGHT // 2
    at = _forest_x(point, limit)
    line = f"M{_forest_x(low, limit)} {middle}H{_forest_x(high, limit)}" if low is not None and high is not None else ""
    if abs(point) > limit:
        # an arrow says: further out than this axis goes
        back = at - 7 if point > 0 else at + 7
        mark = f"M{at} {middle}L{back} {middle - 5}V{middle + 5}z"
    else:
        mark = f"M{at} {middle - 4}l4 4-4 4-4-4z"
    left, right = _forest_x(-band, limit), _forest_x(band, limit)
    shade = f'<path class=b d="M{left} {middle}H{right}"/>' if band else ""
    dots = "".join(f"M{_forest_x(epoch, limit)} {middle + 6}h0" for epoch in epochs)
    points = f'<path class=o d="{dots}"/>' if dots else ""
    return _svg("fr", label, [shade, f'<path d="{line}{mark}"/>', points])


def ecdf(
    sides: Sequence[tuple[str, Sequence[float]]],
    ends: tuple[str, str],
    label: str,
    axis: tuple[float, float] | None = None,
) -> Markup:
    """The share of samples at or below each value, one step line a side.

    ``sides`` are ``(class, samples)``; the class ``estimates`` is drawn as ticks, one a value. ``ends`` are the texts
    at the axis' ends, as :func:`plot_range` gives them; ``axis`` is what it gave, where that is known already.
    """
    low, high = axis or plot_range([samples for _, samples in sides])
    parts = []
    for kind, samples in sides:
        if kind == "estimates":
            ticks = "".join(f"M{_scaled(value, low, high, PLOT_WIDTH)} 0v{PLOT_HEIGHT}" for value in sorted(samples))
            parts.append(f'<path class={kind} d="{ticks}"/>')
        else:
            parts.append(f'<path class={kind} d="{_cumulative(samples, low, high)}"/>')
    texts = (
        f"<text y={PLOT_HEIGHT + 12}>{escape(ends[0])}</text>"
        f"<text x={PLOT_WIDTH} y={PLOT_HEIGHT + 12} class=e>{escape(ends[1])}</text>"
    )
    return _svg("pl", label, [*parts, texts])


def series(sides: Sequence[tuple[str, Sequence[float]]], label: str, axis: tuple[float, float] | None = None) -> Markup:
    """The samples in the order they were taken, one line a side, upwards on the value axis of :func:`plot_range`."""
    low, high = axis or plot_range([samples for _, samples in sides])
    parts = [
        f'<path class={kind} d="{_line(thin(samples), low, high)}"/>' for kind, samples in sides if kind != "estimates"
    ]
    return _svg("pl", label, parts)


def plot_range(sides: Iterable[Sequence[float]]) -> tuple[float, float]:
    """The value axis for ``sides``: from the least sample to the largest, unless a few samples would flatten the rest.

    What lies further than the span of the central 90 % beyond it is drawn at the edge.
    """
    lows, highs = [], []
    for samples in sides:
        ordered = sorted(samples)
        q05, q95 = ordered[len(ordered) // 20], ordered[(len(ordered) * 19) // 20]
        reach = q95 - q05
        lows.append(max(ordered[0], q05 - reach))
        highs.append(min(ordered[-1], q95 + reach))
    return min(lows), max(highs)


def thin(samples: Sequence[float], buckets: int = _BUCKETS) -> list[tuple[float, float]]:
    """At most ``2 * buckets`` points ``(position 0 … 1, value)`` of a series: each bucket's extremes, in order."""
    last = max(len(samples) - 1, 1)
    if len(samples) <= 2 * buckets:
        return [(index / last, value) for index, value in enumerate(samples)]
    points = []
    for bucket in range(buckets):
        start, stop = bucket * len(samples) // buckets, (bucket + 1) * len(samples) // buckets
        least = min(range(start, stop), key=samples.__getitem__)
        most = max(range(start, stop), key=samples.__getitem__)
        points += [(index / last, samples[index]) for index in sorted({least, most})]
    return points


def _cumulative(samples: Sequence[float], low: float, high: float) -> str:
    """An ECDF as a path: its very steps, or where there are too many, straight lines between points that lie on it.

    The least and the largest sample are always among them.
    """
    ordered = sorted(samples)
    count = len(ordered)
    points = min(count, _POINTS)
    indices = [point * (count - 1) // max(points - 1, 1) for point in range(points)]
    pixels = [
        (_scaled(ordered[index], low, high, PLOT_WIDTH), PLOT_HEIGHT - round((index + 1) / count * PLOT_HEIGHT))
        for index in indices
    ]
    start = (pixels[0][0], PLOT_HEIGHT)
    if count > _POINTS:
        path = _moves([start, *pixels])
    else:
        path = f"M{start[0]} {start[1]}" + "".join(f"H{x}V{y}" for x, y in pixels)
    return f"{path}H{PLOT_WIDTH}" if pixels[-1][0] < PLOT_WIDTH else path


def _line(points: Sequence[tuple[float, float]], low: float, high: float) -> str:
    pixels = [
        (round(position * PLOT_WIDTH), PLOT_HEIGHT - _scaled(value, low, high, PLOT_HEIGHT))
        for position, value in points
    ]
    return _moves(pixels) if len(pixels) > 1 else f"M{pixels[0][0]} {pixels[0][1]}h2"


def _moves(pixels: Sequence[tuple[int, int]]) -> str:
    """A path through ``pixels``, each written as the step from the one before."""
    steps = [f"{x1 - x0}{_joined(y1 - y0)}" for (x0, y0), (x1, y1) in pairwise(pixels)]
    return f"M{pixels[0][0]} {pixels[0][1]}l" + " ".join(steps)


def _joined(number: int) -> str:
    """A number after another one in a path: a minus needs no space before it."""
    return str(number) if number < 0 else f" {number}"


def _svg(kind: str, label: str, parts: Iterable[str]) -> Markup:
    """The picture ``kind``, whose size in pixels the style sheet sets."""
    return Markup(  # noqa: S704 (numbers, class names of ours, and escaped labels)
        f'<svg class={kind} role=img aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _forest_x(change: float, limit: float) -> int:
    share = min(max(change / limit, -1.0), 1.0)
    return round(FOREST_WIDTH / 2 + share * (FOREST_WIDTH / 2 - 4))


def _scaled(value: float, low: float, high: float, size: int) -> int:
    if high <= low:
        return size // 2
    return round(min(max((value - low) / (high - low), 0.0), 1.0) * size)
