"""One row of the verdict table: a comparison, and every text that is shown of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from paceline.baselines.judgement.gate import blocks
from paceline.baselines.judgement.verdicts import Comparison, Judgement, Policy, Verdict, severity
from paceline.baselines.records import Case, Key, Measured, Metric, NotMeasured, Outcome, Run
from paceline.baselines.stats.samples import estimate
from paceline.reports.page.acknowledged import said
from paceline.reports.page.beside import beside
from paceline.reports.wording import quantities, words
from paceline.reports.wording.moved import moved_sentences

_UNDECIDED = (Verdict.SUSPECT, Verdict.INCONCLUSIVE, Verdict.NO_CHANGE_SEEN)


@dataclass(frozen=True)
class Row:
    """A comparison as shown. ``anchor`` is that of the case's details, ``processes`` and ``samples`` count what stands
    behind the numbers, ``acknowledgement`` is empty where there is none. ``beside`` is what stands beside the value (a
    case's instructions beside its latency), ``moved`` says where instructions moved. The texts are written once here,
    so that no two outputs can differ."""

    comparison: Comparison
    anchor: str
    blocks: bool
    verdict: str
    before: str
    after: str
    change: str
    interval: str
    evidence: str
    reason: str
    acknowledgement: str
    beside: str = ""
    moved: tuple[str, ...] = ()

    @property
    def case(self) -> Case:
        return self.comparison.case

    @property
    def metric(self) -> Metric:
        return self.comparison.metric

    @property
    def key(self) -> Key:
        """Case and metric."""
        return self.comparison.key

    @property
    def would_have_found(self) -> float | None:
        """The change (a fraction) that an undecided comparison of what scatters would have found; else ``None``."""
        compared = self.comparison
        return compared.detectable if compared.verdict in _UNDECIDED and self.metric.judging.scatters else None


@dataclass(frozen=True)
class MetricGroup:
    """All rows of one metric."""

    metric: Metric
    rows: tuple[Row, ...]

    @property
    def has_base(self) -> bool:
        """Whether any row has something to compare with."""
        return any(row.comparison.base is not None for row in self.rows)


def outcomes_by_key(run: Run) -> dict[Key, Outcome]:
    """A run's outcomes by case and metric."""
    return {outcome.key: outcome for outcome in run.outcomes}


def complete_comparisons(judgement: Judgement, run: Run) -> list[Comparison]:
    """Every judged comparison, and one for each judged outcome of the run that the judgement does not mention.

    Metrics that are only shown are left out. Nothing that was measured, or should have been, can be missing.
    """
    judged = [compared for compared in judgement.comparisons if compared.metric.judging.is_judged]
    mentioned = {compared.key for compared in judged}
    for key, outcome in outcomes_by_key(run).items():
        if key not in mentioned and outcome.metric.judging.is_judged:
            judged.append(_uncompared(outcome))
    return judged


def build_rows(
    comparisons: Iterable[Comparison], policy: Policy, outcomes: Mapping[Key, Outcome], anchors: Mapping[Case, str]
) -> tuple[Row, ...]:
    """The rows of ``comparisons``: what blocks first, each part by :func:`severity`."""
    comparisons = list(comparisons)
    others = {compared.key: compared for compared in comparisons}
    rows = (_row(compared, policy, outcomes, anchors[compared.case], others) for compared in comparisons)
    return tuple(sorted(rows, key=lambda row: (not row.blocks, severity(row.comparison))))


def group_rows(rows: Iterable[Row]) -> tuple[MetricGroup, ...]:
    """Rows by metric; metrics in the order of their first, that is their gravest, row; latency first among equals."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.metric.name, []).append(row)
    made = [MetricGroup(found[0].metric, tuple(found)) for found in groups.values()]
    return tuple(sorted(made, key=lambda group: (not group.rows[0].blocks, group.metric.name != "latency_ns")))


def _row(
    compared: Comparison,
    policy: Policy,
    outcomes: Mapping[Key, Outcome],
    anchor: str,
    others: Mapping[Key, Comparison],
) -> Row:
    before, after = quantities.pair(compared.base, compared.new, compared.metric.unit)
    return Row(
        comparison=compared,
        anchor=anchor,
        blocks=blocks(compared, policy),
        verdict=words.verdict_word(compared),
        before=before,
        after=after,
        change=quantities.change(compared.ratio),
        interval=quantities.interval(compared.low, compared.high),
        evidence=_evidence(compared, outcomes.get(compared.key)),
        reason=compared.reason,
        acknowledgement=said(compared.acknowledgement),
        beside=beside(compared, others),
        moved=moved_sentences(compared.moved),
    )


def _evidence(compared: Comparison, outcome: Outcome | None) -> str:
    """How many processes and samples, or epochs of an A/B, stand behind both numbers."""
    if compared.epochs:
        fresh = "of two fresh processes in turns" if _was_timed_in_turns(outcome) else "of two fresh processes"
        return f"{quantities.count(len(compared.epochs), 'epoch')} {fresh}"
    parts = []
    if compared.base_estimates:
        parts.append(quantities.count(len(compared.base_estimates), "process", "processes") + " before")
    if isinstance(outcome, Measured):
        now = quantities.count(len(compared.new_estimates) or 1, "process", "processes")
        parts.append(f"{now}, {quantities.count(len(outcome.samples), 'sample')} now")
    return "; ".join(parts)


def _was_timed_in_turns(outcome: Outcome | None) -> bool:
    conditions = outcome.conditions if isinstance(outcome, Measured) else None
    return conditions is not None and conditions.turn_calls is not None


def _uncompared(outcome: Outcome) -> Comparison:
    if isinstance(outcome, NotMeasured):
        reason = f"{outcome.cause.value}: {outcome.reason}"
        return Comparison(outcome.case, outcome.metric, verdict=Verdict.NOT_MEASURED, reason=reason)
    return Comparison(
        outcome.case,
        outcome.metric,
        new=estimate(outcome.metric, outcome.samples),
        verdict=Verdict.NO_BASELINE,
        reason="nothing was given to compare it with",
    )
