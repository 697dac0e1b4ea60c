"""What disturbed a timing while it went on: analysers of the samples in their order and of the conditions meanwhile.

Each is pure and returns a note or none; what was not recorded is not judged. Notes decide nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from paceline.baselines.records import Conditions, Epoch, Key, Level, Measured, Metric, Note
from paceline.baselines.stats.bimodality import two_levels
from paceline.baselines.stats.effects import turn_estimates
from paceline.baselines.stats.samples import estimates

Array = npt.NDArray[np.float64]

LEAST_WINDOW_S = 0.2
"""The kernel counts CPU time in ticks of 1 to 10 ms: shorter windows tell nothing."""
FOREIGN = 0.1
"""Share of the CPUs' time that others may use; of one core that is pinned to, a tenth of that core."""
STOLEN = 0.05
"""Of one CPU's time: what a hypervisor takes hits whoever runs, and that is the measured process above all."""
SWAPPED_PAGES = 256
"""A mebibyte anywhere on the machine."""
MAJOR_FAULTS = 10
"""A choice: a page or two may come late from a disk in any process; ten within timed calls are no accident."""
CLOCK_FALL = 0.1
"""A choice: it is the fall that moves a time about as much as :data:`FOREIGN` does."""
RISE = 0.03
"""A choice: just above the band of 2 % below which a change is of no interest by default."""
SECTIONS = 10
"""Their 45 pairs are those of :data:`RISING_PAIRS`."""
LEAST_SAMPLES = 40
"""A choice: four in each section."""
RISING_PAIRS = 39
"""Of the 45 pairs of ten sections so many must have the later one slower: with sections that differ by chance that
happens 1.1 times in 1,000 (M. G. Kendall, "A new measure of rank correlation", Biometrika 30, 1938)."""

OF_TIMING = frozenset({"foreign_load", "stolen_time", "swapping", "throttled", "warm_up_not_reached"})
"""Codes of what a side of an A/B can say of its timing."""


def analyse_timing(measured: Measured) -> tuple[Note, ...]:
    """Everything that this module knows to say of one timing."""
    if not measured.metric.judging.scatters:
        return ()
    calls = measured.conditions.turn_calls if measured.conditions else None
    series = _slowness(measured.metric, np.asarray(measured.samples))
    return (*_of_series(measured.metric, _by_turn(series, calls or 1)), *analyse_conditions(measured.conditions))


def analyse_conditions(conditions: Conditions | None) -> tuple[Note, ...]:
    """What the machine did meanwhile."""
    if conditions is None:
        return ()
    analysers: tuple[Callable[[Conditions], Note | None], ...] = (_foreign_load, _stolen, _swapping, _throttled)
    return tuple(note for analyser in analysers if (note := analyser(conditions)) is not None)


def analyse_epochs(epochs: Iterable[Epoch]) -> dict[Key, tuple[Note, ...]]:
    """What disturbed the epochs of an A/B, by case and metric: each note once, with the number of epochs it is of."""
    found: dict[Key, list[dict[str, Note]]] = {}
    for epoch in epochs:
        if epoch.metric.judging.scatters:
            found.setdefault(epoch.key, []).append(_of_epoch(epoch))
    return {key: _counted(of_epochs) for key, of_epochs in found.items()}


def _of_epoch(epoch: Epoch) -> dict[str, Note]:
    """The first note of each code, of either side."""
    notes = [*epoch.notes, *(note for build in epoch.builds for note in analyse_conditions(build.conditions))]
    for side in (side for sides in turn_estimates(epoch) for side in sides):
        notes += _of_series(epoch.metric, _slowness(epoch.metric, side))
    return {note.code: note for note in reversed(notes)}


def _counted(of_epochs: Sequence[dict[str, Note]]) -> tuple[Note, ...]:
    counted = []
    for code in dict.fromkeys(code for notes in of_epochs for code in notes):
        hit = [notes[code] for notes in of_epochs if code in notes]
        sentence = f"in {len(hit)} of {len(of_epochs)} epochs, the last time: {hit[-1].sentence}"
        counted.append(Note(hit[-1].level, code, sentence))
    return tuple(counted)


def _slowness(metric: Metric, samples: Array) -> Array:
    """Samples as something that grows when things get slower; empty where that says nothing."""
    above, below = metric.direction.over(samples, np.ones_like(samples))
    return above / below if (below > 0).all() else samples[:0]


def _by_turn(series: Array, calls: int) -> Array:
    """One value a turn, its estimate: within a turn the first call is a cold one."""
    whole = len(series) // calls * calls
    return estimates(series[:whole].reshape(-1, calls)) if calls > 1 else series


def _of_series(metric: Metric, series: Array) -> tuple[Note, ...]:
    analysers: tuple[Callable[[Metric, Array], Note | None], ...] = (_time_rose, _two_levels)
    return tuple(note for analyser in analysers if (note := analyser(metric, series)) is not None)


def _time_rose(metric: Metric, series: Array) -> Note | None:
    if len(series) < LEAST_SAMPLES:
        return None
    levels = [float(estimates(part)) for part in np.array_split(series, SECTIONS)]
    rising = sum(later > earlier for earlier, later in combinations(levels, 2))
    first, last = float(np.median(levels[:3])), float(np.median(levels[-3:]))
    if rising < RISING_PAIRS or last < first * (1 + RISE):
        return None
    return Note(
        Level.WARNING,
        "time_rose",
        f"the calls took longer and longer, {100 * (last / first - 1):.0f} % more in the last third than in the first: "
        "perhaps the clock fell with rising heat",
    )


def _two_levels(metric: Metric, series: Array) -> Note | None:
    levels = two_levels(series.tolist())
    if levels is None:
        return None
    return Note(
        Level.WARNING,
        "two_levels",
        f"the samples lie on two levels, {100 * (levels.high / levels.low - 1):.0f} % apart: "
        f"{100 * levels.share_high:.0f} % of them on the slower one, with {levels.changes} changes between the two; "
        "one number does not tell both",
    )


def _foreign_load(conditions: Conditions) -> Note | None:
    if conditions.busy_cpu_s is None or conditions.window_s < LEAST_WINDOW_S:
        return None
    foreign_s = conditions.busy_cpu_s - conditions.own_cpu_s
    if foreign_s <= FOREIGN * conditions.cpus * conditions.window_s:
        return None
    return Note(
        Level.WARNING,
        "foreign_load",
        f"other processes took {foreign_s / conditions.window_s:.2f} CPUs of {conditions.cpus} while this was timed",
    )


def _stolen(conditions: Conditions) -> Note | None:
    if conditions.stolen_cpu_s is None or conditions.window_s < LEAST_WINDOW_S:
        return None
    share = conditions.stolen_cpu_s / conditions.window_s
    if share <= STOLEN:
        return None
    return Note(
        Level.WARNING,
        "stolen_time",
        f"the hypervisor gave {100 * share:.0f} % of a CPU's time to other machines while this was timed",
    )


def _swapping(conditions: Conditions) -> Note | None:
    swapped, faults = conditions.swapped_pages or 0, conditions.major_faults or 0
    if swapped < SWAPPED_PAGES and faults < MAJOR_FAULTS:
        return None
    return Note(
        Level.WARNING,
        "swapping",
        f"memory went over the disk while this was timed: {swapped} pages swapped on the machine, "
        f"{faults} page faults of this process that waited for a disk",
    )


def _throttled(conditions: Conditions) -> Note | None:
    said = []
    if conditions.throttle_events:
        said.append(f"the hardware counted {conditions.throttle_events} slow-downs of CPUs for their heat")
    before, after = conditions.clock_before_mhz, conditions.clock_after_mhz
    if before and after and after < before * (1 - CLOCK_FALL):
        said.append(f"the CPU's clock fell from {before:.0f} to {after:.0f} MHz")
    if not said:
        return None
    return Note(Level.WARNING, "throttled", f"{' and '.join(said)} while this was timed")
