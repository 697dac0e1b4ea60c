"""False alarms of cases that are all forced into a confirmation: in order, and redrawn with unrest put in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from figures import Share, Simulated
from series import SEED, Array, Series, drawn_run

from judge.confirmation import SUITE, longest, looks_of, planned, until_cleared
from paceline.baselines.ab.decide import decide
from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.judgement.verdicts import Verdict


@dataclass(frozen=True)
class Unrest:
    """What is put into redrawn epochs; ``name`` says how. ``tails`` multiplies each epoch's distance from its case's
    mean by |t| of three degrees of freedom. ``correlation`` lets one resemble the next and keeps their scatter.
    ``wave`` adds half a wave over the run to all cases, ``wander`` a slow autoregression to each, both in standard
    deviations of the case's epochs; ``lasts`` leaves a run's part of the wave its mean, as a wander always has it: then
    the run as a whole is off."""

    name: str
    tails: bool = False
    correlation: float = 0.0
    wave: float = 0.0
    lasts: bool = False
    wander: float = 0.0

    def put_into(self, drawn: Array, centre: Array, sigma: Array, lengths: Array, rng: np.random.Generator) -> Array:
        """``drawn`` is of shape (cases, epochs); each case's mean and standard deviation, and how many of its epochs
        the run has, of (cases, 1)."""
        moved = drawn - centre
        if self.tails:
            moved *= np.abs(rng.standard_t(3, size=moved.shape))
        if self.correlation:
            moved = _autoregression(moved, self.correlation)
        if self.wave:
            phase = rng.uniform(0, 2 * math.pi)
            places = np.arange(moved.shape[1])
            wave = np.cos(math.pi * places / (lengths - 1) + phase)
            if not self.lasts:
                wave -= np.mean(wave, axis=1, where=places < lengths, keepdims=True)
            moved = moved + self.wave * sigma * wave
        if self.wander:
            moved = moved + self.wander * sigma * _autoregression(rng.normal(size=moved.shape), 0.9)
        found: Array = centre + moved
        return found


def _autoregression(fresh: Array, correlation: float) -> Array:
    """Each value is ``correlation`` times the one before and so much of the ``fresh`` one that the scatter stays."""
    found = fresh.copy()
    for place in range(1, fresh.shape[1]):
        found[:, place] = correlation * found[:, place - 1] + math.sqrt(1 - correlation**2) * fresh[:, place]
    return found


UNRESTS = (
    Unrest("as recorded"),
    Unrest("heavier tails: each epoch's distance from its case's mean × abs(t), 3 degrees of freedom", tails=True),
    Unrest("one epoch like the next: yₜ′ = 0.5 yₜ₋₁′ + √0.75 yₜ", correlation=0.5),
    Unrest(
        "drift: + σ cos(φ + π t/K) for all cases of a run, φ drawn once a run, less its mean over the run", wave=1.0
    ),
    Unrest("drift that lasts: the same with its mean, so that the sides differ by up to 0.64 σ", wave=1.0, lasts=True),
    Unrest("slow wander: + σ/2 zₜ for each case, zₜ = 0.9 zₜ₋₁ + √0.19 eₜ", wander=0.5),
    Unrest("twice as much of it: + σ zₜ", wander=1.0),
)


def forced(effects: Sequence[Array], among: int, ab: ABSettings) -> list[Verdict]:
    """The verdicts of cases that are all forced into one confirmation, among so many: those that are not there have no
    epochs and only count."""
    there = dict(enumerate(until_cleared(effects, ab)))
    absent: dict[int, tuple[float, ...]] = dict.fromkeys(range(len(there), among), ())
    decided = decide(there | absent, ab)
    return [decided[place].verdict for place in there]


@dataclass(frozen=True)
class InOrder:
    """Runs of recorded epochs in the order they were made: how many called a case *regressed*, how many called one
    *improved* (with the sides swapped it would have been *regressed*), and all verdicts of their cases."""

    regressed: Share
    improved: Share
    verdicts: Mapping[Verdict, int]


def alarms_in_order(still: Sequence[Series], ab: ABSettings, *, among: int = SUITE) -> InOrder:
    """Disjoint runs, one after the other: every case without extra work is screened, and confirmed as one among so
    many. Where fewer epochs are left than that plans, a run has those."""
    looks, start, runs = looks_of(ab), 0, []
    while start + looks + ab.confirm_epochs <= len(still[0].effects):
        lengths = planned(np.stack([one.screen_effects[start : start + looks] for one in still]), among, ab)
        start += looks
        fresh = [one.effects[start : start + length] for one, length in zip(still, lengths, strict=True)]
        runs.append(forced(fresh, among, ab))
        start += max(lengths)
    counts: dict[Verdict, int] = {}
    for verdict in (verdict for run in runs for verdict in run):
        counts[verdict] = counts.get(verdict, 0) + 1
    return InOrder(
        Share.over(Verdict.REGRESSED in run for run in runs),
        Share.over(Verdict.IMPROVED in run for run in runs),
        counts,
    )


def alarms_redrawn(still: Sequence[Series], ab: ABSettings, unrest: Unrest, *, among: int, runs: int) -> Simulated:
    """Runs with at least one false *regressed*, of runs made of recorded epochs (:func:`series.drawn_run`) whose every
    case is screened and then forced into the confirmation; the unrest is put into that. One coin a run swaps the sides
    of all its cases."""
    rng = np.random.default_rng([SEED, among])
    looks = looks_of(ab)
    alarmed = 0
    for _ in range(runs):
        drawn = drawn_run(still, among, looks + longest(among, ab), rng)
        lengths = planned(np.stack([one.screen_effects[positions[:looks]] for one, positions in drawn]), among, ab)
        effects = np.stack([one.effects[positions[looks:]] for one, positions in drawn])
        centre = np.array([[one.effects.mean()] for one, _ in drawn])
        sigma = np.array([[one.effects.std(ddof=1)] for one, _ in drawn])
        swapped = rng.choice([-1.0, 1.0])
        fresh = swapped * unrest.put_into(effects, centre, sigma, np.array(lengths)[:, None], rng)
        verdicts = forced([row[:length] for row, length in zip(fresh, lengths, strict=True)], among, ab)
        alarmed += Verdict.REGRESSED in verdicts
    return Simulated(alarmed, runs, len(still[0].effects))
