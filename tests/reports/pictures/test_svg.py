from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.reports.pictures import svg

SAMPLES = st.lists(st.floats(0.001, 1e12), min_size=1, max_size=500)


@given(SAMPLES)
def test_thinning_bounds_the_points_and_keeps_every_extreme(samples: list[float]) -> None:
    points = svg.thin(samples, buckets=16)
    assert len(points) <= 32
    values = [value for _, value in points]
    assert (min(values), max(values)) == (min(samples), max(samples))
    positions = [position for position, _ in points]
    assert positions == sorted(positions)


@given(SAMPLES, SAMPLES)
def test_plots_are_small_and_stay_inside_their_frame(new: list[float], base: list[float]) -> None:
    sides = [("base", base), ("new", new)]
    for picture in (svg.ecdf(sides, ("<a>", '"b"'), "a & b"), svg.series(sides, "a & b")):
        assert picture.startswith('<svg class=pl role=img aria-label="a &amp; b">')
        assert "<a>" not in picture
        assert len(picture) < 1200
        paths = re.findall(r' d="([^"]+)"', picture)
        assert len(paths) == 2
        for x, y in itertools.chain.from_iterable(map(_points, paths)):
            assert 0 <= x <= svg.PLOT_WIDTH
            assert 0 <= y <= svg.PLOT_HEIGHT


def _points(path: str) -> list[tuple[int, int]]:
    """The points of a path of the commands M, l, h, H and V."""
    points: list[tuple[int, int]] = []
    x = y = 0
    for command, rest in re.findall(r"([MlhHV])([^MlhHV]*)", path):
        numbers = [int(number) for number in re.findall(r"-?\d+", rest)]
        if command in "Ml":
            for across, down in zip(numbers[::2], numbers[1::2], strict=True):
                x, y = (across, down) if command == "M" else (x + across, y + down)
                points.append((x, y))
            continue
        x, y = (x, numbers[0]) if command == "V" else (numbers[0] + (x if command == "h" else 0), y)
        points.append((x, y))
    return points


def test_an_ecdf_of_few_samples_is_drawn_step_by_step() -> None:
    picture = svg.ecdf([("new", [10.0, 20.0, 30.0, 40.0])], ("10", "40"), "label")
    assert 'd="M0 64H0V48H93V32H187V16H280V0"' in picture


def test_a_thinned_ecdf_goes_through_the_distribution() -> None:
    samples = [float(number) for number in range(1000)]
    path = re.findall(r' d="([^"]+)"', svg.ecdf([("new", samples)], ("", ""), ""))[0]
    for x, y in _points(path):
        assert (svg.PLOT_HEIGHT - y) / svg.PLOT_HEIGHT == pytest.approx(x / svg.PLOT_WIDTH, abs=0.02)


def test_a_row_beyond_the_axis_is_an_arrow() -> None:
    inside = svg.forest(0.01, 0.02, 0.03, band=0.02, limit=0.1, label="x")
    beyond = svg.forest(0.4, 0.5, 0.6, band=0.02, limit=0.1, label="x")
    assert "l4 4-4 4-4-4z" in inside
    assert "l4 4-4 4-4-4z" not in beyond
    assert f"M{svg.FOREST_WIDTH - 4} 8L{svg.FOREST_WIDTH - 11} 3" in beyond


@given(st.lists(st.floats(-0.99, 50), max_size=60), st.floats(0, 0.5))
def test_an_axis_shows_nine_in_ten_and_twice_the_band(changes: list[float], band: float) -> None:
    limit = svg.axis_limit(changes, band)
    sizes = sorted(map(abs, changes))
    wanted = max([2 * band, *sizes[: len(sizes) * 9 // 10]])
    assert limit >= min(wanted, 1.0)


def test_one_wild_row_does_not_flatten_the_others() -> None:
    assert svg.axis_limit([0.01] * 50 + [9.0], 0.02) == 0.04
