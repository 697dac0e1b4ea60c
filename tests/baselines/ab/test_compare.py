"""The decisions of an A/B: each verdict, Holm, clearing, whole comparisons."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.ab.compare import compare_epochs
from paceline.baselines.ab.decide import Decision, cleared, decide, holm
from paceline.baselines.ab.screen import suspects, unsettled
from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.judgement.verdicts import ORDER, Comparison, Policy, Verdict
from paceline.baselines.records import Build, Case, Epoch, Level, Metric, Note, Turn
from paceline.baselines.records.direction import HIGHER
from paceline.baselines.records.metrics import LATENCY, PEAK_DEVICE_MEMORY, PEAK_RSS, PREPARATION, SIZE, THROUGHPUT
from paceline.baselines.stats.signed_rank import exceedances, sign_flip_p, signed_rank_tail

AB, POLICY = ABSettings(), Policy()
EFFECTS = st.lists(st.floats(-0.2, 0.2), max_size=18)


def spaced(change: float, scatter: float, epochs: int = 16) -> tuple[float, ...]:
    """Effects whose middle is a ``change`` (a fraction), evenly spread by ``scatter``, neighbours unlike each other."""
    steps = np.linspace(-1, 1, epochs) * scatter * math.sqrt(3)
    steps[1::2] = steps[1::2][::-1]
    return tuple(float(one) for one in math.log1p(change) + steps)


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
    ("effects", "verdict", "words"),
    [
        (
            spaced(0.05, 0.015),
            Verdict.REGRESSED,
            r"^\+5\.0 % \(\+3\.9 … \+6\.\d %\) over 16 epochs: at least the 2 % ",
        ),
        (
            spaced(-0.05, 0.015),
            Verdict.IMPROVED,
            r"^−5\.0 % \(−6\.\d … −4\.\d %\) over 16 epochs: .* not by chance",
        ),
        (spaced(0.003, 0.01), Verdict.UNCHANGED, r"the whole interval lies within ±2 %; would have found ≥ 2\.\d %$"),
        (spaced(0.015, 0.01), Verdict.NO_CHANGE_SEEN, r": not by chance, but less than the 2 % that matter"),
        (spaced(0.012, 0.04), Verdict.NO_CHANGE_SEEN, r": what chance does \(p = 0\.\d*, asked for ≤ 0\.01\)"),
        (
            spaced(0.005, 0.04),
            Verdict.NO_CHANGE_SEEN,
            r": no suspect any more \(from 1 %\), and the interval excludes the 5 % that are promised; ",
        ),
        (
            spaced(0.012, 0.09),
            Verdict.INCONCLUSIVE,
            r"too restless to find the 5 % .*about \d\d would decide; ",
        ),
        (
            spaced(0.3, 0.015, 5),
            Verdict.INCONCLUSIVE,
            r"^\+30\.0 % over 5 epochs: too few for an interval; about 7 ",
        ),
        (spaced(0.3, 0.015, 6), Verdict.INCONCLUSIVE, r"so few cannot convict \(p ≤ 0\.01 is asked for, 0\.016 is the"),
        (
            spaced(0.031, 0.035),
            Verdict.INCONCLUSIVE,
            r"too little to convict \(p = 0\.0\d+, asked for ≤ 0\.01\)",
        ),
        ((), Verdict.INCONCLUSIVE, r"not one epoch of a confirmation was measured: about 16 would decide"),
    ],
)
def test_each_verdict(effects: Sequence[float], verdict: Verdict, words: str) -> None:
    found = only(effects)
    assert found.verdict is verdict, found
    assert re.search(words, found.reason), found.reason
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


def drawn_until_cleared(effects: Sequence[float], ab: ABSettings = AB) -> Sequence[float]:
    """The effects of an only suspect up to the epoch that clears it."""
    ends = (seen for seen in range(1, len(effects)) if cleared({"one": effects[:seen]}, ab))
    return effects[: next(ends, len(effects))]


@pytest.mark.parametrize(
    ("effects", "is_over"),
    [
        (spaced(0.003, 0.01, 6), True),
        (spaced(-0.003, 0.01, 6), True),
        (spaced(0.003, 0.01, 5), False),  # too few for an interval
        (spaced(0.003, 0.03, 6), False),  # it reaches beyond 5 %
        (spaced(-0.003, 0.03, 6), False),
        (spaced(0.0101, 0.01, 6), False),  # suspect to a screen
        (spaced(-0.0101, 0.01, 6), False),
        ((), False),
    ],
)
def test_a_suspect_is_cleared_by_a_small_estimate_and_an_interval_without_the_promise(
    effects: Sequence[float], is_over: bool
) -> None:
    assert cleared({"one": effects}, AB) == ({"one"} if is_over else set())


def test_a_wider_band_clears_more_and_epochs_that_resemble_each_other_clear_less() -> None:
    effects = spaced(0.02, 0.01, 8)
    assert not cleared({"one": effects}, AB)
    assert cleared({"one": effects, "two": effects}, AB, by_key={"one": AB.with_band(0.1)}) == {"one"}
    mixed = spaced(0.0, 0.05, 16)
    assert cleared({"one": mixed}, AB)
    assert not cleared({"one": sorted(mixed)}, AB)


def test_what_was_cleared_is_decided_as_if_it_had_had_all_epochs_and_proves_nothing() -> None:
    effects = spaced(0.006, 0.0005, 6)
    assert cleared({"one": effects}, AB)
    many = {f"calm {place}": effects for place in range(50)}
    found = decide({"one": spaced(0.05, 0.01, 18), **many}, AB)
    calm = found["calm 0"]
    # Six epochs could not convict one of 51, but these needed no more.
    assert (calm.verdict, calm.epochs, calm.p) == (Verdict.UNCHANGED, 6, 1.0)
    assert calm.detectable is not None
    assert sign_flip_p(effects, math.log1p(AB.null), "greater") < 0.05
    assert found["one"].verdict is Verdict.REGRESSED
    assert found["one"].threshold == AB.alpha / 51


@given(st.lists(st.floats(-0.06, 0.06), max_size=16), st.integers(0, 40))
def test_what_was_cleared_is_neither_convicted_nor_left_open(effects: list[float], others: int) -> None:
    taken = drawn_until_cleared(effects)
    absent: dict[str, Sequence[float]] = {f"absent {place}": () for place in range(others)}
    found = decide({"one": taken, **absent}, AB)["one"]
    if cleared({"one": taken}, AB):
        assert found.verdict in (Verdict.UNCHANGED, Verdict.NO_CHANGE_SEEN)
    # Not to clear it would only have led to more convictions.
    if found.verdict in (Verdict.REGRESSED, Verdict.IMPROVED):
        assert taken == effects


@pytest.mark.parametrize(("sigma", "most"), [(0.01, 6.2), (0.02, 7.5), (0.03, 9.0)])
def test_without_a_change_clearing_saves_half_of_a_confirmation(sigma: float, most: float) -> None:
    """1000 confirmations of one suspect: the deviation of the mean is below 0.1."""
    drawn = np.random.default_rng(21).normal(scale=sigma, size=(1000, 16))
    assert np.mean([len(drawn_until_cleared(row)) for row in drawn]) <= most


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


# -- comparisons -------------------------------------------------------------------------------------------------------


def epochs_of(
    name: str, effects: Sequence[float], metric: Metric = LATENCY, base: float = 100.0, first: int = 1
) -> list[Epoch]:
    case = Case(name, "eager", "cpu", 1)

    def build(effect: float) -> Build:
        return Build(tuple(Turn((base * k,), (base * k * math.exp(effect),)) for k in (1, 2, 1)))

    return [Epoch(case, metric, number, (build(effect),)) for number, effect in enumerate(effects, first)]


def exact(name: str, base: Sequence[float], new: Sequence[float], metric: Metric = SIZE) -> list[Epoch]:
    case = Case(name, "eager", "cpu", 1)
    return [
        Epoch(case, metric, place, (Build((Turn((a,), (b,)),)),))
        for place, (a, b) in enumerate(zip(base, new, strict=True))
    ]


def by_name(comparisons: Sequence[Comparison]) -> dict[str, Comparison]:
    return {comparison.case.model: comparison for comparison in comparisons}


def test_a_whole_ab_comes_out_worst_first_with_every_number() -> None:
    screen = [
        *epochs_of("slow", (0.05, 0.06, 0.04)),
        *epochs_of("calm", (0.001, -0.002, 0.002)),
        *epochs_of("false", (0.012, 0.02, 0.011)),
        *epochs_of("late", (0.04, 0.03, 0.02)),
        *exact("smaller", (10.0,), (9.0,)),
    ]
    effects = spaced(0.05, 0.015)
    confirmation = [*epochs_of("false", spaced(0.002, 0.008)), *reversed(epochs_of("slow", effects))]
    found = compare_epochs(screen, confirmation, AB, POLICY)
    assert [ORDER[one.verdict] for one in found] == sorted(ORDER[one.verdict] for one in found)
    named = by_name(found)
    assert {name: (one.verdict, one.stage) for name, one in named.items()} == {
        "slow": (Verdict.REGRESSED, "confirmation"),
        "late": (Verdict.INCONCLUSIVE, "screen"),
        "calm": (Verdict.NO_CHANGE_SEEN, "screen"),
        "false": (Verdict.UNCHANGED, "confirmation"),
        "smaller": (Verdict.IMPROVED, "screen"),
    }
    slow = named["slow"]
    assert slow.epochs == pytest.approx(effects)
    assert (slow.base, slow.new) == (pytest.approx(100), pytest.approx(105, rel=1e-3))
    assert (len(slow.base_estimates), len(slow.new_estimates)) == (16, 16)
    assert slow.ratio == pytest.approx(1.05)
    assert slow.low is not None
    assert slow.high is not None
    assert slow.low < 1.05 < slow.high
    assert slow.is_worse
    calm = named["calm"]
    assert (calm.low, calm.high) == (None, None)
    assert calm.detectable is not None
    assert 0.02 < calm.detectable < 0.06
    assert re.search(r"^\+0\.1 % over the screen's 3 epochs is no suspect \(from 1 %\); would have", calm.reason)
    assert "was not confirmed: 16 fresh epochs would decide" in named["late"].reason


def test_without_a_screen_the_confirmation_stands_alone() -> None:
    (found,) = compare_epochs([], epochs_of("slow", spaced(0.05, 0.015)), AB, POLICY)
    assert (found.verdict, found.stage) == (Verdict.REGRESSED, "confirmation")
    assert compare_epochs([], [], AB, POLICY) == ()


def test_a_screen_of_many_calm_epochs_proves_that_nothing_changed() -> None:
    (found,) = compare_epochs(epochs_of("calm", spaced(0.001, 0.004, 8)), [], AB, POLICY)
    assert found.verdict is Verdict.UNCHANGED
    assert found.low is not None


def test_a_screen_that_would_have_missed_what_is_promised_cannot_decide() -> None:
    (found,) = compare_epochs(epochs_of("noisy", (0.09, -0.09, 0.001)), [], AB, POLICY)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.detectable is not None
    assert found.detectable > 0.05
    assert "too restless to find the 5 % that are promised; about" in found.reason
    assert found.epochs_needed is not None
    assert found.epochs_needed > 16
    assert f"about {found.epochs_needed} fresh epochs would decide; would have found ≥" in found.reason


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_screen_that_was_cut_cannot_decide(epochs: int) -> None:
    (found,) = compare_epochs(epochs_of("cut", (0.001, 0.03)[:epochs]), [], AB, POLICY)
    assert (found.verdict, found.epochs_needed) == (Verdict.INCONCLUSIVE, 3)
    assert f"over {epochs} of the screen's 3 epochs: too few to tell" in found.reason


def test_what_the_epochs_do_not_clear_gets_a_second_look_and_then_a_confirmation() -> None:
    first = [
        *epochs_of("slow", (0.03, 0.035, 0.025)),
        *epochs_of("false", (0.012, 0.02, 0.011)),
        *epochs_of("fast", (-0.012, -0.02, -0.011)),
        *epochs_of("calm", (0.001, -0.002, 0.002)),
        *epochs_of("restless", (0.14, -0.14, 0.001)),
        *exact("larger", (10.0,), (11.0,)),
    ]
    looked_at = suspects(first, AB, POLICY)
    assert [case.model for case, _ in looked_at] == ["slow", "false", "fast", "restless"]
    screen = [
        *first,
        *epochs_of("slow", (0.03, 0.025, 0.03, 0.03), first=4),
        *epochs_of("false", (0.001, -0.001, 0.002, 0.0), first=4),
        *epochs_of("fast", (-0.03, 0.003, 0.001, 0.003), first=4),
        *epochs_of("restless", (0.001, -0.001, 0.002, -0.001), first=4),
    ]
    assert [case.model for case, _ in suspects(screen, AB, POLICY)] == ["slow", "restless"]
    named = by_name(compare_epochs(screen, [], AB, POLICY))
    assert {name: one.verdict for name, one in named.items()} == {
        "slow": Verdict.INCONCLUSIVE,
        "false": Verdict.UNCHANGED,
        "fast": Verdict.NO_CHANGE_SEEN,
        "calm": Verdict.NO_CHANGE_SEEN,
        "restless": Verdict.INCONCLUSIVE,
        "larger": Verdict.REGRESSED,
    }
    assert "over the screen's 7 epochs: the whole interval lies within ±2 %" in named["false"].reason
    assert "over the screen's 7 epochs is no suspect after a second look (from 1.5 %)" in named["fast"].reason
    assert "over the screen's 7 epochs is suspect, and was not confirmed" in named["slow"].reason
    assert "over the screen's 3 epochs is no suspect (from 1 %)" in named["calm"].reason
    assert "too restless" in named["restless"].reason
    fresh = epochs_of("slow", spaced(0.03, 0.001)) + epochs_of("restless", spaced(0.0, 0.01))
    named = by_name(compare_epochs(screen, fresh, AB, POLICY))
    assert named["slow"].verdict is Verdict.REGRESSED
    assert named["restless"].verdict is Verdict.UNCHANGED


def test_one_more_suspect_can_make_others_too_restless() -> None:
    """The level of each is shared by all that are confirmed."""
    least = next(
        scale / 1000
        for scale in range(1, 200)
        if suspects(epochs_of("alone", (scale / 1000, -scale / 1000, 0.0)), AB, POLICY)
    )
    restless = epochs_of("alone", (least - 0.001, 0.001 - least, 0.0))
    assert not suspects(restless, AB, POLICY)
    many = [epoch for case in range(40) for epoch in epochs_of(f"slow {case}", (0.03 - least, 0.03 + least, 0.03))]
    found = {case.model for case, _ in suspects([*many, *restless], AB, POLICY)}
    assert "alone" in found
    assert len(found) == 41


def test_a_second_look_that_was_cut_keeps_the_first_threshold() -> None:
    screen = epochs_of("slow", (0.013,) * 6)
    assert [case.model for case, _ in suspects(screen, AB, POLICY)] == ["slow"]
    assert not suspects(epochs_of("slow", (0.013,) * 7), AB, POLICY)


def test_more_epochs_can_tell_of_what_scatters_and_of_exact_metrics_that_differ() -> None:
    screen = [
        *epochs_of("calm", (0.001,)),
        *exact("same", (10.0,), (10.0,)),
        *exact("larger", (10.0,), (11.0,)),
        *exact("within", (1000.0,), (1005.0,), PEAK_DEVICE_MEMORY),
        *epochs_of("shown", (0.5,), PREPARATION),
    ]
    assert {case.model for case, _ in unsettled(screen)} == {"calm", "larger"}


def test_the_bands_are_the_policys() -> None:
    confirmation = [*epochs_of("wide", spaced(0.05, 0.01)), *epochs_of("usual", spaced(0.05, 0.01))]
    named = by_name(compare_epochs([], confirmation, AB, Policy(bands={"wide-*": 0.1})))
    assert named["wide"].verdict is Verdict.UNCHANGED
    assert named["usual"].verdict is Verdict.REGRESSED


def test_exact_metrics_are_judged_at_once_and_say_when_they_are_not_exact() -> None:
    screen = [
        *exact("same", (10.0, 10.0), (10.0, 10.0)),
        *exact("larger", (10.0, 10.0), (11.0, 11.0)),
        *exact("moving", (100.0, 100.0, 150.0), (100.0, 100.0, 100.0), PEAK_DEVICE_MEMORY),
        *epochs_of("shown", (0.5, 0.5), PREPARATION),
    ]
    named = by_name(compare_epochs(screen, [], AB, POLICY))
    assert {name: one.verdict for name, one in named.items()} == {
        "same": Verdict.UNCHANGED,
        "larger": Verdict.REGRESSED,
        "moving": Verdict.UNCHANGED,
    }
    assert named["larger"].ratio == pytest.approx(1.1)
    assert named["larger"].epochs == ()
    (note,) = named["moving"].notes
    assert note.code == "not_exact"
    assert "the 3 epochs of the base side have 100 … 150 B" in note.sentence


def test_an_epoch_without_a_ratio_decides_nothing_and_counts_in_no_correction() -> None:
    broken = epochs_of("broken", spaced(0.0, 0.01))
    broken[3] = Epoch(broken[3].case, LATENCY, broken[3].number, (Build((Turn((0.0,), (5.0,)),)),))
    named = by_name(compare_epochs([], [*broken, *epochs_of("slow", spaced(0.05, 0.015))], AB, POLICY))
    assert named["broken"].verdict is Verdict.INCONCLUSIVE
    assert "epoch 4: an estimate is 0 ns" in named["broken"].reason
    assert (named["broken"].ratio, named["broken"].epochs) == (None, ())
    assert "asked for ≤ 0.01" in named["slow"].reason


def test_epochs_that_disagree_are_noted_and_given_notes_are_kept() -> None:
    halves = [0.0, 0.06] * 8
    given_note = Note(Level.WARNING, "throttled", "the clock dropped")
    epochs = epochs_of("split", halves)
    (found,) = compare_epochs([], epochs, AB, POLICY, notes={(epochs[0].case, "latency_ns"): [given_note]})
    assert [note.code for note in found.notes] == ["throttled", "epochs_disagree"]
    assert "the middle half of 16 lies between +0.0 and +6.2 %" in found.notes[1].sentence
    (calm,) = compare_epochs([], epochs_of("calm", spaced(0.0, 0.01)), AB, POLICY)
    assert calm.notes == ()


def test_what_cannot_be_one_series_is_refused() -> None:
    with pytest.raises(ValueError, match="a-eager-cpu-b1 latency_ns: two epochs have the same number"):
        compare_epochs([*epochs_of("a", (0.1,)), *epochs_of("a", (0.2,))], [], AB, POLICY)
    other = Metric("latency_ns", "us", "lower", "sampled")
    with pytest.raises(ValueError, match="a-eager-cpu-b1 latency_ns is not the same metric in all epochs"):
        compare_epochs([*epochs_of("a", (0.1,)), *epochs_of("a", (0.2,), other, first=2)], [], AB, POLICY)


def test_the_suspects_are_those_that_a_comparison_leaves_open() -> None:
    screen = [
        *epochs_of("slow", (0.05, 0.06, 0.04)),
        *epochs_of("fast", (-0.05, -0.06, -0.04)),
        *epochs_of("calm", (0.001, -0.002, 0.002)),
        *epochs_of("wide", (0.03, 0.03, 0.03)),
        *epochs_of("narrow", (0.008, 0.008, 0.008)),
        *epochs_of("broken", (0.05, 0.05, 0.05), base=-1.0),
        *exact("larger", (10.0,), (11.0,)),
        *epochs_of("shown", (0.5, 0.5), PREPARATION),
        *epochs_of("page", (0.2, 0.2, 0.2), PEAK_RSS, base=4096.0),
        *epochs_of("pages", (0.2, 0.2, 0.2), PEAK_RSS, base=1e9),
    ]
    policy = Policy(bands={"wide-*": 0.1, "narrow-*": 0.01})
    found = suspects(screen, AB, policy)
    assert [case.model for case, _ in found] == ["slow", "fast", "narrow", "pages"]
    named = by_name(compare_epochs(screen, [], AB, policy))
    assert {name for name, one in named.items() if "was not confirmed" in one.reason} == {
        "slow",
        "fast",
        "narrow",
        "pages",
    }
    assert named["page"].verdict is Verdict.NO_CHANGE_SEEN
    assert named["broken"].verdict is Verdict.INCONCLUSIVE


def test_below_its_resolution_a_metric_convicts_nothing() -> None:
    confirmation = [
        *epochs_of("page", spaced(0.2, 0.01), PEAK_RSS, base=2e6),
        *epochs_of("pages", spaced(0.2, 0.01), PEAK_RSS, base=2e8),
    ]
    named = by_name(compare_epochs([], confirmation, AB, POLICY))
    assert named["page"].verdict is Verdict.UNCHANGED
    assert "lies within ±52.4 %" in named["page"].reason
    assert named["pages"].verdict is Verdict.REGRESSED


def test_a_rate_keeps_its_direction() -> None:
    (found,) = compare_epochs([], epochs_of("slow", spaced(-0.05, 0.015), THROUGHPUT), AB, POLICY)
    assert (found.verdict, found.is_worse) == (Verdict.REGRESSED, True)
    assert found.ratio == pytest.approx(0.95)


@pytest.mark.parametrize(("sigma", "most"), [(0.018, 0.001), (0.025, 0.01)])
def test_a_screen_decides_on_an_ordinary_machine(sigma: float, most: float) -> None:
    """Unchanged cases, three alone and thirty together: a second look is for those whose scatter three epochs
    overestimate, and after it next to none is too restless."""
    rng = np.random.default_rng(17)
    undecided = total = 0
    for cases, runs in ((3, 100), (30, 20)):
        for _ in range(runs):
            drawn = sigma * rng.normal(size=(cases, AB.screen_epochs + AB.second_look_epochs))
            first = [epoch for case, row in enumerate(drawn) for epoch in epochs_of(str(case), row[: AB.screen_epochs])]
            again = {case.model for case, _ in suspects(first, AB, POLICY)}
            second = [
                epoch
                for case in again
                for epoch in epochs_of(case, drawn[int(case), AB.screen_epochs :], first=AB.screen_epochs + 1)
            ]
            found = compare_epochs([*first, *second], [], AB, POLICY)
            undecided += sum("too restless" in one.reason for one in found)
            total += cases
    assert undecided / total <= most
