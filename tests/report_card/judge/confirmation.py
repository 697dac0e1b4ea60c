"""What the tool does with a case in its screen and its confirmation, on epochs that were recorded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from series import Array

from paceline.baselines.ab.decide import cleared
from paceline.baselines.ab.plan import planned_epochs
from paceline.baselines.ab.screen import Screen
from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.judgement.verdicts import Policy
from paceline.baselines.records import Build, Case, Epoch, Key, Turn
from paceline.baselines.records.metrics import LATENCY

SUITE = 200
"""Cases of the run whose false alarms are asked for."""
POLICY = Policy()


@dataclass(frozen=True)
class Effort:
    """How much is computed: ``runs`` of a whole suite, ten times as many of a few suspects; ``times`` that a recording
    is drawn anew; ``pairs`` of results that the other tools are shown of each case."""

    runs: int = 300
    times: int = 200
    pairs: int = 25


def looks_of(ab: ABSettings) -> int:
    """Epochs before a confirmation: the first look's and the second's."""
    return ab.screen_epochs + ab.second_look_epochs


def longest(suspects: int, ab: ABSettings) -> int:
    """The most epochs that the confirmation of so many suspects may have."""
    return ab.fixed_epochs or max(planned_epochs(suspects, ab), ab.restless_epochs)


def until_cleared(effects: Sequence[Array], ab: ABSettings) -> list[tuple[float, ...]]:
    """The effects of one confirmation's suspects, each as far as the tool would have measured it
    (:meth:`paceline.fixtures.ab.stages.Against.confirm`)."""
    taken = {place: tuple(one[: ab.least_epochs - 1]) for place, one in enumerate(effects)}

    def still(places: Iterable[int]) -> set[int]:
        more = {place for place in places if len(taken[place]) < len(effects[place])}
        return more - cleared(taken, ab, among=more)

    going_on = still(taken)
    while going_on:
        taken |= {place: tuple(effects[place][: len(taken[place]) + 1]) for place in going_on}
        going_on = still(going_on) or still(taken)
    return list(taken.values())


def planned(screens: Array, among: int, ab: ABSettings) -> list[int]:
    """How many epochs each case has of its confirmation, as one of so many suspects, by the screens of all: an array of
    shape (cases, epochs of both looks)."""
    epochs = [
        epoch_of(place, number, effect) for place, row in enumerate(screens) for number, effect in enumerate(row, 1)
    ]
    screen = Screen.of(epochs, ab, POLICY)
    return [screen.planned_epochs(key_of(place), among) for place in range(len(screens))]


def key_of(place: int) -> Key:
    return (Case(str(place), "", "", 1), LATENCY.name)


def epoch_of(place: int, number: int, effect: float) -> Epoch:
    """An epoch of that effect; what time it was does not matter."""
    return Epoch(key_of(place)[0], LATENCY, number, (Build((Turn((1e6,), (1e6 * math.exp(effect),)),)),))
