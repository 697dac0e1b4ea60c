"""What a run set out to do and how far it came: what lets a cut run be gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Result = Literal["passed", "failed", "skipped"]
"""How pytest shows a test that ended."""
UNKNOWN = "(unknown)"
"""Among a plan's ``changes``, in place of the files' names: git did not tell them, for the reason that stands there."""


@dataclass(frozen=True)
class Plan:
    """What a run sets out to do, written before its first outcome.

    ``tests`` are the node ids of all tests that measure, in their order; ``settings`` those that decide what is
    measured and how, as JSON; ``changes`` the files in which the working tree differs from the revision, each with what
    its content is told apart by. ``save`` names the save that this run is one process of; it is empty elsewhere.
    """

    tests: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    changes: Mapping[str, str] = field(default_factory=dict)
    save: str = ""


@dataclass(frozen=True)
class Finished:
    """A test that ended, written after the last of its ``outcomes``; ``reason`` is what pytest says of one that did not
    pass."""

    test: str
    result: Result
    outcomes: int
    reason: str = ""


@dataclass(frozen=True)
class Part:
    """An earlier, cut run that a run goes on with: its id, when it started (ISO 8601 in UTC), and how many of the tests
    it had measured itself."""

    id: str
    started: str
    tests: int
