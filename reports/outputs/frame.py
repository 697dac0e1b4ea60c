"""Runs and judgements as tidy pandas data frames. pandas is imported when one is asked for, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paceline.baselines.judgement.verdicts import Judgement
from paceline.baselines.records import Case, Measured, Metric, NotMeasured, Run
from paceline.baselines.stats.samples import estimate, paired_speedup, percentiles
from paceline.reports.page.rows import complete_comparisons

if TYPE_CHECKING:
    import pandas

_CASE = ["model", "optimization", "device", "batch_size", "parameters"]
_METRIC = ["metric", "unit", "better", "rule"]
RUN_COLUMNS = [
    *["run", "revision", "started", *_CASE, *_METRIC, "measured", "estimate", "min", "p25", "p50", "p75", "max"],
    *["samples", "reference_samples", "speedup", "speedup_low", "speedup_high", "cause", "reason"],
]
"""Columns of :func:`run_frame`."""
SAMPLE_COLUMNS = ["run", *_CASE, "metric", "unit", "side", "place", "value"]
"""Columns of :func:`samples_frame`."""
JUDGEMENT_COLUMNS = [
    *["baseline", *_CASE, *_METRIC, "verdict", "base", "new", "ratio", "low", "high", "detectable", "worse", "reason"]
]
"""Columns of :func:`judgement_frame`."""


def run_frame(run: Run) -> pandas.DataFrame:
    """One row for each case and metric of ``run``: :data:`RUN_COLUMNS`.

    Values are in the metric's unit. A case that was not measured has no numbers, but its ``cause`` and ``reason``.
    ``speedup`` is over the eager reference that was timed around it, missing where there is none or no ratio.
    """
    import pandas

    start = {"run": run.id, "revision": run.revision, "started": run.started}
    rows = []
    for outcome in run.outcomes:
        row = {**start, **_case(outcome.case), **_metric(outcome.metric)}
        if isinstance(outcome, NotMeasured):
            row |= {"measured": False, "cause": outcome.cause.value, "reason": outcome.reason, "samples": 0}
            rows.append(row | {"reference_samples": 0})
        else:
            rows.append(row | {"measured": True, "cause": "", "reason": ""} | _numbers(outcome))
    return _typed(pandas.DataFrame(rows, columns=RUN_COLUMNS))


def samples_frame(run: Run) -> pandas.DataFrame:
    """One row for each sample of ``run``: :data:`SAMPLE_COLUMNS`.

    ``side`` is ``"new"`` or ``"reference"`` (eager, timed around it); ``place`` counts from 0 in the order of taking.
    """
    import pandas

    rows = []
    for outcome in run.outcomes:
        if isinstance(outcome, Measured):
            start = {"run": run.id, **_case(outcome.case), "metric": outcome.metric.name, "unit": outcome.metric.unit}
            for side, samples in (("new", outcome.samples), ("reference", outcome.reference_samples)):
                rows += [{**start, "side": side, "place": place, "value": one} for place, one in enumerate(samples)]
    return _typed(pandas.DataFrame(rows, columns=SAMPLE_COLUMNS))


def judgement_frame(judgement: Judgement, run: Run) -> pandas.DataFrame:
    """One row for each judged case and metric: :data:`JUDGEMENT_COLUMNS`. Ratios are new over base."""
    import pandas

    rows = [
        {
            "baseline": judgement.baseline,
            **_case(one.case),
            **_metric(one.metric),
            "verdict": one.verdict.value,
            **{name: getattr(one, name) for name in ("base", "new", "ratio", "low", "high", "detectable", "reason")},
            "worse": one.is_worse,
        }
        for one in complete_comparisons(judgement, run)
    ]
    frame = _typed(pandas.DataFrame(rows, columns=JUDGEMENT_COLUMNS))
    typed: pandas.DataFrame = frame.astype(
        dict.fromkeys(("base", "new", "ratio", "low", "high", "detectable"), "float64")
    )
    return typed


def _typed(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Batch sizes as integers that may be missing (a sweep has none), not as floats."""
    typed: pandas.DataFrame = frame.astype({"batch_size": "Int64"})
    return typed


def _case(case: Case) -> dict[str, Any]:
    return {
        "model": case.model,
        "optimization": case.optimization,
        "device": case.device,
        "batch_size": case.batch_size,
        "parameters": ",".join(f"{name}={value}" for name, value in case.parameters),
    }


def _metric(metric: Metric) -> dict[str, Any]:
    return {"metric": metric.name, "unit": metric.unit, "better": metric.better, "rule": metric.rule}


def _numbers(measured: Measured) -> dict[str, Any]:
    spread = percentiles(measured.samples)
    speedup = paired_speedup(measured.samples, measured.reference_samples, measured.metric.better)
    return {
        "estimate": estimate(measured.metric, measured.samples),
        "min": min(measured.samples),
        **{name: spread[name] for name in ("p25", "p50", "p75")},
        "max": max(measured.samples),
        "samples": len(measured.samples),
        "reference_samples": len(measured.reference_samples),
        "speedup": speedup.ratio,
        "speedup_low": speedup.low,
        "speedup_high": speedup.high,
    }
