"""The name that was meant: what an error says of one that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LIKENESS = 0.5
"""Least likeness (difflib's ratio, from 0 to 1) of what may have been meant. A choice: at half, two slips in a short
name still find it, and a word of another kind finds nothing."""


def nearest(name: str, known: Iterable[str], likeness: float = LIKENESS) -> str | None:
    """The known name that is most like ``name``; ``None`` where none is at least ``likeness`` alike."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=likeness)), None)


def meant(name: str, known: Iterable[str]) -> str:
    """``"did you mean 'resnet18'?"``, or all that is known: ``"known: mlp, resnet18"``."""
    names = list(known)
    near = nearest(name, names)
    return f"known: {', '.join(names)}" if near is None else f"did you mean {near!r}?"
