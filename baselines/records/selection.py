"""What a run was asked for, as its file holds it: plain strings by name, paths and node ids seen from the root."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

EXPRESSIONS = ("keyword", "markers")
"""Each narrows what the rest of a selection names."""
_OTHERWISE = {"args", "deselected", *EXPRESSIONS}


def arguments(selection: Mapping[str, str]) -> tuple[str, ...]:
    """The paths and node ids that were named."""
    args = selection.get("args", "")
    try:
        return tuple(shlex.split(args))
    except ValueError:
        # Before they were quoted, a name could hold a quotation mark as it is.
        return tuple(args.split())


def asks_for_all_of(selection: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether a run of ``selection`` measures every case that one of ``other`` does, as long as the code has it.

    What spans the cases (tier, models, devices …) must be the same, since neither choice need contain the other. Paths
    and node ids may be wider, and an expression (``-k``, ``-m``) may be there or not. How many tests were deselected is
    left aside.
    """
    names = (selection.keys() | other.keys()) - _OTHERWISE
    is_dotted = "pyargs" in selection
    return (
        all(selection.get(name) == other.get(name) for name in names)
        and all(selection.get(name, "") in ("", other.get(name)) for name in EXPRESSIONS)
        and all(
            any(_contains(whole, part, is_dotted) for whole in arguments(selection) or (".",))
            for part in arguments(other) or (".",)
        )
    )


def _contains(whole: str, part: str, is_dotted: bool) -> bool:
    """Whether a path, a dotted name (as ``--pyargs`` takes it) or a node id contains another one."""
    if whole == "." and not is_dotted:
        return not part.startswith("..")
    return part == whole or part.startswith(tuple(whole + end for end in ("/", "::", "[", *["."] * is_dotted)))
