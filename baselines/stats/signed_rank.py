"""Wilcoxon's signed rank test, the estimate and the interval that belong to it, all from the Walsh averages.

The *Walsh averages* are the means of each value with itself and with each other one. The signed rank sum is how many of
them lie beyond the null, the Hodges-Lehmann estimate is their median, and the interval's ends are two of them, so that
the three cannot contradict each other (Hollander, Wolfe & Chicken, Nonparametric Statistical Methods, 3rd ed., sections
3.1 to 3.3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Side = Literal["greater", "less"]


def walsh_averages(effects: Sequence[float] | Array) -> Array:
    """The K(K+1)/2 means (y_i + y_j) / 2 with i ≤ j, over the last axis of ``effects``."""
    values = np.asarray(effects, dtype=np.float64)
    first, second = np.triu_indices(values.shape[-1])
    averages: Array = (values[..., first] + values[..., second]) / 2
    return averages


def hodges_lehmann(effects: Sequence[float]) -> float:
    """The effect of all epochs: the median of their Walsh averages (Hodges & Lehmann, Annals of Mathematical
    Statistics 34(2), 1963).

    Raises
    ------
    ValueError
        There is no epoch.
    """
    if len(effects) == 0:
        raise ValueError("no epoch has been measured, so that there is no effect")
    return float(np.median(walsh_averages(effects)))


@cache
def signed_rank_tail(epochs: int) -> Array:
    """P(W ≥ w) for w = 0 … K(K+1)/2, W being Wilcoxon's signed rank sum of K epochs without an effect.

    Exact: under symmetry each sign is a fair coin, so that W is the sum of the ranks 1 … K that a coin picks; its
    distribution is built up rank by rank (Hollander, Wolfe & Chicken, comment 3.8).
    """
    chances = np.array([1.0])
    for rank in range(1, epochs + 1):
        longer = np.zeros(len(chances) + rank)
        longer[: len(chances)] += chances / 2
        longer[rank:] += chances / 2
        chances = longer
    # Summed from the far end, where the small numbers are.
    tail: Array = np.minimum(np.cumsum(chances[::-1])[::-1], 1.0)
    tail.flags.writeable = False
    return tail


def critical_count(epochs: int, level: float) -> int | None:
    """The smallest w with P(W ≥ w) ≤ ``level``; ``None`` where even all epochs on one side are not that unlikely."""
    tail = signed_rank_tail(epochs)
    passing = np.flatnonzero(tail <= level)
    return int(passing[0]) if len(passing) else None


def least_epochs(level: float) -> int:
    """The fewest epochs that can reach a one-sided p of ``level``: all on one side have 2^-K.

    11 for 0.0005; 6 for the 0.025 of a two-sided 95 % interval.
    """
    epochs = max(0, math.ceil(-math.log2(level)) - 1)
    while critical_count(epochs, level) is None:
        epochs += 1
    return epochs


def exceedances(effects: Sequence[float] | Array, null: float, side: Side) -> npt.NDArray[np.intp]:
    """How many Walsh averages lie strictly beyond ``null`` on a side, over the last axis: the signed rank sum W.

    Without ties the two are one number (Tukey 1949). A zero or a tie counts against the side that is asked about: as if
    it were broken that way. Then p is never smaller than that of some continuous sample that was rounded to this one.
    """
    averages = walsh_averages(effects)
    beyond = averages > null if side == "greater" else averages < null
    return np.asarray(beyond.sum(axis=-1), dtype=np.intp)


def sign_flip_p(effects: Sequence[float], null: float, side: Side) -> float:
    """One-sided p of the signed rank test (Wilcoxon, Biometrics Bulletin 1(6), 1945): exact where the epochs scatter
    symmetrically, whatever their distribution.

    ``side`` is the alternative: ``"greater"`` asks whether the effect is greater than ``null``. Without epochs it is 1.
    How zeros and ties count: :func:`exceedances`.
    """
    return float(signed_rank_tail(len(effects))[exceedances(effects, null, side)])


def walsh_interval(effects: Sequence[float], confidence: float) -> tuple[float, float] | None:
    """The interval of all effects that :func:`sign_flip_p` does not reject, two-sided; ``None`` below the
    :func:`least_epochs` (six at 95 %).

    Its ends are Walsh averages, as many from either end as the distribution of W says (Tukey's interval; Hollander,
    Wolfe & Chicken, section 3.3), so that it covers with at least ``confidence``.
    """
    count = critical_count(len(effects), (1 - confidence) / 2)
    if count is None:
        return None
    averages = np.sort(walsh_averages(effects))
    return float(averages[len(averages) - count]), float(averages[count - 1])


def spread(effects: Sequence[float]) -> float | None:
    """σ_e, how much epochs scatter: their standard deviation, ``None`` below two epochs.

    Not a robust one: at the levels of a correction for many, a few epochs gone wrong cost this test its power as much
    as they widen the standard deviation.
    """
    return float(np.std(np.asarray(effects, dtype=np.float64), ddof=1)) if len(effects) > 1 else None
