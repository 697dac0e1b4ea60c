"""Which way a metric is better: one object for each direction, chosen by the metric's ``better``, its name in files.

Nothing else reads that name. A change *for the worse* is positive everywhere: of a time it is the change itself, of a
rate the change with its sign turned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

T = TypeVar("T")
Better = Literal["lower", "higher"]
"""The names of the directions in files."""


@dataclass(frozen=True)
class Direction:
    """One direction. ``sign`` is 1 where a larger value is worse, and -1 where a smaller one is;
    ``good_side`` is the end of a distribution where the better values lie."""

    better: Better
    sign: Literal[1, -1]
    good_side: Literal["lower", "upper"]

    def is_worse(self, change: float) -> bool:
        """Whether a change of the value, or its logarithm, that is not 0 is for the worse."""
        return (change > 0) == (self.sign > 0)

    def for_the_worse(self, change: float) -> float:
        """A change as one for the worse, and the other way round."""
        return self.sign * change

    def loss(self, effect: float) -> float:
        """The fraction of the base that an effect for the worse (the logarithm of a ratio) adds to the value, or takes
        from it."""
        return self.sign * math.expm1(self.sign * effect)

    def effect(self, loss: float) -> float:
        """The effect for the worse of a :meth:`loss`."""
        return self.sign * math.log1p(self.sign * loss)

    def up_to(self, worst: float) -> tuple[float, float]:
        """The lowest and the highest change from none to ``worst`` for the worse."""
        return (0.0, worst) if self.sign > 0 else (-worst, 0.0)

    def good_quantile(self, fraction: float) -> float:
        """The quantile that has a ``fraction`` of the values on its better side."""
        return fraction if self.sign > 0 else 1 - fraction

    def over(self, own: T, other: T) -> tuple[T, T]:
        """Both in the order in which the first over the second says how many times worse ``own`` is."""
        return (own, other) if self.sign > 0 else (other, own)


LOWER = Direction("lower", 1, "lower")
"""Of a time or a size, less is better."""
HIGHER = Direction("higher", -1, "upper")
"""Of a rate, more is better."""
DIRECTIONS: Mapping[str, Direction] = {one.better: one for one in (LOWER, HIGHER)}
"""The directions, by their names."""
