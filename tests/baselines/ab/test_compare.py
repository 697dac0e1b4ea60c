"""Whole comparisons of an A/B."""

from __future__ import annotations

import pytest

from paceline.baselines.ab.compare import compare_epochs
from paceline.baselines.ab.screen import unsettled
from paceline.baselines.judgement.verdicts import ORDER, Policy, Verdict
from paceline.baselines.records import Epoch, Level, Metric, Note, Turn
from paceline.baselines.records.metrics import (
    INSTRUCTIONS_SIMULATED,
    PEAK_DEVICE_MEMORY,
    PEAK_RSS,
    PREPARATION,
    THROUGHPUT,
)
from tests.baselines.ab.effects import AB, POLICY, by_name, spaced
from tests.builders import make_case, make_epoch, make_epochs, make_exact_epochs


def test_a_whole_ab_comes_out_worst_first_with_every_number() -> None:
    screen = [
        *make_epochs("slow", (0.05, 0.06, 0.04)),
        *make_epochs("calm", (0.001, -0.002, 0.002)),
        *make_epochs("false", (0.012, 0.02, 0.011)),
        *make_epochs("late", (0.04, 0.03, 0.02)),
        *make_exact_epochs("smaller", (10.0,), (9.0,)),
    ]
    effects = spaced(0.05, 0.015)
    confirmation = [*make_epochs("false", spaced(0.002, 0.008)), *reversed(make_epochs("slow", effects))]
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
    assert calm.reason.startswith("+0.1 % over the screen's 3 epochs is no suspect (from 1 %); would have found ≥ ")
    assert "was not confirmed: 16 fresh epochs would decide" in named["late"].reason


def test_without_a_screen_the_confirmation_stands_alone() -> None:
    (found,) = compare_epochs([], make_epochs("slow", spaced(0.05, 0.015)), AB, POLICY)
    assert (found.verdict, found.stage) == (Verdict.REGRESSED, "confirmation")
    assert compare_epochs([], [], AB, POLICY) == ()


def test_a_screen_of_many_calm_epochs_proves_no_change() -> None:
    (found,) = compare_epochs(make_epochs("calm", spaced(0.001, 0.004, 8)), [], AB, POLICY)
    assert found.verdict is Verdict.UNCHANGED
    assert found.low is not None


def test_a_screen_that_would_miss_the_promise_cannot_decide() -> None:
    (found,) = compare_epochs(make_epochs("noisy", (0.09, -0.09, 0.001)), [], AB, POLICY)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.detectable is not None
    assert found.detectable > 0.05
    assert "too restless to find the 5 % that are promised; about" in found.reason
    assert found.epochs_needed is not None
    assert found.epochs_needed > 16
    assert f"about {found.epochs_needed} fresh epochs would decide; would have found ≥" in found.reason


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_screen_that_was_cut_cannot_decide(epochs: int) -> None:
    (found,) = compare_epochs(make_epochs("cut", (0.001, 0.03)[:epochs]), [], AB, POLICY)
    assert (found.verdict, found.epochs_needed) == (Verdict.INCONCLUSIVE, 3)
    assert f"over {epochs} of the screen's 3 epochs: too few to tell" in found.reason


def test_the_bands_are_the_policys() -> None:
    confirmation = [*make_epochs("wide", spaced(0.05, 0.01)), *make_epochs("usual", spaced(0.05, 0.01))]
    named = by_name(compare_epochs([], confirmation, AB, Policy(bands={"wide-*": 0.1})))
    assert named["wide"].verdict is Verdict.UNCHANGED
    assert named["usual"].verdict is Verdict.REGRESSED


def test_exact_metrics_are_judged_at_once() -> None:
    screen = [
        *make_exact_epochs("same", (10.0, 10.0), (10.0, 10.0)),
        *make_exact_epochs("larger", (10.0, 10.0), (11.0, 11.0)),
        *make_exact_epochs("moving", (100.0, 100.0, 150.0), (100.0, 100.0, 100.0), PEAK_DEVICE_MEMORY),
        *make_epochs("shown", (0.5, 0.5), PREPARATION),
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


def test_an_epoch_without_a_ratio_decides_nothing() -> None:
    broken = make_epochs("broken", spaced(0.0, 0.01))
    broken[3] = make_epoch(broken[3].case, [Turn((0.0,), (5.0,))], number=broken[3].number)
    named = by_name(compare_epochs([], [*broken, *make_epochs("slow", spaced(0.05, 0.015))], AB, POLICY))
    assert named["broken"].verdict is Verdict.INCONCLUSIVE
    assert "epoch 4: an estimate is 0 ns" in named["broken"].reason
    assert (named["broken"].ratio, named["broken"].epochs) == (None, ())
    assert "asked for ≤ 0.01" in named["slow"].reason


def test_epochs_that_disagree_are_noted_and_given_notes_are_kept() -> None:
    halves = [0.0, 0.06] * 8
    given_note = Note(Level.WARNING, "throttled", "the clock dropped")
    epochs = make_epochs("split", halves)
    (found,) = compare_epochs([], epochs, AB, POLICY, notes={(epochs[0].case, "latency_ns"): [given_note]})
    assert [note.code for note in found.notes] == ["throttled", "epochs_disagree"]
    assert "the middle half of 16 lies between +0.0 and +6.2 %" in found.notes[1].sentence
    (calm,) = compare_epochs([], make_epochs("calm", spaced(0.0, 0.01)), AB, POLICY)
    assert calm.notes == ()


def test_what_cannot_be_one_series_is_refused() -> None:
    with pytest.raises(ValueError, match="a-eager-cpu-b1 latency_ns: two epochs have the same number"):
        compare_epochs([*make_epochs("a", (0.1,)), *make_epochs("a", (0.2,))], [], AB, POLICY)
    other = Metric("latency_ns", "us", "lower", "sampled")
    with pytest.raises(ValueError, match="a-eager-cpu-b1 latency_ns is not the same metric in all epochs"):
        compare_epochs([*make_epochs("a", (0.1,)), *make_epochs("a", (0.2,), other, first=2)], [], AB, POLICY)


def test_below_its_resolution_a_metric_convicts_nothing() -> None:
    confirmation = [
        *make_epochs("page", spaced(0.2, 0.01), PEAK_RSS, base=2e6),
        *make_epochs("pages", spaced(0.2, 0.01), PEAK_RSS, base=2e8),
    ]
    named = by_name(compare_epochs([], confirmation, AB, POLICY))
    assert named["page"].verdict is Verdict.UNCHANGED
    assert "lies within ±52.4 %" in named["page"].reason
    assert named["pages"].verdict is Verdict.REGRESSED


def test_a_rate_keeps_its_direction() -> None:
    (found,) = compare_epochs([], make_epochs("slow", spaced(-0.05, 0.015), THROUGHPUT), AB, POLICY)
    assert (found.verdict, found.is_worse) == (Verdict.REGRESSED, True)
    assert found.ratio == pytest.approx(0.95)


def counted_epochs(base: tuple[float, ...], new: tuple[float, ...]) -> list[Epoch]:
    """One epoch of counted instructions: the tallies of a process a side."""
    return [make_epoch(make_case("mlp"), [Turn(base, new)], metric=INSTRUCTIONS_SIMULATED)]


@pytest.mark.parametrize(
    ("new", "verdict"),
    [
        ((1000.0, 1004.0), Verdict.UNCHANGED),
        ((1010.0, 1011.0), Verdict.REGRESSED),
        ((990.0, 989.0), Verdict.IMPROVED),
        ((1000.0, 1006.0), Verdict.NOT_DETERMINISTIC),
    ],
)
def test_counted_instructions_are_settled_by_one_epoch(new: tuple[float, ...], verdict: Verdict) -> None:
    epochs = counted_epochs((1000.0, 1001.0), new)
    (found,) = compare_epochs(epochs, [], AB, POLICY)
    assert found.verdict is verdict
    assert unsettled(epochs) == frozenset()
