"""What a comparison can say, and which of it blocks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from paceline.baselines.files.acknowledgement_file import Acknowledged
from paceline.baselines.judgement.moved import Moved
from paceline.baselines.records import Case, Difference, Fingerprint, Keyed, Metric, Note, Save
from paceline.baselines.records.side_changes import SideChanges

Stage = Literal["stored", "screen", "confirmation"]
"""What a comparison rests on: a stored baseline, the few epochs of an A/B's screen, or those of its confirmation."""


class Verdict(str, Enum):
    """The possible ends of a comparison, in the order in which they need a person. None of them may be merged into
    another when shown."""

    REGRESSED = "regressed"
    SUSPECT = "suspect"
    """Beyond the noise of a stored baseline; only a same-session A/B can convict."""
    INCONCLUSIVE = "inconclusive"
    NOT_MEASURED = "not measured"
    NOT_DETERMINISTIC = "not deterministic"
    """What should be the same in every call is not: shown with its spread, and not judged."""
    GONE = "gone"
    REFUSED = "refused"
    """The baseline was made on another kind of machine, or its instructions were counted in another way; the reason
    names the fields."""
    IMPROVED = "improved"
    NO_CHANGE_SEEN = "no change seen"
    """Nothing found; says what could have been found."""
    UNCHANGED = "unchanged"
    """Proven: the whole interval lies in the band."""
    NO_BASELINE = "no baseline"


ORDER: Mapping[Verdict, int] = {verdict: place for place, verdict in enumerate(Verdict)}
"""The place of each verdict: first those that are bad or leave something open, then what was found, then what is
quiet."""


@dataclass(frozen=True)
class Comparison(Keyed):
    """One case and metric held against its baseline.

    ``base`` and ``new`` are the point estimates in the metric's unit. ``ratio`` is new over base, and ``low`` and
    ``high`` its interval at the policy's confidence; a ratio above 1 of a time is slower. ``detectable`` is the
    smallest change (a fraction: 0.08 is 8 %) that would have been found with the policy's power. What does
    not exist is ``None``; as long as nothing judged it, it is inconclusive.

    Of an A/B, ``epochs`` are the effects of its epochs (natural logarithms of new over base, in their order), ``ratio``
    is their Hodges-Lehmann estimate, and ``base_estimates`` and ``new_estimates`` are those of each epoch, with
    ``base`` and ``new`` as their medians. ``epochs_needed`` is about how many fresh ones would decide what is open.
    ``acknowledgement`` is what a known regression's entry means for it, and ``save`` the one that the baseline's value
    is from. ``moved`` tells where counted instructions moved, of what they convict.
    """

    case: Case
    metric: Metric
    base: float | None = None
    new: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    detectable: float | None = None
    verdict: Verdict = Verdict.INCONCLUSIVE
    reason: str = ""
    base_estimates: tuple[float, ...] = ()
    new_estimates: tuple[float, ...] = ()
    notes: tuple[Note, ...] = ()
    epochs: tuple[float, ...] = ()
    stage: Stage = "stored"
    epochs_needed: int | None = None
    acknowledgement: Acknowledged | None = None
    save: Save | None = None
    moved: Moved | None = None

    @property
    def is_acknowledged(self) -> bool:
        """Whether it is a known regression that an entry allows today."""
        return self.acknowledgement is not None and self.acknowledgement.state == "holds"

    @property
    def is_worse(self) -> bool | None:
        """Whether the change goes in the metric's bad direction; ``None`` where there is no ratio or no change."""
        if self.ratio is None or self.ratio == 1:
            return None
        return self.metric.direction.is_worse(self.ratio - 1)


def severity(comparison: Comparison) -> tuple[object, ...]:
    """Sorts what needs a person first, everywhere: by verdict (:data:`ORDER`); of one verdict the largest change for
    the worse first and the largest for the better last; then by case and metric."""
    moved = abs(comparison.ratio - 1) if comparison.ratio is not None else 0.0
    signed = -moved if comparison.is_worse else moved
    return (ORDER[comparison.verdict], signed, comparison.key.sort_key)


def ratio_of(base: float, new: float) -> float | None:
    """New over base; ``None`` where it says nothing (zero, opposite signs) or is no finite number."""
    ratio = new / base if base else 0.0
    return ratio if 0 < ratio < math.inf else None


@dataclass(frozen=True)
class Policy:
    """The thresholds of a judgement. Fractions, not percent.

    ``band``: a smaller change than this is of no interest. ``alpha``: chance that an unchanged case is called suspect
    by the stored screen. ``confidence``: of the intervals shown. ``power``: with which ``detectable`` is promised.
    ``blocks``: the verdicts that fail a gate; a suspect blocks only in the bad direction, a case that is unmeasured or
    not deterministic only where the baseline has a value. ``bands`` overrides ``band`` by glob pattern over the case's
    id, first match wins.
    """

    band: float = 0.02
    alpha: float = 0.01
    confidence: float = 0.95
    power: float = 0.8
    blocks: frozenset[Verdict] = frozenset(
        {
            Verdict.REGRESSED,
            Verdict.SUSPECT,
            Verdict.INCONCLUSIVE,
            Verdict.NOT_MEASURED,
            Verdict.NOT_DETERMINISTIC,
            Verdict.GONE,
            Verdict.REFUSED,
        }
    )
    bands: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """A run held against a baseline: every comparison, and what was compared with what.

    ``baseline`` is empty where there was none; ``counts`` is that of the instructions where it is another one. ``save``
    is the newest save of the baseline; a comparison names its own. ``not_selected`` counts entries of the baseline that
    this run was not asked to measure (never called gone). ``notes`` are what the comparisons say as a whole.
    ``acknowledged_in`` names the file of known regressions, empty where nobody looked. ``changes`` are what differs
    between the sides of an A/B, ``unreached`` the tests that it was asked for and that its working tree's side never
    came to.
    """

    comparisons: tuple[Comparison, ...]
    policy: Policy
    fingerprint: Fingerprint
    baseline: str = ""
    save: Save | None = None
    differences: tuple[Difference, ...] = ()
    not_selected: int = 0
    notes: tuple[Note, ...] = ()
    acknowledged_in: str = ""
    changes: SideChanges | None = None
    unreached: tuple[str, ...] = ()
    counts: str = ""
