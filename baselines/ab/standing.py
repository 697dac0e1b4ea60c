"""How an A/B stands while it goes on: the one measurement that says most about how it will end."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from paceline.baselines.records import Epoch, Key
from paceline.baselines.stats.effects import NoRatioError, epoch_effect
from paceline.baselines.stats.signed_rank import hodges_lehmann, walsh_interval
from paceline.baselines.text.numbers import percent


@dataclass(frozen=True)
class Standing:
    """What the epochs so far say of one case and metric; effects are natural logarithms of new over base.

    ``low`` and ``high`` are ``None`` where the epochs are too few for an interval.
    """

    key: Key
    epochs: int
    effect: float
    low: float | None
    high: float | None

    @property
    def sentence(self) -> str:
        """``"+6.1 % (+5.2 … +7.0 %) so far, resnet18-bf16-cpu-b1 latency_ns"``."""
        between = ""
        if self.low is not None and self.high is not None:
            between = f" ({percent(math.exp(self.low))} … {percent(math.exp(self.high))} %)"
        return f"{percent(math.exp(self.effect))} %{between} so far, {self.key}"


class Effects:
    """The effects of the epochs of one stage, as they come, for people to look at."""

    def __init__(self, confidence: float) -> None:
        self._confidence = confidence
        self._effects: dict[Key, list[float]] = {}

    def add(self, epochs: Iterable[Epoch], keys: Collection[Key] | None = None) -> None:
        """Take in epochs of sampled metrics, of ``keys`` only where they are given; what has no ratio is left out."""
        for epoch in epochs:
            key = epoch.key
            if not epoch.metric.judging.scatters or (keys is not None and key not in keys):
                continue
            try:
                self._effects.setdefault(key, []).append(epoch_effect(epoch))
            except NoRatioError:
                continue

    def keep(self, keys: Collection[Key]) -> None:
        """Forget all but these: the others are settled."""
        self._effects = {key: effects for key, effects in self._effects.items() if key in keys}

    def foremost(self) -> Standing | None:
        """Of those with an interval the one that is widest open, else the one that moved furthest; ``None`` where
        nothing was measured yet."""
        standings = [self._standing(key) for key, effects in self._effects.items() if effects]
        return max(standings, key=_weight, default=None)

    def _standing(self, key: Key) -> Standing:
        effects = self._effects[key]
        low, high = walsh_interval(effects, self._confidence) or (None, None)
        return Standing(key, len(effects), hodges_lehmann(effects), low, high)


def _weight(one: Standing) -> tuple[bool, float]:
    if one.low is None or one.high is None:
        return (False, abs(one.effect))
    return (True, one.high - one.low)
