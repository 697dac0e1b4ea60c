"""The entry point: reads the arguments, runs one command, and turns errors into a line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from paceline.baselines.files.atomic import BaselineError
from paceline.reports.command import EXIT_CODES, USAGE_ERROR
from paceline.reports.command.compare import COMPARE
from paceline.reports.command.console import complain
from paceline.reports.command.frame import FRAME
from paceline.reports.command.list import LIST
from paceline.reports.command.matrix import MATRIX
from paceline.reports.command.render import RENDER

COMMANDS = (RENDER, COMPARE, LIST, FRAME, MATRIX)
"""Every command, in the order of the help."""
_DESCRIPTION = "Render stored runs again, compare them, or hand their numbers out."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Errors go to standard error, one line each."""
    options = _parser().parse_args(arguments)
    options.arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader (head, less) has seen enough; without this Python complains again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except BaselineError as error:
        complain(error)
        return USAGE_ERROR
    except OSError as error:  # of standard output itself: everything else names its path
        complain(f"cannot write to standard output: {error.strerror or error}")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return USAGE_ERROR
    return code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"{self.format_usage()}{self.prog}: error: {message} (--help explains)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m paceline.reports", description=_DESCRIPTION, epilog=EXIT_CODES)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for command in COMMANDS:
        one = commands.add_parser(
            command.name,
            help=command.help,
            description=command.description,
            usage=command.usage,
            epilog=command.epilog,
        )
        command.add_arguments(one)
        one.set_defaults(run=command.run)
    return parser
