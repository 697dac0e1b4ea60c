"""The two-stage test in simulation: how often whole runs cry wolf, find what is there, and end undecided."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from paceline.baselines.ab.decide import decide
from paceline.baselines.ab.plan import planned_epochs
from paceline.baselines.judgement.verdicts import Verdict
from paceline.baselines.stats.process_noise import fit_prior, moderated
from paceline.baselines.stats.signed_rank import sign_flip_p, walsh_averages
from tests.baselines.ab.effects import AB

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def autoregressive(correlation: float) -> Draw:
    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        drawn = rng.normal(size=shape)
        for epoch in range(1, shape[1]):
            drawn[:, epoch] = correlation * drawn[:, epoch - 1] + math.sqrt(1 - correlation**2) * drawn[:, epoch]
        return drawn

    return draw


NOISE: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "heavy tails": lambda rng, shape: rng.standard_t(3, shape),
    "correlated 0.3": autoregressive(0.3),
    "correlated 0.6": autoregressive(0.6),
    "drifting": lambda rng, shape: rng.normal(size=shape) + np.linspace(-1, 1, shape[1]),
}


def whole_run(
    rng: np.random.Generator, draw: Draw, sigma: np.ndarray, change: np.ndarray, is_screened: bool
) -> tuple[int, dict[int, Sequence[float]]]:
    """One A/B of all cases: how many were to be confirmed, and the fresh epochs of these."""
    looked_twice, stays, scatter = both_looks(rng, draw, sigma, change)
    suspects = np.flatnonzero(looked_twice & stays) if is_screened else np.arange(len(sigma))
    fresh = {}
    for case in map(int, suspects):
        epochs = planned_epochs(len(suspects), AB, float(scatter[case]))
        fresh[case] = list(change[case] + sigma[case] * draw(rng, (1, epochs))[0])
    return len(suspects), fresh


def both_looks(
    rng: np.random.Generator, draw: Draw, sigma: np.ndarray, change: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which cases the first look does not clear, which both looks' epochs together do not, and how much each case
    scatters by all that it has. (:class:`paceline.baselines.ab.screen.Screen` on arrays.)"""
    first = AB.screen_epochs
    screen = change[:, None] + sigma[:, None] * draw(rng, (len(sigma), first + AB.second_look_epochs))
    rows = [row[:first] for row in screen]
    scatter = scatter_of(rows)
    let_through = np.array([AB.looks(one)[0].threshold for one in scatter])
    looked_twice = np.abs(np.median(walsh_averages(screen[:, :first]), axis=1)) >= let_through
    scatter = scatter_of([row if again else row[:first] for row, again in zip(screen, looked_twice, strict=True)])
    let_through = np.array([AB.looks(one)[1].threshold for one in scatter])
    stays = np.abs(np.median(walsh_averages(screen), axis=1)) >= let_through
    return looked_twice, stays, scatter


def scatter_of(rows: Sequence[np.ndarray]) -> np.ndarray:
    ratios = [np.exp(row) for row in rows]
    prior = fit_prior(ratios)
    return np.array([moderated(one, prior).deviation for one in ratios])


def could_convict(effects: dict[int, Sequence[float]]) -> bool:
    """Whether any p reaches the first level of Holm's: else no decision has to be worked out."""
    null = math.log1p(AB.null)
    return any(sign_flip_p(row, null, "greater") <= AB.alpha / len(effects) for row in effects.values())


@pytest.mark.parametrize("is_screened", [True, False], ids=["both stages", "all forced into confirmation"])
@pytest.mark.parametrize("noise", ["normal", *(pytest.param(one, marks=pytest.mark.slow) for one in [*NOISE][1:])])
def test_of_200_unchanged_cases_a_run_convicts_none(noise: str, is_screened: bool) -> None:
    """σ_e from 0.5 to 2.5 %. 300 runs: a true rate of 1 % would show 3; more than 6 would be seen in 3 % of tests."""
    rng = np.random.default_rng(11)
    alarms = 0
    for _ in range(300):
        sigma = rng.uniform(0.005, 0.025, 200)
        _, effects = whole_run(rng, NOISE[noise], sigma, np.zeros(200), is_screened)
        if could_convict(effects):
            alarms += any(one.verdict is Verdict.REGRESSED for one in decide(effects, AB).values())
    assert alarms <= 3


@pytest.mark.parametrize("cases", [1, 5])
def test_few_suspects_are_not_convicted_more_often(cases: int) -> None:
    """Every one forced into confirmation at σ_e = 2.5 %, some epochs resembling the next. 1000 runs."""
    rng = np.random.default_rng(12)
    for noise, most in (("normal", 10), ("heavy tails", 10), ("correlated 0.3", 15)):
        alarms = 0
        for _ in range(1000):
            _, effects = whole_run(rng, NOISE[noise], np.full(cases, 0.025), np.zeros(cases), is_screened=False)
            if could_convict(effects):
                alarms += any(one.verdict is Verdict.REGRESSED for one in decide(effects, AB).values())
        assert alarms <= most, noise


@pytest.mark.parametrize(
    ("sigma", "change", "least"), [(0.015, 0.05, 0.95), (0.015, 0.03, 0.80), (0.03, 0.05, 0.95), (0.03, 0.03, 0.70)]
)
@pytest.mark.parametrize("changed", [1, 5])
def test_a_change_comes_through_both_stages(changed: int, sigma: float, change: float, least: float) -> None:
    """Of 20 cases with ``sigma``, ``changed`` got slower. With 3 % a plan ends at the most epochs that there are, and
    every second or third of the others is a suspect, too."""
    rng = np.random.default_rng(13)
    changes = np.zeros(20)
    changes[:changed] = math.log1p(change)
    found = total = 0
    for _ in range(200):
        _, effects = whole_run(rng, NOISE["normal"], np.full(20, sigma), changes, is_screened=True)
        decisions = decide(effects, AB)
        found += sum(decisions[case].verdict is Verdict.REGRESSED for case in range(changed) if case in decisions)
        total += changed
    assert found / total >= least


def test_the_second_look_clears_most_false_suspects() -> None:
    """Epochs that scatter by 1.5 % let a quarter of unchanged cases pass the first look, and one in a hundred both."""
    first, second, _ = both_looks(np.random.default_rng(16), NOISE["normal"], np.full(20_000, 0.015), np.zeros(20_000))
    assert 0.2 < first.mean() < 0.3
    assert (first & second).mean() < 0.015


@pytest.mark.parametrize("most", [0.025, 0.035])
def test_runs_without_a_change_end_decided(most: float) -> None:
    """30 cases, σ_e from 0.5 % to ``most``, through both stages."""
    rng = np.random.default_rng(14)
    undecided = 0
    for _ in range(300):
        _, effects = whole_run(rng, NOISE["normal"], rng.uniform(0.005, most, 30), np.zeros(30), is_screened=True)
        undecided += any(one.verdict is Verdict.INCONCLUSIVE for one in decide(effects, AB).values())
    assert undecided / 300 <= 0.1
