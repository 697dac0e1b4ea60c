"""How a known regression is said, and the entry that would make one of what blocks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal

from paceline.baselines.files.acknowledgement_file import ROUNDING, Acknowledged, entry_text
from paceline.baselines.judgement.verdicts import Comparison, Verdict
from paceline.baselines.records import Run

DAYS = 30
"""For which a suggested entry holds."""


def said(acknowledged: Acknowledged | None) -> str:
    """``"acknowledged until 2027-01-31 by ada: the head is wider (revision 0123abc; allowed: 0 % to +9 %)"``; empty
    where there is no entry."""
    if acknowledged is None:
        return ""
    entry = acknowledged.entry
    low, high = entry.allowed
    by = f"by {entry.by}: {entry.reason} (revision {entry.revision}"
    if acknowledged.state == "holds":
        return f"acknowledged until {entry.until} {by}; allowed: {low} to {high})"
    if acknowledged.state == "outside":
        return f"acknowledged only from {low} up to {high}, until {entry.until} {by})"
    return f"no longer acknowledged: that expired on {entry.until}; it was {by})"


def suggest_entries(comparisons: Iterable[Comparison], run: Run, today: date) -> tuple[str, ...]:
    """For each comparison that an entry could unblock, and that has none yet, that entry's TOML.

    It allows a change between none and the worse end of the interval (of what does not scatter, the change itself),
    rounded up to two digits, for :data:`DAYS` days. What only a person knows is left empty: who and why, and the
    revision where the tree had changes. An entry with an empty text is refused.
    """
    revision = "" if run.dirty else run.revision[:12]
    return tuple(_suggested(one, revision, today) for one in comparisons if _can_be_acknowledged(one))


def _can_be_acknowledged(one: Comparison) -> bool:
    is_worse = one.verdict in (Verdict.REGRESSED, Verdict.SUSPECT) and one.is_worse is True
    return is_worse and one.acknowledgement is None


def _suggested(one: Comparison, revision: str, today: date) -> str:
    ratios = [ratio for ratio in (one.low, one.ratio, one.high) if ratio is not None and math.isfinite(ratio)]
    direction = one.metric.direction
    low, high = direction.up_to(_rounded_up(max(direction.for_the_worse(ratio - 1) for ratio in ratios)))
    return entry_text(
        case=one.case.id,
        metric=one.metric.name,
        low=low,
        high=high,
        revision=revision,
        reason="",
        by="",
        until=today + timedelta(days=DAYS),
    )


def _rounded_up(fraction: float) -> float:
    """To two digits of the percentage: 0.1623 is 0.17, 0.00312 is 0.0032."""
    value = Decimal(str(round(max(fraction, 0.0), -round(math.log10(ROUNDING)))))
    if not value:
        return 0.0
    step = Decimal(1).scaleb(value.adjusted() - 1)
    return float((value / step).to_integral_value(ROUND_CEILING) * step)
