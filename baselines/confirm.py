"""An A/B as comparisons: what its epochs say of every case and metric, by the stage that they reached.

The screen's few epochs raise suspicion, a second look at the suspects leaves it or takes it back, and fresh epochs
convict. What does not scatter is judged for good at once, as against a stored baseline.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from paceline.baselines.comparison import Key, band_of, judge_exact, percent, severity
from paceline.baselines.decision import (
    Decision,
    HolmTest,
    as_fraction,
    cleared,
    decide,
    detectable_for_the_worse,
    holm,
    would_have_found,
)
from paceline.baselines.noise import Prior, fit_prior, moderated
from paceline.baselines.paired import (
    NoRatioError,
    effect_of,
    epochs_to_detect,
    hodges_lehmann,
    turn_estimates,
    walsh_interval,
)
from paceline.baselines.promotion import within_tolerance
from paceline.baselines.records import Epoch, Level, Metric, Note
from paceline.baselines.rule import Rule, epochs_needed, is_suspect, planned_epochs, stays_suspect
from paceline.baselines.verdicts import Comparison, Policy, Stage, Verdict

__all__ = [
    "Decision",
    "HolmTest",
    "Key",
    "Rule",
    "cleared",
    "cleared_suspects",
    "compare_epochs",
    "decide",
    "epochs_needed",
    "holm",
    "is_suspect",
    "planned_epochs",
    "stays_suspect",
    "suspects",
    "unsettled",
]


@dataclass(frozen=True)
class _Series:
    """All epochs of one case and metric at one stage, by number, as what is compared: per epoch both sides' estimates
    (medians over turns, in the metric's unit) and the effect. ``fault`` says why there are no effects."""

    epochs: tuple[Epoch, ...]
    base: tuple[float, ...]
    new: tuple[float, ...]
    effects: tuple[float, ...] = ()
    fault: str = ""

    @property
    def key(self) -> Key:
        return (self.epochs[0].case, self.epochs[0].metric.name)

    @property
    def metric(self) -> Metric:
        return self.epochs[0].metric


def suspects(screen: Sequence[Epoch], rule: Rule, policy: Policy) -> tuple[Key, ...]:
    """The sampled cases and metrics that the epochs of a screen do not clear, in the order of their first epoch: what
    gets a second look, and after that what is to be confirmed.

    Not cleared is what seems changed: as :func:`stays_suspect` where the second look is complete, else as
    :func:`is_suspect`, with the threshold of the case's own band, and never by a move that is smaller than the metric's
    resolution. And what scatters so much that a change of the promised size could be missed. Where an estimate gives no
    ratio nothing can be confirmed, and it is no suspect. Raises what :func:`compare_epochs` raises.
    """
    series = {key: one for key, one in _series(screen).items() if one.effects}
    found = {key for key, one in series.items() if _seems_changed(one, rule.with_band(band_of(key[0], policy)))}
    while True:
        # Each more lowers the level of all, by which others may turn out too restless.
        noise = _ScreenNoise.of(list(series.values()), len(found), rule)
        more = {key for key, one in series.items() if noise.is_too_restless(one, rule.with_band(_band(one, policy)))}
        if more <= found:
            return tuple(key for key in series if key in found)
        found |= more


def unsettled(screen: Sequence[Epoch]) -> frozenset[Key]:
    """The cases and metrics of which further epochs of a screen can tell more: what is sampled, and what is exact and
    differs between the sides (whether it really does not scatter). Raises what :func:`compare_epochs` raises."""
    return frozenset(key for key, one in _series(screen).items() if one.metric.rule == "sampled" or _has_moved(one))


def cleared_suspects(confirmation: Sequence[Epoch], rule: Rule, policy: Policy) -> frozenset[Key]:
    """Those of a confirmation that its epochs so far clear (:func:`paceline.baselines.decision.cleared`): they need no
    more. Raises what :func:`compare_epochs` raises."""
    series = {key: one for key, one in _series(confirmation).items() if one.effects}
    rules = {key: rule.with_band(_band(one, policy)) for key, one in series.items()}
    return cleared({key: one.effects for key, one in series.items()}, rule, rules=rules)


def _has_moved(series: _Series) -> bool:
    return not within_tolerance(series.metric, statistics.median(series.base), statistics.median(series.new))


def _seems_changed(series: _Series, rule: Rule) -> bool:
    moved = [abs(new - base) for base, new in zip(series.base, series.new, strict=True)]
    if statistics.median(moved) < series.metric.resolution:
        return False
    judge = stays_suspect if _was_looked_at_twice(series, rule) else is_suspect
    return judge(series.effects, rule)


def _was_looked_at_twice(series: _Series, rule: Rule) -> bool:
    """Whether the second look is complete."""
    return series.epochs[-1].number >= rule.screen_epochs + rule.second_look_epochs


def compare_epochs(
    screen: Sequence[Epoch],
    confirmation: Sequence[Epoch],
    rule: Rule,
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
    statistics; shown ones are left out. ``policy`` gives the bands, ``rule`` everything else. ``notes`` are added to
    those found here.

    Raises
    ------
    ValueError
        Two epochs of one stage have the same number, case and metric, an epoch lacks turns or samples, or epochs of one
        case differ in what the metric means.
    """
    screened, confirmed = _series(screen), _series(confirmation)
    settings = {key: rule.with_band(_band(series, policy)) for key, series in (screened | confirmed).items()}
    decided = {key: one for key, one in confirmed.items() if one.metric.rule == "sampled" and not one.fault}
    decisions = decide(
        {key: one.effects for key, one in decided.items()},
        rule,
        rules=settings,
        higher_is_better={key for key, one in decided.items() if one.metric.better == "higher"},
    )
    noise = _ScreenNoise.of(list(screened.values()), len(decided), rule)
    comparisons = []
    for key in screened | confirmed:
        stage: Stage = "confirmation" if key in confirmed else "screen"
        series = confirmed.get(key) or screened[key]
        started = _start(series, stage, notes.get(key, ()))
        if series.metric.rule == "exact":
            together = _merged(screened.get(key), confirmed.get(key))
            started = _start(together, stage, (*notes.get(key, ()), *_moving(together)))
            comparisons.append(judge_exact(started, statistics.median(together.base), statistics.median(together.new)))
        elif series.fault:
            comparisons.append(dataclasses.replace(started, reason=series.fault))
        elif key in decisions:
            comparisons.append(_confirmed(started, decisions[key], settings[key]))
        else:
            seems_changed = _seems_changed(series, rule.with_band(band_of(key[0], policy)))
            comparisons.append(_screened(started, series, noise, settings[key], seems_changed=seems_changed))
    return tuple(sorted(comparisons, key=severity))


def _band(series: _Series, policy: Policy) -> float:
    """The smallest change of interest: never less than what the metric can tell apart at all."""
    band = band_of(series.key[0], policy)
    return max(band, series.metric.resolution / min(series.base)) if series.effects else band


def _series(epochs: Sequence[Epoch]) -> dict[Key, _Series]:
    groups: dict[Key, list[Epoch]] = {}
    for epoch in epochs:
        if epoch.metric.rule != "shown":
            groups.setdefault((epoch.case, epoch.metric.name), []).append(epoch)
    return {key: _serial(sorted(group, key=lambda epoch: epoch.number)) for key, group in groups.items()}


def _serial(epochs: Sequence[Epoch]) -> _Series:
    first = epochs[0]
    if len({epoch.number for epoch in epochs}) < len(epochs):
        raise ValueError(f"{first.case} {first.metric.name}: two epochs have the same number, and would count twice")
    if any(epoch.metric != first.metric for epoch in epochs):
        raise ValueError(f"{first.case} {first.metric.name} is not the same metric in all epochs")
    estimates = [turn_estimates(epoch) for epoch in epochs]
    base = tuple(float(np.median(np.concatenate([sides.base for sides in builds]))) for builds in estimates)
    new = tuple(float(np.median(np.concatenate([sides.new for sides in builds]))) for builds in estimates)
    series = _Series(tuple(epochs), base, new)
    if first.metric.rule == "exact":
        return series
    try:
        effects = tuple(effect_of(epoch, builds) for epoch, builds in zip(epochs, estimates, strict=True))
        return dataclasses.replace(series, effects=effects)
    except NoRatioError as error:
        return dataclasses.replace(series, fault=str(error))


def _merged(*parts: _Series | None) -> _Series:
    there = [part for part in parts if part is not None]
    return _Series(
        tuple(epoch for part in there for epoch in part.epochs),
        tuple(value for part in there for value in part.base),
        tuple(value for part in there for value in part.new),
    )


def _start(series: _Series, stage: Stage, notes: Sequence[Note]) -> Comparison:
    """Everything but the judgement."""
    base, new = statistics.median(series.base), statistics.median(series.new)
    effects = series.effects
    return Comparison(
        *(series.key[0], series.metric, base, new),
        ratio=math.exp(hodges_lehmann(effects)) if effects else None,
        low=None,
        high=None,
        detectable=None,
        verdict=Verdict.INCONCLUSIVE,
        reason="",
        base_estimates=series.base,
        new_estimates=series.new,
        notes=tuple(notes),
        epochs=effects,
        stage=stage,
    )


def _confirmed(started: Comparison, decision: Decision, rule: Rule) -> Comparison:
    return dataclasses.replace(
        started,
        low=None if decision.low is None else math.exp(decision.low),
        high=None if decision.high is None else math.exp(decision.high),
        detectable=decision.detectable,
        verdict=decision.verdict,
        reason=decision.reason,
        notes=(*started.notes, *_disagreeing(started, rule)),
        epochs_needed=decision.epochs_needed,
    )


@dataclass(frozen=True)
class _ScreenNoise:
    """How much a screen's epochs scatter. Three tell little, so cases of a metric lend each other their noise, as the
    processes of a stored baseline do (:mod:`paceline.baselines.noise`)."""

    priors: Mapping[str, Prior]
    epochs: int
    level: float

    @classmethod
    def of(cls, screened: Sequence[_Series], suspects: int, rule: Rule) -> _ScreenNoise:
        groups: dict[str, list[list[float]]] = {}
        for series in screened:
            if len(series.effects) > 1:
                groups.setdefault(series.metric.name, []).append([math.exp(effect) for effect in series.effects])
        # Had this case been suspect, it would have been one more.
        suspects += 1
        return cls(
            {name: fit_prior(group) for name, group in groups.items()},
            planned_epochs(suspects, rule),
            rule.alpha / suspects,
        )

    def sigma(self, series: _Series) -> float | None:
        """σ_e of a case, ``None`` where one epoch is all there is."""
        if len(series.effects) < 2:
            return None
        return moderated([math.exp(effect) for effect in series.effects], self.priors[series.metric.name]).deviation

    def detectable(self, series: _Series, rule: Rule) -> float | None:
        """The smallest change for the worse that both looks and the confirmation would have found together."""
        sigma = self.sigma(series)
        return None if sigma is None else detectable_for_the_worse(sigma, self.epochs, self.level, rule, screened=True)

    def is_too_restless(self, series: _Series, rule: Rule) -> bool:
        """Whether a change of the promised size could be missed."""
        found = self.detectable(series, rule)
        return found is not None and found > math.log1p(rule.promise)

    def epochs_for_the_promise(self, series: _Series, rule: Rule) -> int:
        """About how many epochs of a confirmation would find what is promised."""
        return max(
            self.epochs,
            epochs_to_detect(
                math.log1p(rule.promise),
                self.sigma(series) or 0.0,
                level=self.level,
                null=math.log1p(rule.null),
                min_effect=math.log1p(rule.min_effect),
                power=rule.power,
            ),
        )


def _screened(
    started: Comparison, series: _Series, noise: _ScreenNoise, rule: Rule, *, seems_changed: bool
) -> Comparison:
    """What the screen alone can say; ``seems_changed`` where it says that there should have been a confirmation."""
    effects, is_rate = series.effects, series.metric.better == "higher"
    interval = walsh_interval(effects, rule.confidence)
    low, high = (math.exp(interval[0]), math.exp(interval[1])) if interval else (None, None)
    found = as_fraction(noise.detectable(series, rule), is_rate=is_rate)
    judged = dataclasses.replace(started, low=low, high=high, detectable=found)
    change, end = f"{percent(started.ratio or 1.0)} %", would_have_found(found)
    if len(effects) < rule.screen_epochs:
        reason = f"{change} over {len(effects)} of the screen's {rule.screen_epochs} epochs: too few to tell"
        return dataclasses.replace(judged, reason=reason, epochs_needed=rule.screen_epochs)
    seen = f"{change} over the screen's {len(effects)} epochs"
    if seems_changed:
        reason = f"{seen} is suspect, and was not confirmed: {noise.epochs} fresh epochs would decide{end}"
        return dataclasses.replace(judged, reason=reason, epochs_needed=noise.epochs)
    band = math.log1p(rule.min_effect)
    if interval and -band <= interval[0] and interval[1] <= band:
        reason = f"{seen}: the whole interval lies within ±{100 * rule.min_effect:.3g} %{end}"
        return dataclasses.replace(judged, verdict=Verdict.UNCHANGED, reason=reason)
    if noise.is_too_restless(series, rule):
        needed = noise.epochs_for_the_promise(series, rule)
        reason = f"{seen}: too restless to find the {100 * rule.promise:.3g} % that are promised; about {needed} fresh"
        return dataclasses.replace(judged, reason=f"{reason} epochs would decide{end}", epochs_needed=needed)
    is_second = _was_looked_at_twice(series, rule)
    threshold = rule.second_look_threshold if is_second else rule.screen_threshold
    after = " after a second look" if is_second else ""
    reason = f"{seen} is no suspect{after} (from {100 * threshold:.3g} %){end}"
    return dataclasses.replace(judged, verdict=Verdict.NO_CHANGE_SEEN, reason=reason)


def _disagreeing(started: Comparison, rule: Rule) -> tuple[Note, ...]:
    """Epochs whose middle half spreads wider than the whole band (from -2 % to +2 %): two layouts, or a neighbour."""
    if len(started.epochs) < rule.least_epochs:
        return ()
    low, high = (float(end) for end in np.quantile(started.epochs, [0.25, 0.75]))
    if high - low <= 2 * math.log1p(rule.min_effect):
        return ()
    between = f"{percent(math.exp(low))} and {percent(math.exp(high))} %"
    sentence = (
        f"the epochs disagree: the middle half of {len(started.epochs)} lies between {between}; something differs from "
        "process to process"
    )
    return (Note(Level.WARNING, "epochs_disagree", sentence),)


def _moving(series: _Series) -> tuple[Note, ...]:
    """An exact metric should be the same in every process of one code."""
    metric = series.metric
    for side, values in (("base", series.base), ("new", series.new)):
        if not within_tolerance(metric, min(values), max(values)):
            sentence = (
                f"{metric.name} should be exact, and the {len(values)} epochs of the {side} side have "
                f"{min(values):.10g} … {max(values):.10g} {metric.unit}: its median is judged"
            )
            return (Note(Level.WARNING, "not_exact", sentence),)
    return ()
