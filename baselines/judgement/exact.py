"""How a metric is judged that does not scatter: any change beyond its tolerance is real."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from paceline.baselines.judgement.moved import moved
from paceline.baselines.judgement.verdicts import Comparison, Verdict, ratio_of
from paceline.baselines.records import Metric, Profile
from paceline.baselines.text.numbers import number, percent


def within_tolerance(metric: Metric, base: float, new: float) -> bool:
    """Whether an exact metric's change is no more than its tolerance, a fraction of ``base``.

    A base of zero tolerates nothing. The last bits of a double are never a change.
    """
    return abs(new - base) <= (metric.tolerance + 1e-12) * abs(base)


def differs(metric: Metric, estimates: Sequence[float]) -> bool:
    """Whether processes of one and the same code differ by more than a metric that does not scatter may."""
    return not metric.judging.scatters and not within_tolerance(metric, min(estimates), max(estimates))


def not_deterministic(undecided: Comparison, samples: Sequence[float]) -> Comparison:
    """The verdict on a metric that should not scatter and did, within one process: its spread, and no judgement."""
    metric, low, high = undecided.metric, min(samples), max(samples)
    spread = f" ({100 * (high / low - 1):.2g} %)" if low > 0 else ""
    reason = (
        f"it came out between {number(low)} and {number(high)}{spread} within one process, and its tolerance is "
        f"{100 * metric.tolerance:.3g} %: a timer, randomness or a choice made at run time decides how much is done"
    )
    return dataclasses.replace(undecided, verdict=Verdict.NOT_DETERMINISTIC, reason=reason)


def with_moved(judged: Comparison, base: Profile | None, new: Profile | None) -> Comparison:
    """What is convicted, with where its instructions went before and go now."""
    is_convicted = judged.verdict in (Verdict.REGRESSED, Verdict.IMPROVED)
    return (
        dataclasses.replace(judged, moved=moved(base, new, are_cut=True)) if is_convicted and base and new else judged
    )


def judge_exact(undecided: Comparison, base: float, new: float) -> Comparison:
    """The verdict on a metric that does not scatter: any change beyond its tolerance is real."""
    metric = undecided.metric
    ratio = ratio_of(base, new)
    judged = dataclasses.replace(undecided, ratio=ratio, detectable=metric.tolerance)
    tolerance = f"{100 * metric.tolerance:.3g} %"
    if new == base:
        return dataclasses.replace(judged, verdict=Verdict.UNCHANGED, reason=f"{number(new)}, exactly as before")
    change = f"{percent(ratio)} %, " if ratio is not None else ""
    values = f"{change}{number(base)} → {number(new)}"
    if within_tolerance(metric, base, new):
        return dataclasses.replace(
            judged, verdict=Verdict.UNCHANGED, reason=f"{values}: within its tolerance of {tolerance}"
        )
    is_worse = metric.direction.is_worse(new - base)
    return dataclasses.replace(
        judged,
        verdict=Verdict.REGRESSED if is_worse else Verdict.IMPROVED,
        reason=f"{values}: beyond its tolerance of {tolerance}, and this does not scatter",
    )
