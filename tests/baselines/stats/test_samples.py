"""Estimates, percentiles and speed-ups of samples, against worked examples and simulation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.records.metrics import LATENCY, PARAMETERS, PREPARATION, THROUGHPUT
from paceline.baselines.stats.samples import NO_RATIO, UNPAIRED, can_bound, estimate, paired_speedup, percentiles

POSITIVE = st.floats(1e-3, 1e12)


def test_the_estimate_is_the_better_quartile_or_the_median() -> None:
    samples = (4.0, 1.0, 3.0, 2.0, 5.0)
    assert estimate(LATENCY, samples) == 2.0
    assert estimate(THROUGHPUT, samples) == 4.0
    assert estimate(PARAMETERS, samples) == estimate(PREPARATION, samples) == 3.0
    assert estimate(LATENCY, (7.0,)) == 7.0


@pytest.mark.parametrize(("percentile", "least"), [(25, 11), (50, 6), (90, 29), (95, 59), (99, 299), (99.9, 2995)])
def test_a_percentile_needs_as_many_samples_as_can_bound_it(percentile: float, least: int) -> None:
    assert can_bound(percentile, least)
    assert not can_bound(percentile, least - 1)


def test_percentiles_that_cannot_be_bounded_are_not_given() -> None:
    assert list(percentiles([1.0])) == ["p25", "p50", "p75"]
    assert list(percentiles(range(298)))[-1] == "p95"
    assert list(percentiles(range(299)))[-1] == "p99"
    assert percentiles(range(2995))["p99.9"] == pytest.approx(np.percentile(range(2995), 99.9))


def test_speed_up_of_a_worked_example() -> None:
    speedup = paired_speedup([10.0] * 30, [25.0] * 30)
    assert speedup[:3] == pytest.approx((2.5, 2.5, 2.5))
    assert paired_speedup([10.0] * 30, [25.0] * 30, "higher").ratio == pytest.approx(0.4)


def test_a_speed_up_that_cannot_be_stated_is_not_stated() -> None:
    assert paired_speedup([], [1.0]) == paired_speedup([1.0], []) == UNPAIRED
    assert paired_speedup([1.0] * 11, [2.0] * 11)[:3] == (2.0, None, None)


# Each tenth of it has a positive quartile, and its first half has none.
ZERO_HALF = [0.0, 0.0, 1.0, 1.0, 1.0, 1.0] * 5 + [1.0] * 30


@pytest.mark.parametrize(
    ("own", "reference"),
    [
        ([0.0] * 30, [1.0] * 30),
        ([1.0] * 30, [0.0] * 30),
        ([0.0], [1.0]),
        ([1.0], [0.0]),
        ([1e-300] * 30, [1e300] * 30),
        ([1e300] * 30, [1e-300] * 30),
    ],
)
def test_zero_and_overflow_give_no_speed_up(own: list[float], reference: list[float]) -> None:
    for better in ("lower", "higher"):
        assert paired_speedup(own, reference, better) == NO_RATIO


def test_a_reference_that_was_half_zeros_gives_no_speed_up() -> None:
    assert paired_speedup([1.0] * 60, ZERO_HALF) == NO_RATIO


def test_an_interval_may_be_without_end() -> None:
    speedup = paired_speedup([1e-150] * 4 + [1e150] * 4 + [1e-150] * 4, [1e150] * 12)
    assert speedup.ratio is not None
    assert math.isfinite(speedup.ratio)
    assert speedup.high == math.inf


TIME = np.linspace(0, 1, 120)


@pytest.mark.parametrize(
    "shared",
    [np.ones(120), 1 + 0.3 * TIME, 1 + 0.5 * TIME**2, np.where(TIME < 0.5, 1, 1.3)],
    ids=["none", "line", "curve", "step"],
)
def test_the_interval_covers_the_truth_though_the_machine_drifts(shared: Any) -> None:
    """The reference is timed in the first and the last quarter, the samples in between."""
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(600):
        own = shared[30:90] * np.exp(rng.exponential(0.1, 60))
        reference = np.concatenate([shared[:30], shared[90:]]) * np.exp(rng.exponential(0.1, 60))
        speedup = paired_speedup(list(own), list(2 * reference))
        assert speedup.low is not None
        assert speedup.high is not None
        covered += speedup.low <= 2 <= speedup.high
    assert covered / 600 >= 0.92


def test_the_interval_is_tight_on_a_steady_machine() -> None:
    rng = np.random.default_rng(4)
    own, reference = (np.exp(rng.exponential(0.1, 60)) for _ in range(2))
    speedup = paired_speedup(list(own), list(reference))
    assert speedup.low is not None
    assert speedup.high is not None
    assert speedup.high / speedup.low < 1.2


def test_without_an_interval_it_is_the_ratio_of_the_estimates() -> None:
    own, reference = [3.0, 1.0, 2.0], [9.0, 5.0, 7.0, 6.0]
    assert paired_speedup(own, reference).ratio == estimate(LATENCY, reference) / estimate(LATENCY, own)


@given(st.lists(POSITIVE, min_size=1, max_size=50), st.lists(POSITIVE, min_size=1, max_size=50))
def test_a_speed_up_lies_in_its_interval_and_inverts(own: list[float], other: list[float]) -> None:
    there, back = paired_speedup(own, other), paired_speedup(other, own)
    assert there.ratio is not None
    assert back.ratio == pytest.approx(1 / there.ratio)
    assert (there.low is None) == (min(len(own), len(other)) < 12)
    if there.low is not None:
        assert there.high is not None
        assert there.low <= there.ratio <= there.high
