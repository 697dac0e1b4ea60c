"""Epochs that are not independent: how much less they are worth, and what that does to a test and an interval.

The signed rank test takes each epoch for a fresh draw. Where something lasts longer than an epoch (a neighbour, a clock
that drops), one epoch resembles the next, and the test would find far more than there is. One case has too few epochs
to tell; all suspects of a confirmation together tell it well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

from paceline.baselines.stats.signed_rank import Side, sign_flip_p

SURE = 1.28
"""Standard errors by which the serial correlation is taken to be overestimated: of independent confirmations 10 %
find any."""
MOST = 0.9
"""A choice: at 1 an interval has no end; at 0.9 it is 4.4 times as wide as one of independent epochs
(:func:`inflation`)."""


def serial_correlation(series: Iterable[Sequence[float]]) -> float:
    """The lag-one correlation of the epochs of all cases together, each in its order and about its own mean: the
    least that it is, at one-sided 90 %, and 0 where that is not positive.

    The lower limit and not the estimate, because a single case of few epochs shows almost any correlation by chance,
    and would lose its verdict to it; many cases together come close to the estimate. The limit is :data:`SURE`
    standard errors below it (1/√N for N epochs, Bartlett); the bias of short series, -(1 + 3ρ)/K, is taken off
    (Marriott & Pope, Biometrika 41, 1954). At most :data:`MOST`.
    """
    correlations, lengths = [], []
    for effects in series:
        values = np.asarray(effects, dtype=np.float64)
        centered = values - values.mean() if len(values) else values
        squares = float(centered @ centered)
        if len(values) > 3 and squares > 0:
            # Each about its own scatter: a restless case speaks no louder than a calm one.
            correlations.append(float(centered[1:] @ centered[:-1]) / squares * len(values))
            lengths.append(len(values))
    if not lengths:
        return 0.0
    epochs = sum(lengths)
    length = epochs / len(lengths)
    # Summed without rounding, so that the order of the cases does not matter.
    beyond_chance = math.fsum(correlations) / epochs + 1 / length - SURE / math.sqrt(epochs)
    return min(max(beyond_chance / max(1 - 3 / length, 0.25), 0.0), MOST)


def inflation(correlation: float) -> float:
    """How many times wider a mean of many epochs scatters than were they independent: √((1 + ρ) / (1 - ρ)), that of a
    first-order autoregression (for example Box & Jenkins, Time Series Analysis, section 2.1)."""
    return math.sqrt((1 + correlation) / (1 - correlation))


def dependent_p(effects: Sequence[float], null: float, side: Side, correlation: float) -> float:
    """One-sided p for epochs of which one resembles the next by ``correlation``.

    The t test whose number of epochs is the effective one, K·(1 - ρ)/(1 + ρ) (Zwiers & von Storch, Taking serial
    correlation into account in tests of the mean, Journal of Climate 8, 1995), with the sample's variance, which too
    is too small by then, made up for. Never less than what :func:`sign_flip_p` finds, which is
    the answer where ``correlation`` is 0. Ranks alone could not tell a large change from a small one here.
    """
    independent = sign_flip_p(effects, null, side)
    if correlation == 0 or len(effects) < 2:
        return independent
    scatter = _Scatter.of(effects, correlation)
    mean = float(np.mean(np.asarray(effects, dtype=np.float64)))
    away = mean - null if side == "greater" else null - mean
    t = away / scatter.deviation if scatter.deviation else math.copysign(math.inf, away)
    return max(independent, float(stdtr(scatter.freedom, -t)))


def dependent_reach(effects: Sequence[float], level: float, power: float, correlation: float) -> float:
    """About how far beyond the null a true effect must lie for :func:`dependent_p` to reach ``level`` with ``power``:
    that many standard deviations of the mean."""
    scatter = _Scatter.of(effects, correlation)
    return float(stdtrit(scatter.freedom, 1 - level) + ndtri(power)) * scatter.deviation


class _Scatter(NamedTuple):
    """The standard deviation of the mean of dependent epochs, and the degrees of freedom it is known by."""

    deviation: float
    freedom: float

    @classmethod
    def of(cls, effects: Sequence[float], correlation: float) -> _Scatter:
        values = np.asarray(effects, dtype=np.float64)
        epochs, widening = len(values), inflation(correlation) ** 2
        # Fewer than two effective epochs would leave no degree of freedom.
        effective = max(epochs / widening, 2.0)
        # Of K such values the sample variance is expected to be σ²·(K - widening)/(K - 1).
        variance = float(values.var(ddof=1)) * (epochs - 1) / (epochs - min(widening, epochs / 2))
        return cls(math.sqrt(variance / effective), effective - 1)
