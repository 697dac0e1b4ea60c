"""A run held against a stored baseline: the first stage, which screens.

Of timing it says only *no change seen* or *suspect*: two runs at two times on one machine cannot convict. What does
not scatter (size, parameters) is judged for good. Nothing is dropped: whatever the baseline or the run holds and cannot
be compared comes out with the verdict and the sentence that say why.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from paceline.baselines.judgement.exact import judge_exact
from paceline.baselines.judgement.notes import analyse_comparisons
from paceline.baselines.judgement.sampled import judge_sampled
from paceline.baselines.judgement.verdicts import Comparison, Judgement, Policy, Verdict, severity
from paceline.baselines.records import Baseline, Case, Difference, Entry, Key, Metric, NotMeasured, Outcome, Run
from paceline.baselines.records.judging import EXACT, SAMPLED, SHOWN, Judging
from paceline.baselines.records.selection import asks_for_all_of
from paceline.baselines.stats.process_noise import Prior, fit_prior, geometric_mean
from paceline.baselines.stats.samples import estimate


def compare(base: Baseline | None, run: Run, policy: Policy) -> Judgement:
    """Hold ``run`` against ``base`` (``None`` where there is none), by ``policy``.

    Every measured outcome of a judged metric, every unmeasured one, and every entry of the baseline that the run was
    asked for gives one comparison; worst first, suspects for the worse before those for the better. An entry that the
    run lacks is gone where the run is complete and was asked for all that the entry's save was asked for; not measured
    where the run was cut, or where another metric of its case could not be measured; else it is counted as not
    selected. Where ``base`` is of another kind of machine, everything measured is refused.
    """
    differences = base.fingerprint.differences(run.fingerprint) if base else ()
    key_differences = tuple(one for one in differences if one.in_key)
    entries = {entry.key: entry for entry in base.entries} if base else {}
    context = _Context(base, policy, {} if key_differences else entries, key_differences)
    comparisons = [_judge(outcome, context) for outcome in run.outcomes if _is_judged(outcome, entries)]
    not_selected = 0
    if base and not key_differences:
        unmeasured = {one.case: one for one in run.outcomes if isinstance(one, NotMeasured)}
        present = {outcome.key for outcome in run.outcomes}
        requested = _requested(run, base)
        for key in entries.keys() - present:
            if entries[key].save not in requested and key.case not in unmeasured:
                not_selected += 1
                continue
            comparisons.append(_absent(entries[key], run, base, unmeasured.get(key.case)))
    comparisons.sort(key=severity)
    return Judgement(
        tuple(comparisons),
        policy,
        run.fingerprint,
        baseline=base.name if base else "",
        save=base.saves[-1] if base and base.saves else None,
        differences=differences,
        not_selected=not_selected,
        notes=analyse_comparisons(comparisons, policy),
    )


def _requested(run: Run, base: Baseline) -> frozenset[int]:
    """The saves of the baseline, by index, whose every case the run was asked for.

    A run that left out tests otherwise than by what its selection names (``--lf``, a plugin that shards) left out as
    many as one of the saves, or was not asked for the same.
    """
    left_out = {save.selection.get("deselected") for save in base.saves}
    if run.selection.get("deselected") not in {None, *left_out}:
        return frozenset()
    return frozenset(index for index, save in enumerate(base.saves) if asks_for_all_of(run.selection, save.selection))


@dataclass(frozen=True)
class _Context:
    """What every outcome is held against; ``entries`` is empty where ``refused`` is not."""

    base: Baseline | None
    policy: Policy
    entries: Mapping[Key, Entry]
    refused: tuple[Difference, ...]
    priors: dict[str, Prior] = dataclasses.field(default_factory=dict)

    def prior(self, metric: str) -> Prior:
        """What the baseline's cases of a metric have in common."""
        if metric not in self.priors:
            groups = [entry.estimates for (_, name), entry in self.entries.items() if name == metric]
            self.priors[metric] = fit_prior([group for group in groups if min(group) > 0])
        return self.priors[metric]


def _is_judged(outcome: Outcome, entries: Mapping[Key, Entry]) -> bool:
    return isinstance(outcome, NotMeasured) or outcome.metric.judging.is_judged or outcome.key in entries


def _judge(outcome: Outcome, context: _Context) -> Comparison:
    entry = context.entries.get(outcome.key)
    undecided = _start(outcome.case, outcome.metric, entry, context.base)
    if isinstance(outcome, NotMeasured):
        reason = f"{outcome.cause.value}: {outcome.reason}" if outcome.reason else outcome.cause.value
        return dataclasses.replace(undecided, verdict=Verdict.NOT_MEASURED, reason=reason)
    new = estimate(outcome.metric, outcome.samples)
    undecided = dataclasses.replace(undecided, new=new, new_estimates=(new,), notes=outcome.notes)
    if context.refused:
        fields = ", ".join(f"{one.field} ({_or_nothing(one.base)} → {_or_nothing(one.new)})" for one in context.refused)
        reason = f"the baseline was made on another kind of machine: {fields}"
        return dataclasses.replace(undecided, verdict=Verdict.REFUSED, reason=reason)
    if entry is None:
        reason = "the baseline has no value for this" if context.base else "there is no baseline for this machine"
        return dataclasses.replace(undecided, verdict=Verdict.NO_BASELINE, reason=reason)
    if _meaning(entry.metric) != _meaning(outcome.metric):
        reason = (
            f"the metric changed its meaning, from {_meaning(entry.metric)} to {_meaning(outcome.metric)}: "
            "save the baseline again"
        )
        return dataclasses.replace(undecided, reason=reason)
    return JUDGES[outcome.metric.judging](undecided, entry, new, context)


def _start(case: Case, metric: Metric, entry: Entry | None, base: Baseline | None) -> Comparison:
    """Everything that the baseline alone says."""
    undecided = Comparison(case, metric)
    if entry is None or base is None:
        return undecided
    return dataclasses.replace(
        undecided, base=_center(entry), base_estimates=entry.estimates, save=base.saves[entry.save]
    )


def _center(entry: Entry) -> float:
    """The middle of the baseline's processes: the geometric mean of what scatters (its logs are judged), else the
    median."""
    if entry.metric.judging.scatters and min(entry.estimates) > 0:
        return geometric_mean(entry.estimates)
    return statistics.median(entry.estimates)


def _or_nothing(value: str | None) -> str:
    return "not recorded" if value is None else value


def _meaning(metric: Metric) -> str:
    return f"{metric.rule} in {metric.unit}, {metric.better} is better"


def _judge_sampled(undecided: Comparison, entry: Entry, new: float, context: _Context) -> Comparison:
    name = context.base.name if context.base else ""
    return judge_sampled(undecided, entry.estimates, new, context.prior(entry.metric.name), context.policy, name)


def _judge_exact(undecided: Comparison, entry: Entry, new: float, context: _Context) -> Comparison:
    return judge_exact(undecided, _center(entry), new)


JUDGES: Mapping[Judging, Callable[[Comparison, Entry, float, _Context], Comparison]] = {
    SAMPLED: _judge_sampled,
    EXACT: _judge_exact,
    # Only a baseline that somebody wrote by hand has an entry of such a metric.
    SHOWN: _judge_sampled,
}
"""How a new estimate is held against an entry, by the metric's way of being judged."""


def _absent(entry: Entry, run: Run, base: Baseline, unmeasured: NotMeasured | None) -> Comparison:
    undecided = _start(entry.case, entry.metric, entry, base)
    if unmeasured is not None:
        reason = f"{unmeasured.cause.value} (with {unmeasured.metric.name}): {unmeasured.reason}"
        return dataclasses.replace(undecided, verdict=Verdict.NOT_MEASURED, reason=reason)
    if not run.complete:
        reason = "the run was cut before it came to this"
        return dataclasses.replace(undecided, verdict=Verdict.NOT_MEASURED, reason=reason)
    reason = (
        "the baseline has it, and a run that was asked for it has not; where that is meant, "
        f"delete its line from the baseline {base.name}"
    )
    return dataclasses.replace(undecided, verdict=Verdict.GONE, reason=reason)
