"""The statistic of an A/B against scipy, published worked examples, its own invariances and simulation."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.records import Build, Case, Epoch, Metric, Turn
from paceline.baselines.records.metrics import LATENCY, SIZE, THROUGHPUT
from paceline.baselines.stats.effects import epoch_effect
from paceline.baselines.stats.power import Clearing, Look, chance_to_convict, detectable, epochs_to_detect
from paceline.baselines.stats.samples import estimate
from paceline.baselines.stats.serial_correlation import (
    MOST,
    dependent_p,
    serial_correlation,
)
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

CASE = Case("mlp", "bf16", "cpu", 1)
# Hamilton depression scale factor IV before and after a tranquilizer, nine patients: Hollander & Wolfe, example 3.1.
BEFORE = (1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30)
AFTER = (0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29)
FALL = tuple(before - after for before, after in zip(BEFORE, AFTER, strict=True))

SAMPLE = st.floats(1e-3, 1e12)
SAMPLES = st.lists(SAMPLE, min_size=1, max_size=6).map(tuple)
TURNS = st.lists(st.builds(Turn, SAMPLES, SAMPLES), min_size=1, max_size=6).map(tuple)
EFFECTS = st.lists(st.floats(-1, 1), min_size=1, max_size=20)
SIDES = st.sampled_from(["greater", "less"])


def epoch(turns: tuple[Turn, ...], metric: Metric = LATENCY) -> Epoch:
    return Epoch(CASE, metric, 1, (Build(turns),))


# -- one epoch ---------------------------------------------------------------------------------------------------------


def test_the_effect_of_an_epoch_worked_out() -> None:
    turns = (
        Turn((100.0, 104.0, 108.0, 112.0, 300.0), (110.0, 114.4, 118.8, 123.2, 110.0)),  # 104 → 110
        Turn((100.0,), (120.0,)),
        Turn((100.0,), (90.0,)),
    )
    assert epoch_effect(epoch(turns)) == pytest.approx(math.log(110 / 104))
    assert epoch_effect(epoch(turns[1:])) == pytest.approx((math.log(1.2) + math.log(0.9)) / 2)


def test_each_build_of_an_epoch_counts_alike_however_many_turns_it_has() -> None:
    short = Build((Turn((100.0,), (120.0,)),))
    long = Build(tuple(Turn((100.0,), (new,)) for new in (90.0, 90.0, 300.0, 80.0, 110.0)))
    both = Epoch(CASE, LATENCY, 1, (short, long))
    assert epoch_effect(both) == pytest.approx((math.log(1.2) + math.log(0.9)) / 2)


@given(st.lists(TURNS, min_size=1, max_size=4))
def test_the_effect_of_an_epoch_is_the_mean_of_its_builds(builds: list[tuple[Turn, ...]]) -> None:
    alone = [epoch_effect(epoch(turns)) for turns in builds]
    together = Epoch(CASE, LATENCY, 1, tuple(Build(turns) for turns in builds))
    assert epoch_effect(together) == pytest.approx(math.fsum(alone) / len(alone))


def test_of_a_rate_the_upper_quartile_counts() -> None:
    turns = (Turn((1.0, 2.0, 3.0, 4.0, 5.0), (2.0, 4.0, 6.0, 8.0, 10.0)),)
    assert epoch_effect(epoch(turns, THROUGHPUT)) == pytest.approx(math.log(2))
    assert estimate(THROUGHPUT, turns[0].base) == 4


@given(TURNS, st.sampled_from([LATENCY, THROUGHPUT, SIZE]), st.floats(1e-3, 1e3))
def test_the_unit_changes_no_effect_and_swapped_sides_negate_it(
    turns: tuple[Turn, ...], metric: Metric, factor: float
) -> None:
    effect = epoch_effect(epoch(turns, metric))
    scaled = tuple(Turn(*(tuple(factor * one for one in side) for side in (turn.base, turn.new))) for turn in turns)
    assert epoch_effect(epoch(scaled, metric)) == pytest.approx(effect, abs=1e-9)
    assert epoch_effect(epoch(tuple(Turn(turn.new, turn.base) for turn in turns), metric)) == -effect


@given(TURNS, st.randoms(use_true_random=False))
def test_the_order_of_turns_does_not_matter(turns: tuple[Turn, ...], random: object) -> None:
    shuffled = list(turns)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert epoch_effect(epoch(tuple(shuffled))) == pytest.approx(epoch_effect(epoch(turns)))


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_without_a_ratio_the_place_is_named(value: float) -> None:
    with pytest.raises(ValueError, match=r"mlp-bf16-cpu-b1 latency_ns, epoch 1: an estimate is .* ns, so that there"):
        epoch_effect(epoch((Turn((1.0,), (2.0,)), Turn((1.0,), (value,)))))


@pytest.mark.parametrize("turns", [(), (Turn((), (1.0,)),), (Turn((1.0,), (1.0,)), Turn((1.0,), ()))])
def test_an_epoch_without_samples_is_refused(turns: tuple[Turn, ...]) -> None:
    with pytest.raises(ValueError, match="mlp-bf16-cpu-b1 latency_ns, epoch 1: an epoch needs turns"):
        epoch_effect(epoch(turns))
    with pytest.raises(ValueError, match="epoch 1: an epoch needs turns"):
        epoch_effect(Epoch(CASE, LATENCY, 1, (Build((Turn((1.0,), (1.0,)),)), Build(turns))))


def test_an_epoch_without_builds_is_refused() -> None:
    with pytest.raises(ValueError, match="epoch 1: an epoch needs turns"):
        epoch_effect(Epoch(CASE, LATENCY, 1, ()))


# -- estimate, test, interval ------------------------------------------------------------------------------------------


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


def test_zeros_and_ties_count_against_the_side_that_is_requested_about() -> None:
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
def test_the_interval_holds_the_estimate_and_what_the_test_does_not_reject(
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


# -- what can be found -------------------------------------------------------------------------------------------------

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


def test_what_comes_through_both_looks_of_a_screen_as_well_is_found() -> None:
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
def test_luck_of_the_simulation_promises_no_more_than_a_mean_could(epochs: int) -> None:
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
    with pytest.raises(ValueError, match=r"no number of epochs finds an effect of 0\.02"):
        epochs_to_detect(0.02, 0.01, level=0.01, null=0.005, min_effect=0.02, power=0.8)


# -- epochs that resemble each other -----------------------------------------------------------------------------------


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
def test_a_drift_in_one_case_of_few_epochs_does_not_hide_a_large_change(epochs: int) -> None:
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
def test_dependent_epochs_without_an_effect_reject_as_seldom_as_they_should(correlation: float) -> None:
    drawn = autoregressive(np.random.default_rng(8), (4000, 16), correlation)
    rejected = np.mean([dependent_p(list(row), 0.0, "greater", correlation) <= 0.01 for row in drawn])
    # Zwiers and von Storch: a little liberal where the effective epochs are few.
    assert rejected <= 0.02
    assert np.mean([sign_flip_p(list(row), 0.0, "greater") <= 0.01 for row in drawn]) > 1.5 * rejected
