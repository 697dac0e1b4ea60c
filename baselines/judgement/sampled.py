"""How a metric that scatters is judged against stored processes: by the noise between them, which raises suspicion.

:mod:`paceline.baselines.ab` judges it by the epochs of an A/B.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from paceline.baselines.judgement.bands import resolved_band
from paceline.baselines.judgement.verdicts import Comparison, Policy, Verdict, ratio_of
from paceline.baselines.stats.process_noise import Prior, Suspicion, moderated, suspicion
from paceline.baselines.text.numbers import percent


def judge_sampled(
    undecided: Comparison, estimates: Sequence[float], new: float, prior: Prior, policy: Policy, name: str
) -> Comparison:
    """The verdict of the stored screen on a metric that scatters: suspect, or no change seen.

    ``estimates`` are those of the stored processes, ``prior`` tells how cases of the metric scatter in the baseline
    ``name``. Inconclusive where an estimate gives no ratio, or a single process does not tell how much they scatter.
    """
    if min(*estimates, new) <= 0:
        unit = undecided.metric.unit
        reason = f"an estimate is {min(*estimates, new):g} {unit}, so that there is no ratio"
        return dataclasses.replace(undecided, reason=reason)
    if len(estimates) < 2:
        reason = (
            "the baseline has one process of this, so how much processes differ is unknown; "
            f"--pace-save {name} saves five fresh ones"
        )
        return dataclasses.replace(undecided, ratio=ratio_of(estimates[0], new), reason=reason)
    band = resolved_band(undecided.case, undecided.metric, estimates, policy)
    found = suspicion(
        moderated(estimates, prior),
        new,
        undecided.metric.better,
        band=band,
        alpha=policy.alpha,
        confidence=policy.confidence,
        power=policy.power,
    )
    return dataclasses.replace(
        undecided,
        ratio=found.ratio,
        low=found.low,
        high=found.high,
        detectable=found.detectable,
        verdict=Verdict.SUSPECT if found.is_suspect else Verdict.NO_CHANGE_SEEN,
        reason=_reason(found, band, policy),
    )


def _reason(found: Suspicion, band: float, policy: Policy) -> str:
    change = f"{percent(found.ratio)} % ({percent(found.low)} … {percent(found.high)} %)"
    usual = f"{percent(found.usual_low)} … {percent(found.usual_high)} %"
    would = f"would have found ≥ {100 * found.detectable:.1f} %"
    if found.is_suspect:
        return (
            f"{change} lies beyond the {100 * band:.3g} % band and what unchanged code does ({usual}); {would}; "
            "only an A/B in one session can convict"
        )
    if found.is_beyond_noise:
        return f"{change} is more than chance but within the {100 * band:.3g} % band; {would}"
    return f"{change} is what unchanged code does ({usual} in {100 * (1 - policy.alpha):g} of 100 runs); {would}"
