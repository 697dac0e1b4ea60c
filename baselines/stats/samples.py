"""Numbers out of samples: the estimate that is judged, percentiles that the count can bound, the speed-up over eager.

The model of the noise between processes is in :mod:`paceline.baselines.stats.process_noise`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from paceline.baselines.records import Metric
from paceline.baselines.records.direction import DIRECTIONS, LOWER, Direction

Array = npt.NDArray[np.float64]
PERCENTILES = (25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9)
"""A choice: the quartiles, one of which is judged, and the tail as service levels are usually agreed on."""
QUANTILE = 0.25
"""On the good side of the samples: the estimate of what scatters. Interference only ever makes things slower, so that
this end of the distribution is the steadier one (Chen & Revels, Robust benchmarking in noisy environments, 2016)."""
ESTIMATOR = "quartile"
"""The name of that quantile."""
SECTIONS = 10
"""Of a series, for an interval: few enough that each is long, enough for a t quantile near the normal one."""


def estimate(metric: Metric, samples: Sequence[float]) -> float:
    """The one number of a process that is judged, in the metric's unit.

    Of what scatters the :data:`QUANTILE` on the good side (the lower one of a time, the upper one of a rate), of all
    else the median. Quantiles are interpolated linearly (type 7 of Hyndman & Fan, The American Statistician 1996).
    """
    values = np.asarray(samples, dtype=np.float64)
    if metric.judging.scatters:
        return float(estimates(values, metric.direction))
    return float(np.median(values))


def estimates(values: Array, direction: Direction = LOWER) -> Array:
    """The estimate of each series of samples along the last axis: their :data:`QUANTILE` on the good side."""
    quantiles: Array = np.quantile(values, direction.good_quantile(QUANTILE), axis=-1)
    return quantiles


def estimator(metric: Metric) -> str:
    """The name of a metric's estimate (:func:`estimate`): ``lower quartile``."""
    return f"{metric.direction.good_side} {ESTIMATOR}" if metric.judging.scatters else "median"


def can_bound_estimate(count: int) -> bool:
    """Whether ``count`` samples can bound the estimate of what scatters (:func:`can_bound`)."""
    return can_bound(100 * QUANTILE, count)


def can_bound(percentile: float, count: int, confidence: float = 0.95) -> bool:
    """Whether ``count`` samples can bound a percentile at all.

    The interval from the smallest to the largest sample covers the quantile q with probability 1 - q^n - (1 - q)^n
    whatever the distribution (David & Nagaraja, Order Statistics, 3rd ed., section 7.1). Where even this widest one
    stays below ``confidence`` there is no interval, and the number would be a guess: p99 takes 299 samples, p99.9 takes
    2995.
    """
    q = percentile / 100
    # The margin is for rounding only, at the counts where the two sides are equal.
    return 1 - q**count - (1 - q) ** count >= confidence - 1e-12


def percentiles(samples: Sequence[float]) -> dict[str, float]:
    """Percentiles by name (``p25`` … ``p99.9``). The quartiles always; higher ones only where :func:`can_bound`."""
    wanted = [p for p in PERCENTILES if p <= 75 or can_bound(p, len(samples))]
    values = np.quantile(np.asarray(samples, dtype=np.float64), np.array(wanted) / 100)
    return {f"p{p:g}": float(value) for p, value in zip(wanted, values, strict=True)}


class Speedup(NamedTuple):
    """How much better than the reference: 2 is twice as fast. What does not exist is ``None``; where there is no
    ``ratio``, ``why`` says the reason."""

    ratio: float | None
    low: float | None
    high: float | None
    why: str = ""


UNPAIRED = Speedup(None, None, None, "no eager reference was timed with it")
NO_RATIO = Speedup(None, None, None, "an estimate, its own or the reference's, is not positive: there is no ratio")


def paired_speedup(
    samples: Sequence[float],
    reference_samples: Sequence[float],
    better: str = "lower",
    confidence: float = 0.95,
) -> Speedup:
    """The speed-up over a reference that was timed in the same process, half before the samples and half after.

    By *batch means* (Schmeiser, Operations Research 30(3), 1982): both series are divided into as many sections, and in
    each the ratio of the two estimates (see :func:`estimate`) is taken. Their geometric mean is the speed-up, their
    scatter its t interval, so that samples need not be independent. The interval is never narrower than what the
    reference's two halves differ by, to either side: that is how far the machine moved meanwhile. It covers what
    happens within one process, not how processes differ; and a disturbance that begins and ends with the samples looks
    like a slower model. So it informs, and judges nothing.

    With fewer than 12 samples a side there is no interval, and the ratio is that of the whole series. It is
    :data:`UNPAIRED` where there is no reference, and :data:`NO_RATIO` where an estimate is not positive, or so far from
    the other that no float holds their ratio.
    """
    if len(samples) == 0 or len(reference_samples) == 0:
        return UNPAIRED
    direction = DIRECTIONS[better]
    sections = min(SECTIONS, len(samples) // 4, len(reference_samples) // 4)
    if sections < 3:
        sections = 1
    own, reference = (_estimates(series, sections, direction) for series in (samples, reference_samples))
    halves = _estimates(reference_samples, 2, direction) if sections > 1 else reference
    if min(own.min(), reference.min(), halves.min()) <= 0:
        return NO_RATIO
    with np.errstate(over="ignore", divide="ignore"):  # told below
        above, below = direction.over(reference, own)
        logs = np.log(above / below)
    if not np.isfinite(logs).all():
        return NO_RATIO
    center = float(logs.mean())
    if sections == 1:
        return Speedup(math.exp(center), None, None)
    t = float(stdtrit(sections - 1, 0.5 + confidence / 2))
    drift = abs(float(np.log(halves[0]) - np.log(halves[1]))) / 2
    half = max(t * float(logs.std(ddof=1)) / math.sqrt(sections), drift)
    with np.errstate(over="ignore"):  # an interval may be without end
        return Speedup(math.exp(center), float(np.exp(center - half)), float(np.exp(center + half)))


def _estimates(samples: Sequence[float], sections: int, direction: Direction) -> Array:
    """The estimate of each of the ``sections`` in order, whose lengths differ by one sample at most."""
    values = np.asarray(samples, dtype=np.float64)
    length, longer = divmod(len(values), sections)
    start = longer * (length + 1)
    parts = [values[start:].reshape(sections - longer, length)]
    if longer:
        parts.insert(0, values[:start].reshape(longer, length + 1))
    return np.concatenate([estimates(part, direction) for part in parts])
