"""What an optimization costs against what it gains: latency against size and against difference, one picture a model.

An optimization is on the *front* where no other of the same model is at least as good in both and better in one. The
pictures are SVG made here, coloured by the page's style sheet; everything from outside is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from markupsafe import Markup, escape

from paceline.baselines.records import Case, Key, Measured, Metric, Run, metrics
from paceline.baselines.stats.samples import estimate
from paceline.reports.pictures.heat_map import REFERENCE
from paceline.reports.wording.quantities import quantity

WIDTH, HEIGHT = 340, 190
"""Of one panel, in pixels, its axes' labels included."""
LEFT, RIGHT, TOP, BOTTOM = 62, 326, 14, 148
"""The plotted area inside a panel."""
_LARGEST, _SMALLEST = 10.0, 2.5
"""Radii of the largest and of the smallest marker."""
_LEAST = 1e-100
"""Anything less is drawn as nothing."""
_LANE = 16
"""Height of the strip at the bottom for what has no logarithm: a difference of zero."""


@dataclass(frozen=True)
class Choice:
    """One optimization of a model: ``latency_ns``; ``size_bytes`` and ``difference`` (of the output, relative) are
    ``None`` where they were not measured. ``number`` is its label where it is on a front, else 0."""

    optimization: str
    anchor: str
    latency_ns: float
    size_bytes: float | None
    difference: float | None
    number: int = 0
    on_size_front: bool = False
    on_difference_front: bool = False


@dataclass(frozen=True)
class ParetoChart:
    """The choices for one model on one device at one batch size, fastest first."""

    case: Case
    choices: tuple[Choice, ...]

    @property
    def on_a_front(self) -> tuple[Choice, ...]:
        """Those that are on a front, in the order of their numbers."""
        return tuple(one for one in self.choices if one.number)

    @property
    def place(self) -> str:
        """Where it was measured: ``cpu, batch size 1``."""
        further = (f"{name} {value}" for name, value in self.case.parameters)
        return ", ".join([self.case.device, f"batch size {self.case.batch_size}", *further])


def front(points: Sequence[tuple[float, float]]) -> frozenset[int]:
    """The indices of the points that no other point dominates, where less is better in both coordinates.

    A point dominates another where it is at most equal in both coordinates and less in one. Equal points are on the
    front together.
    """
    order = sorted(range(len(points)), key=points.__getitem__)
    kept: list[int] = []
    for index in order:
        # in this order only what came before can dominate, and the last one kept has the least second coordinate
        if not kept or points[index][1] < points[kept[-1]][1] or points[index] == points[kept[-1]]:
            kept.append(index)
    return frozenset(kept)


def build_charts(run: Run, anchors: Mapping[Case, str]) -> tuple[ParetoChart, ...]:
    """A chart of every model, device and batch size with two choices or more of which size or difference are known."""
    values: dict[Key, float] = {
        outcome.key: estimate(outcome.metric, outcome.samples)
        for outcome in run.outcomes
        if isinstance(outcome, Measured) and outcome.metric.name in _NAMES
    }
    groups: dict[tuple[object, ...], list[Case]] = {}
    for (case, metric), found in values.items():
        if metric == metrics.LATENCY.name and found > 0:
            groups.setdefault((case.model, case.device, case.batch_size, case.parameters), []).append(case)
    charts = (_chart(cases, values, anchors) for cases in groups.values())
    return tuple(chart for chart in charts if len(chart.on_a_front) and len(chart.choices) > 1)


_NAMES = frozenset(metric.name for metric in (metrics.LATENCY, metrics.SIZE, metrics.DIFFERENCE))


def _chart(cases: Sequence[Case], values: Mapping[Key, float], anchors: Mapping[Case, str]) -> ParetoChart:
    def value(case: Case, metric: Metric) -> float | None:
        return values.get(Key(case, metric.name))

    choices = []
    for case in sorted(cases, key=lambda case: (values[Key(case, metrics.LATENCY.name)], case.optimization)):
        size = value(case, metrics.SIZE)
        difference = 0.0 if case.optimization == REFERENCE else value(case, metrics.DIFFERENCE)
        if size is not None or difference is not None:
            choices.append(
                Choice(case.optimization, anchors[case], values[Key(case, metrics.LATENCY.name)], size, difference)
            )
    by_size, by_difference = (_on_front(choices, read) for read in (_size, _difference))
    numbers = {place: number for number, place in enumerate(sorted(by_size | by_difference), 1)}
    numbered = (
        replace(
            one,
            number=numbers.get(place, 0),
            on_size_front=place in by_size,
            on_difference_front=place in by_difference,
        )
        for place, one in enumerate(choices)
    )
    return ParetoChart(cases[0], tuple(numbered))


def _size(one: Choice) -> float | None:
    return one.size_bytes


def _difference(one: Choice) -> float | None:
    return one.difference


def _on_front(choices: Sequence[Choice], read: Callable[[Choice], float | None]) -> frozenset[int]:
    """Those on the front of latency and ``read``; none where fewer than two have both."""
    known = [(index, cost) for index, one in enumerate(choices) if (cost := read(one)) is not None]
    if len(known) < 2:
        return frozenset()
    found = front([(choices[index].latency_ns, cost) for index, cost in known])
    return frozenset(known[place][0] for place in found)


# -- drawing -----------------------------------------------------------------------------------------------------------


def draw(chart: ParetoChart) -> Markup:
    """Both panels, each left out where fewer than two choices have its value."""
    return _panel(chart, "size", metrics.SIZE, _size, lambda one: one.on_size_front) + _panel(
        chart, "difference of the output", metrics.DIFFERENCE, _difference, lambda one: one.on_difference_front
    )


@dataclass(frozen=True)
class _Axis:
    """A logarithmic axis from ``low`` to ``high``, in pixels from ``start`` to ``stop``; zero is at ``zero``."""

    low: float
    high: float
    start: float
    stop: float
    zero: float

    def at(self, value: float) -> float:
        if value < _LEAST:
            return self.zero
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.stop - self.start)

    @property
    def middle(self) -> float:
        return math.sqrt(self.low * self.high)


def _axis(values: Iterable[float], start: float, stop: float, zero: float) -> _Axis:
    """From a little below the least positive value to a little above the largest, a factor of 1.2 at least."""
    positive = [value for value in values if value >= _LEAST] or [1.0]
    low, high = min(positive), max(positive)
    spare = max((high / low) ** 0.08, 1.1)
    return _Axis(low / spare, high * spare, start, stop, zero)


def _panel(
    chart: ParetoChart,
    title: str,
    metric: Metric,
    read: Callable[[Choice], float | None],
    is_front: Callable[[Choice], bool],
) -> Markup:
    shown = [(one, cost) for one in chart.choices if (cost := read(one)) is not None]
    if len(shown) < 2:
        return Markup("")
    has_zero = any(cost < _LEAST for _, cost in shown)
    floor = BOTTOM - (_LANE if has_zero else 0)
    x = _axis((one.latency_ns for one, _ in shown), LEFT, RIGHT, LEFT)
    y = _axis((cost for _, cost in shown), floor, TOP, BOTTOM - _LANE / 2)
    placed = [(one, x.at(one.latency_ns), y.at(cost)) for one, cost in shown]
    best = sorted(((across, down) for one, across, down in placed if is_front(one)))
    named = ", ".join(one.optimization for one, _, _ in placed if is_front(one))
    label = f"{chart.case.model}: latency against {title}; on the front: {named}"
    largest = max((one.size_bytes or 0.0 for one in chart.choices), default=0.0)
    # the large ones first: no marker hides a smaller one
    marks = sorted(placed, key=lambda mark: -(mark[0].size_bytes or 0.0))
    parts = [
        _frame(x, y, metric, title, floor if has_zero else None),
        f'<path class=l d="{_steps(best)}"/>' if len(best) > 1 else "",
        *(_marker(one, across, down, largest, is_front(one)) for one, across, down in marks),
        *_numbers([mark for mark in placed if is_front(mark[0])], placed, best, largest),
    ]
    return Markup(  # noqa: S704 (numbers, class names of ours, and escaped texts)
        f'<svg class=pa role=img aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _frame(x: _Axis, y: _Axis, metric: Metric, title: str, floor: float | None) -> str:
    """Axes with three labels each; a line below which zero is, where there is one."""
    texts = [
        f"<text x={LEFT} y={BOTTOM + 13}>{_label(x.low, 'ns')}</text>",
        f"<text x={(LEFT + RIGHT) // 2} y={BOTTOM + 13} class=m>{_label(x.middle, 'ns')}</text>",
        f"<text x={RIGHT} y={BOTTOM + 13} class=e>{_label(x.high, 'ns')}</text>",
        f"<text x={(LEFT + RIGHT) // 2} y={BOTTOM + 28} class=m>latency</text>",
        f"<text x={LEFT} y={TOP - 5}>{escape(title)}</text>",
    ]
    for value, down in ((y.high, TOP + 8), (y.middle, (y.start + y.stop) / 2 + 3), (y.low, y.start - 1)):
        texts.append(f"<text x={LEFT - 5} y={down:.0f} class=e>{_label(value, metric.unit)}</text>")
    lines = f"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}"
    if floor is not None:
        lines += f"M{LEFT} {floor:.0f}H{RIGHT}"
        texts.append(f"<text x={LEFT - 5} y={BOTTOM - 4} class=e>none</text>")
    return f'<path class=x d="{lines}"/>{"".join(texts)}'


def _label(value: float, unit: str) -> str:
    return str(escape(quantity(value, unit, 2)))


def _radius(one: Choice, largest: float) -> float:
    if one.size_bytes is None or largest <= 0:
        return 4.0
    return max(_LARGEST * math.sqrt(one.size_bytes / largest), _SMALLEST)


def _marker(one: Choice, across: float, down: float, largest: float, is_front: bool) -> str:
    """A circle, or a diamond of the same area on the front; its area is the size, dashed where that is not known."""
    radius = _radius(one, largest)
    unknown = one.size_bytes is None
    title = f"<title>{escape(one.optimization)}</title>"
    if is_front:
        half = radius * math.sqrt(math.pi / 2)
        path = f"M{across:.0f} {down - half:.1f}l{half:.1f} {half:.1f}-{half:.1f} {half:.1f}-{half:.1f}-{half:.1f}z"
        return f'<path class="{"f u" if unknown else "f"}" d="{path}">{title}</path>'
    return f"<circle{' class=u' if unknown else ''} cx={across:.0f} cy={down:.0f} r={radius:.1f}>{title}</circle>"


def _steps(best: Sequence[tuple[float, float]]) -> str:
    """The border of what the front dominates: from each point level to the next one's latency, then down to it."""
    path = f"M{best[0][0]:.0f} {best[0][1]:.0f}"
    return path + "".join(f"H{across:.0f}V{down:.0f}" for across, down in best[1:])


def _numbers(
    wanted: Sequence[tuple[Choice, float, float]],
    placed: Sequence[tuple[Choice, float, float]],
    best: Sequence[tuple[float, float]],
    largest: float,
) -> list[str]:
    """The numbers of the front's points, each where it covers the least of the markers, of the front's line and of
    other numbers."""
    taken = [
        (across - radius, down - radius, across + radius, down + radius)
        for one, across, down in placed
        for radius in (_radius(one, largest),)
    ]
    for (left, top), (right, bottom) in pairwise(best):
        taken += [(left, top - 2, right, top + 2), (right - 2, top, right + 2, bottom)]
    texts = []
    for one, across, down in wanted:
        wide = 7.0 * len(str(one.number))
        reach = _radius(one, largest) * 1.3 + 2
        boxes = [
            (across + dx * reach - (1 - dx) / 2 * wide, down + dy * reach - (1 - dy) / 2 * 10)
            for dx, dy in ((1, -1), (1, 0), (1, 1), (0, -1), (0, 1), (-1, 0), (-1, -1), (-1, 1))
        ]
        inside = [
            (left, top)
            for left, top in boxes
            if left >= LEFT - 2 and left + wide <= WIDTH and TOP - 4 <= top <= BOTTOM - 8
        ]
        left, top = min(inside or boxes, key=lambda box: sum(_overlap(box, wide, other) for other in taken))
        taken.append((left, top, left + wide, top + 10))
        texts.append(f"<text class=k x={left:.0f} y={top + 9:.0f}>{one.number}</text>")
    return texts


def _overlap(box: tuple[float, float], wide: float, other: tuple[float, float, float, float]) -> float:
    across = min(box[0] + wide, other[2]) - max(box[0], other[0])
    down = min(box[1] + 10, other[3]) - max(box[1], other[1])
    return max(across, 0.0) * max(down, 0.0)
