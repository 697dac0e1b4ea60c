"""How much one fresh process differs from another of the same code: the noise model that a baseline carries.

A stored baseline has a few processes of each case, too few to know a case's own scatter well. Cases of one metric are
alike in it, though not equal, so each case's variance is drawn towards that of all of them: the moderated variance of
Smyth, Linear models and empirical Bayes methods for assessing differential expression in microarray experiments,
Statistical Applications in Genetics and Molecular Biology 3(1), 2004. All of it on log estimates: noise is relative.

What it does at alpha = 1 % with five processes, in simulation: 1.0 % false suspects where cases scatter alike, 1.2 % of
30 and 1.5 % of 5 to 10 cases that scatter differently (the prior itself is estimated), 2 % under heavy tails (t with 4
degrees of freedom). It knows only the session that the baseline was saved in: a machine that is another one tomorrow
looks like a change of the code, which is why this stage only raises suspicion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, ndtri, polygamma, stdtrit

from paceline.baselines.records.direction import DIRECTIONS, LOWER

VARIANCE_FLOOR = 1e-12
"""Of log estimates: what the six digits that are stored cannot tell apart anyway."""


@dataclass(frozen=True)
class Prior:
    """What the cases of a metric have in common: variances scatter like ``variance * d0 / chi²(d0)``.

    ``degrees_of_freedom`` (d0) is infinite where all cases scatter alike and 0 where nothing is known. ``pooled``
    is the degrees of freedom of all cases together, which no case's own can exceed.
    """

    variance: float
    degrees_of_freedom: float
    pooled: float


@dataclass(frozen=True)
class Noise:
    """A case's scatter from process to process, of log estimates, as it is known from ``processes`` of them."""

    center: float
    deviation: float
    degrees_of_freedom: float
    processes: int

    def quantile(self, probability: float) -> float:
        """Quantile of the log ratio of one new process of the same code to the baseline's centre."""
        df = self.degrees_of_freedom
        q = float(ndtri(probability)) if math.isinf(df) else float(stdtrit(df, probability))
        return q * self.deviation * math.sqrt(1 + 1 / self.processes)


def fit_prior(groups: Sequence[Sequence[float]]) -> Prior:
    """The prior of a metric from the estimates of its cases (one group a case, positive, two or more each).

    Moment estimation on log variances, Smyth 2004, section 6.2. Below three cases there is nothing to gain from it and
    the prior is empty. Variances of zero (a coarse clock) are raised to a hundred-thousandth of the median one.
    """
    logs = [np.log(np.asarray(group, dtype=np.float64)) for group in groups if len(group) > 1]
    freedoms = np.array([len(group) - 1 for group in logs], dtype=np.float64)
    if len(logs) < 3:
        return Prior(0.0, 0.0, float(freedoms.sum()))
    variances = np.array([group.var(ddof=1) for group in logs])
    variances = np.maximum(variances, max(VARIANCE_FLOOR, 1e-5 * float(np.median(variances))))
    centered = np.log(variances) - digamma(freedoms / 2) + np.log(freedoms / 2)
    mean = float(centered.mean())
    excess = float(centered.var(ddof=1) - polygamma(1, freedoms / 2).mean())
    if excess <= 0:
        return Prior(math.exp(mean), math.inf, float(freedoms.sum()))
    d0 = 2 * inverse_trigamma(excess)
    return Prior(math.exp(mean + float(digamma(d0 / 2)) - math.log(d0 / 2)), d0, float(freedoms.sum()))


def inverse_trigamma(value: float) -> float:
    """The y with trigamma(y) = ``value`` > 0, by Newton's method on 1/trigamma (Smyth 2004, appendix)."""
    if value > 1e7:
        return 1 / math.sqrt(value)
    if value < 1e-6:
        return 1 / value
    y = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, y))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, y))
        y += step
        if -step / y < 1e-8:
            break
    return y


def geometric_mean(estimates: Sequence[float]) -> float:
    """The middle of a case's processes, in the metric's unit: what ratios are taken to. All must be positive."""
    return math.exp(float(np.log(np.asarray(estimates, dtype=np.float64)).mean()))


def moderated(estimates: Sequence[float], prior: Prior) -> Noise:
    """The noise of one case (positive estimates, two or more), its variance drawn towards the prior's.

    The variance is (d0·s0² + d·s²) / (d0 + d) with d0 + d degrees of freedom, at most those of all cases together.
    """
    logs = np.log(np.asarray(estimates, dtype=np.float64))
    d, d0 = len(logs) - 1, prior.degrees_of_freedom
    own = float(logs.var(ddof=1))
    variance = prior.variance if math.isinf(d0) else (d0 * prior.variance + d * own) / (d0 + d)
    df = min(d0 + d, max(prior.pooled, d))
    return Noise(float(logs.mean()), math.sqrt(max(variance, VARIANCE_FLOOR)), df, len(logs))


@dataclass(frozen=True)
class Suspicion:
    """One new process held against the noise of the stored ones, all as ratios of new to base.

    ``low`` … ``high`` is the interval of the true ratio at the confidence asked for; ``usual_low`` … ``usual_high``
    what a process of unchanged code stays in with probability 1 - alpha. ``detectable`` is a fraction.
    """

    ratio: float
    low: float
    high: float
    usual_low: float
    usual_high: float
    is_beyond_noise: bool
    is_beyond_band: bool
    detectable: float

    @property
    def is_suspect(self) -> bool:
        """Suspect is what is beyond the noise and matters."""
        return self.is_beyond_noise and self.is_beyond_band


def suspicion(
    noise: Noise, new: float, better: str, *, band: float, alpha: float, confidence: float, power: float
) -> Suspicion:
    """Hold the estimate of one new process against a case's noise.

    It is beyond the noise when the (1 - alpha) prediction interval of the log ratio (Student's t; for example Meeker,
    Hahn & Escobar, Statistical Intervals, 2nd ed., section 4.8) excludes 0, and beyond the band when the ratio is off
    by more than ``band``.
    """
    change = math.log(new) - noise.center
    usual = noise.quantile(1 - alpha / 2)
    half = noise.quantile(0.5 + confidence / 2)
    ratio = _exp(change)
    return Suspicion(
        ratio=ratio,
        low=_exp(change - half),
        high=_exp(change + half),
        usual_low=_exp(-usual),
        usual_high=_exp(usual),
        is_beyond_noise=abs(change) > usual,
        is_beyond_band=abs(ratio - 1) > band,
        detectable=detectable(noise, better, band=band, alpha=alpha, power=power),
    )


def detectable(noise: Noise, better: str, *, band: float, alpha: float, power: float) -> float:
    """The smallest true change for the worse, as a fraction, that :func:`suspicion` calls suspect with ``power``.

    A change of log size m shows as m plus noise, of which :meth:`Noise.quantile` gives the distribution; it is flagged
    beyond the larger of the noise's and the band's threshold. So m is that threshold plus the noise's ``power``
    quantile. Chance flags on the other side are not counted.
    """
    direction = DIRECTIONS[better]
    size = max(noise.quantile(1 - alpha / 2), direction.effect(band)) + noise.quantile(power)
    # Of a time by exp, as it has always been: expm1 would move the last bit of what reports hold.
    return _exp(size) - 1 if direction is LOWER else direction.loss(size)


def _exp(log: float) -> float:
    """The ratio of a log ratio; absurd noise (of two processes) gives an absurd number, but a number."""
    return math.exp(min(log, 700.0))
