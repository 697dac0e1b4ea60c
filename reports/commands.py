"""The commands a reader needs next: measure these cases again, or accept what changed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from paceline.baselines.records import Case

DEFAULT_COMMAND = "pytest suites/"
_MOST_CASES = 25
_LONGEST = 4000
"""Beyond either, naming the cases makes a command nobody can read: the whole suite is run instead."""
_FRAGMENT = re.compile(r"[\w+.\-/]+", re.ASCII)
_RESERVED = frozenset({"and", "or", "not", "True", "False", "None"})


def keyword(case: Case) -> str:
    """A ``-k`` expression that matches the case's pytest id (and perhaps a few more, never fewer).

    Names with characters that the expression's grammar does not know are matched by their legal fragments.
    """
    batch = [] if case.batch_size is None else [f"b{case.batch_size}"]
    name = "-".join([case.model, case.optimization, case.device, *batch])
    fragments = [part for part in _FRAGMENT.findall(name) if part not in _RESERVED]
    return " and ".join(dict.fromkeys(fragments))


def rerun(cases: Iterable[Case], command: str = "") -> str:
    """The command that measures ``cases`` again, quoted for a POSIX shell.

    ``command`` is how the run was started (``pytest suites/`` where unknown); of two ``-k`` pytest takes the last.
    """
    start = command or DEFAULT_COMMAND
    unique = dict.fromkeys(keyword(case) for case in cases)
    if not unique or "" in unique or len(unique) > _MOST_CASES:
        return start
    expressions = [f"({one})" if " and " in one and len(unique) > 1 else one for one in unique]
    said = " or ".join(expressions)
    return f"{start} -k {shlex.quote(said)}" if len(said) <= _LONGEST else start


def accept(cases: Iterable[Case], baseline: str, command: str = "") -> str:
    """The command that saves ``cases`` into ``baseline`` with a written reason, quoted for a POSIX shell."""
    reason = shlex.quote("why this change is wanted")
    return f"{rerun(cases, command)} --pace-save {shlex.quote(baseline)} --pace-reason {reason}"
