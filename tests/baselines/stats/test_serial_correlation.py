"""Epochs that resemble each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.stats.serial_correlation import (
    MOST,
    dependent_p,
    serial_correlation,
)
from paceline.baselines.stats.signed_rank import (
    sign_flip_p,
)


def autoregressive(rng: np.random.Generator, shape: tuple[int, int], correlation: float) -> np.ndarray:
    drawn = rng.normal(size=shape)
    for epoch_ in range(1, shape[1]):
        drawn[:, epoch_] = correlation * drawn[:, epoch_ - 1] + math.sqrt(1 - correlation**2) * drawn[:, epoch_]
    return drawn


@pytest.mark.parametrize("correlation", [0.2, 0.4, 0.6])
def test_serial_correlation_is_found_in_many_short_series(correlation: float) -> None:
    drawn = autoregressive(np.random.default_rng(5), (400, 16), correlation)
    # Each case has a scatter and a mean of its own, which must not matter.
    cases = [list(3 * place + (1 + place % 7) * row) for place, row in enumerate(drawn)]
    assert correlation - 0.08 < serial_correlation(cases) < correlation + 0.02


@pytest.mark.parametrize("cases", [1, 5, 40])
def test_independent_epochs_are_seldom_taken_for_dependent(cases: int) -> None:
    rng = np.random.default_rng(6)
    found = [serial_correlation([list(row) for row in rng.normal(size=(cases, 16))]) for _ in range(600)]
    assert np.mean([one > 0 for one in found]) <= 0.09
    assert max(found) <= MOST


@pytest.mark.parametrize("epochs", [11, 16])
def test_a_drift_over_few_epochs_hides_no_large_change(epochs: int) -> None:
    # Seen on a shared machine: a slow-down by half, its epochs drifting from +46 to +54 % one after another.
    drifting = [math.log1p(0.465 + 0.071 * place / (epochs - 1)) for place in range(epochs)]
    correlation = serial_correlation([drifting])
    assert correlation > 0
    assert dependent_p(drifting, math.log1p(0.005), "greater", correlation) < 0.001


def test_too_little_to_tell_is_no_correlation() -> None:
    assert serial_correlation([]) == serial_correlation([[0.1, 0.2, 0.3], [0.1] * 16]) == 0


@given(st.lists(st.floats(-0.1, 0.1), max_size=20), st.floats(-0.05, 0.05), st.floats(0, MOST))
def test_dependence_only_ever_weakens(effects: list[float], null: float, correlation: float) -> None:
    for side in ("greater", "less"):
        independent = sign_flip_p(effects, null, side)
        assert dependent_p(effects, null, side, 0) == independent
        assert independent <= dependent_p(effects, null, side, correlation) <= 1


@pytest.mark.parametrize("correlation", [0.2, 0.4, 0.6])
def test_dependent_epochs_without_an_effect_seldom_reject(correlation: float) -> None:
    drawn = autoregressive(np.random.default_rng(8), (4000, 16), correlation)
    rejected = np.mean([dependent_p(list(row), 0.0, "greater", correlation) <= 0.01 for row in drawn])
    # Zwiers and von Storch: a little liberal where the effective epochs are few.
    assert rejected <= 0.02
    assert np.mean([sign_flip_p(list(row), 0.0, "greater") <= 0.01 for row in drawn]) > 1.5 * rejected
