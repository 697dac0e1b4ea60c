"""The power of an A/B's test, by simulation: the change that so many epochs find, and the epochs that a change takes.

Effects, and the scatter of epochs (σ_e), are natural logarithms of new over base
(:mod:`paceline.baselines.stats.effects`); so is ``min_effect``, which an estimate must reach: that of the band.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from paceline.baselines.stats.signed_rank import Array, critical_count, least_epochs, walsh_averages

SEED = 1963
"""Of everything that is simulated here, so that one and the same data are always judged alike."""
REPLICATES = 4000
"""Simulated experiments behind a power: its chance error is below 0.01, that of a detectable change below 0.02 σ."""
MOST_SIMULATED = 32
"""Epochs of a plan; from more on the normal approximation is good enough."""
CHUNK = 2_000_000
"""Walsh averages held in memory at once while simulating."""


def deviation(sigma: float, epochs: int) -> float:
    """The standard deviation of the Hodges-Lehmann estimate of so many normal epochs that scatter by ``sigma``:
    σ·√(π/3)/√K for many (Hodges & Lehmann 1963)."""
    return sigma * math.sqrt(math.pi / 3 / epochs)


class Look(NamedTuple):
    """A look of a screen: at the estimate of its first ``epochs``, which lets through what is ``threshold`` or more."""

    epochs: int
    threshold: float


class Clearing(NamedTuple):
    """When a confirmation lets go of a suspect before its last epoch: the estimate is nearer to 0 than ``threshold``,
    and the interval of that ``confidence`` lies within ± ``bound``."""

    threshold: float
    bound: float
    confidence: float


class Draws(NamedTuple):
    """Of simulated experiments with standard normal epochs: what must exceed the null, and the estimate."""

    decisive: Array
    estimate: Array


def _averages(epochs: int) -> Iterator[Array]:
    """The Walsh averages of simulated experiments with standard normal epochs, a part of the experiments at a time.
    Those of fewer epochs are the first of those of more."""
    drawn = np.random.default_rng([SEED, 0]).normal(size=(epochs, REPLICATES)).T
    rows = max(1, CHUNK // (epochs * (epochs + 1) // 2))
    for start in range(0, REPLICATES, rows):
        yield walsh_averages(drawn[start : start + rows])


@cache
def _draws(epochs: int, count: int) -> Draws:
    """Experiments in which the test rejects where the ``decisive`` Walsh average lies above the null.

    W ≥ ``count`` holds exactly where the ``count``-th largest Walsh average does. The same epochs are drawn for every
    count, so that a stricter level is never found easier.
    """
    decisive, middle = [], []
    for averages in _averages(epochs):
        place = averages.shape[-1] - count
        averages.partition(place, axis=-1)
        decisive.append(averages[:, place].copy())
        middle.append(np.median(averages, axis=-1))
    return Draws(np.concatenate(decisive), np.concatenate(middle))


@cache
def _look_draws(epochs: tuple[int, ...]) -> tuple[Array, ...]:
    """Of simulated screens with standard normal epochs the estimate at each look, which sees those of the looks before
    again."""
    most = max(epochs, default=0)
    drawn = np.random.default_rng([SEED, 1]).normal(size=(most, REPLICATES)).T
    return tuple(np.median(walsh_averages(drawn[:, :seen]), axis=-1) for seen in epochs)


class Ends(NamedTuple):
    """Of simulated experiments the estimate, and the upper end of the interval, after some of their epochs."""

    estimate: Array
    high: Array


@cache
def _ends(epochs: int, confidence: float) -> Ends:
    """Of the experiments of :func:`_draws`, after so many of their epochs."""
    count = critical_count(epochs, (1 - confidence) / 2)
    assert count is not None
    estimates, highs = [], []
    for averages in _averages(epochs):
        averages.partition(count - 1, axis=-1)
        highs.append(averages[:, count - 1].copy())
        estimates.append(np.median(averages, axis=-1))
    return Ends(np.concatenate(estimates), np.concatenate(highs))


def _early_ends(epochs: int, confidence: float) -> Iterator[Ends]:
    """After each epoch but the last, from the first with an interval on; not after more than :data:`MOST_SIMULATED`,
    when an estimate so near to 0 is right."""
    for seen in range(least_epochs((1 - confidence) / 2), min(epochs, MOST_SIMULATED + 1)):
        yield _ends(seen, confidence)


def _convicted_from(
    sigma: float, epochs: int, level: float, null: float, min_effect: float, clearing: Clearing | None
) -> Array | None:
    """Of each simulated experiment the smallest true effect that is convicted; ``None`` where it never can.

    With epochs y = δ + σ·z all conditions are thresholds for δ: the test, the smallest effect of interest, and that no
    epoch clears the suspect before (of a δ for the worse: that its estimate, or the interval's end, is beyond).
    """
    count = critical_count(epochs, level)
    if count is None:
        return None
    drawn = _draws(epochs, count)
    needed: Array = np.maximum(null - sigma * drawn.decisive, min_effect - sigma * drawn.estimate)
    if clearing is not None:
        for early in _early_ends(epochs, clearing.confidence):
            open_from = np.minimum(clearing.threshold - sigma * early.estimate, clearing.bound - sigma * early.high)
            needed = np.maximum(needed, open_from)
    return needed


def chance_to_convict(
    effect: float,
    sigma: float,
    epochs: int,
    *,
    level: float,
    null: float,
    min_effect: float,
    clearing: Clearing | None = None,
) -> float:
    """The chance to convict at a true ``effect``, by simulation with normal epochs that scatter by ``sigma``.

    Convicted is where the signed rank test against ``null`` rejects at ``level``, the Hodges-Lehmann estimate is
    ``min_effect`` or more, and no epoch before the last was ``clearing`` it. All are natural logarithms but ``level``.
    Seeded: the same every time.
    """
    needed = _convicted_from(sigma, epochs, level, null, min_effect, clearing)
    return 0.0 if needed is None else float((needed <= effect).mean())


def detectable(
    sigma: float,
    epochs: int,
    *,
    level: float,
    null: float,
    min_effect: float,
    power: float,
    looks: tuple[Look, ...] = (),
    clearing: Clearing | None = None,
) -> float | None:
    """The smallest true effect that is convicted (:func:`chance_to_convict`) with ``power``; a natural logarithm.

    Before that it must come through all ``looks`` of a screen, whose epochs are others. Never less than
    min_effect + z(power)·σ/√K, which no test of K epochs can beat where the estimate must reach ``min_effect``.
    ``None`` where so few epochs cannot reject at all.
    """
    needed = _convicted_from(sigma, epochs, level, null, min_effect, clearing)
    if needed is None:
        return None
    for look, drawn in zip(looks, _look_draws(tuple(look.epochs for look in looks)), strict=True):
        needed = np.maximum(needed, look.threshold - sigma * drawn)
    floor = min_effect + float(ndtri(power)) * sigma / math.sqrt(epochs)
    return max(float(np.quantile(needed, power)), floor)


def approximate_epochs(
    target: float, sigma: float, *, level: float, null: float, min_effect: float, power: float
) -> int:
    """Rather fewer epochs than find a true effect of ``target`` with ``power``: where a search for them may begin.

    By the normal approximation (:func:`deviation`), which knows nothing of how coarse the test is with few epochs.

    Raises
    ------
    ValueError
        ``target`` is not beyond ``null`` and ``min_effect``: no number of epochs is enough.
    """
    if target <= max(null, min_effect):
        raise ValueError(f"no number of epochs finds an effect of {target:g}, where {max(null, min_effect):g} count")
    unit = deviation(sigma, 1)
    z, z_level = float(ndtri(power)), -float(ndtri(level))
    by_test = ((z_level + z) * unit / (target - null)) ** 2
    by_size = (z * unit / (target - min_effect)) ** 2
    return max(least_epochs(level), math.ceil(max(by_test, by_size)))


def epochs_to_detect(target: float, sigma: float, *, level: float, null: float, min_effect: float, power: float) -> int:
    """About how many epochs find a true effect of ``target`` with ``power``: from :func:`approximate_epochs` upwards
    until the simulation agrees; many epochs are not simulated. Raises what that raises.
    """
    epochs = approximate_epochs(target, sigma, level=level, null=null, min_effect=min_effect, power=power)
    if epochs > MOST_SIMULATED:
        # As for a t test: Guenther, Sample size formulas for normal theory t tests, The American Statistician 35, 1981.
        return epochs + math.ceil(float(ndtri(level)) ** 2 / 2)
    while chance_to_convict(target, sigma, epochs, level=level, null=null, min_effect=min_effect) < power:
        epochs += max(1, epochs // 10)
    return epochs
