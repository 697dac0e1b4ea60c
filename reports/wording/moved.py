"""Where counted instructions moved, in words: lines of Python first, since people can open them."""

from __future__ import annotations

from collections.abc import Sequence

from paceline.baselines.judgement.moved import Change, LineChange, Moved
from paceline.reports.wording.quantities import MISSING, quantity

MOST_LINES, MOST_FUNCTIONS = 3, 2
"""Of a sentence in an output with little room."""


def moved_sentences(moved: Moved | None) -> tuple[str, ...]:
    """The foremost changes, a sentence each; none where nothing is known to have moved."""
    if moved is None:
        return ()
    lines = [f"at {place(one)}: {one.line.text} ({steps(one)})" for one in moved.lines[:MOST_LINES]]
    operators = [f"within {one.name}: {instructions(one)}" for one in moved.operators[:MOST_FUNCTIONS]]
    functions = [f"in {one.name}: {instructions(one)}" for one in moved.functions[:MOST_FUNCTIONS]]
    return (*lines, *operators, *functions)


def place(change: LineChange) -> str:
    """``"bench/test_probe.py:15, Stream.forward"``."""
    return f"{change.line.file}:{change.line.number}, {change.line.function}"


def steps(change: LineChange) -> str:
    """How often the line ran and runs: ``"operators 100 → 101, bytecodes 820 → 828"``."""
    counted = [("operators", change.operators), ("bytecodes", change.bytecodes)]
    return ", ".join(f"{name} {_before_after(change, name)}" for name, difference in counted if difference)


def _before_after(change: LineChange, name: str) -> str:
    both: Sequence[int | None] = [
        None if line is None else getattr(line, name) for line in (change.before, change.after)
    ]
    return " → ".join(MISSING if value is None else f"{value:,}" for value in both)


def instructions(change: Change) -> str:
    """``"+1.2 k instructions (33.1 k → 34.3 k instructions)"``."""
    sign = "+" if change.difference > 0 else "\u2212"
    before, after = (quantity(value, "instructions") for value in (change.before, change.after))
    return f"{sign}{quantity(abs(change.difference), 'instructions')} ({before} → {after})"
