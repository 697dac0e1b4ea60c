"""How often intervals hold the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from figures import Share
from series import Recording

from paceline.baselines.ab.decide import decide
from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.stats.signed_rank import critical_count, signed_rank_tail


@dataclass(frozen=True)
class Coverage:
    """Intervals of ``epochs`` epochs that hold the truth, for cases without and with extra work; ``nominal`` is what
    an interval of so few epochs covers exactly."""

    epochs: int
    nominal: float
    still: Share
    slowed: Share


def coverage(recordings: Sequence[Recording], ab: ABSettings, epochs: int, *, together: bool) -> Coverage:
    """The intervals that :func:`decide` prints, of disjoint blocks in order of each recording; each case is the only
    suspect, or they all are in one confirmation ``together``.

    The truth of a case with extra work rests on other epochs and is off by an error of its own, of M epochs 1/√M as
    large as σ where the estimate's is 1/√K: each end is moved away from the estimate by √(1 + K/M), so that an exact
    interval covers what it promises.
    """
    held: dict[bool, list[bool]] = {True: [], False: []}
    blocks_of = ((one, start) for one in recordings for start in range(0, len(one.epochs) - epochs + 1, epochs))
    for recording, start in blocks_of:
        mine = np.arange(start, start + epochs)
        effects = {place: tuple(one.effects[mine]) for place, one in enumerate(recording.cases)}
        groups = [effects] if together else [{place: one} for place, one in effects.items()]
        decisions = {place: one for group in groups for place, one in decide(group, ab).items()}
        for place, one in enumerate(recording.cases):
            truth, decision = one.truth(mine), decisions[place]
            if truth is None or decision.effect is None or decision.low is None or decision.high is None:
                continue
            widened = math.sqrt(1 + epochs / truth.epochs)
            low = decision.effect - widened * (decision.effect - decision.low)
            high = decision.effect + widened * (decision.high - decision.effect)
            held[not one.extra_percent].append(low <= truth.effect <= high)
    count = critical_count(epochs, (1 - ab.confidence) / 2)
    nominal = math.nan if count is None else 1 - 2 * float(signed_rank_tail(epochs)[count])
    return Coverage(epochs, nominal, Share.over(held[True]), Share.over(held[False]))
