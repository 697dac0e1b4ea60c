"""The front itself, and its picture."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.records import Case, Cause, NotMeasured, Outcome, metrics
from paceline.reports.pictures.front import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    ParetoChart,
    build_charts,
    draw,
    front,
)
from tests.builders import make_case, make_measured, make_run

POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)).map(lambda one: (float(one[0]), float(one[1]))))
Values = tuple[float, float | None, float | None]


def dominates(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[0] and one[1] <= other[1] and one != other


@given(POINTS)
def test_the_front_is_what_nothing_dominates(points: list[tuple[float, float]]) -> None:
    expected = {
        index for index, point in enumerate(points) if not any(dominates(other, point) for other in points)
    }  # fmt: skip
    assert front(points) == expected


@given(POINTS, st.integers(0, 99))
def test_the_order_of_the_points_does_not_matter(points: list[tuple[float, float]], seed: int) -> None:
    shuffled = random.Random(seed).sample(points, len(points))
    assert sorted(points[one] for one in front(points)) == sorted(shuffled[one] for one in front(shuffled))


def test_equal_points_are_on_the_front_together() -> None:
    assert front([(1, 2), (1, 2), (1, 3), (0, 9)]) == {0, 1, 3}
    assert front([]) == frozenset()


def charts_of(
    values: Mapping[str, Values], model: str = "net", further: list[Outcome] | None = None
) -> list[ParetoChart]:
    """The charts of optimizations given as latency, size and difference."""
    outcomes: list[Outcome] = further or []
    for name, numbers in values.items():
        case = make_case(model, name)
        for metric, value in zip((metrics.LATENCY, metrics.SIZE, metrics.DIFFERENCE), numbers, strict=True):
            if value is not None:
                outcomes.append(make_measured(case, value, metric))
    anchors = {case: f"c{place}" for place, case in enumerate(dict.fromkeys(one.case for one in outcomes))}
    return list(build_charts(make_run(*outcomes), anchors))


EXAMPLE: dict[str, Values] = {
    "eager": (10e6, 4e7, None),
    "int8": (4e6, 1e7, 0.03),
    "pruned": (5e6, 2e7, 0.9),
    "compiled": (8e6, 4e7, 1e-7),
    "tiny": (30e6, 1e6, 0.6),
}


def test_choices_are_on_the_fronts_they_belong_to() -> None:
    (chart,) = charts_of(EXAMPLE)
    fronts = {one.optimization: (one.on_size_front, one.on_difference_front) for one in chart.choices}
    assert fronts == {
        "int8": (True, True), "pruned": (False, False), "compiled": (False, True), "eager": (False, True),
        "tiny": (True, False),
    }  # fmt: skip
    assert [(one.number, one.optimization) for one in chart.on_a_front] == [
        (1, "int8"), (2, "compiled"), (3, "eager"), (4, "tiny")]  # fmt: skip


def test_what_was_not_measured_is_in_no_chart() -> None:
    missing = NotMeasured(Case("net", "fp16", "cpu", 1), metrics.LATENCY, Cause.UNSUPPORTED, "no halves")
    (chart,) = charts_of({**EXAMPLE, "untold": (1e6, None, None)}, further=[missing])
    assert {one.optimization for one in chart.choices} == set(EXAMPLE)
    assert charts_of({"eager": (1e6, 4e7, None)}) == []
    assert charts_of({"eager": (1e6, None, None), "bf16": (1e6, None, None)}) == []


def test_the_front_is_stated_by_shape_number_and_word() -> None:
    (chart,) = charts_of(EXAMPLE)
    by_size, by_difference = re.findall(r"<svg.*?</svg>", draw(chart))
    assert 'on the front: int8, tiny"' in by_size
    assert 'on the front: int8, compiled, eager"' in by_difference
    for panel, numbers in ((by_size, ["1", "4"]), (by_difference, ["1", "2", "3"])):
        assert panel.count("<circle") == len(EXAMPLE) - len(numbers)
        assert len(re.findall(r'<path class="f"', panel)) == len(numbers)
        assert re.findall(r"<text class=k[^>]*>(\d+)</text>", panel) == numbers
    assert ">none</text>" in by_difference
    assert ">none</text>" not in by_size


def test_the_area_of_a_mark_is_the_size() -> None:
    (chart,) = charts_of({"eager": (1e6, 4e6, None), "a": (2e6, 1e6, 0.5), "b": (3e6, 4e6, 0.6), "c": (4e6, 1e6, 0.7)})
    panel = re.findall(r"<svg.*?</svg>", draw(chart))[1]
    radii = {float(one) for one in re.findall(r"<circle[^>]* r=([\d.]+)>", panel)}
    assert radii == {10.0, 5.0}, "a quarter of the size is a quarter of the area"


def test_an_unknown_size_is_dashed() -> None:
    (chart,) = charts_of({"eager": (1e6, 4e6, None), "a": (2e6, None, 0.5), "b": (0.5e6, None, 0.6)})
    (panel,) = re.findall(r"<svg.*?</svg>", draw(chart))
    assert "<circle class=u" in panel
    assert '<path class="f u"' in panel


@given(
    st.lists(
        st.tuples(st.floats(1e3, 1e12), st.none() | st.floats(0, 1e12), st.none() | st.floats(0, 1e6)), max_size=40
    )
)
def test_every_mark_and_number_stays_inside_its_panel(values: list[Values]) -> None:
    for chart in charts_of({f"o{place}": one for place, one in enumerate(values)}):
        picture = draw(chart)
        assert "nan" not in picture
        assert "inf" not in picture
        for x, y in re.findall(r"<circle[^>]* cx=([-\d.]+) cy=([-\d.]+)", picture):
            assert LEFT <= float(x) <= RIGHT
            assert TOP <= float(y) <= BOTTOM
        for x, y in re.findall(r"<text class=k x=([-\d.]+) y=([-\d.]+)", picture):
            assert 0 <= float(x) <= WIDTH
            assert 0 <= float(y) <= HEIGHT


def test_hostile_names_stay_text(hostile_texts: tuple[str, ...]) -> None:
    for text in hostile_texts:
        (chart,) = charts_of({"eager": (1e6, 4e6, None), text: (2e6, 1e6, 0.5)}, model=text)
        picture = draw(chart)
        assert "<img" not in picture
        assert "<script" not in picture
        assert "</style" not in picture


@pytest.mark.parametrize("count", [2, 30])
def test_a_picture_is_small(count: int) -> None:
    rng = random.Random(1)
    values: dict[str, Values] = {
        f"optimization_{place}": (rng.uniform(1e6, 1e8), rng.uniform(1e6, 1e8), rng.random()) for place in range(count)
    }
    (chart,) = charts_of(values)
    assert len(draw(chart)) < 2000 + 170 * count
