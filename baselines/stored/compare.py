"""A run held against a stored baseline: the first stage, which screens.

Of timing it says only *no change seen* or *suspect*: two runs at two times on one machine cannot convict. What does
not scatter (size, parameters) is judged for good. Nothing is dropped: whatever the baseline or the run holds and cannot
be compared comes out with the verdict and the sentence that say why.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from paceline.baselines.judgement.exact import differs, judge_exact, not_deterministic, with_moved
from paceline.baselines.judgement.notes import analyse_comparisons
from paceline.baselines.judgement.sampled import judge_sampled
from paceline.baselines.judgement.verdicts import Comparison, Judgement, Policy, Verdict, severity
from paceline.baselines.records import Baseline, Case, Difference, Entry, Key, Metric, NotMeasured, Outcome, Run
from paceline.baselines.records.baseline import counting_label
from paceline.baselines.records.case import Keyed, Scope
from paceline.baselines.records.judging import EXACT, SAMPLED, SHOWN, Judging
from paceline.baselines.records.run import differing
from paceline.baselines.records.selection import asks_for_all_of
from paceline.baselines.stats.process_noise import Prior, fit_prior, geometric_mean
from paceline.baselines.stats.samples import estimate
from paceline.baselines.stored.promote import digest


def compare(base: Baseline | None, run: Run, policy: Policy, counts: Baseline | None = None) -> Judgement:
    """Hold ``run`` against ``base`` (``None`` where there is none), by ``policy``.

    Every measured outcome of a judged metric, every unmeasured one, and every entry of the baseline that the run was
    asked for gives one comparison; worst first, suspects for the worse before those for the better. An entry that the
    run lacks is gone where the run is complete and was asked for all that the entry's save was asked for; not measured
    where the run was cut, or where another metric of its case could not be measured; else it is counted as not
    selected. Where ``base`` is of another kind of machine, what depends on the machine is refused; where its
    instructions were counted in another way, they are. Instructions are held against ``counts`` where there is one,
    which may be another baseline than ``base``.
    """
    parts = [part for part in (_part(base, run, counting=counts is None), _part(counts, run, machine=False)) if part]
    context = _Context(parts, policy)
    comparisons = [_judge(outcome, context) for outcome in run.outcomes if _is_judged(outcome, context)]
    not_selected = 0
    unmeasured = {_group(one): one for one in run.outcomes if isinstance(one, NotMeasured)}
    present = {outcome.key for outcome in run.outcomes}
    for part in parts:
        requested = _requested(run, part.base)
        for key in part.entries.keys() - present:
            entry = part.entries[key]
            if entry.save not in requested and _group(entry) not in unmeasured:
                not_selected += 1
                continue
            comparisons.append(_absent(entry, run, part.base, unmeasured.get(_group(entry))))
    comparisons.sort(key=severity)
    return Judgement(
        tuple(comparisons),
        policy,
        run.fingerprint,
        baseline=parts[0].base.name if parts else "",
        counts=counts.name if base and counts else "",
        save=parts[0].base.saves[-1] if parts and parts[0].base.saves else None,
        differences=parts[0].base.fingerprint.differences(run.fingerprint) if parts else (),
        not_selected=not_selected,
        notes=analyse_comparisons(comparisons, policy),
    )


def _group(one: Keyed) -> tuple[Case, bool]:
    """What one reason goes for: the metrics of a case, but for its instructions, which are counted apart."""
    return one.case, one.metric.scope == "counting"


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
class _Part:
    """A baseline, and the entries of it that outcomes are held against. ``refused`` are the differences for which what
    has the scope is not compared, by scope: then it has no entries here."""

    base: Baseline
    entries: Mapping[Key, Entry]
    refused: Mapping[Scope, tuple[Difference, ...]]


def _part(base: Baseline | None, run: Run, *, machine: bool = True, counting: bool = True) -> _Part | None:
    """What ``base`` has for a run: of what depends on the ``machine``, and of what is counted (``counting``)."""
    if base is None:
        return None
    refused: dict[Scope, tuple[Difference, ...]] = {}
    key = differing(base.fingerprint.key, run.fingerprint.key, in_key=True)
    if machine and key and any(entry.metric.scope == "machine" for entry in base.entries):
        refused["machine"] = key
    way = counting_label(run.fingerprint.counting)
    if counting and way and base.counting and way not in base.counting:
        newest = max((entry for entry in base.entries if entry.counting), key=lambda entry: entry.save, default=None)
        other = base.counting[newest.counting] if newest else {}
        refused["counting"] = differing(other, run.fingerprint.counting, in_key=True)
    # Older baselines do not say of parameters that they hold everywhere.
    everywhere = {one.metric.name for one in run.outcomes if one.metric.scope == "everywhere"}
    wanted = {
        "machine": machine and not key,
        "counting": counting and "counting" not in refused,
        # parameters are as they are, on every machine
        "everywhere": machine,
    }
    fitting = (entry for entry in base.entries if not entry.counting or not way or entry.counting == way)
    entries = {
        entry.key: entry
        for entry in fitting
        if wanted["everywhere" if entry.metric.name in everywhere else entry.metric.scope]
    }
    return _Part(base, entries, refused)


@dataclass(frozen=True)
class _Context:
    """What every outcome is held against."""

    parts: Sequence[_Part]
    policy: Policy
    priors: dict[str, Prior] = dataclasses.field(default_factory=dict)

    def find(self, key: Key) -> tuple[_Part | None, Entry | None]:
        """The entry of a case and metric, with its baseline."""
        found = ((part, part.entries[key]) for part in self.parts if key in part.entries)
        return next(found, (None, None))

    def refused(self, scope: Scope) -> tuple[Difference, ...]:
        """Why what has a scope is not compared; empty where it is."""
        return next((part.refused[scope] for part in self.parts if scope in part.refused), ())

    def prior(self, part: _Part, metric: str) -> Prior:
        """What the baseline's cases of a metric have in common."""
        if metric not in self.priors:
            groups = [entry.estimates for (_, name), entry in part.entries.items() if name == metric]
            self.priors[metric] = fit_prior([group for group in groups if min(group) > 0])
        return self.priors[metric]


def _is_judged(outcome: Outcome, context: _Context) -> bool:
    is_stored = context.find(outcome.key)[1] is not None
    return isinstance(outcome, NotMeasured) or outcome.metric.judging.is_judged or is_stored


def _judge(outcome: Outcome, context: _Context) -> Comparison:
    part, entry = context.find(outcome.key)
    undecided = _start(outcome.case, outcome.metric, entry, part.base if part else None)
    if isinstance(outcome, NotMeasured):
        reason = f"{outcome.cause.value}: {outcome.reason}" if outcome.reason else outcome.cause.value
        return dataclasses.replace(undecided, verdict=Verdict.NOT_MEASURED, reason=reason)
    new, scope = estimate(outcome.metric, outcome.samples), outcome.metric.scope
    undecided = dataclasses.replace(undecided, new=new, new_estimates=(new,), notes=outcome.notes)
    if differs(outcome.metric, outcome.samples):
        return not_deterministic(undecided, outcome.samples)
    if entry is None and context.refused(scope):
        fields = ", ".join(
            f"{one.field} ({_or_nothing(one.base)} → {_or_nothing(one.new)})" for one in context.refused(scope)
        )
        reason = f"{REFUSED_SINCE[scope]}: {fields}"
        return dataclasses.replace(undecided, verdict=Verdict.REFUSED, reason=reason)
    if entry is None or part is None:
        reason = "the baseline has no value for this" if context.parts else "there is no baseline for this machine"
        return dataclasses.replace(undecided, verdict=Verdict.NO_BASELINE, reason=reason)
    if _meaning(entry.metric) != _meaning(outcome.metric):
        reason = (
            f"the metric changed its meaning, from {_meaning(entry.metric)} to {_meaning(outcome.metric)}: "
            "save the baseline again"
        )
        return dataclasses.replace(undecided, reason=reason)
    judged = JUDGES[outcome.metric.judging](undecided, entry, new, part, context)
    return with_moved(judged, entry.profile, digest(outcome.profile))


REFUSED_SINCE: Mapping[Scope, str] = {
    "machine": "the baseline was made on another kind of machine",
    "counting": "the baseline's instructions were counted in another way",
}
"""Why the baseline's value of a scope says nothing here."""


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


def _judge_sampled(undecided: Comparison, entry: Entry, new: float, part: _Part, context: _Context) -> Comparison:
    prior = context.prior(part, entry.metric.name)
    return judge_sampled(undecided, entry.estimates, new, prior, context.policy, part.base.name)


def _judge_exact(undecided: Comparison, entry: Entry, new: float, part: _Part, context: _Context) -> Comparison:
    return judge_exact(undecided, _center(entry), new)


JUDGES: Mapping[Judging, Callable[[Comparison, Entry, float, _Part, _Context], Comparison]] = {
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
