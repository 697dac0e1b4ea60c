"""Where two profiles differ: which functions, operators and lines of Python do more than before, or less."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import PurePosixPath

from paceline.baselines.records.profile import Line, Place, Profile

MOST = 12
BYTECODES_OF_AN_OPERATOR = 100
"""A choice: an operator weighs as much as this many bytecodes, for it passes through the dispatcher before it computes
anything."""
LIBRARIES = frozenset({"numpy", "torch", "torchvision"})
"""Top folders that are never the project's own."""


@dataclass(frozen=True)
class Change:
    """A function or operator, and its instructions a call in both profiles; ``None`` where a profile does not have it,
    be it that it did not run or was too small."""

    name: str
    before: float | None
    after: float | None

    @property
    def difference(self) -> float:
        """Instructions a call that came; negative where they went."""
        return (self.after or 0) - (self.before or 0)


@dataclass(frozen=True)
class LineChange:
    """A line of Python in both profiles; ``None`` where a profile does not have it."""

    before: Line | None
    after: Line | None

    @property
    def line(self) -> Line:
        """The line as it is now, or was."""
        found = self.after or self.before
        assert found is not None, "a change is of a line"
        return found

    @property
    def bytecodes(self) -> int:
        """Bytecodes a call that came; negative where they went."""
        return _count(self.after, "bytecodes") - _count(self.before, "bytecodes")

    @property
    def operators(self) -> int:
        """Operators a call that came; negative where they went."""
        return _count(self.after, "operators") - _count(self.before, "operators")


@dataclass(frozen=True)
class Moved:
    """What differs between two profiles, the largest difference first."""

    functions: tuple[Change, ...] = ()
    operators: tuple[Change, ...] = ()
    lines: tuple[LineChange, ...] = ()


def moved(
    base: Profile,
    new: Profile,
    most: int = MOST,
    libraries: Collection[str] = LIBRARIES,
    *,
    are_cut: bool = False,
) -> Moved:
    """What differs from ``base`` to ``new``: at most ``most`` functions, operators and lines each.

    Functions and operators are ordered by their difference in instructions. Lines are ordered by their difference in
    bytecodes, with :data:`BYTECODES_OF_AN_OPERATOR` for each operator; of equal ones, those outside the standard
    library and ``libraries`` come first, since a library's lines move only because the project's do. A line is the same
    if its file, function and text are, wherever it stands; where a function has a text several times, they are taken in
    their order. Where the profiles ``are_cut``, what one of them lacks may be in it all the same, as large as the
    smallest that it has: no more than that is no change.
    """
    return Moved(
        _changes(base.functions, new.functions, are_cut)[:most],
        _changes(base.operators, new.operators, are_cut)[:most],
        _line_changes(base.lines, new.lines, libraries)[:most],
    )


def _changes(base: Iterable[Place], new: Iterable[Place], are_cut: bool) -> tuple[Change, ...]:
    before, after = ({place.name: place.instructions for place in places} for places in (base, new))
    changes = (Change(name, before.get(name), after.get(name)) for name in before.keys() | after.keys())
    unseen = max(min(before.values(), default=0.0), min(after.values(), default=0.0)) if are_cut else 0.0
    return tuple(
        sorted(
            (change for change in changes if change.difference and _is_known(change, unseen)),
            key=lambda change: (-abs(change.difference), change.name),
        )
    )


def _is_known(change: Change, unseen: float) -> bool:
    is_one_sided = change.before is None or change.after is None
    return not is_one_sided or abs(change.difference) > unseen


def _line_changes(base: Iterable[Line], new: Iterable[Line], libraries: Collection[str]) -> tuple[LineChange, ...]:
    before, after = _by_text(base), _by_text(new)
    changes = (
        LineChange(old, now)
        for key in before.keys() | after.keys()
        for old, now in zip_longest(before.get(key, ()), after.get(key, ()))
    )

    def order(change: LineChange) -> tuple[int, bool, str, int, str]:
        weight = abs(change.bytecodes) + BYTECODES_OF_AN_OPERATOR * abs(change.operators)
        line = change.line
        return -weight, _is_library(line.file, libraries), line.file, line.number, line.text

    return tuple(sorted((change for change in changes if change.bytecodes or change.operators), key=order))


def _by_text(lines: Iterable[Line]) -> Mapping[Hashable, Sequence[Line]]:
    found: dict[Hashable, list[Line]] = defaultdict(list)
    for line in sorted(lines, key=lambda line: line.number):
        found[line.file, line.function, line.text].append(line)
    return found


def _is_library(file: str, libraries: Collection[str]) -> bool:
    """Whether a line is known to be a library's, or of code that has no file."""
    path = PurePosixPath(file)
    is_standard = len(path.parts) == 1 and path.stem in sys.stdlib_module_names
    return is_standard or file.startswith("<") or path.parts[:1] in {(name,) for name in libraries}


def _count(line: Line | None, name: str) -> int:
    value: int = 0 if line is None else getattr(line, name)
    return value
