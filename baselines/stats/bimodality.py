"""Hartigan's dip test: do samples have one peak, however skewed, or more?

The dip is the largest distance between the samples' distribution and the nearest distribution with a single peak (J. A.
and P. M. Hartigan, "The dip test of unimodality", Annals of Statistics 13(1), 1985). A skewed distribution has one
peak, and so has one with a long tail. Of those with one peak the uniform one dips most, so a level that it keeps is
kept by all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LEAST_SAMPLES = 40
"""From so many on :data:`CRITICAL` was simulated; a level of a tenth then has four of them."""
MOST_SAMPLES = 1000
"""Longer series are thinned to every so-manyth sample: more would take seconds and show no larger peak."""
CRITICAL = 0.72
"""√n · dip of uniform samples is larger than this in fewer than 1 of 1,000 cases, for n from 40 to 1,000
(``pytest tests/baselines/stats/test_bimodality.py -k critical``)."""
LEAST_SHARE = 0.1
"""A choice: what fewer of the calls do is a tail, such as a neighbour makes."""
LEAST_GAP = 0.03
"""A choice: just above the band of 2 % below which a change is of no interest by default."""


class Levels(NamedTuple):
    """Two levels of a series: the median and the share of each, and how often the series changes between them."""

    low: float
    high: float
    share_high: float
    changes: int


def dip(values: Sequence[float] | Array) -> float:
    """The dip of ``values``, shape (n,), n ≥ 1: between 1/(2n) and 1/4.

    P. M. Hartigan's algorithm AS 217 (Applied Statistics 34(3), 1985), with M. Maechler's correction: the interval that
    holds the peak shrinks, from the whole, as long as the distribution's two hulls are further apart in it than outside
    it.
    """
    x = np.sort(np.asarray(values, dtype=np.float64))
    count = len(x)
    minorant, majorant = _minorant(x), _majorant(x)
    low, high, worst = 0, count - 1, 1.0
    while True:
        convex = _chain(high, low, minorant)  # from high down to low
        concave = _chain(low, high, majorant)
        apart, convex_at, concave_at = _furthest(x, convex, concave)
        if apart < worst:
            break
        left = _outside(x, convex[convex_at:][::-1], lambda steps, line: steps + 1 - line)
        right = _outside(x, concave[concave_at:], lambda steps, line: line - steps + 1)
        worst = max(worst, left, right)
        if (low, high) == (convex[convex_at], concave[concave_at]):
            break
        low, high = convex[convex_at], concave[concave_at]
    return worst / (2 * count)


def _minorant(x: Array) -> list[int]:
    """For each point the one before it on the greatest convex minorant of the points up to it."""
    before = [0] * len(x)
    for j in range(1, len(x)):
        at = j - 1
        while at and (x[j] - x[at]) * (at - before[at]) >= (x[at] - x[before[at]]) * (j - at):
            at = before[at]
        before[j] = at
    return before


def _majorant(x: Array) -> list[int]:
    """For each point the one after it on the least concave majorant of the points from it on."""
    last = len(x) - 1
    after = [last] * len(x)
    for k in range(last - 1, -1, -1):
        at = k + 1
        while at != last and (x[k] - x[at]) * (at - after[at]) >= (x[at] - x[after[at]]) * (k - at):
            at = after[at]
        after[k] = at
    return after


def _chain(start: int, end: int, following: Sequence[int]) -> list[int]:
    points = [start]
    while points[-1] != end:
        points.append(following[points[-1]])
    return points


def _furthest(x: Array, convex: Sequence[int], concave: Sequence[int]) -> tuple[float, int, int]:
    """The largest distance between both hulls, times n, and the places in them where it is."""
    if len(convex) == 2 and len(concave) == 2:
        return 1.0, 1, 1
    found, convex_at, concave_at = 0.0, len(convex) - 1, len(concave) - 1
    i, j = len(convex) - 2, 1
    while True:
        if convex[i] > concave[j]:
            begin, end, at = convex[i + 1], convex[i], concave[j]
            apart = at - begin + 1 - _rise(x, begin, end, at)
            j += 1
            if apart >= found:
                found, convex_at, concave_at = apart, i + 1, j - 1
        else:
            begin, end, at = concave[j - 1], concave[j], convex[i]
            apart = _rise(x, begin, end, at) - (at - begin - 1)
            i -= 1
            if apart >= found:
                found, convex_at, concave_at = apart, i + 1, j
        i, j = max(i, 0), min(j, len(concave) - 1)
        if convex[i] == concave[j]:
            return found, convex_at, concave_at


def _rise(x: Array, begin: int, end: int, at: int) -> float:
    """How far the straight line from one point to another has risen at a third, in points."""
    return float((x[at] - x[begin]) * (end - begin) / (x[end] - x[begin]))


def _outside(x: Array, hull: Sequence[int], distance: Callable[[Array, Array], Array]) -> float:
    """The largest distance, times n, of the points from the hull's lines; ties alone are no distance."""
    worst = 1.0
    for begin, end in pairwise(hull):
        if end - begin > 1 and x[end] != x[begin]:
            inside = x[begin : end + 1]
            line = (inside - x[begin]) * ((end - begin) / (x[end] - x[begin]))
            worst = max(worst, float(distance(np.arange(len(inside), dtype=np.float64), line).max()))
    return worst


def two_levels(samples: Sequence[float]) -> Levels | None:
    """The two levels of ``samples`` (positive, in the order they were taken); ``None`` where there is one.

    Two levels are two peaks by the dip test, each of at least :data:`LEAST_SHARE` of the samples, :data:`LEAST_GAP`
    or more apart: what a few calls do that were caught by a neighbour is a tail. Ties by the hundred are a coarse
    clock's, and would all be peaks: then nothing is said.
    """
    if len(samples) < LEAST_SAMPLES or len(set(samples)) <= len(samples) / 2 or min(samples) <= 0:
        return None
    series = np.asarray(samples[:: -(-len(samples) // MOST_SAMPLES)])
    if len(series) < LEAST_SAMPLES or np.sqrt(len(series)) * dip(series) <= CRITICAL:
        return None
    is_high = np.log(series) > _split(np.sort(np.log(series)))
    share = float(is_high.mean())
    low, high = float(np.median(series[~is_high])), float(np.median(series[is_high]))
    if not LEAST_SHARE <= share <= 1 - LEAST_SHARE or high < low * (1 + LEAST_GAP):
        return None
    return Levels(low, high, share, int(np.count_nonzero(np.diff(is_high))))


def _split(ordered: Array) -> float:
    """Where two groups differ least within themselves, the far tails drawn in (N. Otsu, "A threshold selection method
    from gray-level histograms", IEEE Transactions on Systems, Man, and Cybernetics 9(1), 1979)."""
    values = np.clip(ordered, *np.quantile(ordered, [0.02, 0.98]))
    counts, sums = np.arange(1, len(values)), np.cumsum(values)
    lower, upper = sums[:-1] / counts, (sums[-1] - sums[:-1]) / (len(values) - counts)
    at = int(np.argmax(counts * (len(values) - counts) * (upper - lower) ** 2))
    return float((values[at] + values[at + 1]) / 2)
