"""The settings of an A/B, and what makes its screen suspicious and takes the suspicion back.

Effects are natural logarithms of new over base (:func:`paceline.baselines.stats.effects.epoch_effect`). A threshold of
2 % is log 1.02 in either direction: for a time that is 2 % longer, for a rate the 2 % that each unit of work takes
longer. So swapping the sides swaps *regressed* and *improved* and changes nothing else.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import ndtri

from paceline.baselines.stats.power import Clearing, Look, deviation
from paceline.baselines.stats.signed_rank import hodges_lehmann, least_epochs


@dataclass(frozen=True)
class ABSettings:
    """The settings of an A/B. Fractions, not percent.

    ``null``: a suspect is convicted only where its effect is shown to exceed this. ``band``: and where its
    estimate is at least this. ``alpha``: chance, in a run, of one false *regressed* (and as much of one false
    *improved*). ``confidence``: of the intervals. ``power``: with which the detectable change is found; where that is
    larger than ``promise`` nothing is decided. ``screen_threshold``: a suspect's estimate after the ``screen_epochs``;
    ``second_look_threshold``: and after these and ``second_look_epochs`` more, which only suspects get. Both are lower
    for a case that scatters (:meth:`looks`). ``confirm_epochs``: of a confirmation, at least; up to
    ``restless_epochs`` where its case scatters; ``fixed_epochs``: exactly, whatever the suspects.
    :mod:`paceline.baselines.ab.plan` plans for a true effect of ``plan_effect``, epochs that scatter by ``plan_sigma``
    or more, and ``plan_power``. What a confirmation clears early, :func:`is_cleared` says.

    Raises
    ------
    ValueError
        A setting is out of its range; the message names it.
    """

    null: float = 0.005
    band: float = 0.02
    alpha: float = 0.01
    confidence: float = 0.95
    power: float = 0.8
    promise: float = 0.05
    screen_threshold: float = 0.01
    screen_epochs: int = 3
    second_look_threshold: float = 0.015
    second_look_epochs: int = 4
    confirm_epochs: int = 16
    restless_epochs: int = 32
    fixed_epochs: int | None = None
    plan_effect: float = 0.03
    plan_sigma: float = 0.015
    plan_power: float = 0.95

    def __post_init__(self) -> None:
        least = self.least_epochs if 0 < self.confidence < 1 else 0
        at_most = f"0 or more and at most band ({self.band:g}): what is convicted must first be suspect"
        demands = (
            ("confidence", 0 < self.confidence < 1, "between 0 and 1"),
            ("alpha", 0 < self.alpha < 0.5, "between 0 and 0.5"),
            ("power", 0.5 <= self.power < 1, "0.5 or more and below 1"),
            ("plan_power", 0.5 <= self.plan_power < 1, "0.5 or more and below 1"),
            ("null", 0 <= self.null <= self.band, f"between 0 and band ({self.band:g})"),
            ("promise", self.band < self.promise, f"above band ({self.band:g})"),
            ("plan_effect", self.band < self.plan_effect, f"above band ({self.band:g})"),
            ("plan_sigma", 0 <= self.plan_sigma < 1, "0 or more and below 1"),
            ("screen_threshold", 0 <= self.screen_threshold <= self.band, at_most),
            ("screen_epochs", self.screen_epochs >= 2, "2 or more: one epoch does not tell how much epochs scatter"),
            ("second_look_threshold", 0 <= self.second_look_threshold <= self.band, at_most),
            ("second_look_epochs", self.second_look_epochs >= 1, "1 or more"),
            ("confirm_epochs", self.confirm_epochs >= least, f"{least} or more, for an interval at that confidence"),
            ("restless_epochs", self.restless_epochs >= self.confirm_epochs, "confirm_epochs or more"),
            ("fixed_epochs", self.fixed_epochs is None or self.fixed_epochs >= least, f"{least} or more"),
        )
        for name, is_met, demand in demands:
            if not is_met:
                raise ValueError(f"the A/B's setting {name} is {getattr(self, name):g}; it must be {demand}")

    @property
    def least_epochs(self) -> int:
        """The fewest epochs that give an interval."""
        return least_epochs((1 - self.confidence) / 2)

    @property
    def clearing(self) -> Clearing:
        """When a confirmation clears a suspect early, on the scale of effects."""
        return Clearing(math.log1p(self.screen_threshold), math.log1p(self.promise), self.confidence)

    def looks(self, sigma: float) -> tuple[Look, Look]:
        """The screen's two looks at a case whose epochs scatter by ``sigma`` (σ_e).

        A look may take a case for unchanged only where it would have let the planned effect (or what is promised, if
        that is less) through with the planned power: then its threshold is below that of the settings, down to 0,
        where it lets everything through.
        """
        effect = min(math.log1p(self.plan_effect), math.log1p(self.promise))
        reach = float(ndtri(self.plan_power))

        def look(epochs: int, threshold: float) -> Look:
            found = effect - reach * deviation(sigma, epochs)
            return Look(epochs, max(min(math.log1p(threshold), found), 0.0))

        both = self.screen_epochs + self.second_look_epochs
        return look(self.screen_epochs, self.screen_threshold), look(both, self.second_look_threshold)

    def with_band(self, band: float) -> ABSettings:
        """These settings for a case whose smallest change of interest is ``band`` instead of this.

        The screen's thresholds keep their proportion to it. The null only shrinks with it, and the promise and the
        planned effect only grow with it.
        """
        if band == self.band:
            return self
        factor = band / self.band if self.band else 1.0
        return dataclasses.replace(
            self,
            band=band,
            null=self.null * min(factor, 1.0),
            promise=self.promise * max(factor, 1.0),
            screen_threshold=self.screen_threshold * factor,
            second_look_threshold=self.second_look_threshold * factor,
            plan_effect=self.plan_effect * max(factor, 1.0),
        )


def is_suspect(effects: Sequence[float], settings: ABSettings) -> bool:
    """Whether the first look's few epochs raise suspicion, in either direction: their estimate is at the threshold or
    beyond. No test: what is let in here is tested on fresh epochs, and only that costs."""
    return abs(hodges_lehmann(effects)) >= math.log1p(settings.screen_threshold)


def stays_suspect(effects: Sequence[float], settings: ABSettings) -> bool:
    """Whether all epochs of a screen, those of the first and of the second look together, leave the suspicion: what
    chance moved in the first few comes back, what is real stays. Only then a confirmation is worth its time."""
    return abs(hodges_lehmann(effects)) >= math.log1p(settings.second_look_threshold)


def is_cleared(effect: float, interval: tuple[float, float] | None, settings: ABSettings) -> bool:
    """Whether the epochs of a confirmation so far take the suspicion back: the estimate would not even be suspect to a
    screen's first look, and the ``interval`` excludes a change of the promised size in either direction.

    It may be asked after every epoch. To stop early for it can only prevent a conviction, never bring one about (a
    futility bound that is not binding; Jennison & Turnbull, Group Sequential Methods, 2000), so that it costs none of
    the level, and of the power what simulating it says.
    """
    threshold, bound, _ = settings.clearing
    return interval is not None and abs(effect) < threshold and -bound < interval[0] and interval[1] < bound
