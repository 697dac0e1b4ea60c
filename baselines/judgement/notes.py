"""Small pure analysers that look at what was measured and say what a reader of the numbers must know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy.special import bdtrc

from paceline.baselines.judgement.disturbance import analyse_timing
from paceline.baselines.judgement.verdicts import Comparison, Policy
from paceline.baselines.records import Level, Measured, Note, NotMeasured, Run
from paceline.baselines.stats.samples import ESTIMATOR, can_bound_estimate, estimate, paired_speedup

TIME_UNITS = frozenset({"ns", "us", "µs", "ms", "s"})
COARSE_STEP = 0.01
"""Of the estimate: a clock that ticks in larger steps than this cannot show a change of a few percent."""
RESTLESS = 1.10
"""Largest over smallest estimate of one and the same reference, above which a machine was not quiet."""


def analyse_measured(measured: Measured) -> tuple[Note, ...]:
    """What one measurement's own samples say: a coarse clock, too few samples, slower than its reference, and what
    disturbed it (:mod:`paceline.baselines.judgement.disturbance`)."""
    analysers: tuple[Callable[[Measured], Note | None], ...] = (_coarse_clock, _few_samples, _slower_than_reference)
    found = (analyser(measured) for analyser in analysers)
    return (*(note for note in found if note is not None), *analyse_timing(measured))


def _coarse_clock(measured: Measured) -> Note | None:
    if measured.metric.unit not in TIME_UNITS or len(measured.samples) < 20:
        return None
    values = np.unique(np.asarray(measured.samples))
    # Without ties the samples say nothing about the clock's step.
    if len(values) > len(measured.samples) / 2:
        return None
    typical = float(np.median(measured.samples))
    step = float(np.diff(values).min()) if len(values) > 1 else 0.0
    if len(values) > 1 and typical > 0 and step <= COARSE_STEP * typical:
        return None
    seen = f"steps of {step:g} {measured.metric.unit}" if step else f"{len(measured.samples)} times the same value"
    return Note(
        Level.WARNING,
        "clock_too_coarse",
        f"the clock is too coarse for this call: {seen} at {typical:g} {measured.metric.unit}; a larger batch helps",
    )


def _few_samples(measured: Measured) -> Note | None:
    count = len(measured.samples)
    is_timed = measured.metric.unit in TIME_UNITS and measured.metric.judging.scatters
    if not is_timed or can_bound_estimate(count):
        return None
    return Note(Level.INFO, "few_samples", f"only {count} samples: too few to bound the {ESTIMATOR} that is judged")


def _slower_than_reference(measured: Measured) -> Note | None:
    if not measured.metric.judging.scatters:
        return None
    speedup = paired_speedup(measured.samples, measured.reference_samples, measured.metric.better)
    if speedup.ratio is None or speedup.low is None or speedup.high is None or speedup.high >= 1:
        return None
    return Note(
        Level.WARNING,
        "slower_than_eager",
        f"slower than eager in {measured.metric.name}, {speedup.ratio:.3g} times as fast "
        f"({speedup.low:.3g} … {speedup.high:.3g})",
    )


def analyse(run: Run) -> tuple[Note, ...]:
    """What a run as a whole says: cut, nothing measured, faults, a tree that cannot be rebuilt, a restless machine."""
    analysers: tuple[Callable[[Run], Note | None], ...] = (_cut, _nothing_measured, _faults, _dirty_tree, _restless)
    found = (analyser(run) for analyser in analysers)
    return tuple(note for note in found if note is not None)


def _cut(run: Run) -> Note | None:
    if run.complete:
        return None
    return Note(Level.WARNING, "cut_run", "the run was cut: what it did not come to is missing here")


def _nothing_measured(run: Run) -> Note | None:
    if any(isinstance(outcome, Measured) for outcome in run.outcomes):
        return None
    return Note(Level.ERROR, "nothing_measured", f"nothing was measured ({len(run.outcomes)} were asked for)")


def _faults(run: Run) -> Note | None:
    causes = Counter(
        outcome.cause.value for outcome in run.outcomes if isinstance(outcome, NotMeasured) and outcome.cause.is_fault
    )
    if not causes:
        return None
    listed = ", ".join(f"{count} {cause}" for cause, count in sorted(causes.items()))
    return Note(Level.ERROR, "faults", f"{causes.total()} measurements failed: {listed}")


def _dirty_tree(run: Run) -> Note | None:
    if not run.dirty:
        return None
    sentence = "the working tree had changes that are not committed: this code cannot be rebuilt for an A/B later"
    return Note(Level.INFO, "dirty_tree", sentence)


def _restless(run: Run) -> Note | None:
    """One and the same eager reference is timed with every optimization of a model, so it should always cost the
    same."""
    groups: dict[tuple[object, ...], list[float]] = {}
    for outcome in run.outcomes:
        case = outcome.case
        # A sweep's reference runs at the batch size that the case saturates at, which differs.
        if isinstance(outcome, Measured) and outcome.reference_samples and case.batch_size is not None:
            same = (case.model, case.device, case.batch_size, case.parameters, outcome.metric.name)
            groups.setdefault(same, []).append(estimate(outcome.metric, outcome.reference_samples))
    spreads = {key: max(group) / min(group) for key, group in groups.items() if len(group) > 1 and min(group) > 0}
    if not spreads:
        return None
    worst = max(spreads, key=lambda key: spreads[key])
    if spreads[worst] <= RESTLESS:
        return None
    return Note(
        Level.WARNING,
        "restless_machine",
        f"the eager reference of {worst[0]} differed by {100 * (spreads[worst] - 1):.0f} % between cases of this run: "
        "the machine was not quiet",
    )


def analyse_comparisons(comparisons: Iterable[Comparison], policy: Policy) -> tuple[Note, ...]:
    """What all comparisons together say: a whole run that moved by a common factor points to the machine."""
    by_metric: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        if comparison.metric.judging.scatters and comparison.ratio is not None:
            by_metric.setdefault(comparison.metric.name, []).append(comparison)
    found = (_common_shift(group, policy) for group in by_metric.values())
    return tuple(note for note in found if note is not None)


def _common_shift(group: Sequence[Comparison], policy: Policy) -> Note | None:
    logs = np.log([comparison.ratio or 1.0 for comparison in group])
    low, middle, high = np.quantile(logs, [0.25, 0.5, 0.75])
    same_way = int((np.sign(logs) == np.sign(middle)).sum())
    chance = 2 * float(bdtrc(same_way - 1, len(logs), 0.5))  # the sign test, two-sided
    is_common = high - low <= abs(middle)
    if abs(np.expm1(middle)) <= policy.band or chance > 0.01 or not is_common:
        return None
    metric = group[0].metric
    worse = "worse" if metric.direction.is_worse(middle) else "better"
    return Note(
        Level.WARNING,
        "common_shift",
        f"{same_way} of {len(logs)} cases are {worse} in {metric.name}, by {100 * np.expm1(middle):+.1f} % in the "
        "middle: perhaps the machine, not the code",
    )
