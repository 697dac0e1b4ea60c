"""How a metric is judged: one object for each way, chosen by the metric's ``rule``, the name of the way in files.

Nothing else reads that name. Algorithms stand elsewhere: they ask the object, as
:func:`paceline.baselines.stats.samples.estimate` does, or are chosen by it, in
:data:`paceline.baselines.stored.compare.JUDGES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Rule = Literal["sampled", "exact", "shown"]
"""The names of the ways of judging in files."""


@dataclass(frozen=True)
class Judging:
    """One way of judging.

    ``is_judged``: its values are compared, stored in baselines and can fail a gate. ``scatters``: repetition gives
    other values, so that statistics judge them. Then fresh processes may differ, an A/B takes several epochs, whose
    effects it tests, and the analysers of timing look at the samples; else any change beyond the metric's tolerance is
    real. ``significant_digits`` are those that a baseline keeps of an estimate; ``None`` keeps them all.
    """

    rule: Rule
    is_judged: bool
    scatters: bool
    significant_digits: int | None

    def epochs(self, several: int) -> int:
        """How many epochs an A/B must have to judge: ``several`` of what scatters."""
        return several if self.scatters else 1

    def shortened(self, estimate: float) -> float:
        """An estimate as a baseline keeps it."""
        digits = self.significant_digits
        return float(estimate) if digits is None else float(f"{estimate:.{digits}g}")


SIGNIFICANT_DIGITS = 6
"""Of a sampled estimate: a hundred times finer than anything that is judged."""
SAMPLED = Judging("sampled", is_judged=True, scatters=True, significant_digits=SIGNIFICANT_DIGITS)
"""Time, resident memory."""
EXACT = Judging("exact", is_judged=True, scatters=False, significant_digits=None)
"""Size, parameters: any change is real, so that every digit is kept."""
SHOWN = Judging("shown", is_judged=False, scatters=False, significant_digits=SIGNIFICANT_DIGITS)
"""It informs, and decides nothing."""
JUDGINGS: Mapping[Rule, Judging] = {one.rule: one for one in (SAMPLED, EXACT, SHOWN)}
"""The ways of judging, by their names."""
