"""``python -m paceline.reports``: render stored runs again, compare them, or hand their numbers out. Needs no torch.

A module for each command, and what a command is.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

USAGE_ERROR = 4
"""The exit code of bad input, as pytest means it."""
EXIT_CODES = (
    "exit codes of compare: 0 passed, 10 regressed, 11 could not decide, 12 nothing was measured; "
    "of matrix: 1 a fault or an absent cell; of all: 4 bad input or arguments"
)
"""Stands below the help."""


@dataclass(frozen=True)
class Command:
    """One command: ``help`` stands in the list of commands, ``description`` in its own help, as do ``usage`` and
    ``epilog`` where they are given. ``run`` returns the exit code and may raise
    :class:`~paceline.baselines.files.atomic.BaselineError`."""

    name: str
    help: str
    description: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    usage: str | None = None
    epilog: str | None = None
