"""What an A/B can find, against fresh draws of the rule spelt out."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import scipy.stats

from paceline.baselines.stats.power import Clearing, Look, chance_to_convict, detectable, epochs_to_detect
from paceline.baselines.stats.signed_rank import (
    exceedances,
    hodges_lehmann,
    least_epochs,
    signed_rank_tail,
    walsh_averages,
    walsh_interval,
)

RULE = {"level": 0.01 / 5, "null": math.log(1.005), "min_effect": math.log(1.02)}


@pytest.mark.parametrize("sigma", [0.0, 0.005, 0.015, 0.04])
@pytest.mark.parametrize("epochs", [9, 16, 30])
def test_what_is_promised_is_found(sigma: float, epochs: int) -> None:
    """Against fresh draws of the rule, spelt out. 4000 trials on either side: deviation of the difference 0.9 %."""
    size = detectable(sigma, epochs, power=0.8, **RULE)
    assert size is not None
    drawn = size + sigma * np.random.default_rng(7).normal(size=(4000, epochs))
    p = signed_rank_tail(epochs)[exceedances(drawn, RULE["null"], "greater")]
    found = ((p <= RULE["level"]) & (np.median(walsh_averages(drawn), axis=1) >= RULE["min_effect"] - 1e-12)).mean()
    floor = RULE["min_effect"] + float(scipy.stats.norm.ppf(0.8)) * sigma / math.sqrt(epochs)
    assert size >= floor
    is_at_the_floor = size == pytest.approx(floor)
    assert found >= 0.77
    assert found <= 0.83 or is_at_the_floor
    assert chance_to_convict(size, sigma, epochs, **RULE) >= 0.79


def test_an_effect_that_passes_both_looks_is_found() -> None:
    looks = (Look(3, math.log(1.01)), Look(7, math.log(1.015)))
    size, one_look, alone = (detectable(0.03, 16, power=0.8, looks=looks[:seen], **RULE) for seen in (2, 1, 0))
    assert size is not None
    assert one_look is not None
    assert alone is not None
    assert size > one_look > alone
    rng = np.random.default_rng(8)
    screened = size + 0.03 * rng.normal(size=(4000, 7))
    passed = np.ones(4000, dtype=bool)
    for look in looks:
        passed &= np.abs(np.median(walsh_averages(screened[:, : look.epochs]), axis=1)) >= look.threshold
    confirmed = size + 0.03 * rng.normal(size=(4000, 16))
    p = signed_rank_tail(16)[exceedances(confirmed, RULE["null"], "greater")]
    is_large = np.median(walsh_averages(confirmed), axis=1) >= RULE["min_effect"]
    assert 0.77 <= (passed & (p <= RULE["level"]) & is_large).mean() <= 0.83


@pytest.mark.slow
@pytest.mark.parametrize(("sigma", "bound"), [(0.02, 0.08), (0.05, 0.2)])
def test_what_must_not_be_cleared_before_the_last_epoch_is_found(sigma: float, bound: float) -> None:
    """As above, with a threshold so high that clearing costs much. 4000 trials: deviation 0.8 %."""
    clearing = Clearing(0.03, bound, 0.95)
    size, alone = (detectable(sigma, 16, power=0.8, clearing=one, **RULE) for one in (clearing, None))
    assert size is not None
    assert alone is not None
    assert size > 1.02 * alone
    drawn = size + sigma * np.random.default_rng(9).normal(size=(4000, 16))
    is_open = np.ones(4000, dtype=bool)
    for row, effects in enumerate(drawn):
        for seen in range(6, 16):
            interval = walsh_interval(effects[:seen], 0.95)
            assert interval is not None
            is_small = abs(hodges_lehmann(effects[:seen])) < clearing.threshold
            is_open[row] &= not (is_small and -clearing.bound < interval[0] and interval[1] < clearing.bound)
    p = signed_rank_tail(16)[exceedances(drawn, RULE["null"], "greater")]
    is_large = np.median(walsh_averages(drawn), axis=1) >= RULE["min_effect"]
    assert 0.77 <= (is_open & (p <= RULE["level"]) & is_large).mean() <= 0.83
    assert chance_to_convict(size, sigma, 16, clearing=clearing, **RULE) == pytest.approx(0.8, abs=0.001)


def test_the_detectable_change_follows_noise_epochs_and_level() -> None:
    def found(sigma: float = 0.02, epochs: int = 16, level: float = 0.002) -> float:
        size = detectable(sigma, epochs, level=level, null=0.005, min_effect=0.02, power=0.8)
        assert size is not None
        return size

    by_sigma = [found(sigma=sigma) for sigma in (0.0, 0.005, 0.01, 0.02, 0.05, 0.1)]
    assert by_sigma == sorted(by_sigma)
    assert by_sigma[0] == 0.02
    assert found(epochs=40) < found(epochs=16) < found(epochs=10)
    assert found(level=0.01) <= found(level=0.001) <= found(level=0.0001)
    assert found() == found()
    assert detectable(0.01, 6, level=0.001, null=0.005, min_effect=0.02, power=0.8) is None
    assert chance_to_convict(1.0, 0.01, 6, level=0.001, null=0.005, min_effect=0.02) == 0


@pytest.mark.parametrize("epochs", [10, 11, 16, 19, 48])
def test_luck_of_the_simulation_finds_no_more_than_a_mean(epochs: int) -> None:
    """Numbers of epochs at which the simulated estimates happen to lie too close together."""
    size = detectable(0.02, epochs, level=0.05, null=0.0, min_effect=0.02, power=0.7)
    assert size == pytest.approx(0.02 + float(scipy.stats.norm.ppf(0.7)) * 0.02 / math.sqrt(epochs))


@pytest.mark.parametrize("sigma", [0.0, 0.01, 0.02, 0.03, 0.05, 0.08])
@pytest.mark.parametrize("level", [0.01, 0.0005, 0.00005])
def test_as_many_epochs_as_are_requested_for_do(sigma: float, level: float) -> None:
    settings = {"level": level, "null": math.log(1.005), "min_effect": math.log(1.02)}
    epochs = epochs_to_detect(math.log(1.05), sigma, power=0.8, **settings)
    assert chance_to_convict(math.log(1.05), sigma, epochs, **settings) >= 0.77
    fewer = max(least_epochs(level), math.floor(0.85 * epochs)) - 1
    assert chance_to_convict(math.log(1.05), sigma, fewer, **settings) < 0.8


def test_no_number_of_epochs_finds_what_does_not_count() -> None:
    with pytest.raises(ValueError, match=re.escape("no number of epochs finds an effect of 0.02, where 0.02 count")):
        epochs_to_detect(0.02, 0.01, level=0.01, null=0.005, min_effect=0.02, power=0.8)
