"""A stored baseline: what it keeps of each case and metric, and where its numbers came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from paceline.baselines.records.case import Case, Keyed, Metric
from paceline.baselines.records.run import Fingerprint


@dataclass(frozen=True)
class Save:
    """One act of saving into a baseline: where its numbers came from, by whom and why."""

    revision: str
    dirty: bool
    saved: str
    by: str
    reason: str
    runs: tuple[str, ...]
    selection: Mapping[str, str]

    @property
    def can_be_rebuilt(self) -> bool:
        """Whether the code that was measured can be had again (a clean tree at a known revision)."""
        return bool(self.revision) and not self.dirty


@dataclass(frozen=True)
class Entry(Keyed):
    """What a baseline keeps of one case and metric: the estimate of each fresh process, and which save made it."""

    case: Case
    metric: Metric
    estimates: tuple[float, ...]
    save: int


@dataclass(frozen=True)
class Baseline:
    """What is committed to git: small, sorted, one line an entry. ``entries`` index into ``saves``."""

    name: str
    fingerprint: Fingerprint
    saves: tuple[Save, ...]
    entries: tuple[Entry, ...]
