"""A stored baseline: what it keeps of each case and metric, and where its numbers came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from paceline.baselines.records.case import Case, Key, Keyed, Metric
from paceline.baselines.records.profile import Profile
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
    """What a baseline keeps of one case and metric: the estimate of each fresh process, and which save made it.

    ``counting`` is the label of the way that instructions were counted in; empty for what depends on the machine or on
    nothing. ``profile`` is where they went.
    """

    case: Case
    metric: Metric
    estimates: tuple[float, ...]
    save: int
    counting: str = ""
    profile: Profile | None = None

    @property
    def place(self) -> tuple[Key, str]:
        """What a baseline holds once: a case and metric, counted in one way."""
        return (self.key, self.counting)


@dataclass(frozen=True)
class Baseline:
    """What is committed to git: small, sorted, one line an entry. ``entries`` index into ``saves``.

    ``counting`` are the ways in which its instructions were counted, by label: one baseline may hold counts for several
    (:attr:`Fingerprint.counting`).
    """

    name: str
    fingerprint: Fingerprint
    saves: tuple[Save, ...]
    entries: tuple[Entry, ...]
    counting: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def counting_label(counting: Mapping[str, str]) -> str:
    """A short name for a way of counting, the same wherever it is made; empty for none."""
    if not counting:
        return ""
    text = json.dumps(dict(sorted(counting.items())))
    return hashlib.sha256(text.encode()).hexdigest()[:8]
