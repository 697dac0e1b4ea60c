"""What the epochs of a confirmation decide: Holm's correction over the suspects, and one decision for each."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from paceline.baselines.ab.plan import planned_epochs
from paceline.baselines.ab.settings import ABSettings, is_cleared
from paceline.baselines.judgement.verdicts import Verdict
from paceline.baselines.records.direction import LOWER, Direction
from paceline.baselines.stats.power import detectable, epochs_to_detect
from paceline.baselines.stats.serial_correlation import dependent_p, dependent_reach, inflation, serial_correlation
from paceline.baselines.stats.signed_rank import Side, hodges_lehmann, least_epochs, spread, walsh_interval
from paceline.baselines.text.numbers import percent

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Decision:
    """What the confirmation says of one suspect.

    ``effect``, ``low`` and ``high`` are natural logarithms of new over base, and ``sigma`` (σ_e) the scatter of epochs
    on that scale. ``p`` is that of the side on which the effect lies, ``threshold`` Holm's level that it was held
    against. ``detectable`` is the smallest change for the worse that would have been found, as a fraction of the base.
    ``epochs`` were used; ``epochs_needed`` is about how many would decide what these did not. What does not exist is
    ``None``.
    """

    verdict: Verdict
    reason: str
    epochs: int
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    threshold: float | None = None
    detectable: float | None = None
    sigma: float | None = None
    epochs_needed: int | None = None


class HolmTest(NamedTuple):
    """One p among several: the level it was held against, and whether it was rejected there."""

    p: float
    level: float
    is_rejected: bool


def holm(p_values: Sequence[float], alpha: float) -> tuple[HolmTest, ...]:
    """Holm's step-down test (Scandinavian Journal of Statistics 6(2), 1979): the chance of one false rejection among
    all is at most ``alpha``, however they depend on each other.

    The smallest p is held against α/m, the next against α/(m - 1) and so on; from the first that fails on all fail, at
    that level.
    """
    levels: dict[float, HolmTest] = {}
    level, is_rejected = alpha, True
    for smaller, p in enumerate(sorted(p_values)):
        if p not in levels:
            level = alpha / (len(p_values) - smaller) if is_rejected else level
            is_rejected = is_rejected and p <= level
            levels[p] = HolmTest(p, level, is_rejected)
    return tuple(levels[p] for p in p_values)


def decide(
    effects_by_key: Mapping[K, Sequence[float]],
    settings: ABSettings,
    *,
    by_key: Mapping[K, ABSettings] = MappingProxyType({}),
    directions: Mapping[K, Direction] = MappingProxyType({}),
) -> Mapping[K, Decision]:
    """The decisions on all suspects of one confirmation, by their fresh epochs.

    Each suspect's effects stand in the order they were measured: where one epoch resembles the next, all of them count
    less (:mod:`serial_correlation`). They must not be those that raised the suspicion, and their number must
    not depend on what they say, but that what is :func:`cleared` may have no more: then Holm's correction is over these
    suspects only, with ``alpha`` for each direction. ``by_key`` are the settings of keys with a band, or a number of
    epochs, of their own; ``directions`` those of keys of which less is not better. A suspect without epochs counts,
    too.

    Raises
    ------
    ValueError
        An effect is not a finite number; the message names its key.
    """
    worse: dict[K, tuple[float, ...]] = {}
    for key, effects in effects_by_key.items():
        if not all(math.isfinite(effect) for effect in effects):
            raise ValueError(f"an effect of {key} is not a finite number: {list(effects)}")
        worse[key] = tuple(directions.get(key, LOWER).for_the_worse(effect) for effect in effects)
    own = {key: by_key.get(key, settings) for key in worse}
    correlation = serial_correlation(worse.values())
    estimates = {key: _Estimate.of(effects, own[key], correlation) for key, effects in worse.items()}

    def p_value(key: K, side: Side) -> float:
        # When its epochs ended depended on them, so that they prove nothing but that it was cleared.
        if estimates[key].is_cleared:
            return 1.0
        null = math.log1p(own[key].null)
        return dependent_p(worse[key], null if side == "greater" else -null, side, correlation)

    up = holm([p_value(key, "greater") for key in worse], settings.alpha)
    down = holm([p_value(key, "less") for key in worse], settings.alpha)
    # Had it not been cleared, it would have had all epochs.
    planned = {key: planned_epochs(len(worse), own[key]) for key, one in estimates.items() if one.is_cleared}
    return {
        key: _decide_one(
            _evidence(worse[key], estimates[key], own[key], correlation, *tests, planned=planned.get(key, 0)),
            directions.get(key, LOWER),
        )
        for key, *tests in zip(worse, up, down, strict=True)
    }


def cleared(
    effects_by_key: Mapping[K, Sequence[float]],
    settings: ABSettings,
    *,
    by_key: Mapping[K, ABSettings] = MappingProxyType({}),
    among: Collection[K] | None = None,
) -> frozenset[K]:
    """The suspects that need no further epochs (:func:`paceline.baselines.ab.settings.is_cleared`); arguments as of
    :func:`decide`. ``among`` asks of these alone; how much epochs resemble each other, all suspects tell."""
    correlation = serial_correlation(effects_by_key.values())
    return frozenset(
        key
        for key in (effects_by_key if among is None else among)
        if _Estimate.of(effects_by_key[key], by_key.get(key, settings), correlation).is_cleared
    )


class _Estimate(NamedTuple):
    """Of a suspect's effects, with an interval that is wider where one epoch resembles the next; and whether it clears
    the suspect."""

    effect: float = 0.0
    interval: tuple[float, float] | None = None
    is_cleared: bool = False

    @classmethod
    def of(cls, effects: Sequence[float], settings: ABSettings, correlation: float) -> _Estimate:
        if len(effects) == 0:
            return cls()
        factor, effect = inflation(correlation), hodges_lehmann(effects)
        interval = walsh_interval(effects, settings.confidence)
        if interval is not None:
            interval = (effect - factor * (effect - interval[0]), effect + factor * (interval[1] - effect))
        return cls(effect, interval, is_cleared(effect, interval, settings))


class _Evidence(NamedTuple):
    """The numbers of one suspect, as effects for the worse: positive is slower, of a rate too."""

    settings: ABSettings
    epochs: int
    factor: float
    up: HolmTest
    down: HolmTest
    estimate: _Estimate
    sigma: float | None
    detectable: float | None

    @property
    def effect(self) -> float:
        """The estimate."""
        return self.estimate.effect

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the effect, where there are epochs enough."""
        return self.estimate.interval

    @property
    def test(self) -> HolmTest:
        """That of the side on which the effect lies."""
        return self.down if self.effect < 0 else self.up


def _evidence(
    effects: Sequence[float],
    estimate: _Estimate,
    settings: ABSettings,
    correlation: float,
    up: HolmTest,
    down: HolmTest,
    *,
    planned: int,
) -> _Evidence:
    factor, sigma, found = inflation(correlation), spread(effects), None
    if sigma is not None:
        epochs = max(len(effects), planned)
        found = detectable_for_the_worse(factor * sigma, epochs, up.level, settings)
        if found is not None and correlation:
            reach = dependent_reach(effects, up.level, settings.power, correlation)
            found = max(found, math.log1p(settings.null) + reach)
    return _Evidence(settings, len(effects), factor, up, down, estimate, sigma, found)


def detectable_for_the_worse(
    sigma: float, epochs: int, level: float, settings: ABSettings, *, screened: bool = False
) -> float | None:
    """:func:`detectable` by the settings of an A/B; ``screened`` where both looks of a screen come
    before."""
    return detectable(
        sigma,
        epochs,
        level=level,
        null=math.log1p(settings.null),
        min_effect=math.log1p(settings.band),
        power=settings.power,
        looks=settings.looks(sigma) if screened else (),
        clearing=settings.clearing,
    )


def as_loss(effect: float | None, direction: Direction) -> float | None:
    """An effect for the worse as a fraction of the base, where there is one."""
    return None if effect is None else direction.loss(effect)


def _decide_one(one: _Evidence, direction: Direction) -> Decision:
    if one.epochs == 0:
        enough = _needed(one)
        reason = f"suspect, and not one epoch of a confirmation was measured: about {enough} would decide"
        return Decision(Verdict.INCONCLUSIVE, reason, 0, epochs_needed=enough)
    verdict, finding, needed = _verdict(one)
    low, high = sorted(map(direction.for_the_worse, one.interval)) if one.interval else (None, None)
    effect, found = direction.for_the_worse(one.effect), as_loss(one.detectable, direction)
    independent = round(one.epochs / one.factor**2)
    worth = f" (worth {independent}: one resembles the next)" if independent < one.epochs else ""
    seen = f"{_change(effect, low, high)} over {one.epochs} epochs{worth}"
    return Decision(
        verdict,
        f"{seen}: {finding}{would_have_found(found)}",
        one.epochs,
        effect,
        low,
        high,
        one.test.p,
        one.test.level,
        found,
        one.sigma,
        needed,
    )


def _verdict(one: _Evidence) -> tuple[Verdict, str, int | None]:
    """The verdict, why, and where it is none how many epochs would do. The first that holds."""
    settings, test = one.settings, one.test
    band = math.log1p(settings.band)
    chance = f"p = {test.p:.2g}, asked for ≤ {test.level:.2g}"
    if one.interval is None:
        needed = _needed(one)
        return Verdict.INCONCLUSIVE, f"too few for an interval; about {needed} would decide", needed
    if test.is_rejected and abs(one.effect) >= band:
        verdict = Verdict.REGRESSED if one.effect > 0 else Verdict.IMPROVED
        return verdict, f"at least the {_percent(settings.band)} that matter, and not by chance ({chance})", None
    if -band <= one.interval[0] and one.interval[1] <= band:
        return Verdict.UNCHANGED, f"the whole interval lies within ±{_percent(settings.band)}", None
    if one.estimate.is_cleared:
        finding = f"no suspect any more (from {_percent(settings.screen_threshold)}), and the interval excludes the "
        return Verdict.NO_CHANGE_SEEN, f"{finding}{_percent(settings.promise)} that are promised", None
    if one.detectable is None:
        needed = _needed(one)
        finding = f"so few cannot convict (p ≤ {test.level:.2g} is asked for, {2.0**-one.epochs:.2g} is the least that "
        return Verdict.INCONCLUSIVE, f"{finding}they can show); about {needed} would decide", needed
    if one.detectable > math.log1p(settings.promise):
        needed = _needed(one)
        finding = (
            f"too restless to find the {_percent(settings.promise)} that are promised; about {needed} would decide"
        )
        return Verdict.INCONCLUSIVE, finding, needed
    nearest = min(abs(end) for end in one.interval)
    if abs(one.effect) >= band and one.interval[0] * one.interval[1] > 0 and nearest > math.log1p(settings.null):
        needed = _needed(one, target=abs(one.effect))
        finding = f"hardly nothing, and too little to convict ({chance})"
        return Verdict.INCONCLUSIVE, f"{finding}; about {needed} would decide", needed
    if test.is_rejected:
        return Verdict.NO_CHANGE_SEEN, f"not by chance, but less than the {_percent(settings.band)} that matter", None
    return Verdict.NO_CHANGE_SEEN, f"what chance does ({chance})", None


def _needed(one: _Evidence, target: float | None = None) -> int:
    """About how many epochs would decide: enough to reject, for an interval, and to find what is promised, or the
    effect that was seen (``target``)."""
    settings, level = one.settings, one.test.level
    least = max(least_epochs(level), settings.least_epochs)
    if one.sigma is None:
        return max(least, settings.confirm_epochs)
    finding = epochs_to_detect(
        math.log1p(settings.promise) if target is None else target,
        one.factor * one.sigma,
        level=level,
        null=math.log1p(settings.null),
        # An effect that was seen is already large enough: only the test is lacking.
        min_effect=math.log1p(settings.band) if target is None else 0.0,
        power=settings.power,
    )
    if one.factor > 1 and one.detectable is not None:
        # Dependent epochs narrow the mean as independent ones do, with the root of their number.
        null, goal = math.log1p(settings.null), math.log1p(settings.promise) if target is None else target
        finding = max(finding, math.ceil(one.epochs * ((one.detectable - null) / (goal - null)) ** 2))
    return max(least, finding, one.epochs + 1)


def _change(effect: float, low: float | None, high: float | None) -> str:
    between = "" if low is None or high is None else f" ({percent(math.exp(low))} … {percent(math.exp(high))} %)"
    return f"{percent(math.exp(effect))} %{between}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"


def would_have_found(fraction: float | None) -> str:
    """The end of a reason: the detectable change, where there is one."""
    return "" if fraction is None else f"; would have found ≥ {100 * fraction:.1f} %"
