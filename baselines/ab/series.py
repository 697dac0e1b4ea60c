"""The epochs of one case and metric in a row, as what an A/B compares."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paceline.baselines.judgement.bands import band_of, resolved_band
from paceline.baselines.judgement.exact import within_tolerance
from paceline.baselines.judgement.verdicts import Policy
from paceline.baselines.records import Epoch, Key, Metric
from paceline.baselines.stats.effects import NoRatioError, effect_of, turn_estimates


@dataclass(frozen=True)
class Series:
    """All epochs of one case and metric at one stage, by number, as what is compared: per epoch both sides' estimates
    (medians over turns, in the metric's unit) and the effect. ``fault`` says why there are no effects."""

    epochs: tuple[Epoch, ...]
    base: tuple[float, ...]
    new: tuple[float, ...]
    effects: tuple[float, ...] = ()
    fault: str = ""

    @property
    def key(self) -> Key:
        return self.epochs[0].key

    @property
    def metric(self) -> Metric:
        return self.epochs[0].metric

    def band(self, policy: Policy) -> float:
        """The smallest change of interest: never less than what the metric can tell apart at all."""
        case = self.key.case
        return resolved_band(case, self.metric, self.base, policy) if self.effects else band_of(case, policy)

    @property
    def has_moved(self) -> bool:
        """Whether the sides differ by more than an exact metric may."""
        return not within_tolerance(self.metric, statistics.median(self.base), statistics.median(self.new))


def series_by_key(epochs: Sequence[Epoch]) -> dict[Key, Series]:
    """All epochs of one stage as series, but those of metrics that are only shown.

    Raises
    ------
    ValueError
        Two epochs have the same number, case and metric, an epoch lacks turns or samples, or epochs of one case differ
        in what the metric means.
    """
    groups: dict[Key, list[Epoch]] = {}
    for epoch in epochs:
        if epoch.metric.judging.is_judged:
            groups.setdefault(epoch.key, []).append(epoch)
    return {key: _series_of(sorted(group, key=lambda epoch: epoch.number)) for key, group in groups.items()}


def _series_of(epochs: Sequence[Epoch]) -> Series:
    first = epochs[0]
    if len({epoch.number for epoch in epochs}) < len(epochs):
        raise ValueError(f"{first.case} {first.metric.name}: two epochs have the same number, and would count twice")
    if any(epoch.metric != first.metric for epoch in epochs):
        raise ValueError(f"{first.case} {first.metric.name} is not the same metric in all epochs")
    estimates = [turn_estimates(epoch) for epoch in epochs]
    base = tuple(float(np.median(np.concatenate([sides.base for sides in builds]))) for builds in estimates)
    new = tuple(float(np.median(np.concatenate([sides.new for sides in builds]))) for builds in estimates)
    series = Series(tuple(epochs), base, new)
    if not first.metric.judging.scatters:
        return series
    try:
        effects = tuple(effect_of(epoch, builds) for epoch, builds in zip(epochs, estimates, strict=True))
        return dataclasses.replace(series, effects=effects)
    except NoRatioError as error:
        return dataclasses.replace(series, fault=str(error))


def merged(*parts: Series | None) -> Series:
    """The epochs of several stages together, with both sides' estimates and without effects."""
    there = [part for part in parts if part is not None]
    return Series(
        tuple(epoch for part in there for epoch in part.epochs),
        tuple(value for part in there for value in part.base),
        tuple(value for part in there for value in part.new),
    )
