"""A run: what was measured, on which machine, of which code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from paceline.baselines.records.outcome import Note, Outcome
from paceline.baselines.records.progress import Finished, Part, Plan


@dataclass(frozen=True)
class Fingerprint:
    """The machine and the software a run was made on.

    ``key`` holds the few fields that decide which baseline applies (CPU model, core count, GPU models, torch's
    major.minor, threads); ``details`` everything else that is recorded (driver, kernel, governor, packages, …).
    ``counting`` are the fields that counted instructions depend on (the instruction set that valgrind offers, valgrind,
    interpreter, libraries), and never the machine's model; empty where none were counted.
    """

    key: Mapping[str, str]
    details: Mapping[str, str] = field(default_factory=dict)
    counting: Mapping[str, str] = field(default_factory=dict)

    def differences(self, other: Fingerprint) -> tuple[Difference, ...]:
        """Every recorded field in which ``other`` differs from this one, key fields first, then by name."""
        in_key = differing(self.key, other.key, in_key=True)
        return (*in_key, *differing(self.details, other.details, in_key=False))


@dataclass(frozen=True)
class Difference:
    """One fingerprint field that differs; ``None`` where a side did not record it."""

    field: str
    base: str | None
    new: str | None
    in_key: bool


def differing(base: Mapping[str, str], new: Mapping[str, str], *, in_key: bool) -> tuple[Difference, ...]:
    """The fields in which two parts of fingerprints differ, by name."""
    return tuple(
        Difference(name, base.get(name), new.get(name), in_key)
        for name in sorted(base.keys() | new.keys())
        if base.get(name) != new.get(name)
    )


@dataclass(frozen=True)
class Run:
    """Exactly what a run file holds, samples included, so that every estimate can be computed again.

    ``selection`` is what was asked to run (tier, node ids, ``-k``, axis options): two runs of one selection cover the
    same cases, so a case missing from one of them is gone, not merely deselected. ``started`` is ISO 8601 in UTC.
    ``revision`` is empty where git tells none. ``profile_s`` splits the wall time by phase, in seconds; in a run
    that was resumed it is that of the last part, and ``resumes`` are the parts before. ``plan`` says what the run set
    out to do, ``finished`` which tests have all their outcomes here, in the order of ``outcomes``; an A/B has neither.
    """

    id: str
    fingerprint: Fingerprint
    revision: str
    dirty: bool
    started: str
    selection: Mapping[str, str]
    complete: bool
    outcomes: tuple[Outcome, ...]
    profile_s: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    resumes: tuple[Part, ...] = ()
    plan: Plan | None = None
    finished: tuple[Finished, ...] = ()
