"""The screen of an A/B: how much its epochs scatter, what they suspect, and how long that is to be confirmed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from paceline.baselines.ab.decide import detectable_for_the_worse
from paceline.baselines.ab.plan import planned_epochs
from paceline.baselines.ab.series import Series, series_by_key
from paceline.baselines.ab.settings import ABSettings, is_suspect, stays_suspect
from paceline.baselines.judgement.verdicts import Policy
from paceline.baselines.records import Epoch, Key
from paceline.baselines.stats.power import Look, epochs_to_detect
from paceline.baselines.stats.process_noise import fit_prior, moderated
from paceline.baselines.stats.signed_rank import hodges_lehmann


@dataclass(frozen=True)
class Screen:
    """What the epochs of both looks, numbered from 1, say of each case and metric: the series, the settings with the
    series' own band, and the scatter of its epochs (σ_e).

    Three epochs tell little of that, so cases of a metric lend each other their noise, as the processes of a stored
    baseline do (:mod:`paceline.baselines.stats.process_noise`). What has fewer than two effects has no scatter.
    """

    series: Mapping[Key, Series]
    settings: Mapping[Key, ABSettings]
    sigmas: Mapping[Key, float]

    @classmethod
    def of(cls, epochs: Sequence[Epoch], settings: ABSettings, policy: Policy) -> Screen:
        """Raises what :func:`paceline.baselines.ab.series.series_by_key` raises."""
        series = series_by_key(epochs)
        ratios = {key: [math.exp(effect) for effect in one.effects] for key, one in series.items()}
        groups: dict[str, list[list[float]]] = {}
        for (_, metric), some in ratios.items():
            groups.setdefault(metric, []).append(some)
        priors = {metric: fit_prior(group) for metric, group in groups.items()}
        return cls(
            series,
            {key: settings.with_band(one.band(policy)) for key, one in series.items()},
            {key: moderated(some, priors[key.metric]).deviation for key, some in ratios.items() if len(some) > 1},
        )

    def looked_twice(self, key: Key) -> bool:
        """Whether its second look is complete."""
        settings = self.settings[key]
        return self.series[key].epochs[-1].number >= settings.screen_epochs + settings.second_look_epochs

    def look(self, key: Key) -> Look:
        """The last look that it got."""
        first, second = self.settings[key].looks(self.sigmas.get(key, 0.0))
        return second if self.looked_twice(key) else first

    def seems_changed(self, key: Key) -> bool:
        """By all its epochs, and not by a move that is smaller than the metric's resolution."""
        judge = stays_suspect if self.looked_twice(key) else is_suspect
        return judge(self.series[key].effects, self.settings[key]) and self._is_resolved(key)

    def is_let_through(self, key: Key) -> bool:
        """By its last look: it seems changed, or scatters so much that with the planned effect its epochs could have
        come out like this."""
        estimate = abs(hodges_lehmann(self.series[key].effects))
        return estimate >= self.look(key).threshold and self._is_resolved(key)

    def _is_resolved(self, key: Key) -> bool:
        series = self.series[key]
        moved = [abs(new - base) for base, new in zip(series.base, series.new, strict=True)]
        return statistics.median(moved) >= series.metric.resolution

    def planned_epochs(self, key: Key, suspects: int) -> int:
        """Of its confirmation, where it is one of so many suspects; what was not screened has no scatter."""
        return planned_epochs(suspects, self.settings[key], self.sigmas.get(key, 0.0))

    def detectable(self, key: Key, suspects: int) -> float | None:
        """The smallest change for the worse that both looks and the confirmation, as one of so many suspects, would
        have found together."""
        if key not in self.sigmas:
            return None
        settings, epochs = self.settings[key], self.planned_epochs(key, suspects)
        return detectable_for_the_worse(self.sigmas[key], epochs, settings.alpha / suspects, settings, screened=True)

    def is_too_restless(self, key: Key, suspects: int) -> bool:
        """Whether a change of the promised size could be missed."""
        found = self.detectable(key, suspects)
        return found is not None and found > math.log1p(self.settings[key].promise)

    def epochs_for_the_promise(self, key: Key, suspects: int) -> int:
        """About how many epochs of a confirmation would find what is promised."""
        settings = self.settings[key]
        return max(
            self.planned_epochs(key, suspects),
            epochs_to_detect(
                math.log1p(settings.promise),
                self.sigmas.get(key, 0.0),
                level=settings.alpha / suspects,
                null=math.log1p(settings.null),
                min_effect=math.log1p(settings.band),
                power=settings.power,
            ),
        )


def suspects(screen: Sequence[Epoch], settings: ABSettings, policy: Policy) -> tuple[Key, ...]:
    """The sampled cases and metrics that the epochs of a screen do not clear, in the order of their first epoch: what
    gets a second look, and after that what is to be confirmed.

    Not cleared is what seems changed, in either direction, or scatters too much for that to be seen
    (:meth:`Screen.is_let_through`), and what scatters so much that a change of the promised size could be missed by all
    stages together. Where an estimate gives no ratio nothing can be confirmed, and it is no suspect. Raises what
    :func:`paceline.baselines.ab.series.series_by_key` raises.
    """
    seen = Screen.of(screen, settings, policy)
    there = [key for key, one in seen.series.items() if one.effects]
    found = {key for key in there if seen.is_let_through(key)}
    while True:
        # Each more lowers the level of all, by which others may turn out too restless.
        more = {key for key in there if seen.is_too_restless(key, len(found) + 1)}
        if more <= found:
            return tuple(key for key in there if key in found)
        found |= more


def unsettled(screen: Sequence[Epoch]) -> frozenset[Key]:
    """The cases and metrics of which further epochs of a screen can tell more: what is sampled, and what is exact and
    differs between the sides (whether it really does not scatter). Counted instructions tell within one process whether
    they do. Raises as :func:`suspects`."""
    return frozenset(
        key
        for key, one in series_by_key(screen).items()
        if one.metric.judging.scatters or (one.has_moved and one.metric.scope != "counting")
    )


def plan(screen: Sequence[Epoch], found: Collection[Key], settings: ABSettings, policy: Policy) -> Mapping[Key, int]:
    """How many epochs the confirmation of each suspect ``found`` has, if none of them clears it: the more, the more it
    scattered in the screen. What was not screened has as many as one that hardly does. Raises as :func:`suspects`."""
    seen = Screen.of(screen, settings, policy)
    unseen = planned_epochs(len(found), settings)
    return {key: seen.planned_epochs(key, len(found)) if key in seen.series else unseen for key in found}


def going_on(left: Mapping[Key, int], before: Collection[Key], done: Collection[Key]) -> tuple[Key, ...]:
    """Which suspects get another epoch: of those that got one ``before`` what has epochs ``left`` of its plan and is
    not ``done``, cleared. Where these are no more, all such suspects.

    For what was cleared may later not be: how wide its interval is depends on how much epochs resemble each other, and
    that all suspects' epochs tell together. Then it gets the rest of its own.
    """
    open_still = tuple(key for key, epochs in left.items() if epochs > 0 and key not in done)
    return tuple(key for key in open_still if key in before) or open_still
