"""How runs become a baseline: only whole runs, of the same code, asked for the same, on the same kind of machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from paceline.baselines.files.atomic import PromotionError
from paceline.baselines.files.baseline_file import entry_order
from paceline.baselines.judgement.exact import differs
from paceline.baselines.records import Baseline, Entry, Key, Measured, NotMeasured, Outcome, Profile, Run, Save
from paceline.baselines.records.baseline import counting_label
from paceline.baselines.records.run import differing
from paceline.baselines.stats.samples import estimate

MOST_PLACES, MOST_LINES = 30, 40
"""Of a profile in a baseline: what a person would look at, and small enough to be committed."""


def summarize(runs: Sequence[Run], *, name: str, saved: str, by: str, reason: str) -> Baseline:
    """What a baseline keeps of runs of one and the same code, each a fresh process: one estimate a run of every case
    and judged metric.

    An exact metric that differs between the runs is refused beyond its tolerance (it is not exact then) and kept as it
    came within. A case that is not measured in any of the runs, for a reason that is no fault, has no entry; nor have
    instructions that are not deterministic (:func:`left_out` names them).

    Raises
    ------
    PromotionError
        There is no run, one is cut or failed, they are not of the same machine, code or selection, or do not agree on
        what could be measured. Names the runs or cases.
    """
    if not runs:
        raise PromotionError("there is no run to save")
    first = runs[0]
    _check_runs(runs)
    by_run = [{outcome.key: outcome for outcome in run.outcomes} for run in runs]
    # In the order of the runs, so that an error always names the same one first.
    judged = dict.fromkeys(outcome.key for run in runs for outcome in run.outcomes if outcome.metric.judging.is_judged)
    entries = []
    for key in judged:
        found = [outcomes.get(key) for outcomes in by_run]
        entry = _entry(key, found, runs)
        if entry is not None:
            entries.append(entry)
    if not entries:
        raise PromotionError("nothing was measured in these runs: there is nothing to save")
    save = Save(first.revision, first.dirty, saved, by, reason, tuple(run.id for run in runs), first.selection)
    way = first.fingerprint.counting
    return Baseline(
        name,
        dataclasses.replace(first.fingerprint, counting={}),
        (save,),
        tuple(sorted(entries, key=entry_order)),
        {counting_label(way): way} if any(entry.counting for entry in entries) else {},
    )


def left_out(runs: Sequence[Run], kept: Baseline) -> tuple[Key, ...]:
    """What these runs measured and judge, and a baseline of them has no entry of: what is not deterministic."""
    entries = {entry.key for entry in kept.entries}
    measured = (one for run in runs for one in run.outcomes if isinstance(one, Measured))
    return tuple(dict.fromkeys(one.key for one in measured if one.metric.judging.is_judged and one.key not in entries))


def _check_runs(runs: Sequence[Run]) -> None:
    cut = [run.id for run in runs if not run.complete]
    if cut:
        raise PromotionError(f"a cut run never becomes a baseline: {_some(cut)}; measure again")
    if len({run.id for run in runs}) < len(runs):
        raise PromotionError("a run is given twice: its process would count as two")
    failed = [
        f"{outcome.case} ({outcome.cause.value})"
        for run in runs
        for outcome in run.outcomes
        if isinstance(outcome, NotMeasured) and outcome.cause.is_fault
    ]
    if failed:
        raise PromotionError(
            f"a failed run never becomes a baseline: {_some(dict.fromkeys(failed))}; repair or deselect these cases"
        )
    same: tuple[tuple[str, Callable[[Run], object]], ...] = (
        ("of the same revision", lambda run: (run.revision, run.dirty)),
        ("asked for the same (their selections differ)", lambda run: dict(run.selection)),
    )
    for run in runs[1:]:
        different = [one.field for one in runs[0].fingerprint.differences(run.fingerprint) if one.in_key]
        if different:
            raise PromotionError(f"{runs[0].id} and {run.id} are not of the same machine: {_some(different)} differ")
        ways = differing(runs[0].fingerprint.counting, run.fingerprint.counting, in_key=True)
        if ways:
            names = _some(one.field for one in ways)
            raise PromotionError(f"{runs[0].id} and {run.id} counted instructions in different ways: {names} differ")
        for what, of in same:
            if of(runs[0]) != of(run):
                raise PromotionError(f"{runs[0].id} and {run.id} are not {what}: save runs made together")


def _entry(key: Key, found: Sequence[Outcome | None], runs: Sequence[Run]) -> Entry | None:
    measured = [outcome for outcome in found if isinstance(outcome, Measured)]
    if not measured:
        return None
    case, metric = key.case, measured[0].metric
    if len(measured) < len(runs):
        lacking = [run.id for run, outcome in zip(runs, found, strict=True) if not isinstance(outcome, Measured)]
        raise PromotionError(f"{case} {metric.name} has no value in {_some(lacking)}, and has one in the others")
    if any(outcome.metric != metric for outcome in measured):
        raise PromotionError(
            f"{case} {metric.name} is not the same metric in all runs (unit, direction, rule, tolerance)"
        )
    estimates = tuple(metric.judging.shortened(estimate(metric, outcome.samples)) for outcome in measured)
    is_counted = metric.scope == "counting"
    if is_counted and (differs(metric, estimates) or any(differs(metric, one.samples) for one in measured)):
        return None
    if differs(metric, estimates):
        raise PromotionError(
            f"{case} {metric.name} should be exact, and differs between processes of the same code "
            f"({min(estimates):.10g} … {max(estimates):.10g}): make it deterministic, or judge it as sampled"
        )
    way = counting_label(runs[0].fingerprint.counting) if is_counted else ""
    return Entry(case, metric, estimates, 0, way, digest(measured[0].profile))


def digest(profile: Profile | None) -> Profile | None:
    """What a baseline keeps of a profile: the largest parts, by which a later run can tell what moved."""
    if profile is None:
        return None
    return Profile(profile.functions[:MOST_PLACES], profile.operators[:MOST_PLACES], profile.lines[:MOST_LINES])


def merge(old: Baseline, new: Baseline) -> Baseline:
    """``old`` with what ``new`` has in its place: a partial promotion. Keeps ``old``'s name and the saves still in use.

    An entry whose numbers did not change keeps its old save, so that saving what is there already changes nothing.

    Raises
    ------
    PromotionError
        The two are of different kinds of machine, and both hold what depends on it.
    """
    different = [one.field for one in old.fingerprint.differences(new.fingerprint) if one.in_key]
    if different and _depends_on_machine(old) and _depends_on_machine(new):
        raise PromotionError(
            f"baseline {old.name!r} is of another kind of machine ({_some(different)} differ): save under a new name"
        )
    shifted = [dataclasses.replace(entry, save=entry.save + len(old.saves)) for entry in new.entries]
    entries = {entry.place: entry for entry in old.entries}
    for entry in shifted:
        there = entries.get(entry.place)
        if there is None or (there.metric, there.estimates) != (entry.metric, entry.estimates):
            entries[entry.place] = entry
    used = sorted({entry.save for entry in entries.values()})
    position = {save: index for index, save in enumerate(used)}
    saves = (*old.saves, *new.saves)
    is_changed = any(save >= len(old.saves) for save in used)
    # Counts of another machine leave the machine of the times as it was.
    is_of_new = is_changed and (_depends_on_machine(new) or not _depends_on_machine(old))
    ways = {**old.counting, **new.counting}
    return Baseline(
        old.name,
        new.fingerprint if is_of_new else old.fingerprint,
        tuple(saves[save] for save in used),
        tuple(
            dataclasses.replace(entry, save=position[entry.save]) for entry in sorted(entries.values(), key=entry_order)
        ),
        {label: ways[label] for label in sorted({entry.counting for entry in entries.values()} - {""})},
    )


def _depends_on_machine(baseline: Baseline) -> bool:
    return any(entry.metric.scope == "machine" for entry in baseline.entries)


def _some(names: Iterable[str], most: int = 5) -> str:
    listed = list(names)
    rest = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + rest
