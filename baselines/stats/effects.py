"""The effect of an epoch of an A/B: turns in pairs, builds within epochs, epochs as replicates.

An *effect* is the natural logarithm of new over base. What differs between processes of the same code (where code and
data lie in memory above all) is constant within one and random between them, so that the epoch, a pair of fresh
processes, is the replicate: the turns of an epoch make one number, and only these numbers are tested. Much of it
differs between two builds of a case in one process too, and is averaged out there, which is cheaper: one repeats at the
level that scatters (Kalibera & Jones, Rigorous benchmarking in reasonable time, ISMM 2013). Taking turns cancels what
moves both sides alike (Bulej et al., Duet benchmarking, ICPE 2020). The test itself is in
:mod:`paceline.baselines.stats.signed_rank`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from paceline.baselines.records import Epoch, Metric
from paceline.baselines.stats.samples import estimate
from paceline.baselines.stats.signed_rank import Array


class NoRatioError(ValueError):
    """An estimate is zero, negative or not finite, so that no ratio to it exists."""


class TurnEstimates(NamedTuple):
    """The estimates of a build's turns, in the metric's unit and in the order of the turns."""

    base: Array
    new: Array


def turn_estimates(epoch: Epoch) -> tuple[TurnEstimates, ...]:
    """The estimate (:func:`paceline.baselines.stats.samples.estimate`) of each turn of both sides, by build.

    Raises
    ------
    ValueError
        The epoch has no build, a build no turn, or a turn no sample of a side.
    """
    turns = [build.turns for build in epoch.builds]
    if not turns or not all(turns) or not all(turn.base and turn.new for of_build in turns for turn in of_build):
        raise ValueError(f"{_place(epoch)}: an epoch needs turns, and each turn samples of both sides")
    return tuple(
        TurnEstimates(
            np.array([_estimate(epoch.metric, turn.base) for turn in of_build]),
            np.array([_estimate(epoch.metric, turn.new) for turn in of_build]),
        )
        for of_build in turns
    )


def _estimate(metric: Metric, samples: Sequence[float]) -> float:
    # Turns of one call each are common and come in hundreds.
    return samples[0] if len(samples) == 1 else estimate(metric, samples)


def _place(epoch: Epoch) -> str:
    return f"{epoch.case} {epoch.metric.name}, epoch {epoch.number}"


def epoch_effect(epoch: Epoch) -> float:
    """The effect of one epoch: the mean over its builds of the median over turns of log(estimate of new) -
    log(estimate of base).

    Raises
    ------
    NoRatioError
        An estimate is not a positive finite number.
    ValueError
        The epoch has no build, a build no turn, or a turn no sample of a side.
    """
    return effect_of(epoch, turn_estimates(epoch))


def effect_of(epoch: Epoch, builds: Sequence[TurnEstimates]) -> float:
    """:func:`epoch_effect` where the estimates of the epoch's turns are there already."""
    both = np.concatenate([side for sides in builds for side in sides])
    if not (np.isfinite(both) & (both > 0)).all():
        worst = both[~(np.isfinite(both) & (both > 0))][0]
        raise NoRatioError(f"{_place(epoch)}: an estimate is {worst:g} {epoch.metric.unit}, so that there is no ratio")
    return float(np.mean([np.median(np.log(sides.new) - np.log(sides.base)) for sides in builds]))
