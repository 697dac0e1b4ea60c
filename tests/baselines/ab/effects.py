"""The settings that the tests of an A/B share, and effects as they write them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.judgement.verdicts import Comparison, Policy

AB = ABSettings()
POLICY = Policy()


def spaced(change: float, scatter: float, epochs: int = 16) -> tuple[float, ...]:
    """Effects whose middle is a ``change`` (a fraction), evenly spread by ``scatter``, neighbours unlike each other."""
    steps = np.linspace(-1, 1, epochs) * scatter * math.sqrt(3)
    steps[1::2] = steps[1::2][::-1]
    return tuple(float(one) for one in math.log1p(change) + steps)


def by_name(comparisons: Sequence[Comparison]) -> dict[str, Comparison]:
    """Each comparison by its model."""
    return {comparison.case.model: comparison for comparison in comparisons}
