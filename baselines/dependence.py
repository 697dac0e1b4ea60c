"""Epochs that are not independent: how much less they are worth, and what that does to a test and an interval.

The signed rank test takes each epoch for a fresh draw. Where something lasts longer than an epoch (a neighbour, a clock
that drops), one epoch resembles the next, and the test would find far more than there is. One case has too few epochs
to tell; all suspects of a confirmation together tell it well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.special import ndtr, ndtri

SURE = 1.645
"""Standard errors by which the serial correlation is taken to be overestimated: of independent confirmations 5 %
find any."""
MOST = 0.9


def serial_correlation(series: Iterable[Sequence[float]]) -> float:
    """The lag-one correlation of the epochs of all cases together, each in its order and about its own mean: the
    least that it is, at one-sided 95 %, and 0 where that is not positive.

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


def inflated_p(p: float, factor: float) -> float:
    """A one-sided p whose statistic scatters ``factor`` times as wide as was thought, on the normal scale."""
    return p if factor == 1 else float(ndtr(ndtri(p) / factor))


def deflated_level(level: float, factor: float) -> float:
    """What a p must have been for :func:`inflated_p` to reach ``level``: its inverse."""
    return level if factor == 1 else float(ndtr(ndtri(level) * factor))
