"""The smallest change of interest."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from paceline.baselines.judgement.verdicts import Policy
from paceline.baselines.records import Case, Metric


def band_of(case: Case, policy: Policy) -> float:
    """The smallest change of interest in a case: that of the first pattern which matches, else the general one."""
    return next((band for pattern, band in policy.bands.items() if fnmatchcase(case.id, pattern)), policy.band)


def resolved_band(case: Case, metric: Metric, base: Sequence[float], policy: Policy) -> float:
    """:func:`band_of`, and never less than the metric can tell apart at all, however little the ``base`` scatters (its
    estimates, all positive)."""
    return max(band_of(case, policy), metric.resolution / min(base))
