"""Figures together with how well they are known, and the goals that they are held against.

A share of trials that share no epoch has an exact interval. What is put together from recorded epochs over and over has
none from its number of repetitions: a thousand simulated runs know no more of the machine than the epochs they are made
of.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from scipy.stats import binomtest


@dataclass(frozen=True)
class Share:
    """``count`` of ``of`` trials in order, with its 95 % interval (Clopper & Pearson, Biometrika 26, 1934)."""

    count: int
    of: int

    @property
    def value(self) -> float:
        return self.count / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        if not self.of:
            return (0.0, 1.0)
        found = binomtest(self.count, self.of).proportion_ci(0.95, method="exact")
        return (float(found.low), float(found.high))

    @classmethod
    def over(cls, found: Iterable[bool]) -> Share:
        listed = list(found)
        return cls(sum(listed), len(listed))

    def __str__(self) -> str:
        if not self.of:
            return "not recorded"
        return f"{self.count} of {self.of}: {percent(self.value)} {between(*self.interval)}"


@dataclass(frozen=True)
class Redrawn:
    """A share in recordings of ``epochs`` epochs that are put together from the recorded ones: its mean, and between
    what values 95 % of those recordings lie."""

    value: float
    low: float
    high: float
    epochs: int

    @property
    def interval(self) -> tuple[float, float]:
        return (self.low, self.high)

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "not recorded"
        # Where no repetition differs from another they cannot say how far off they all are.
        return percent(self.value) + (
            f" {between(*self.interval)}" if self.low < self.high else " (no interval: all alike)"
        )


@dataclass(frozen=True)
class Simulated:
    """``count`` of ``of`` runs that are put together from ``epochs`` recorded ones. It has no interval."""

    count: int
    of: int
    epochs: int

    @property
    def value(self) -> float:
        return self.count / self.of

    def __str__(self) -> str:
        return f"{self.count} of {self.of}: {percent(self.value, 2)}"


@dataclass(frozen=True)
class Goal:
    """What was promised of a share: to lie from ``low`` to ``high``."""

    text: str
    low: float = 0.0
    high: float = 1.0

    def is_met(self, value: float) -> bool:
        return self.low <= value <= self.high

    def stated(self, figure: Share | Redrawn | Simulated) -> str:
        """Whether it is met. Only trials in order can prove it; the others say what the recorded epochs tell."""
        if math.isnan(figure.value):
            return f"{self.text}: not recorded"
        answer = "yes" if self.is_met(figure.value) else "no"
        if isinstance(figure, Simulated):
            return f"{self.text}: {answer}, as far as {figure.epochs} recorded epochs tell"
        low, high = figure.interval
        is_sure = (self.low <= low and high <= self.high) or high < self.low or self.high < low
        if isinstance(figure, Redrawn):
            answer = answer if is_sure else f"{answer}, but the interval holds both"
            return f"{self.text}: {answer}, as far as {figure.epochs} recorded epochs tell"
        return f"{self.text}: {answer}" + ("" if is_sure else ", but so few trials cannot prove it")


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def between(low: float, high: float) -> str:
    return f"({100 * low:.1f} … {100 * high:.1f} %)"


def change(effect: float, digits: int = 1) -> str:
    """An effect, log(new / base), as a change in percent."""
    return f"{100 * math.expm1(effect):+.{digits}f} %"
