"""Which sizes of extra work are found through both stages, and the epochs that this takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from figures import Redrawn, Share
from series import Positions, Series, redrawn

from judge.confirmation import looks_of, planned, until_cleared
from judge.stages import course
from paceline.baselines.ab.plan import planned_epochs
from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.judgement.verdicts import Verdict
from paceline.fixtures.ab.stages import BUILDS

REACH = 0.025
"""How far a case's true size may lie from the size asked for, to be shifted there."""


def whole_epochs(one: Series, ab: ABSettings) -> float:
    """As many epochs of a confirmation take as long as everything that a case goes through which changed, and scatters
    as it does: a screen builds it once an epoch."""
    return looks_of(ab) / BUILDS + planned_epochs(1, ab, float(one.screen_effects.std(ddof=1)))


def epochs_until_cleared(still: Sequence[Series], ab: ABSettings) -> float:
    """How many epochs a confirmation of one suspect without extra work has, the mean over disjoint ones in order; no
    number where too little is recorded."""
    looks, taken = looks_of(ab), list[int]()
    for one in still:
        start = 0
        while start + looks + planned_epochs(1, ab) <= len(one.effects):
            (length,) = planned(one.screen_effects[None, start : start + looks], 1, ab)
            start += looks
            taken.append(len(until_cleared([one.effects[start : start + length]], ab)[0]))
            start += length
    return float(np.mean(taken)) if taken else math.nan


def trials(cases: Sequence[Series], positions: Positions, ab: ABSettings, size: float | None = None) -> Share:
    """Of disjoint trials the share in which a case is called *regressed* through both stages, as the only suspect.

    With a ``size`` (a fraction) each trial's epochs are shifted by as much as that size lies from the case's true one,
    known from epochs that the trial does not use (:meth:`series.Series.truth`); where too few are left, it is left out.
    """
    looks, found = looks_of(ab), []
    for one in cases:
        start = 0
        while start + looks + planned_epochs(1, ab) <= len(positions):
            (length,) = planned(one.screen_effects[None, positions[start : start + looks]], 1, ab)
            mine = positions[start : start + looks + length]
            moved = one if size is None else at_size(one, size, mine)
            if moved is None:
                break
            trial = course([(moved, mine)], ab)
            found.append(trial.verdicts == (Verdict.REGRESSED,))
            start += trial.epochs
    return Share.over(found)


def at_size(one: Series, size: float, apart_from: Positions) -> Series | None:
    """A case's epochs as though its true size were ``size``."""
    truth = one.truth(apart_from)
    return None if truth is None else one.shifted(math.log1p(size) - truth.effect)


def near(cases: Sequence[Series], size: float) -> list[Series]:
    """Those whose extra work has a true size, by all their epochs, within :data:`REACH` of ``size``."""
    sizes = [(one, one.truth()) for one in cases if one.extra_percent]
    return [one for one, truth in sizes if truth is not None and abs(math.expm1(truth.effect) - size) <= REACH]


@dataclass(frozen=True)
class Power:
    """How often a size is found, in order and redrawn, by how many ``cases``."""

    cases: int
    in_order: Share
    redrawn: Redrawn


def power(cases: Sequence[Series], ab: ABSettings, size: float | None, times: int) -> Power:
    """Of ``cases`` as they are, or of those :func:`near` a size, shifted to it."""
    chosen = cases if size is None else near(cases, size)
    everything = np.arange(len(cases[0].effects)) if cases else np.arange(0)
    return Power(
        len(chosen),
        trials(chosen, everything, ab, size),
        redrawn(lambda some, positions: trials(some, positions, ab, size), chosen, times, seed=3),
    )


def trials_at(still: Sequence[Series], size: float, ab: ABSettings, times: int) -> float:
    """The share found of cases without extra work that are shifted to a ``size``."""
    return redrawn(lambda some, positions: trials(some, positions, ab, size), still, times, seed=4).value


def size_found(still: Sequence[Series], ab: ABSettings, times: int, *, share: float = 0.8) -> float:
    """The size (a fraction) that is found in ``share`` of trials, to a twentieth of a percent: infinite where a doubled
    time is not, no number where too little is recorded. The same epochs are drawn for every size."""
    low, high = 0.0, 1.0
    most = trials_at(still, high, ab, times)
    if not most >= share:
        return math.nan if math.isnan(most) else math.inf
    while high - low > 0.0005:
        middle = (low + high) / 2
        low, high = (low, middle) if trials_at(still, middle, ab, times) >= share else (middle, high)
    return high
