"""A run held against a stored baseline: the first stage, which screens.

Of timing it says only *no change seen* or *suspect*: two runs at two times on one machine cannot convict. What does
not scatter (size, parameters) is judged for good. Nothing is dropped: whatever the baseline or the run holds and cannot
be compared comes out with the verdict and the sentence that say why.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from paceline.baselines.judgement.notes import analyse_comparisons
from paceline.baselines.judgement.verdicts import ORDER, Comparison, Judgement, Policy, Verdict
from paceline.baselines.records import Baseline, Case, Difference, Entry, Key, Metric, NotMeasured, Outcome, Run
from paceline.baselines.records.selection import asks_for_all_of
from paceline.baselines.stats.process_noise import Prior, Screen, fit_prior, geometric_mean, moderated, screen
from paceline.baselines.stats.samples import estimate
from paceline.baselines.stored.promote import within_tolerance


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

    def band(self, case: Case) -> float:
        """The smallest change of interest in a case."""
        return band_of(case, self.policy)


def band_of(case: Case, policy: Policy) -> float:
    """The smallest change of interest in a case: that of the first pattern which matches, else the general one."""
    return next((band for pattern, band in policy.bands.items() if fnmatchcase(case.id, pattern)), policy.band)


def _is_judged(outcome: Outcome, entries: Mapping[Key, Entry]) -> bool:
    is_shown = outcome.metric.rule == "shown" and outcome.key not in entries
    return isinstance(outcome, NotMeasured) or not is_shown


def severity(comparison: Comparison) -> tuple[object, ...]:
    """Sorts what needs a person first, everywhere: by verdict (:data:`ORDER`); of one verdict the largest change for
    the worse first and the largest for the better last; then by case and metric."""
    moved = abs(comparison.ratio - 1) if comparison.ratio is not None else 0.0
    signed = -moved if comparison.is_worse else moved
    return (ORDER[comparison.verdict], signed, comparison.key.sort_key)


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
    if outcome.metric.rule == "exact":
        return judge_exact(undecided, _center(entry), new)
    return _judge_sampled(undecided, entry, new, context)


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
    if entry.metric.rule == "sampled" and min(entry.estimates) > 0:
        return geometric_mean(entry.estimates)
    return statistics.median(entry.estimates)


def _or_nothing(value: str | None) -> str:
    return "not recorded" if value is None else value


def _meaning(metric: Metric) -> str:
    return f"{metric.rule} in {metric.unit}, {metric.better} is better"


def judge_exact(undecided: Comparison, base: float, new: float) -> Comparison:
    """The verdict on a metric that does not scatter: any change beyond its tolerance is real."""
    metric = undecided.metric
    ratio = _ratio(base, new)
    judged = dataclasses.replace(undecided, ratio=ratio, detectable=metric.tolerance)
    tolerance = f"{100 * metric.tolerance:.3g} %"
    if new == base:
        return dataclasses.replace(judged, verdict=Verdict.UNCHANGED, reason=f"{_number(new)}, exactly as before")
    change = f"{percent(ratio)} %, " if ratio is not None else ""
    values = f"{change}{_number(base)} → {_number(new)}"
    if within_tolerance(metric, base, new):
        return dataclasses.replace(
            judged, verdict=Verdict.UNCHANGED, reason=f"{values}: within its tolerance of {tolerance}"
        )
    is_worse = (new > base) == (metric.better == "lower")
    return dataclasses.replace(
        judged,
        verdict=Verdict.REGRESSED if is_worse else Verdict.IMPROVED,
        reason=f"{values}: beyond its tolerance of {tolerance}, and this does not scatter",
    )


def _judge_sampled(undecided: Comparison, entry: Entry, new: float, context: _Context) -> Comparison:
    policy, name = context.policy, context.base.name if context.base else ""
    if min(*entry.estimates, new) <= 0:
        unit = undecided.metric.unit
        reason = f"an estimate is {min(*entry.estimates, new):g} {unit}, so that there is no ratio"
        return dataclasses.replace(undecided, reason=reason)
    if len(entry.estimates) < 2:
        reason = (
            "the baseline has one process of this, so how much processes differ is unknown; "
            f"--pace-save {name} saves five fresh ones"
        )
        return dataclasses.replace(undecided, ratio=_ratio(entry.estimates[0], new), reason=reason)
    # Below its resolution a metric cannot tell a change, however little it scatters.
    band = max(context.band(undecided.case), undecided.metric.resolution / min(entry.estimates))
    found = screen(
        moderated(entry.estimates, context.prior(undecided.metric.name)),
        new,
        undecided.metric.better,
        band=band,
        alpha=policy.alpha,
        confidence=policy.confidence,
        power=policy.power,
    )
    return dataclasses.replace(
        undecided,
        ratio=found.ratio,
        low=found.low,
        high=found.high,
        detectable=found.detectable,
        verdict=Verdict.SUSPECT if found.is_suspect else Verdict.NO_CHANGE_SEEN,
        reason=_screen_reason(found, band, policy),
    )


def _screen_reason(found: Screen, band: float, policy: Policy) -> str:
    change = f"{percent(found.ratio)} % ({percent(found.low)} … {percent(found.high)} %)"
    usual = f"{percent(found.usual_low)} … {percent(found.usual_high)} %"
    would = f"would have found ≥ {100 * found.detectable:.1f} %"
    if found.is_suspect:
        return (
            f"{change} lies beyond the {100 * band:.3g} % band and what unchanged code does ({usual}); {would}; "
            "only an A/B in one session can convict"
        )
    if found.is_beyond_noise:
        return f"{change} is more than chance but within the {100 * band:.3g} % band; {would}"
    return f"{change} is what unchanged code does ({usual} in {100 * (1 - policy.alpha):g} of 100 runs); {would}"


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


def _ratio(base: float, new: float) -> float | None:
    """New over base; ``None`` where it says nothing (zero, opposite signs) or is no finite number."""
    ratio = new / base if base else 0.0
    return ratio if 0 < ratio < math.inf else None


def percent(ratio: float) -> str:
    """A ratio as a signed change, the unit left out: ``+1.5``, ``−2.0``."""
    return f"{100 * (ratio - 1):+.1f}".replace("-", "−")


def _number(value: float) -> str:
    return f"{int(value)}" if value.is_integer() and abs(value) < 2**53 else f"{value:.6g}"
