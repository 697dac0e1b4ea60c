"""An A/B as comparisons: what its epochs say of every case and metric, by the stage that they reached.

The screen's few epochs raise suspicion, a second look at the suspects leaves it or takes it back, and fresh epochs
convict. What does not scatter is judged for good at once, as against a stored baseline.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from paceline.baselines.ab.decide import Decision, as_loss, cleared, decide, would_have_found
from paceline.baselines.ab.screen import Screen
from paceline.baselines.ab.series import Series, merged, series_by_key
from paceline.baselines.ab.settings import ABSettings
from paceline.baselines.judgement.exact import differs, judge_exact, not_deterministic
from paceline.baselines.judgement.verdicts import Comparison, Policy, Stage, Verdict, severity
from paceline.baselines.records import Epoch, Key, Level, Note
from paceline.baselines.stats.signed_rank import hodges_lehmann, walsh_interval
from paceline.baselines.text.numbers import percent


def cleared_suspects(confirmation: Sequence[Epoch], settings: ABSettings, policy: Policy) -> frozenset[Key]:
    """Those of a confirmation that its epochs so far clear (:func:`paceline.baselines.ab.decide.cleared`): they need no
    more. Raises what :func:`compare_epochs` raises."""
    series = {key: one for key, one in series_by_key(confirmation).items() if one.effects}
    by_key = {key: settings.with_band(one.band(policy)) for key, one in series.items()}
    return cleared({key: one.effects for key, one in series.items()}, settings, by_key=by_key)


def compare_epochs(
    screen: Sequence[Epoch],
    confirmation: Sequence[Epoch],
    settings: ABSettings,
    policy: Policy,
    *,
    notes: Mapping[Key, Sequence[Note]] = MappingProxyType({}),
) -> tuple[Comparison, ...]:
    """Every case and judged metric of an A/B as a comparison, worst first.

    A sampled metric is judged by its epochs of the ``confirmation`` where there are any (they must be fresh: none of
    the screen's), and every case and metric that has some counts as a suspect: leave out what is none. Else by those
    of the ``screen``, whose epochs are numbered from 1 over both of its looks: unchanged, no change seen, or
    inconclusive where epochs of the first look are lacking, where it is suspect and was not confirmed, and where a
    change of the promised size could have been missed. Exact metrics are judged by all epochs together, without
    statistics; shown ones are left out. ``policy`` gives the bands, ``settings`` everything else. ``notes`` are added
    to those found here.

    Raises
    ------
    ValueError
        Two epochs of one stage have the same number, case and metric, an epoch lacks turns or samples, or epochs of one
        case differ in what the metric means.
    """
    seen, confirmed = Screen.of(screen, settings, policy), series_by_key(confirmation)
    screened = seen.series
    decided = {key: one for key, one in confirmed.items() if one.metric.judging.scatters and not one.fault}
    by_key = {key: settings.with_band(one.band(policy)) for key, one in decided.items()}
    for key in decided.keys() & screened.keys():
        by_key[key] = dataclasses.replace(by_key[key], fixed_epochs=seen.planned_epochs(key, len(decided)))
    decisions = decide(
        {key: one.effects for key, one in decided.items()},
        settings,
        by_key=by_key,
        directions={key: one.metric.direction for key, one in decided.items()},
    )
    comparisons = []
    for key in {**screened, **confirmed}:
        stage: Stage = "confirmation" if key in confirmed else "screen"
        series = confirmed.get(key) or screened[key]
        started = _start(series, stage, notes.get(key, ()))
        if not series.metric.judging.scatters:
            together = merged(screened.get(key), confirmed.get(key))
            started = _start(together, stage, (*notes.get(key, ()), *_moving(together)))
            comparisons.append(_judged_exactly(started, together))
        elif series.fault:
            comparisons.append(dataclasses.replace(started, reason=series.fault))
        elif key in decisions:
            comparisons.append(_confirmed(started, decisions[key], by_key[key]))
        else:
            # Had this case been suspect, it would have been one more.
            comparisons.append(_screened(started, seen, key, len(decided) + 1))
    return tuple(sorted(comparisons, key=severity))


def _start(series: Series, stage: Stage, notes: Sequence[Note]) -> Comparison:
    """Everything but the judgement."""
    base, new = statistics.median(series.base), statistics.median(series.new)
    effects = series.effects
    return Comparison(
        series.key.case,
        series.metric,
        base,
        new,
        math.exp(hodges_lehmann(effects)) if effects else None,
        base_estimates=series.base,
        new_estimates=series.new,
        notes=tuple(notes),
        epochs=effects,
        stage=stage,
    )


def _judged_exactly(started: Comparison, series: Series) -> Comparison:
    """The verdict on what should not scatter: none where it did so within a process of either side."""
    turns = [turn for epoch in series.epochs for build in epoch.builds for turn in build.turns]
    for samples in (side for turn in turns for side in (turn.base, turn.new)):
        if differs(series.metric, samples):
            return not_deterministic(started, samples)
    return judge_exact(started, statistics.median(series.base), statistics.median(series.new))


def _confirmed(started: Comparison, decision: Decision, settings: ABSettings) -> Comparison:
    return dataclasses.replace(
        started,
        low=None if decision.low is None else math.exp(decision.low),
        high=None if decision.high is None else math.exp(decision.high),
        detectable=decision.detectable,
        verdict=decision.verdict,
        reason=decision.reason,
        notes=(*started.notes, *_disagreeing(started, settings)),
        epochs_needed=decision.epochs_needed,
    )


def _screened(started: Comparison, screen: Screen, key: Key, suspects: int) -> Comparison:
    """What the screen alone can say of a case that was not confirmed; it would have been one of so many."""
    series, settings = screen.series[key], screen.settings[key]
    effects = series.effects
    interval = walsh_interval(effects, settings.confidence)
    low, high = (math.exp(interval[0]), math.exp(interval[1])) if interval else (None, None)
    found = as_loss(screen.detectable(key, suspects), series.metric.direction)
    judged = dataclasses.replace(started, low=low, high=high, detectable=found)
    change, end = f"{percent(started.ratio or 1.0)} %", would_have_found(found)
    if len(effects) < settings.screen_epochs:
        reason = f"{change} over {len(effects)} of the screen's {settings.screen_epochs} epochs: too few to tell"
        return dataclasses.replace(judged, reason=reason, epochs_needed=settings.screen_epochs)
    seen = f"{change} over the screen's {len(effects)} epochs"
    if screen.seems_changed(key):
        needed = screen.planned_epochs(key, suspects)
        reason = f"{seen} is suspect, and was not confirmed: {needed} fresh epochs would decide{end}"
        return dataclasses.replace(judged, reason=reason, epochs_needed=needed)
    band = math.log1p(settings.band)
    if interval and -band <= interval[0] and interval[1] <= band:
        reason = f"{seen}: the whole interval lies within ±{100 * settings.band:.3g} %{end}"
        return dataclasses.replace(judged, verdict=Verdict.UNCHANGED, reason=reason)
    if screen.is_too_restless(key, suspects):
        needed = screen.epochs_for_the_promise(key, suspects)
        reason = f"{seen}: too restless to find the {100 * settings.promise:.3g} % that are promised; about {needed}"
        return dataclasses.replace(judged, reason=f"{reason} fresh epochs would decide{end}", epochs_needed=needed)
    if screen.is_let_through(key):
        needed = screen.planned_epochs(key, suspects)
        reason = (
            f"{seen}: so few scatter too much to rule out {100 * settings.plan_effect:.3g} %; {needed} fresh epochs"
        )
        return dataclasses.replace(judged, reason=f"{reason} would decide{end}", epochs_needed=needed)
    after = " after a second look" if screen.looked_twice(key) else ""
    threshold = 100 * math.expm1(screen.look(key).threshold)
    reason = f"{seen} is no suspect{after} (from {threshold:.3g} %){end}"
    return dataclasses.replace(judged, verdict=Verdict.NO_CHANGE_SEEN, reason=reason)


def _disagreeing(started: Comparison, settings: ABSettings) -> tuple[Note, ...]:
    """Epochs whose middle half spreads wider than the whole band (from -2 % to +2 %): two layouts, or a neighbour."""
    if len(started.epochs) < settings.least_epochs:
        return ()
    low, high = (float(end) for end in np.quantile(started.epochs, [0.25, 0.75]))
    if high - low <= 2 * math.log1p(settings.band):
        return ()
    between = f"{percent(math.exp(low))} and {percent(math.exp(high))} %"
    sentence = (
        f"the epochs disagree: the middle half of {len(started.epochs)} lies between {between}; something differs from "
        "process to process"
    )
    return (Note(Level.WARNING, "epochs_disagree", sentence),)


def _moving(series: Series) -> tuple[Note, ...]:
    """An exact metric should be the same in every process of one code."""
    metric = series.metric
    for side, values in (("base", series.base), ("new", series.new)):
        if differs(metric, values):
            sentence = (
                f"{metric.name} should be exact, and the {len(values)} epochs of the {side} side have "
                f"{min(values):.10g} … {max(values):.10g} {metric.unit}: its median is judged"
            )
            return (Note(Level.WARNING, "not_exact", sentence),)
    return ()
