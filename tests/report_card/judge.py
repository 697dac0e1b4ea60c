"""Judges a recording by the tool itself: false alarms, both stages, power, honest intervals.

What takes ``positions`` judges the epochs at these places; in order these are all places from the first to the last.
Trials that follow each other share no epoch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from figures import Redrawn, Share, Simulated
from series import SEED, Array, Positions, Recording, Series, drawn_run, redrawn

from paceline.baselines.ab.compare import compare_epochs
from paceline.baselines.ab.decide import cleared, decide
from paceline.baselines.ab.plan import planned_epochs
from paceline.baselines.ab.screen import Screen, suspects
from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.judgement.verdicts import Policy, Verdict
from paceline.baselines.records import Build, Case, Epoch, Key, Turn
from paceline.baselines.records.metrics import LATENCY
from paceline.baselines.stats.signed_rank import critical_count, signed_rank_tail
from paceline.fixtures.ab.stages import BUILDS

SUITE = 200
"""Cases of the run whose false alarms are asked for."""
POLICY = Policy()
REACH = 0.025
"""How far a case's true size may lie from the size asked for, to be shifted there."""


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


# -- false alarms ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unrest:
    """What is put into redrawn epochs; ``name`` says how. ``tails`` multiplies each epoch's distance from its case's
    mean by |t| of three degrees of freedom. ``correlation`` lets one resemble the next and keeps their scatter.
    ``wave`` adds half a wave over the run to all cases, ``wander`` a slow autoregression to each, both in standard
    deviations of the case's epochs; ``lasts`` leaves a run's part of the wave its mean, as a wander always has it: then
    the run as a whole is off."""

    name: str
    tails: bool = False
    correlation: float = 0.0
    wave: float = 0.0
    lasts: bool = False
    wander: float = 0.0

    def put_into(self, drawn: Array, centre: Array, sigma: Array, lengths: Array, rng: np.random.Generator) -> Array:
        """``drawn`` is of shape (cases, epochs); each case's mean and standard deviation, and how many of its epochs
        the run has, of (cases, 1)."""
        moved = drawn - centre
        if self.tails:
            moved *= np.abs(rng.standard_t(3, size=moved.shape))
        if self.correlation:
            moved = _autoregression(moved, self.correlation)
        if self.wave:
            phase = rng.uniform(0, 2 * math.pi)
            places = np.arange(moved.shape[1])
            wave = np.cos(math.pi * places / (lengths - 1) + phase)
            if not self.lasts:
                wave -= np.mean(wave, axis=1, where=places < lengths, keepdims=True)
            moved = moved + self.wave * sigma * wave
        if self.wander:
            moved = moved + self.wander * sigma * _autoregression(rng.normal(size=moved.shape), 0.9)
        found: Array = centre + moved
        return found


def _autoregression(fresh: Array, correlation: float) -> Array:
    """Each value is ``correlation`` times the one before and so much of the ``fresh`` one that the scatter stays."""
    found = fresh.copy()
    for place in range(1, fresh.shape[1]):
        found[:, place] = correlation * found[:, place - 1] + math.sqrt(1 - correlation**2) * fresh[:, place]
    return found


UNRESTS = (
    Unrest("as recorded"),
    Unrest("heavier tails: each epoch's distance from its case's mean × abs(t), 3 degrees of freedom", tails=True),
    Unrest("one epoch like the next: yₜ′ = 0.5 yₜ₋₁′ + √0.75 yₜ", correlation=0.5),
    Unrest(
        "drift: + σ cos(φ + π t/K) for all cases of a run, φ drawn once a run, less its mean over the run", wave=1.0
    ),
    Unrest("drift that lasts: the same with its mean, so that the sides differ by up to 0.64 σ", wave=1.0, lasts=True),
    Unrest("slow wander: + σ/2 zₜ for each case, zₜ = 0.9 zₜ₋₁ + √0.19 eₜ", wander=0.5),
    Unrest("twice as much of it: + σ zₜ", wander=1.0),
)


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


def forced(effects: Sequence[Array], among: int, ab: ABSettings) -> list[Verdict]:
    """The verdicts of cases that are all forced into one confirmation, among so many: those that are not there have no
    epochs and only count."""
    there = dict(enumerate(until_cleared(effects, ab)))
    absent: dict[int, tuple[float, ...]] = dict.fromkeys(range(len(there), among), ())
    decided = decide(there | absent, ab)
    return [decided[place].verdict for place in there]


@dataclass(frozen=True)
class InOrder:
    """Runs of recorded epochs in the order they were made: how many called a case *regressed*, how many called one
    *improved* (with the sides swapped it would have been *regressed*), and all verdicts of their cases."""

    regressed: Share
    improved: Share
    verdicts: Mapping[Verdict, int]


def planned(screens: Array, among: int, ab: ABSettings) -> list[int]:
    """How many epochs each case has of its confirmation, as one of so many suspects, by the screens of all: an array of
    shape (cases, epochs of both looks)."""
    epochs = [
        _epoch(place, number, effect) for place, row in enumerate(screens) for number, effect in enumerate(row, 1)
    ]
    screen = Screen.of(epochs, ab, POLICY)
    return [screen.planned_epochs(_key(place), among) for place in range(len(screens))]


def alarms_in_order(still: Sequence[Series], ab: ABSettings, *, among: int = SUITE) -> InOrder:
    """Disjoint runs, one after the other: every case without extra work is screened, and confirmed as one among so
    many. Where fewer epochs are left than that plans, a run has those."""
    looks, start, runs = looks_of(ab), 0, []
    while start + looks + ab.confirm_epochs <= len(still[0].effects):
        lengths = planned(np.stack([one.screen_effects[start : start + looks] for one in still]), among, ab)
        start += looks
        fresh = [one.effects[start : start + length] for one, length in zip(still, lengths, strict=True)]
        runs.append(forced(fresh, among, ab))
        start += max(lengths)
    counts: dict[Verdict, int] = {}
    for verdict in (verdict for run in runs for verdict in run):
        counts[verdict] = counts.get(verdict, 0) + 1
    return InOrder(
        Share.over(Verdict.REGRESSED in run for run in runs),
        Share.over(Verdict.IMPROVED in run for run in runs),
        counts,
    )


def alarms_redrawn(still: Sequence[Series], ab: ABSettings, unrest: Unrest, *, among: int, runs: int) -> Simulated:
    """Runs with at least one false *regressed*, of runs made of recorded epochs (:func:`series.drawn_run`) whose every
    case is screened and then forced into the confirmation; the unrest is put into that. One coin a run swaps the sides
    of all its cases."""
    rng = np.random.default_rng([SEED, among])
    looks = looks_of(ab)
    alarmed = 0
    for _ in range(runs):
        drawn = drawn_run(still, among, looks + longest(among, ab), rng)
        lengths = planned(np.stack([one.screen_effects[positions[:looks]] for one, positions in drawn]), among, ab)
        effects = np.stack([one.effects[positions[looks:]] for one, positions in drawn])
        centre = np.array([[one.effects.mean()] for one, _ in drawn])
        sigma = np.array([[one.effects.std(ddof=1)] for one, _ in drawn])
        swapped = rng.choice([-1.0, 1.0])
        fresh = swapped * unrest.put_into(effects, centre, sigma, np.array(lengths)[:, None], rng)
        verdicts = forced([row[:length] for row, length in zip(fresh, lengths, strict=True)], among, ab)
        alarmed += Verdict.REGRESSED in verdicts
    return Simulated(alarmed, runs, len(still[0].effects))


# -- both stages -------------------------------------------------------------------------------------------------------


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
            _epoch(place, number + 1, one.screen_effects[positions[number]])
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
    lengths = [seen.planned_epochs(_key(place), among) for place in screen.suspected]
    fresh = [
        one.effects[positions[looks : looks + length]]
        for length, (one, positions) in zip(lengths, (run[place] for place in screen.suspected), strict=True)
    ]
    confirmation = [
        _epoch(place, number, effect)
        for place, effects in zip(screen.suspected, until_cleared(fresh, ab), strict=True)
        for number, effect in enumerate(effects)
    ]
    verdicts = {int(one.case.model): one.verdict for one in compare_epochs(screen.epochs, confirmation, ab, POLICY)}
    return Course(
        *(len(screen.again), among),
        tuple(verdicts[place] for place in range(len(run))),
        looks + max(lengths, default=0),
    )


def _key(place: int) -> Key:
    return (Case(str(place), "", "", 1), LATENCY.name)


def _epoch(place: int, number: int, effect: float) -> Epoch:
    """An epoch of that effect; what time it was does not matter."""
    return Epoch(_key(place)[0], LATENCY, number, (Build((Turn((1e6,), (1e6 * math.exp(effect),)),)),))


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


# -- power -------------------------------------------------------------------------------------------------------------


def whole_epochs(one: Series, ab: ABSettings) -> float:
    """As many epochs of a confirmation take as long as everything that a case goes through which changed, and scatters
    as it does: a screen builds it once an epoch."""
    return looks_of(ab) / BUILDS + planned_epochs(1, ab, float(one.screen_effects.std(ddof=1)))


def epochs_until_cleared(still: Sequence[Series], ab: ABSettings) -> float:
    """How many epochs a confirmation of one suspect without extra work has, the mean over disjoint ones in order; no
    number where too little is recorded."""
    looks, taken = looks_of(ab), list[int]()
    for one in still:
        start = 0
        while start + looks + planned_epochs(1, ab) <= len(one.effects):
            (length,) = planned(one.screen_effects[None, start : start + looks], 1, ab)
            start += looks
            taken.append(len(until_cleared([one.effects[start : start + length]], ab)[0]))
            start += length
    return float(np.mean(taken)) if taken else math.nan


def trials(cases: Sequence[Series], positions: Positions, ab: ABSettings, size: float | None = None) -> Share:
    """Of disjoint trials the share in which a case is called *regressed* through both stages, as the only suspect.

    With a ``size`` (a fraction) each trial's epochs are shifted by as much as that size lies from the case's true one,
    known from epochs that the trial does not use (:meth:`series.Series.truth`); where too few are left, it is left out.
    """
    looks, found = looks_of(ab), []
    for one in cases:
        start = 0
        while start + looks + planned_epochs(1, ab) <= len(positions):
            (length,) = planned(one.screen_effects[None, positions[start : start + looks]], 1, ab)
            mine = positions[start : start + looks + length]
            moved = one if size is None else at_size(one, size, mine)
            if moved is None:
                break
            trial = course([(moved, mine)], ab)
            found.append(trial.verdicts == (Verdict.REGRESSED,))
            start += trial.epochs
    return Share.over(found)


def at_size(one: Series, size: float, apart_from: Positions) -> Series | None:
    """A case's epochs as though its true size were ``size``."""
    truth = one.truth(apart_from)
    return None if truth is None else one.shifted(math.log1p(size) - truth.effect)


def near(cases: Sequence[Series], size: float) -> list[Series]:
    """Those whose extra work has a true size, by all their epochs, within :data:`REACH` of ``size``."""
    sizes = [(one, one.truth()) for one in cases if one.extra_percent]
    return [one for one, truth in sizes if truth is not None and abs(math.expm1(truth.effect) - size) <= REACH]


@dataclass(frozen=True)
class Power:
    """How often a size is found, in order and redrawn, by how many ``cases``."""

    cases: int
    in_order: Share
    redrawn: Redrawn


def power(cases: Sequence[Series], ab: ABSettings, size: float | None, times: int) -> Power:
    """Of ``cases`` as they are, or of those :func:`near` a size, shifted to it."""
    chosen = cases if size is None else near(cases, size)
    everything = np.arange(len(cases[0].effects)) if cases else np.arange(0)
    return Power(
        len(chosen),
        trials(chosen, everything, ab, size),
        redrawn(lambda some, positions: trials(some, positions, ab, size), chosen, times, seed=3),
    )


def trials_at(still: Sequence[Series], size: float, ab: ABSettings, times: int) -> float:
    """The share found of cases without extra work that are shifted to a ``size``."""
    return redrawn(lambda some, positions: trials(some, positions, ab, size), still, times, seed=4).value


def size_found(still: Sequence[Series], ab: ABSettings, times: int, *, share: float = 0.8) -> float:
    """The size (a fraction) that is found in ``share`` of trials, to a twentieth of a percent: infinite where a doubled
    time is not, no number where too little is recorded. The same epochs are drawn for every size."""
    low, high = 0.0, 1.0
    most = trials_at(still, high, ab, times)
    if not most >= share:
        return math.nan if math.isnan(most) else math.inf
    while high - low > 0.0005:
        middle = (low + high) / 2
        low, high = (low, middle) if trials_at(still, middle, ab, times) >= share else (middle, high)
    return high


# -- intervals ---------------------------------------------------------------------------------------------------------


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
