"""What lies behind one case: the samples of both sides, their percentiles, and what is shown unjudged."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from paceline.baselines.judgement.moved import Moved
from paceline.baselines.judgement.verdicts import Comparison
from paceline.baselines.records import Case, Key, Measured, Metric, Note, NotMeasured, Outcome, Run
from paceline.baselines.records.metrics import SWEEP_THROUGHPUT
from paceline.baselines.stats.samples import estimate, percentiles
from paceline.reports.page.rows import outcomes_by_key


@dataclass(frozen=True)
class SampleSet:
    """One side of a distribution. ``samples`` are in the order they were taken; for ``kind`` ``"estimates"`` they are
    the estimates of a baseline's processes, which is all that a baseline keeps."""

    kind: Literal["base", "new", "reference", "estimates"]
    label: str
    samples: tuple[float, ...]
    percentiles: Mapping[str, float]


@dataclass(frozen=True)
class Distribution:
    """The samples of one metric, this run's last."""

    metric: Metric
    sides: tuple[SampleSet, ...]

    @property
    def percentile_names(self) -> tuple[str, ...]:
        """The percentiles that any side has (a side with more samples can bound more of them), in rising order."""
        return max((tuple(side.percentiles) for side in self.sides), key=len)


@dataclass(frozen=True)
class Shown:
    """A value that informs and is not judged; ``base`` is ``None`` where the other side has none. ``case`` is its own:
    a point of a sweep is told with the sweep."""

    case: Case
    metric: Metric
    base: float | None
    new: float | None


@dataclass(frozen=True)
class CaseDetail:
    """Everything known of one case."""

    anchor: str
    case: Case
    distributions: tuple[Distribution, ...]
    shown: tuple[Shown, ...]
    notes: tuple[Note, ...]
    not_measured: tuple[NotMeasured, ...]
    moved: Moved | None = None


_COUNTED_UNITS = frozenset({"instructions", "misses", "branches"})
"""A few tallies have no distribution to look at."""


def build_details(
    anchors: Mapping[Case, str], comparisons: Iterable[Comparison], run: Run, base_runs: Sequence[Run]
) -> tuple[CaseDetail, ...]:
    """The details of every case in ``anchors``, in that order."""
    compared: dict[Case, dict[str, Comparison]] = {case: {} for case in anchors}
    for comparison in comparisons:
        compared.setdefault(comparison.case, {})[comparison.metric.name] = comparison
    outcomes: dict[Case, list[Outcome]] = {case: [] for case in anchors}
    sweeps = sweeps_of(run)
    for outcome in run.outcomes:
        outcomes[home_of(outcome, sweeps)].append(outcome)
    base = _base_samples(base_runs)
    return tuple(
        _detail(anchor, case, outcomes[case], compared[case], base) for case, anchor in anchors.items()
    )  # fmt: skip


def sweeps_of(run: Run) -> frozenset[Case]:
    """The cases of ``run`` that search over batch sizes themselves."""
    return frozenset(outcome.case for outcome in run.outcomes if outcome.case.batch_size is None)


def home_of(outcome: Outcome, sweeps: Collection[Case]) -> Case:
    """The case that an outcome is told with: its own, or the sweep that it is a point of."""
    if outcome.metric.name != SWEEP_THROUGHPUT.name:
        return outcome.case
    sweep = replace(outcome.case, batch_size=None)
    return sweep if sweep in sweeps else outcome.case


def _base_samples(base_runs: Sequence[Run]) -> dict[Key, tuple[float, ...]]:
    """The samples of all base runs together, run after run."""
    samples: dict[Key, tuple[float, ...]] = {}
    for run in base_runs:
        for key, outcome in outcomes_by_key(run).items():
            if isinstance(outcome, Measured):
                samples[key] = samples.get(key, ()) + outcome.samples
    return samples


def _detail(
    anchor: str,
    case: Case,
    outcomes: Sequence[Outcome],
    compared: Mapping[str, Comparison],
    base: Mapping[Key, tuple[float, ...]],
) -> CaseDetail:
    measured = [outcome for outcome in outcomes if isinstance(outcome, Measured)]
    judged = [note for comparison in compared.values() for note in comparison.notes]
    # What a comparison says of all its epochs replaces what the last of them says.
    stated = {note.code for note in judged}
    notes = [note for outcome in measured for note in outcome.notes if note.code not in stated] + judged
    return CaseDetail(
        anchor=anchor,
        case=case,
        distributions=tuple(
            _distribution(one, compared.get(one.metric.name), base.get(one.key, ()))
            for one in measured
            if len(one.samples) > 1 and one.metric.unit not in _COUNTED_UNITS
        ),
        shown=tuple(
            _shown(one, compared.get(one.metric.name), base.get(one.key, ()))
            for one in measured
            if not one.metric.judging.is_judged
        ),
        notes=tuple(dict.fromkeys(notes)),
        not_measured=tuple(outcome for outcome in outcomes if isinstance(outcome, NotMeasured)),
        moved=next((one.moved for one in compared.values() if one.moved is not None), None),
    )


def _distribution(measured: Measured, compared: Comparison | None, base: tuple[float, ...]) -> Distribution:
    sides = []
    if base:
        sides.append(SampleSet("base", "baseline", base, _spread(base)))
    elif compared is not None and compared.base_estimates:
        sides.append(SampleSet("estimates", "baseline, one estimate a process", compared.base_estimates, {}))
    if measured.reference_samples and not base:
        reference = measured.reference_samples
        sides.append(SampleSet("reference", "eager reference", reference, _spread(reference)))
    sides.append(SampleSet("new", "this run", measured.samples, _spread(measured.samples)))
    return Distribution(measured.metric, tuple(sides))


def _spread(samples: tuple[float, ...]) -> dict[str, float]:
    return {"min": min(samples), **percentiles(samples), "max": max(samples)}


def _shown(measured: Measured, compared: Comparison | None, base: tuple[float, ...]) -> Shown:
    before = compared.base if compared else None
    if before is None and base:
        before = estimate(measured.metric, base)
    return Shown(measured.case, measured.metric, before, estimate(measured.metric, measured.samples))
