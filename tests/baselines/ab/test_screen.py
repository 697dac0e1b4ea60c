"""What a screen suspects because it scatters, and how long that is confirmed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.ab.compare import compare_epochs
from paceline.baselines.ab.decide import cleared, decide
from paceline.baselines.ab.plan import epochs_needed, planned_epochs
from paceline.baselines.ab.screen import Screen, going_on, plan, suspects
from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.judgement.verdicts import Verdict
from paceline.baselines.records import Case, Epoch
from paceline.baselines.records.metrics import LATENCY
from paceline.baselines.stats.power import chance_to_convict
from paceline.baselines.stats.signed_rank import walsh_averages
from tests.baselines.ab.effects import AB, POLICY
from tests.builders import make_case, make_epochs

SIGMAS = st.floats(0, 0.2)


def screen_of(**effects: Sequence[float]) -> list[Epoch]:
    return [epoch for name, some in effects.items() for epoch in make_epochs(name, some)]


def models(keys: Sequence[tuple[Case, str]]) -> list[str]:
    return [case.model for case, _ in keys]


# -- the looks ---------------------------------------------------------------------------------------------------------


@given(SIGMAS, SIGMAS, st.floats(0.005, 0.1))
def test_the_more_a_case_scatters_the_less_a_look_clears(one: float, other: float, band: float) -> None:
    ab = AB.with_band(band)
    for place, setting in enumerate((ab.screen_threshold, ab.second_look_threshold)):
        calm, restless = (ab.looks(sigma)[place].threshold for sigma in sorted((one, other)))
        assert 0 <= restless <= calm <= math.log1p(setting)


@pytest.mark.parametrize("sigma", [0.005, 0.015, 0.02, 0.03, 0.05])
def test_a_look_lets_the_planned_effect_through(sigma: float) -> None:
    drawn = math.log1p(AB.plan_effect) + sigma * np.random.default_rng(1).normal(size=(4000, 7))
    for look in AB.looks(sigma):
        estimates = np.median(walsh_averages(drawn[:, : look.epochs]), axis=1)
        assert (np.abs(estimates) >= look.threshold).mean() >= AB.plan_power - 0.01


def test_a_case_that_scatters_is_confirmed_at_a_small_estimate() -> None:
    calm, restless = (0.008, 0.007, 0.009), (0.05, -0.03, 0.008)
    assert models(suspects(screen_of(calm=calm, restless=restless), AB, POLICY)) == ["restless"]
    more = (0.045, -0.03, 0.03, 0.004)
    screen = screen_of(calm=calm, restless=(*restless, *more))
    assert models(suspects(screen, AB, POLICY)) == ["restless"]
    found = {one.case.model: one for one in compare_epochs(screen, [], AB, POLICY)}
    assert found["calm"].verdict is Verdict.NO_CHANGE_SEEN
    assert found["restless"].verdict is Verdict.INCONCLUSIVE
    assert "so few scatter too much to rule out 3 %; 32 fresh epochs would decide" in found["restless"].reason
    assert found["restless"].epochs_needed == 32


# -- the plan ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suspects", [1, 5, 20])
@pytest.mark.parametrize("sigma", [0.018, 0.022, 0.026])
def test_as_many_epochs_are_planned_as_find_the_planned_effect(suspects: int, sigma: float) -> None:
    epochs = planned_epochs(suspects, AB, sigma)
    assert planned_epochs(suspects, AB) <= epochs <= AB.restless_epochs
    settings = {"level": AB.alpha / suspects, "null": math.log(1.005), "min_effect": math.log(1.02)}
    chance = chance_to_convict(math.log(1.03), sigma, epochs, **settings, clearing=AB.clearing)
    assert chance >= 0.95 or epochs == AB.restless_epochs


@given(st.integers(1, 200), SIGMAS, SIGMAS)
def test_more_scatter_and_more_suspects_never_take_fewer_epochs(count: int, one: float, other: float) -> None:
    calm, restless = (planned_epochs(count, AB, sigma) for sigma in sorted((one, other)))
    assert AB.confirm_epochs <= calm <= restless <= max(AB.restless_epochs, epochs_needed(count, AB))
    assert planned_epochs(1, AB, one) <= planned_epochs(count, AB, one)


def test_each_suspect_has_a_plan_of_its_own() -> None:
    rng = np.random.default_rng(3)
    calm = {f"calm{place}": 0.005 * rng.normal(size=7) for place in range(10)}
    restless = {f"restless{place}": 0.04 * rng.normal(size=7) for place in range(4)}
    screen = screen_of(**calm, **restless)
    unseen = (make_case("unseen"), LATENCY.name)
    keys = [(epoch.case, LATENCY.name) for epoch in screen if epoch.number == 1]
    found = plan(screen, [*keys, unseen], AB, POLICY)
    assert {found[key] for key in keys[:10]} == {found[unseen]} == {planned_epochs(15, AB)}
    assert all(found[key] > 26 for key in keys[10:])
    fixed = ABSettings(fixed_epochs=8)
    assert set(plan(screen, keys, fixed, POLICY).values()) == {8}
    # What is printed of a suspect that was cleared early is what all its epochs would have found.
    screened = Screen.of(screen, AB, POLICY)
    assert [screened.planned_epochs(key, 15) for key in keys] == [found[key] for key in keys]


def test_to_plan_by_the_screen_costs_none_of_the_level() -> None:
    """Cases at the null itself, each confirmed alone with as many epochs as its screen says. Of 4000 at 1 % each 40 are
    convicted, and more than 56 in less than 1 % of tests."""
    rng = np.random.default_rng(4)
    ab, null = ABSettings(band=0.005, screen_threshold=0.005, second_look_threshold=0.005), math.log1p(0.005)
    convicted = 0
    for _ in range(4000):
        epochs = planned_epochs(1, ab, float(0.03 * rng.normal(size=7).std(ddof=1)))
        effects = null + 0.03 * rng.normal(size=epochs)
        convicted += decide({"one": effects}, ab)["one"].verdict is Verdict.REGRESSED
    assert 15 < convicted <= 56


# -- who goes on -------------------------------------------------------------------------------------------------------

KEYS = tuple((make_case(name), LATENCY.name) for name in "abc")


def test_what_was_cleared_comes_back_when_it_no_longer_is() -> None:
    a, b, c = KEYS
    assert going_on({a: 3, b: 3, c: 3}, KEYS, {b}) == (a, c)
    # b is no longer cleared, but the others go on first.
    assert going_on({a: 2, b: 3, c: 2}, (a, c), {c}) == (a,)
    assert going_on({a: 0, b: 3, c: 2}, (a,), {c}) == (b,)
    assert going_on({a: 0, b: 0, c: 2}, (b,), {c}) == ()


@given(st.lists(st.lists(st.floats(-0.08, 0.08), min_size=16, max_size=36), min_size=1, max_size=5))
def test_each_suspect_is_cleared_or_gets_all_its_epochs(rows: list[list[float]]) -> None:
    effects = dict(zip(KEYS, rows, strict=False))
    left = {key: len(row) for key, row in effects.items()}
    taken: dict[tuple[Case, str], list[float]] = {key: [] for key in effects}
    keys = tuple(effects)
    while keys:
        for key in keys:
            taken[key].append(effects[key][len(taken[key])])
            left[key] -= 1
        keys = going_on(left, keys, cleared(taken, AB))
    done = cleared(taken, AB)
    assert all(key in done or len(taken[key]) == len(effects[key]) for key in effects)
