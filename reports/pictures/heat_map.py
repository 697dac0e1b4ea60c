"""Models by optimizations: how much faster than eager each combination is, or why there is no number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from paceline.baselines.records import Case, Measured, Metric, NotMeasured, Outcome, Run
from paceline.baselines.stats.samples import estimate, paired_speedup

REFERENCE = "eager"
"""The optimization that all others are held against."""


@dataclass(frozen=True)
class Cell:
    """One combination. ``speedup`` (over eager, timed around it; its interval in ``low`` and ``high``) exists for
    ``kind`` ``"speedup"``; ``value`` wherever something was measured; ``why`` wherever a speed-up is missing: of
    ``"unpaired"`` there is no reference, of ``"no ratio"`` an estimate is zero."""

    kind: Literal["speedup", "reference", "unpaired", "no ratio", "not measured", "not asked"]
    anchor: str = ""
    speedup: float | None = None
    low: float | None = None
    high: float | None = None
    value: float | None = None
    cause: str = ""
    why: str = ""


@dataclass(frozen=True)
class HeatMap:
    """One table: a metric on one device, at one batch size (and one value of each further axis)."""

    metric: Metric
    device: str
    batch_size: int | None
    parameters: tuple[tuple[str, str], ...]
    optimizations: tuple[str, ...]
    models: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]

    @property
    def title(self) -> str:
        """Where it was measured: ``cpu, batch size 1``."""
        batch = "batch size chosen by the case" if self.batch_size is None else f"batch size {self.batch_size}"
        return ", ".join([self.device, batch, *(f"{name} {value}" for name, value in self.parameters)])


def build_heat_maps(run: Run, anchors: Mapping[Case, str], confidence: float) -> tuple[HeatMap, ...]:
    """The heat maps of every metric that was measured with eager around it, in the order of the run; intervals at
    ``confidence``."""
    paired = dict.fromkeys(
        outcome.metric.name
        for outcome in run.outcomes
        if isinstance(outcome, Measured) and outcome.reference_samples and outcome.metric.judging.is_judged
    )
    groups: dict[tuple[object, ...], list[Outcome]] = {}
    for outcome in run.outcomes:
        if outcome.metric.name in paired:
            case = outcome.case
            groups.setdefault((outcome.metric.name, case.device, case.batch_size, case.parameters), []).append(outcome)
    return tuple(_heat_map(outcomes, anchors, confidence) for outcomes in groups.values())


def _heat_map(outcomes: Sequence[Outcome], anchors: Mapping[Case, str], confidence: float) -> HeatMap:
    first = outcomes[0]
    by_name = {(outcome.case.model, outcome.case.optimization): outcome for outcome in outcomes}
    models = tuple(dict.fromkeys(model for model, _ in by_name))
    optimizations = tuple(
        sorted(dict.fromkeys(optimization for _, optimization in by_name), key=lambda name: name != REFERENCE)
    )
    return HeatMap(
        metric=first.metric,
        device=first.case.device,
        batch_size=first.case.batch_size,
        parameters=first.case.parameters,
        optimizations=optimizations,
        models=models,
        cells=tuple(
            tuple(_cell(by_name.get((model, optimization)), anchors, confidence) for optimization in optimizations)
            for model in models
        ),
    )


def _cell(outcome: Outcome | None, anchors: Mapping[Case, str], confidence: float) -> Cell:
    if outcome is None:
        return Cell("not asked", why="this combination was not asked for")
    anchor = anchors[outcome.case]
    if isinstance(outcome, NotMeasured):
        return Cell("not measured", anchor, cause=outcome.cause.value, why=outcome.reason)
    value = estimate(outcome.metric, outcome.samples)
    if outcome.case.optimization == REFERENCE:
        return Cell("reference", anchor, value=value, why="the reference itself")
    speedup = paired_speedup(outcome.samples, outcome.reference_samples, outcome.metric.better, confidence)
    if speedup.ratio is None:
        kind: Literal["no ratio", "unpaired"] = "no ratio" if outcome.reference_samples else "unpaired"
        return Cell(kind, anchor, value=value, why=speedup.why)
    return Cell("speedup", anchor, speedup.ratio, speedup.low, speedup.high, value)
