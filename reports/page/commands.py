"""The commands a reader needs next: measure these cases again, or accept what changed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from paceline.baselines.files.resume import taken
from paceline.baselines.records import Key, Run
from paceline.baselines.records.selection import arguments

DEFAULT_COMMAND = "pytest"
MOST_TESTS = 25
"""Naming more makes a command that nobody can read: the whole run is repeated instead."""
_AXES = ("tier", "models", "optimizations", "devices", "batch_sizes")
_AMOUNTS = {"measure_s": "--pace-seconds", "threads": "--pace-threads"}
_EXPRESSIONS = {"keyword": "-k", "markers": "-m"}


@dataclass(frozen=True)
class CommandLine:
    """How a run was started, as far as measuring some of it again needs it.

    ``arguments`` choose all of its tests; ``tests`` hold for a case and metric what chooses the one test that measured
    it. ``options`` are the rest, without those that save, report or resume.
    """

    arguments: tuple[str, ...]
    options: tuple[str, ...]
    tests: Mapping[Key, str]


def command_line_of(run: Run) -> CommandLine:
    """What a run's file tells of its command line, as it would be typed in the project's root directory.

    Which test measured a case is not known of an A/B, nor where the tests were named by packages (``--pyargs``).
    """
    said, amounts = run.selection, run.plan.settings if run.plan else {}
    options = [f"--pace-{name.replace('_', '-')}={said[name]}" for name in _AXES if said.get(name)]
    options += [f"{option}={amounts[name]}" for name, option in _AMOUNTS.items() if name in amounts]
    options += [f"--{option}" for name, option in (("cold", "pace-cold"), ("pyargs", "pyargs")) if said.get(name)]
    expressions = [word for name, option in _EXPRESSIONS.items() if said.get(name) for word in (option, said[name])]
    tests = {one.key: finished.test for finished, outcomes in taken(run) for one in outcomes}
    return CommandLine((*arguments(said), *expressions), tuple(options), {} if said.get("pyargs") else tests)


def rerun(measured: Iterable[Key], line: CommandLine) -> str:
    """The command that runs the tests again that measured these cases and metrics, quoted for a POSIX shell.

    What no test is known of is left out; where nothing else is left, and of more than :data:`MOST_TESTS` tests, it is
    the whole run.
    """
    tests = list(dict.fromkeys(line.tests[one] for one in measured if one in line.tests))
    if not 0 < len(tests) <= MOST_TESTS or not all(map(str.isprintable, tests)):
        return whole(line)
    # A path may begin with what pytest takes for an option, or for a file of options.
    return shlex.join([DEFAULT_COMMAND, *(f"./{test}" if test[0] in "-@" else test for test in tests), *line.options])


def whole(line: CommandLine) -> str:
    """The command that repeats a whole run, quoted for a POSIX shell."""
    return shlex.join([DEFAULT_COMMAND, *line.arguments, *line.options])


def accept(measured: Iterable[Key], baseline: str, line: CommandLine) -> str:
    """The command that saves what these cases and metrics are now into ``baseline``, with a written reason, quoted for
    a POSIX shell."""
    reason = shlex.quote("why this change is wanted")
    return f"{rerun(measured, line)} --pace-save {shlex.quote(baseline)} --pace-reason {reason}"
