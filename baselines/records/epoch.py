"""An epoch of an A/B: what a pair of fresh processes measured in turns."""

from __future__ import annotations

from dataclasses import dataclass

from paceline.baselines.records.case import Case, Keyed, Metric
from paceline.baselines.records.outcome import Conditions, Note


@dataclass(frozen=True)
class Turn:
    """A pair of turns in an A/B: the samples of one turn of either side, next to each other in time, in the metric's
    unit. Neither is ever empty."""

    base: tuple[float, ...]
    new: tuple[float, ...]


@dataclass(frozen=True)
class Build:
    """The turns of a case that both sides have built: its weights and inputs lie where they lie. ``conditions`` are
    those of both sides together. A metric that is measured without taking turns has a single turn with all samples of
    each side."""

    turns: tuple[Turn, ...]
    conditions: Conditions | None = None


@dataclass(frozen=True)
class Epoch(Keyed):
    """One pair of fresh processes of an A/B, one a side, and what they measured of one case and metric, which they
    built anew for each of the ``builds``.

    ``number`` counts the epochs of a stage in the order they were made. ``notes`` are what either side said of its
    timing.
    """

    case: Case
    metric: Metric
    number: int
    builds: tuple[Build, ...]
    notes: tuple[Note, ...] = ()
