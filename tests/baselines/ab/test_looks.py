"""What the looks of a screen leave suspect, in whole comparisons."""

from __future__ import annotations

import numpy as np
import pytest

from paceline.baselines.ab.compare import compare_epochs
from paceline.baselines.ab.screen import suspects, unsettled
from paceline.baselines.judgement.verdicts import Policy, Verdict
from paceline.baselines.records.metrics import PEAK_DEVICE_MEMORY, PEAK_RSS, PREPARATION
from tests.baselines.ab.effects import AB, POLICY, by_name, spaced
from tests.builders import make_epochs, make_exact_epochs


def test_the_looks_and_the_confirmation_follow_each_other() -> None:
    first = [
        *make_epochs("slow", (0.03, 0.035, 0.025)),
        *make_epochs("false", (0.012, 0.02, 0.011)),
        *make_epochs("fast", (-0.012, -0.02, -0.011)),
        *make_epochs("calm", (0.001, -0.002, 0.002)),
        *make_epochs("restless", (0.14, -0.14, 0.001)),
        *make_exact_epochs("larger", (10.0,), (11.0,)),
    ]
    looked_at = suspects(first, AB, POLICY)
    assert [case.model for case, _ in looked_at] == ["slow", "false", "fast", "restless"]
    screen = [
        *first,
        *make_epochs("slow", (0.03, 0.025, 0.03, 0.03), first=4),
        *make_epochs("false", (0.001, -0.001, 0.002, 0.0), first=4),
        *make_epochs("fast", (-0.03, 0.003, 0.001, 0.003), first=4),
        *make_epochs("restless", (0.001, -0.001, 0.002, -0.001), first=4),
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
    fresh = make_epochs("slow", spaced(0.03, 0.001)) + make_epochs("restless", spaced(0.0, 0.01))
    named = by_name(compare_epochs(screen, fresh, AB, POLICY))
    assert named["slow"].verdict is Verdict.REGRESSED
    assert named["restless"].verdict is Verdict.UNCHANGED


def test_one_more_suspect_can_make_others_too_restless() -> None:
    """The level of each is shared by all that are confirmed."""
    least = next(
        scale / 1000
        for scale in range(1, 200)
        if suspects(make_epochs("alone", (scale / 1000, -scale / 1000, 0.0)), AB, POLICY)
    )
    restless = make_epochs("alone", (least - 0.001, 0.001 - least, 0.0))
    assert not suspects(restless, AB, POLICY)
    many = [epoch for case in range(40) for epoch in make_epochs(f"slow {case}", (0.03 - least, 0.03 + least, 0.03))]
    found = {case.model for case, _ in suspects([*many, *restless], AB, POLICY)}
    assert "alone" in found
    assert len(found) == 41


def test_a_second_look_that_was_cut_keeps_the_first_threshold() -> None:
    screen = make_epochs("slow", (0.013,) * 6)
    assert [case.model for case, _ in suspects(screen, AB, POLICY)] == ["slow"]
    assert not suspects(make_epochs("slow", (0.013,) * 7), AB, POLICY)


def test_more_epochs_can_settle_scatter_and_exact_differences() -> None:
    screen = [
        *make_epochs("calm", (0.001,)),
        *make_exact_epochs("same", (10.0,), (10.0,)),
        *make_exact_epochs("larger", (10.0,), (11.0,)),
        *make_exact_epochs("within", (1000.0,), (1005.0,), PEAK_DEVICE_MEMORY),
        *make_epochs("shown", (0.5,), PREPARATION),
    ]
    assert {case.model for case, _ in unsettled(screen)} == {"calm", "larger"}


def test_the_suspects_are_those_that_a_comparison_leaves_open() -> None:
    screen = [
        *make_epochs("slow", (0.05, 0.06, 0.04)),
        *make_epochs("fast", (-0.05, -0.06, -0.04)),
        *make_epochs("calm", (0.001, -0.002, 0.002)),
        *make_epochs("wide", (0.03, 0.03, 0.03)),
        *make_epochs("narrow", (0.008, 0.008, 0.008)),
        *make_epochs("broken", (0.05, 0.05, 0.05), base=-1.0),
        *make_exact_epochs("larger", (10.0,), (11.0,)),
        *make_epochs("shown", (0.5, 0.5), PREPARATION),
        *make_epochs("page", (0.2, 0.2, 0.2), PEAK_RSS, base=4096.0),
        *make_epochs("pages", (0.2, 0.2, 0.2), PEAK_RSS, base=1e9),
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


@pytest.mark.parametrize(("sigma", "most"), [(0.018, 0.001), (0.025, 0.01)])
def test_a_screen_decides_on_an_ordinary_machine(sigma: float, most: float) -> None:
    """Unchanged cases, three alone and thirty together: a second look is for those whose scatter three epochs
    overestimate, and after it next to none is too restless."""
    rng = np.random.default_rng(17)
    undecided = total = 0
    for cases, runs in ((3, 100), (30, 20)):
        for _ in range(runs):
            drawn = sigma * rng.normal(size=(cases, AB.screen_epochs + AB.second_look_epochs))
            first = [
                epoch for case, row in enumerate(drawn) for epoch in make_epochs(str(case), row[: AB.screen_epochs])
            ]
            again = {case.model for case, _ in suspects(first, AB, POLICY)}
            second = [
                epoch
                for case in again
                for epoch in make_epochs(case, drawn[int(case), AB.screen_epochs :], first=AB.screen_epochs + 1)
            ]
            found = compare_epochs([*first, *second], [], AB, POLICY)
            undecided += sum("too restless" in one.reason for one in found)
            total += cases
    assert undecided / total <= most
