"""The decisions of an A/B: each verdict, and Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.ab.decide import Decision, decide, holm
from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.judgement.verdicts import Verdict
from paceline.baselines.records.direction import HIGHER
from paceline.baselines.stats.signed_rank import exceedances, sign_flip_p, signed_rank_tail
from tests.baselines.ab.effects import AB, spaced

EFFECTS = st.lists(st.floats(-0.2, 0.2), max_size=18)


def only(effects: Sequence[float], ab: ABSettings = AB, **settings: Any) -> Decision:
    (decision,) = decide({"one": effects}, ab, **settings).values()
    return decision


# -- Holm --------------------------------------------------------------------------------------------------------------


def test_holm_worked_out() -> None:
    """Four p at 5 %: 0.0125, 0.0167 and 0.025 are the levels; the third fails, and with it the fourth."""
    tests = holm([0.04, 0.01, 0.03, 0.015], 0.05)
    assert [test.is_rejected for test in tests] == [False, True, False, True]
    assert [test.level for test in tests] == pytest.approx([0.025, 0.0125, 0.025, 0.05 / 3])
    assert holm([], 0.05) == ()


@given(
    st.lists(st.sampled_from([0.0, 1e-4, 2e-3, 0.01, 0.02, 0.3, 1.0]), max_size=12), st.randoms(use_true_random=False)
)
def test_holm_is_the_step_down_of_its_definition_in_any_order(p_values: list[float], random: Any) -> None:
    found = holm(p_values, 0.05)
    ordered = sorted(p_values)
    rejected = 0
    while rejected < len(ordered) and ordered[rejected] <= 0.05 / (len(ordered) - rejected):
        rejected += 1
    assert sum(test.is_rejected for test in found) == rejected
    assert all(test.is_rejected == (test.p <= test.level) for test in found)
    order = list(range(len(p_values)))
    random.shuffle(order)
    assert holm([p_values[place] for place in order], 0.05) == tuple(found[place] for place in order)


# -- decisions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effects", "verdict", "reason"),
    [
        (
            spaced(0.05, 0.015),
            Verdict.REGRESSED,
            "+5.0 % (+3.9 … +6.1 %) over 16 epochs: at least the 2 % that matter, and not by chance (p = 1.5e-05, ",
        ),
        (
            spaced(-0.05, 0.015),
            Verdict.IMPROVED,
            "−5.0 % (−6.0 … −4.0 %) over 16 epochs: at least the 2 % that matter, and not by chance (p = 1.5e-05, ",
        ),
        (
            spaced(0.003, 0.01),
            Verdict.UNCHANGED,
            "+0.3 % (−0.4 … +1.0 %) over 16 epochs: the whole interval lies within ±2 %; would have found ≥ 2.",
        ),
        (
            spaced(0.015, 0.01),
            Verdict.NO_CHANGE_SEEN,
            "+1.5 % (+0.8 … +2.2 %) over 16 epochs: not by chance, but less than the 2 % that matter; would have ",
        ),
        (
            spaced(0.012, 0.04),
            Verdict.NO_CHANGE_SEEN,
            "+1.2 % (−1.6 … +4.0 %) over 16 epochs: what chance does (p = 0.28, asked for ≤ 0.01); would have found ≥ ",
        ),
        (
            spaced(0.005, 0.04),
            Verdict.NO_CHANGE_SEEN,
            "+0.5 % (−2.2 … +3.3 %) over 16 epochs: no suspect any more (from 1 %), and the interval excludes the 5 % "
            "that are promised; would have found ≥ ",
        ),
        (
            spaced(0.012, 0.09),
            Verdict.INCONCLUSIVE,
            "+1.2 % (−4.9 … +7.7 %) over 16 epochs: too restless to find the 5 % that are promised; about ",
        ),
        (
            spaced(0.3, 0.015, 5),
            Verdict.INCONCLUSIVE,
            "+30.0 % over 5 epochs: too few for an interval; about 7 would decide",
        ),
        (
            spaced(0.3, 0.015, 6),
            Verdict.INCONCLUSIVE,
            "+30.0 % (+26.7 … +33.4 %) over 6 epochs: so few cannot convict (p ≤ 0.01 is asked for, 0.016 is the least "
            "that they can show); about 7 would decide",
        ),
        (
            spaced(0.031, 0.035),
            Verdict.INCONCLUSIVE,
            "+3.1 % (+0.6 … +5.6 %) over 16 epochs: hardly nothing, and too little to convict (p = 0.012, asked for ",
        ),
        ((), Verdict.INCONCLUSIVE, "suspect, and not one epoch of a confirmation was measured: about 16 would decide"),
    ],
)
def test_each_verdict(effects: Sequence[float], verdict: Verdict, reason: str) -> None:
    found = only(effects)
    assert found.verdict is verdict, found
    assert found.reason.startswith(reason)
    assert ("would decide" in found.reason) == (verdict is Verdict.INCONCLUSIVE)
    assert (found.epochs_needed is not None) == (verdict is Verdict.INCONCLUSIVE)
    if found.epochs_needed is not None:
        assert found.epochs_needed > found.epochs


def test_a_regression_takes_a_change_that_matters_and_a_p() -> None:
    assert only(spaced(0.0195, 0.002)).verdict is Verdict.NO_CHANGE_SEEN
    assert only(spaced(0.0205, 0.002)).verdict is Verdict.REGRESSED
    wide = AB.with_band(0.1)
    assert only(spaced(0.05, 0.015), by_key={"one": wide}).verdict is Verdict.UNCHANGED
    assert only(spaced(0.12, 0.015), by_key={"one": wide}).verdict is Verdict.REGRESSED


def test_of_a_rate_less_is_worse() -> None:
    slower = only(spaced(-0.05, 0.015), directions={"one": HIGHER})
    assert slower.verdict is Verdict.REGRESSED
    assert slower.reason.startswith("−5.0 % (−6.")
    assert slower.effect is not None
    assert slower.effect < 0
    as_time = only([-effect for effect in spaced(-0.05, 0.015)])
    assert as_time.verdict is Verdict.REGRESSED
    assert slower.detectable is not None
    assert as_time.detectable is not None
    # A rate that falls to 1 / (1 + x) has lost x / (1 + x).
    assert slower.detectable == pytest.approx(as_time.detectable / (1 + as_time.detectable))


def test_the_more_suspects_the_more_it_takes() -> None:
    effects = spaced(0.04, 0.015, 10)
    assert only(effects).verdict is Verdict.REGRESSED
    calm = {f"calm {place}": spaced(0.0, 0.004, 10) for place in range(20)}
    among = decide({"one": effects, **calm}, AB)["one"]
    assert among.verdict is Verdict.INCONCLUSIVE
    assert among.threshold == pytest.approx(0.01 / 21)
    assert "so few cannot convict (p ≤ 0.00048 is asked for, 0.00098 is the least" in among.reason
    assert among.epochs_needed is not None
    assert 2.0**-among.epochs_needed <= 0.01 / 21


def test_epochs_that_resemble_each_other_count_less() -> None:
    ordered = tuple(sorted(spaced(0.03, 0.02)))
    restless, alone = only(ordered), only(spaced(0.03, 0.02))
    assert alone.verdict is Verdict.REGRESSED
    assert restless.verdict is Verdict.INCONCLUSIVE
    assert "over 16 epochs (worth 3: one resembles the next)" in restless.reason
    assert None not in (restless.low, alone.low, restless.p, alone.p)
    assert restless.low < alone.low  # type: ignore[operator]
    assert restless.p > alone.p  # type: ignore[operator]


# -- clearing ----------------------------------------------------------------------------------------------------------


def test_an_effect_that_is_no_number_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="an effect of two is not a finite number"):
        decide({"one": [0.1], "two": [0.1, math.nan]}, AB)


SWAPPED = {Verdict.REGRESSED: Verdict.IMPROVED, Verdict.IMPROVED: Verdict.REGRESSED}


@given(st.dictionaries(st.sampled_from("abcdef"), EFFECTS, max_size=6))
def test_swapped_sides_swap_the_convictions_and_nothing_else(effects: dict[str, list[float]]) -> None:
    there = decide(effects, AB)
    back = decide({key: [-one for one in group] for key, group in effects.items()}, AB)
    assert there.keys() == back.keys() == effects.keys()
    for key in effects:
        one, other = there[key], back[key]
        # An effect of nothing lies on neither side; its p may be that of either.
        if one.effect:
            assert other.verdict is SWAPPED.get(one.verdict, one.verdict)
            assert other.p == one.p
        if one.low is not None:
            assert one.high is not None
            assert one.effect is not None
            assert other.low == -one.high
            assert one.low <= one.effect <= one.high
        assert one.p is None or 0 <= one.p <= 1
        assert one.detectable is None or one.detectable >= 0.02


@given(st.dictionaries(st.sampled_from("abcd"), EFFECTS, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_suspects_does_not_matter(effects: dict[str, list[float]], random: Any) -> None:
    keys = list(effects)
    random.shuffle(keys)
    assert decide({key: effects[key] for key in keys}, AB) == decide(effects, AB)


def test_the_level_of_one_suspect_is_kept_at_the_null_itself() -> None:
    """A true effect of exactly the null, where the test's level is spent, and no smallest effect to help."""
    ab = ABSettings(band=0.005, screen_threshold=0.005, second_look_threshold=0.005)
    rng = np.random.default_rng(15)
    drawn = math.log1p(0.005) + 0.02 * rng.normal(size=(3000, 16))
    p = signed_rank_tail(16)[exceedances(drawn, math.log1p(0.005), "greater")]
    assert p[0] == sign_flip_p(list(drawn[0]), math.log1p(0.005), "greater")
    convicted = [only(list(row), ab).verdict is Verdict.REGRESSED for row in drawn[p <= 0.01]]
    assert 0.004 <= sum(convicted) / len(drawn) <= 0.014
