"""Judges recorded epochs by the tool's own rule: false alarms, power, honest intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from recording import RecordedEpoch
from scipy.stats import binomtest

from paceline.baselines.confirm import Rule, decide, epochs_needed, is_suspect
from paceline.baselines.ranks import hodges_lehmann, walsh_interval
from paceline.baselines.verdicts import Verdict

Array = npt.NDArray[np.float64]
SEED = 20
SUITE = 200
"""Cases of the run whose false alarms are asked for."""
RUNS = 400
"""Runs that are put together from recorded epochs."""
REDRAWN = 400
"""Trials a case whose epochs are drawn anew from the recorded ones."""


@dataclass(frozen=True)
class Share:
    """``count`` of ``of``, with its 95 % interval (Clopper & Pearson, Biometrika 26, 1934)."""

    count: int
    of: int

    @property
    def value(self) -> float:
        return self.count / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        if not self.of:
            return (0.0, 1.0)
        found = binomtest(self.count, self.of).proportion_ci(0.95, method="exact")
        return (float(found.low), float(found.high))

    @classmethod
    def over(cls, found: Iterable[bool]) -> Share:
        listed = list(found)
        return cls(sum(listed), len(listed))


@dataclass(frozen=True)
class Series:
    """All epochs of one case in their order: effects of whole epochs, and of their first part as a screen sees it."""

    workload: str
    extra_percent: int
    effects: Array
    screen_effects: Array
    seconds: float
    """That an epoch's turns took, on average."""
    latency_ns: float

    @property
    def calibrated(self) -> float:
        """The effect by all epochs together; of no extra work it is 0 by definition."""
        return hodges_lehmann(list(self.effects)) if self.extra_percent else 0.0


def series_of(epochs: Sequence[RecordedEpoch]) -> list[Series]:
    """The cases of a recording; one that some epoch lacks is refused, by name."""
    groups: dict[tuple[str, int], list[tuple[float, float, float, float]]] = {}
    for epoch in epochs:
        for one in epoch.records:
            row = (one.effect, one.screen_effect, one.measuring_s, float(np.quantile(one.samples[0], 0.25)))
            groups.setdefault((one.workload, one.extra_percent), []).append(row)
    for key, rows in groups.items():
        if len(rows) != len(epochs):
            raise ValueError(
                f"{key} is in {len(rows)} of {len(epochs)} epochs: these are recordings of different cases"
            )
    found = []
    for (workload, percent), rows in sorted(groups.items()):
        effects, screens, seconds, latency = np.array(rows, dtype=np.float64).T
        found.append(Series(workload, percent, effects, screens, float(seconds.mean()), float(np.median(latency))))
    return found


# -- false alarms ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unrest:
    """What is put into redrawn epochs: ``tails`` multiplies each by a heavy-tailed factor, ``correlation`` lets one
    resemble the next, ``drift`` adds a trend of so many standard deviations over the run."""

    name: str
    tails: bool = False
    correlation: float = 0.0
    drift: float = 0.0

    def put_into(self, drawn: Array, rng: np.random.Generator) -> Array:
        """``drawn`` is of shape (cases, epochs)."""
        found = drawn.copy()
        if self.tails:
            found *= np.abs(rng.standard_t(3, size=found.shape))
        if self.correlation:
            for place in range(1, found.shape[1]):
                found[:, place] = (
                    self.correlation * found[:, place - 1] + math.sqrt(1 - self.correlation**2) * found[:, place]
                )
        if self.drift:
            # Up and down again within a run: no side is slower, but epochs near each other agree.
            wave = np.sin(np.linspace(0, 2 * math.pi, found.shape[1]) + rng.uniform(0, 2 * math.pi))
            found += self.drift * found.std(axis=1, keepdims=True) * wave
        return found


UNRESTS = (
    Unrest("as recorded"),
    Unrest("heavier tails (× |t|, 3 degrees of freedom)", tails=True),
    Unrest("one epoch like the next (ρ = 0.5)", correlation=0.5),
    Unrest("drift (± one standard deviation)", drift=1.0),
)


def false_alarms(
    still: Sequence[Series], rule: Rule, unrest: Unrest, *, suspects: int = SUITE, runs: int = RUNS
) -> Share:
    """Runs with at least one false *regressed*, of runs whose every case is forced into the confirmation.

    Epochs are drawn anew from those of each case without extra work, each with a random sign: with the same code on
    both sides the sign is a coin.
    """
    rng = np.random.default_rng([SEED, suspects])
    epochs = max(rule.confirm_epochs, epochs_needed(suspects, rule))
    alarmed = []
    for _ in range(runs):
        drawn = np.stack([_redrawn(still[case % len(still)].effects, epochs, rng) for case in range(suspects)])
        drawn *= rng.choice([-1.0, 1.0], size=drawn.shape)
        decisions = decide(dict(enumerate(map(tuple, unrest.put_into(drawn, rng)))), rule)
        alarmed.append(any(one.verdict is Verdict.REGRESSED for one in decisions.values()))
    return Share.over(alarmed)


def _redrawn(effects: Array, epochs: int, rng: np.random.Generator) -> Array:
    found: Array = effects[rng.integers(len(effects), size=epochs)]
    return found


def disjoint_decisions(still: Sequence[Series], rule: Rule) -> Mapping[Verdict, int]:
    """The verdicts of runs of disjoint recorded epochs in the order they were made, all cases suspects."""
    epochs = max(rule.confirm_epochs, epochs_needed(len(still), rule))
    counts: dict[Verdict, int] = {}
    for start in range(0, min(len(one.effects) for one in still) - epochs + 1, epochs):
        run = {place: tuple(one.effects[start : start + epochs]) for place, one in enumerate(still)}
        for decision in decide(run, rule).values():
            counts[decision.verdict] = counts.get(decision.verdict, 0) + 1
    return counts


def undecided_runs(still: Sequence[Series], rule: Rule, *, cases: int, runs: int = RUNS) -> Share:
    """Runs of ``cases`` cases through both stages that end with a case undecided, epochs redrawn."""
    rng = np.random.default_rng([SEED, 1, cases])
    return Share.over(_ends_undecided(still, rule, cases, rng) for _ in range(runs))


def _ends_undecided(still: Sequence[Series], rule: Rule, cases: int, rng: np.random.Generator) -> bool:
    chosen = [still[place] for place in rng.integers(len(still), size=cases)]
    found = [one for one in chosen if is_suspect(tuple(_flipped(one.screen_effects, rule.screen_epochs, rng)), rule)]
    if not found:
        return False
    epochs = max(rule.confirm_epochs, epochs_needed(len(found), rule))
    drawn = {place: tuple(_flipped(one.effects, epochs, rng)) for place, one in enumerate(found)}
    return any(one.verdict is Verdict.INCONCLUSIVE for one in decide(drawn, rule).values())


def _flipped(effects: Array, epochs: int, rng: np.random.Generator) -> Array:
    found: Array = _redrawn(effects, epochs, rng) * rng.choice([-1.0, 1.0], size=epochs)
    return found


# -- power -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Power:
    """How often the extra work of one case was found, through both stages. ``in_order`` takes disjoint epochs as they
    were made, ``redrawn`` draws them anew; ``seconds`` is what the turns of one suspect took."""

    series: Series
    in_order: Share
    redrawn: Share
    seconds: float


def power(slowed: Series, rule: Rule) -> Power:
    """The chance to be found as the only suspect."""
    screen, confirm = rule.screen_epochs, max(rule.confirm_epochs, epochs_needed(1, rule))
    whole = screen + confirm
    in_order = [
        is_found(slowed.screen_effects[start : start + screen], slowed.effects[start + screen : start + whole], rule)
        for start in range(0, len(slowed.effects) - whole + 1, whole)
    ]
    rng = np.random.default_rng([SEED, 2])
    redrawn = [
        is_found(_redrawn(slowed.screen_effects, screen, rng), _redrawn(slowed.effects, confirm, rng), rule)
        for _ in range(REDRAWN)
    ]
    return Power(slowed, Share.over(in_order), Share.over(redrawn), slowed.seconds * whole)


def is_found(screen: Array, confirmation: Array, rule: Rule) -> bool:
    """Whether both stages together convict."""
    if not is_suspect(tuple(screen), rule):
        return False
    return decide({0: tuple(confirmation)}, rule)[0].verdict is Verdict.REGRESSED


# -- intervals ---------------------------------------------------------------------------------------------------------


def coverage(all_series: Sequence[Series], rule: Rule, epochs: int) -> Share:
    """Intervals of so many disjoint epochs that hold the effect of all *other* epochs of the case (of no extra work:
    nothing)."""
    covered = []
    for one in all_series:
        for start in range(0, len(one.effects) - epochs + 1, epochs):
            mine = one.effects[start : start + epochs]
            rest = np.concatenate([one.effects[:start], one.effects[start + epochs :]])
            if one.extra_percent and len(rest) < 2 * epochs:
                continue
            truth = hodges_lehmann(list(rest)) if one.extra_percent else 0.0
            found = walsh_interval(tuple(mine), rule.confidence)
            if found is not None:
                covered.append(found[0] <= truth <= found[1])
    return Share.over(covered)


def default_rule() -> Rule:
    """The rule with the settings that people get."""
    return Rule()
