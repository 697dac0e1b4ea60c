"""Runs through both stages, as the tool goes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from series import SEED, Positions, Series, drawn_run

from judge.confirmation import POLICY, epoch_of, key_of, longest, looks_of, until_cleared
from paceline.baselines.ab.compare import compare_epochs
from paceline.baselines.ab.plan import planned_epochs
from paceline.baselines.ab.screen import Screen, suspects
from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.judgement.verdicts import Verdict
from paceline.baselines.records import Epoch


@dataclass(frozen=True)
class Course:
    """What a run did with its cases: how many got a second look, how many a confirmation, and the verdict of each; and
    how many ``epochs`` that took."""

    second_looks: int
    confirmed: int
    verdicts: tuple[Verdict, ...]
    epochs: int

    @property
    def is_undecided(self) -> bool:
        return Verdict.INCONCLUSIVE in self.verdicts


@dataclass(frozen=True)
class Screened:
    """What the tool's own screen made of a run's cases, each of which is a place in it: those that got a second look,
    and those that stay suspect after it."""

    epochs: tuple[Epoch, ...]
    again: tuple[int, ...]
    suspected: tuple[int, ...]


def screened(run: Sequence[tuple[Series, Positions]], ab: ABSettings) -> Screened:
    """The first look at each case's first epochs, the second at those that follow."""

    def look(places: Iterable[int], begin: int, end: int) -> list[Epoch]:
        return [
            epoch_of(place, number + 1, one.screen_effects[positions[number]])
            for place in places
            for one, positions in [run[place]]
            for number in range(begin, end)
        ]

    epochs = look(range(len(run)), 0, ab.screen_epochs)
    again = [int(case.model) for case, _ in suspects(epochs, ab, POLICY)]
    epochs += look(again, ab.screen_epochs, looks_of(ab))
    return Screened(tuple(epochs), tuple(again), tuple(int(case.model) for case, _ in suspects(epochs, ab, POLICY)))


def course(run: Sequence[tuple[Series, Positions]], ab: ABSettings) -> Course:
    """A run through both stages by the tool's own functions: what stays suspect is confirmed by the epochs behind those
    of the screen. Where fewer are left than planned, it has those."""
    screen, looks = screened(run, ab), looks_of(ab)
    seen, among = Screen.of(screen.epochs, ab, POLICY), len(screen.suspected)
    lengths = [seen.planned_epochs(key_of(place), among) for place in screen.suspected]
    fresh = [
        one.effects[positions[looks : looks + length]]
        for length, (one, positions) in zip(lengths, (run[place] for place in screen.suspected), strict=True)
    ]
    confirmation = [
        epoch_of(place, number, effect)
        for place, effects in zip(screen.suspected, until_cleared(fresh, ab), strict=True)
        for number, effect in enumerate(effects)
    ]
    verdicts = {int(one.case.model): one.verdict for one in compare_epochs(screen.epochs, confirmation, ab, POLICY)}
    return Course(
        *(len(screen.again), among),
        tuple(verdicts[place] for place in range(len(run))),
        looks + max(lengths, default=0),
    )


def courses_in_order(still: Sequence[Series], ab: ABSettings) -> list[Course]:
    """Disjoint runs of all cases, one after the other, as long as there are epochs for as many suspects as there are
    cases."""
    recorded, start, found = len(still[0].effects), 0, list[Course]()
    while start + looks_of(ab) + planned_epochs(len(still), ab) <= recorded:
        found.append(course([(one, np.arange(start, recorded)) for one in still], ab))
        start += found[-1].epochs
    return found


def courses_redrawn(still: Sequence[Series], ab: ABSettings, *, cases: int, runs: int) -> list[Course]:
    """Runs of ``cases`` cases made of recorded epochs (:func:`series.drawn_run`)."""
    rng = np.random.default_rng([SEED, 2, cases])
    length = looks_of(ab) + longest(cases, ab)
    return [course(drawn_run(still, cases, length, rng), ab) for _ in range(runs)]
