"""The dip test, and samples that lie on two levels."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import linprog

from paceline.baselines.stats.bimodality import CRITICAL, MOST_SAMPLES, dip, two_levels

Array = npt.NDArray[np.float64]

FACULTY = (
    (30, 1), (33, 1), (35, 1), (36, 1), (37, 2), (39, 5), (40, 4), (41, 1), (42, 1), (43, 3), (44, 2), (45, 2), (46, 2),
    (47, 2), (48, 3), (49, 1), (50, 2), (51, 1), (52, 2), (53, 5), (54, 2), (57, 2), (59, 1), (60, 3), (61, 4), (62, 4),
    (63, 1), (66, 1), (70, 1), (72, 2),
)  # fmt: skip
"""The 63 ratings of Hartigan & Hartigan (1985), as value and number."""


# -- the dip -----------------------------------------------------------------------------------------------------------


def dip_by_programming(values: Array) -> float:
    """The dip by its definition: over every place of the peak, the nearest distribution that is convex before it and
    concave after it, by linear programming."""
    x = np.sort(values)
    count = len(x)
    found = []
    for peak in range(count):
        # F at each point; what F is just below the peak, where it may jump; the distance.
        below, distance = count, count + 1
        rows, bounds = [], []

        def demand(bound: float, rows: list[Array] = rows, bounds: list[float] = bounds, **terms: float) -> None:
            row = np.zeros(count + 2)
            for name, factor in terms.items():
                row[int(name[1:])] += factor
            rows.append(row)
            bounds.append(bound)

        def before(place: int, peak: int = peak) -> int:
            return count if place == peak else place

        for place in range(count):
            for variable, share in ((place, (place + 1) / count), (before(place), place / count)):
                demand(share, **{f"v{variable}": 1, f"v{distance}": -1})
                demand(-share, **{f"v{variable}": -1, f"v{distance}": -1})
        order = [*range(peak), below, *range(peak, count)]
        for first, second in pairwise(order):
            demand(0, **{f"v{first}": 1, f"v{second}": -1})
        for middle in range(1, count - 1):
            if middle == peak:
                continue
            sign = 1 if middle < peak else -1
            following = before(middle + 1) if middle < peak else middle + 1
            left, right = 1 / (x[middle] - x[middle - 1]), 1 / (x[middle + 1] - x[middle])
            slopes = {f"v{middle}": sign * (left + right), f"v{middle - 1}": -sign * left}
            demand(0, **slopes, **{f"v{following}": -sign * right})
        cost = np.zeros(count + 2)
        cost[distance] = 1
        found.append(linprog(cost, A_ub=np.array(rows), b_ub=bounds, bounds=(0, 1)).fun)
    return float(min(found))


def test_the_dip_of_the_published_example() -> None:
    ratings = [float(value) for value, number in FACULTY for _ in range(number)]
    assert len(ratings) == 63
    assert dip(ratings) == pytest.approx(0.05952381)


@pytest.mark.parametrize("count", [2, 5, 9, 14])
def test_the_dip_is_the_distance_to_the_nearest_single_peak(count: int) -> None:
    rng = np.random.default_rng(count)
    for apart in (0.0, 4.0):
        values = rng.normal(size=count) + apart * (rng.random(count) < 0.5)
        assert dip(values) == pytest.approx(dip_by_programming(values), abs=1e-6)


@pytest.mark.parametrize("count", [40, 200, MOST_SAMPLES])
def test_the_critical_value_is_that_of_uniform_samples(count: int) -> None:
    rng = np.random.default_rng(count)
    dips = [math.sqrt(count) * dip(rng.random(count)) for _ in range(1000)]
    assert np.mean(np.array(dips) > CRITICAL) <= 0.003
    assert np.quantile(dips, 0.99) < CRITICAL < 1.5 * np.quantile(dips, 0.99)


# -- two levels --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["lognormal", "wide lognormal", "exponential", "normal", "gamma", "uniform"])
def test_one_peak_however_skewed_is_one_level(shape: str) -> None:
    """Of 600 series of ordinary timings at most one may be said to lie on two levels."""
    rng = np.random.default_rng(7)
    draws = {
        "lognormal": lambda n: 1e6 * np.exp(rng.normal(0, 0.05, n)),
        "wide lognormal": lambda n: 1e6 * np.exp(rng.normal(0, 0.8, n)),
        "exponential": lambda n: 1e6 + 2e5 * rng.exponential(size=n),
        "normal": lambda n: rng.normal(1e6, 3e4, n),
        "gamma": lambda n: 1e6 + 1e5 * rng.gamma(1.5, size=n),
        "uniform": lambda n: rng.uniform(1e6, 1.2e6, n),
    }
    fired = sum(two_levels(draws[shape](count).tolist()) is not None for count in (40, 250, 1000) for _ in range(200))
    assert fired <= 1


def test_a_tail_of_disturbed_calls_is_no_second_level() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        samples = 1e6 * np.exp(rng.normal(0, 0.01, 800)) * np.where(rng.random(800) < 0.05, 1.4, 1.0)
        assert two_levels(samples.tolist()) is None


def test_two_levels_are_found_with_their_shares() -> None:
    rng = np.random.default_rng(4)
    is_high = rng.random(600) < 0.3
    samples = 1e6 * np.where(is_high, 1.25, 1.0) * np.exp(rng.normal(0, 0.02, 600))
    levels = two_levels(samples.tolist())
    assert levels is not None
    assert levels.high / levels.low == pytest.approx(1.25, rel=0.02)
    assert levels.share_high == pytest.approx(is_high.mean(), abs=0.02)
    assert levels.changes > 100
    switched = 1e6 * np.repeat([1.0, 1.25], 300) * np.exp(rng.normal(0, 0.02, 600))
    found = two_levels(switched.tolist())
    assert found is not None
    assert found.changes == 1


def test_levels_that_hardly_differ_are_one() -> None:
    rng = np.random.default_rng(5)
    samples = 1e6 * np.where(rng.random(900) < 0.5, 1.015, 1.0) * np.exp(rng.normal(0, 0.001, 900))
    assert two_levels(samples.tolist()) is None
