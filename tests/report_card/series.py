"""A recording as series of effects, a case each, and how its epochs are drawn anew."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from figures import Redrawn, Share
from recording import RecordedEpoch, Store

from paceline.baselines.stats.serial_correlation import inflation, serial_correlation
from paceline.baselines.stats.signed_rank import hodges_lehmann, walsh_interval

Array = npt.NDArray[np.float64]
Positions = npt.NDArray[np.intp]
"""Places of epochs in a recording, 0 the first, in the order in which a trial meets them."""
SEED = 20
BLOCK = 8
"""Epochs in a row that stay together when a recording is drawn anew, so that what makes one resemble the next stays."""
LEAST = 8
"""Epochs that a true size must at least rest on."""
QUIET, CALIBRATION = "quiet", "calibration"


class Truth(NamedTuple):
    """What a case's effect is taken to be, and the number of epochs that say so (infinite where it is so by
    definition)."""

    effect: float
    epochs: float


@dataclass(frozen=True)
class Series:
    """All epochs of one case in their order: effects of whole epochs, and of their first part as a screen sees it.
    ``calibration`` are effects of a recording of their own, made only to know the true size."""

    workload: str
    extra_percent: int
    effects: Array
    screen_effects: Array
    seconds: float
    """That an epoch's turns took, on average."""
    latency_ns: float
    calibration: Array = field(default_factory=lambda: np.empty(0))

    def truth(self, apart_from: Positions | None = None) -> Truth | None:
        """The effect: 0 without extra work; else by the calibration, where there is one, or by the recorded epochs
        ``apart_from`` those that a trial uses. ``None`` where these are too few to tell."""
        if not self.extra_percent:
            return Truth(0.0, math.inf)
        known = self.calibration
        if not len(known):
            known = self.effects if apart_from is None else np.delete(self.effects, np.unique(apart_from))
        return Truth(hodges_lehmann(known), len(known)) if len(known) >= LEAST else None

    def shifted(self, by: float) -> Series:
        """The same epochs with another effect: each moved ``by`` as much."""
        return replace(self, effects=self.effects + by, screen_effects=self.screen_effects + by)


def series_of(epochs: Sequence[RecordedEpoch]) -> tuple[Series, ...]:
    """The cases of epochs that all have the same ones."""
    groups: dict[tuple[str, int], list[tuple[float, float, float, float]]] = {}
    for epoch in epochs:
        for one in epoch.records:
            row = (one.effect, one.screen_effect, one.measuring_s, float(np.quantile(one.samples[0], 0.25)))
            groups.setdefault((one.workload, one.extra_percent), []).append(row)
    found = []
    for (workload, percent), rows in sorted(groups.items()):
        effects, screens, seconds, latency = np.array(rows, dtype=np.float64).T
        found.append(Series(workload, percent, effects, screens, float(seconds.mean()), float(np.median(latency))))
    return tuple(found)


@dataclass(frozen=True)
class Recording:
    """The epochs of one condition, all of one kind of machine and of the same cases."""

    condition: str
    epochs: tuple[RecordedEpoch, ...]
    cases: tuple[Series, ...]

    @property
    def machine(self) -> str:
        return machine_of(self.epochs[0].machine)

    @property
    def still(self) -> tuple[Series, ...]:
        """The cases without extra work: the same code on both sides."""
        return tuple(one for one in self.cases if not one.extra_percent)

    @property
    def slowed(self) -> tuple[Series, ...]:
        return tuple(one for one in self.cases if one.extra_percent)

    @property
    def neighbours(self) -> int:
        """Processes that were kept busy meanwhile."""
        return int(self.condition.partition("-")[2] or 0)

    @property
    def preparing_s(self) -> float:
        """What an epoch takes besides its turns (processes, imports, warm-up), for each of its cases."""
        spent = [
            (epoch.elapsed_s - sum(one.measuring_s for one in epoch.records)) / len(epoch.records)
            for epoch in self.epochs
        ]
        return float(np.mean(spent))


def machine_of(machine: Mapping[str, object]) -> str:
    """A machine's key as text; where two differ, what was recorded is of two machines."""
    return ", ".join(f"{name} {value}" for name, value in sorted(machine.items()))


def recordings(store: Store) -> dict[str, list[Recording]]:
    """What was recorded, by condition, the largest recording of each first: epochs of two kinds of machines, or of
    other cases, are never pooled.

    A calibration is no condition to judge: it becomes part of the slowed cases of its machine's quiet recordings.
    Raises ValueError where nothing was recorded on a quiet machine.
    """
    found = {}
    for condition in store.conditions():
        groups: dict[object, list[RecordedEpoch]] = {}
        for epoch in store.read(condition):
            cases = frozenset((one.workload, one.extra_percent) for one in epoch.records)
            groups.setdefault((machine_of(epoch.machine), cases), []).append(epoch)
        parts = [Recording(condition, tuple(epochs), series_of(epochs)) for epochs in groups.values()]
        found[condition] = sorted(parts, key=lambda part: -len(part.epochs) * len(part.cases))
    if QUIET not in found:
        raise ValueError(f"{store.folder} holds no epoch of a quiet machine: python tests/report_card record")
    calibrations = found.get(CALIBRATION, [])
    found[QUIET] = [_calibrated(quiet, calibrations) for quiet in found[QUIET]]
    return found


def _calibrated(quiet: Recording, calibrations: Sequence[Recording]) -> Recording:
    sizes = {
        (one.workload, one.extra_percent): one.effects
        for calibration in reversed(calibrations)
        for one in calibration.slowed
        if calibration.machine == quiet.machine
    }
    cases = (
        replace(one, calibration=sizes.get((one.workload, one.extra_percent), one.calibration)) for one in quiet.cases
    )
    return replace(quiet, cases=tuple(cases))


# -- drawing anew ------------------------------------------------------------------------------------------------------


def blocks(recorded: int, length: int, rng: np.random.Generator) -> Positions:
    """``length`` of the ``recorded`` epochs in blocks of :data:`BLOCK` in a row, each beginning anywhere; after the
    last epoch comes the first (the circular block bootstrap: Politis & Romano, in Exploring the Limits of Bootstrap,
    1992).
    """
    starts = rng.integers(recorded, size=math.ceil(length / BLOCK))
    return ((starts[:, None] + np.arange(BLOCK)) % recorded).ravel()[:length]


def drawn_run(
    cases: Sequence[Series], count: int, length: int, rng: np.random.Generator
) -> list[tuple[Series, Positions]]:
    """A run of ``count`` cases made of the recorded ones: which epochs each of them meets.

    All meet the same ones, so that what moved all cases of an epoch still does. Where there are more cases than
    recorded ones, copies of a case meet epochs that are evenly farther on.
    """
    recorded = len(cases[0].effects)
    positions = blocks(recorded, length, rng)
    order = rng.permutation(len(cases))
    copies = math.ceil(count / len(cases))
    return [
        (cases[order[place % len(cases)]], (positions + recorded * (place // len(cases)) // copies) % recorded)
        for place in range(count)
    ]


def redrawn(
    judge: Callable[[Sequence[Series], Positions], Share], cases: Sequence[Series], times: int, *, seed: int = 0
) -> Redrawn:
    """What ``judge`` finds in as many recordings as ``times`` says, each put together from this one: of its workloads,
    drawn with replacement, and of blocks of its epochs, the same ones for all cases; as long as this one. So they
    scatter as another recording of this length would."""
    rng = np.random.default_rng([SEED, seed])
    workloads = sorted({one.workload for one in cases})
    epochs = len(cases[0].effects) if cases else 0
    shares = []
    for _ in range(times if cases else 0):
        names = rng.choice(workloads, len(workloads))
        chosen = [one for name in names for one in cases if one.workload == name]
        share = judge(chosen, blocks(epochs, epochs, rng))
        shares += [share.value] if share.of else []
    if not shares:
        return Redrawn(math.nan, math.nan, math.nan, epochs)
    low, high = (float(end) for end in np.quantile(shares, [0.025, 0.975]))
    return Redrawn(float(np.mean(shares)), low, high, epochs)


# -- how much epochs differ --------------------------------------------------------------------------------------------


def sigma_of(one: Series, times: int) -> tuple[float, float, float]:
    """The standard deviation of a case's epochs, and what it is in 95 % of recordings drawn anew."""
    rng = np.random.default_rng([SEED, 1])
    epochs = len(one.effects)
    found = [one.effects[blocks(epochs, epochs, rng)].std(ddof=1) for _ in range(times)]
    low, high = (float(end) for end in np.quantile(found, [0.025, 0.975]))
    return (float(one.effects.std(ddof=1)), low, high)


def size_of(one: Series, cases: Sequence[Series]) -> tuple[float, tuple[float, float] | None]:
    """A case's effect by all its epochs (by the calibration where there is one) with its 95 % interval, which is wider
    where the epochs of all ``cases`` resemble the ones before them."""
    known = one.calibration if len(one.calibration) else one.effects
    effect, interval = hodges_lehmann(known), walsh_interval(known, 0.95)
    if interval is None:
        return effect, None
    factor = inflation(serial_correlation(other.effects for other in cases))
    return effect, (effect - factor * (effect - interval[0]), effect + factor * (interval[1] - effect))


def serial(cases: Sequence[Series]) -> tuple[float, float]:
    """How much an epoch resembles the one before: the lag-one correlation, a mean over the cases, with the bias of
    short series taken off; and twice the standard error that it has where there is no such thing."""
    found = []
    for one in cases:
        away = one.effects - one.effects.mean()
        found.append(float(away[1:] @ away[:-1] / (away @ away)) + 1 / len(away))
    return float(np.mean(found)), 2 / math.sqrt(len(cases) * len(cases[0].effects))


def mutual(cases: Sequence[Series]) -> tuple[float, float]:
    """How much the cases of one epoch resemble each other: the mean correlation of two of them; and twice the standard
    error that it has where there is no such thing."""
    matrix = np.corrcoef([one.effects for one in cases])
    pairs = matrix[np.triu_indices(len(cases), 1)]
    return float(pairs.mean()), 2 / math.sqrt(len(pairs) * len(cases[0].effects))
