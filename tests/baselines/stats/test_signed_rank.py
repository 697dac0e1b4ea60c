"""Estimate, test and interval of an A/B against scipy, published worked examples, invariances and simulation."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.stats.signed_rank import (
    Side,
    critical_count,
    exceedances,
    hodges_lehmann,
    least_epochs,
    sign_flip_p,
    signed_rank_tail,
    spread,
    walsh_averages,
    walsh_interval,
)

# Hamilton depression scale factor IV before and after a tranquilizer, nine patients: Hollander & Wolfe, example 3.1.
BEFORE = (1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30)
AFTER = (0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29)
FALL = tuple(before - after for before, after in zip(BEFORE, AFTER, strict=True))
EFFECTS = st.lists(st.floats(-1, 1), min_size=1, max_size=20)
SIDES = st.sampled_from(["greater", "less"])


def test_hollander_and_wolfes_worked_example() -> None:
    """Examples 3.1, 3.3 and 3.4: T+ = 5 in 512 · 0.0195; estimate 0.46; 96.1 % interval 0.010 to 0.786."""
    assert sign_flip_p(FALL, 0, "greater") == 10 / 512
    assert hodges_lehmann(FALL) == pytest.approx(0.46)
    assert walsh_interval(FALL, 0.96) == pytest.approx((0.010, 0.786))


@pytest.mark.parametrize("epochs", range(1, 26))
def test_the_exact_distribution_is_scipys(epochs: int) -> None:
    values = np.random.default_rng(epochs).normal(0.3, 1, epochs)
    for side in ("greater", "less"):
        expected = scipy.stats.wilcoxon(values, alternative=side, method="exact").pvalue
        assert sign_flip_p(list(values), 0, side) == pytest.approx(expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("epochs", range(1, 9))
def test_the_distribution_is_that_of_all_signs_flipped(epochs: int) -> None:
    values = np.random.default_rng(epochs).normal(0.2, 1, epochs)
    flips = np.array(list(itertools.product((1, -1), repeat=epochs)))
    sums = exceedances(flips * np.abs(values), 0.0, "greater")
    assert sign_flip_p(list(values), 0, "greater") == (sums >= exceedances(values, 0.0, "greater")).mean()


def test_zeros_and_ties_count_against_the_side_tested() -> None:
    assert sign_flip_p([0.0] * 8, 0, "greater") == sign_flip_p([0.0] * 8, 0, "less") == 1
    assert sign_flip_p([1.0] * 8, 0, "greater") == 2**-8
    # -1 has the highest rank of the tied ones for "greater" (W = 6 of 10), and the lowest for "less" (W = 1).
    assert sign_flip_p([1.0, 1.0, 1.0, -1.0], 0, "greater") == float(signed_rank_tail(4)[6])
    assert sign_flip_p([1.0, 1.0, 1.0, -1.0], 0, "less") == float(signed_rank_tail(4)[1])


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=10), SIDES)
def test_ties_are_never_better_than_a_sample_without_them(values: list[int], side: Side) -> None:
    rng = np.random.default_rng(0)
    untied = np.array(values) + rng.uniform(-0.01, 0.01, len(values))
    expected = scipy.stats.wilcoxon(untied, alternative=side, method="exact").pvalue
    assert sign_flip_p([float(value) for value in values], 0, side) >= expected - 1e-12


@given(EFFECTS, st.floats(-0.5, 0.5), SIDES)
def test_a_p_is_a_probability_and_both_sides_mirror(effects: list[float], null: float, side: Side) -> None:
    p = sign_flip_p(effects, null, side)
    assert 2.0 ** -len(effects) <= p <= 1
    assert sign_flip_p([-one for one in effects], -null, "less" if side == "greater" else "greater") == p


@given(EFFECTS, st.floats(-0.5, 0.5), st.integers(0, 19), st.floats(0, 1))
def test_more_effect_is_never_less_significant(effects: list[float], null: float, place: int, more: float) -> None:
    raised = list(effects)
    raised[place % len(effects)] += more
    assert sign_flip_p(raised, null, "greater") <= sign_flip_p(effects, null, "greater")
    assert sign_flip_p(effects, null + more, "greater") >= sign_flip_p(effects, null, "greater")
    assert hodges_lehmann(raised) >= hodges_lehmann(effects)


@given(EFFECTS, st.sampled_from([0.5, 0.8, 0.95, 0.99]), st.randoms(use_true_random=False))
def test_the_interval_is_all_that_the_test_does_not_reject(
    effects: list[float], confidence: float, random: object
) -> None:
    interval = walsh_interval(effects, confidence)
    level = (1 - confidence) / 2
    assert (interval is None) == (2.0 ** -len(effects) > level)
    if interval is None:
        return
    low, high = interval
    assert low <= hodges_lehmann(effects) <= high
    assert sign_flip_p(effects, low, "greater") > level
    assert sign_flip_p(effects, high, "less") > level
    assert sign_flip_p(effects, low - 1e-6, "greater") <= level
    assert sign_flip_p(effects, high + 1e-6, "less") <= level
    negated = walsh_interval([-one for one in effects], confidence)
    assert negated == (-high, -low)
    shuffled = list(effects)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert walsh_interval(shuffled, confidence) == interval
    assert hodges_lehmann(shuffled) == hodges_lehmann(effects)


def test_an_interval_takes_six_epochs_and_a_strict_level_more() -> None:
    assert walsh_interval([0.1] * 5, 0.95) is None
    assert walsh_interval([0.1] * 6, 0.95) == (0.1, 0.1)
    assert [least_epochs(level) for level in (0.025, 0.0005, 0.5, 1.0)] == [6, 11, 1, 0]
    assert critical_count(10, 0.0005) is None
    assert critical_count(11, 0.0005) == 66


def test_without_epochs_there_is_no_effect() -> None:
    with pytest.raises(ValueError, match="no epoch has been measured"):
        hodges_lehmann([])
    assert sign_flip_p([], 0, "greater") == 1
    assert walsh_interval([], 0.95) is None
    assert spread([]) is spread([0.1]) is None


def test_how_much_epochs_scatter() -> None:
    assert spread([0.01, 0.03]) == pytest.approx(0.01 * math.sqrt(2))
    assert spread([0.02] * 9) == pytest.approx(0, abs=1e-15)


Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]

SHAPES: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "heavy tails": lambda rng, shape: rng.standard_t(3, shape),
    "flat": lambda rng, shape: rng.uniform(-1, 1, shape),
    "two layouts": lambda rng, shape: rng.choice([-2.0, 2.0], shape) + rng.normal(size=shape),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("epochs", [6, 8, 16, 24])
def test_a_95_percent_interval_covers_as_often(shape: str, epochs: int) -> None:
    """At K = 6 and 8 the exact coverage is 96.9 and 96.1 %: it cannot be had closer. 4000 trials: deviation 0.3 %."""
    drawn = 0.02 + 0.015 * SHAPES[shape](np.random.default_rng(epochs), (4000, epochs))
    count = critical_count(epochs, 0.025)
    assert count is not None
    averages = np.sort(walsh_averages(drawn), axis=1)
    low, high = averages[:, -count], averages[:, count - 1]
    assert walsh_interval(list(drawn[0]), 0.95) == (low[0], high[0])
    assert 0.92 <= ((low <= 0.02) & (high >= 0.02)).mean() <= 0.98
