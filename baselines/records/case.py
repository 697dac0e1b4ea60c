"""What a value is of: a case, and a metric with its unit, its direction and how it is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from paceline.baselines.records.direction import DIRECTIONS, Better, Direction
from paceline.baselines.records.judging import JUDGINGS, Judging, Rule

Scope = Literal["machine", "counting", "everywhere"]
"""For which runs a stored value of a metric holds."""
SCOPES: tuple[Scope, ...] = ("machine", "counting", "everywhere")


@dataclass(frozen=True, order=True)
class Case:
    """What was measured: names only. These fields are the identity, never the pytest node id.

    ``batch_size`` is ``None`` where the measurement itself searches over batch sizes. ``parameters`` are further axes
    of the user's own, as sorted ``(name, value)`` pairs.
    """

    model: str
    optimization: str
    device: str
    batch_size: int | None
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        """One line for people: ``resnet18-int8_static-cpu-b1``."""
        batch = "sweep" if self.batch_size is None else f"b{self.batch_size}"
        further = [f"{name}={value}" for name, value in self.parameters]
        return "-".join([self.model, self.optimization, self.device, batch, *further])

    def __str__(self) -> str:
        return self.id

    @property
    def sort_key(self) -> tuple[str, str, str, int, tuple[tuple[str, str], ...]]:
        """A total order, sweeps first (``None`` does not compare with integers)."""
        return (self.model, self.optimization, self.device, self.batch_size or 0, self.parameters)


@dataclass(frozen=True)
class Metric:
    """A quantity, with its unit, its direction and how it is judged.

    ``better`` and ``rule`` are the names by which files hold :attr:`direction` and :attr:`judging`, which the code
    asks. ``rule`` is ``"sampled"`` where repetition scatters (time, resident memory: judged by statistics), ``"exact"``
    where it does not (size, parameters: any change beyond ``tolerance``, a fraction of the base, is real), and
    ``"shown"`` where the value informs but is never judged. ``resolution``, in the metric's unit, is what a sampled
    metric cannot tell apart: a smaller change is none, whatever fraction of the base it is. ``scope`` says for which
    runs a stored value holds: those on the same kind of ``"machine"`` (times, memory), those that count instructions in
    the same way (``"counting"``, by :attr:`Fingerprint.counting`), or those ``"everywhere"`` (parameters).

    Raises
    ------
    ValueError
        ``better``, ``rule`` or ``scope`` is none of its names.
    """

    name: str
    unit: str
    better: Better
    rule: Rule
    tolerance: float = 0.0
    resolution: float = 0.0
    scope: Scope = "machine"

    def __post_init__(self) -> None:
        named = (("better", self.better, DIRECTIONS), ("rule", self.rule, JUDGINGS), ("scope", self.scope, SCOPES))
        for field, value, names in named:
            if value not in names:
                raise ValueError(f"metric {self.name!r}: {field} is {value!r}; it must be one of {', '.join(names)}")

    @property
    def judging(self) -> Judging:
        """How it is judged."""
        return JUDGINGS[self.rule]

    @property
    def direction(self) -> Direction:
        """Which way it is better."""
        return DIRECTIONS[self.better]


class Key(NamedTuple):
    """What identifies a value within a run, a baseline or a judgement: the case, and the metric's name."""

    case: Case
    metric: str

    @property
    def sort_key(self) -> tuple[object, ...]:
        """A total order: by case, then by the metric's name."""
        return (*self.case.sort_key, self.metric)

    def __str__(self) -> str:
        return f"{self.case} {self.metric}"


class Keyed:
    """Whatever has a case and a metric, and so a :class:`Key`."""

    case: Case
    metric: Metric

    @property
    def key(self) -> Key:
        """The case and the metric's name."""
        return Key(self.case, self.metric.name)
