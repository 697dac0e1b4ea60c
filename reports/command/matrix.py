"""``matrix``: write models by optimizations, every cell with its number or its reason."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from paceline.baselines.files.atomic import write_atomically
from paceline.baselines.files.run_file import read_run
from paceline.reports.command import Command
from paceline.reports.command.console import say
from paceline.reports.outputs.matrix import render_matrix
from paceline.reports.page.matrix import build_matrix
from paceline.reports.wording.quantities import count


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_files", metavar="RUN", type=Path, nargs="+", help="run files (.jsonl)")
    parser.add_argument("--output", metavar="PATH", type=Path, required=True, help="the file to write")
    parser.add_argument(
        "--partial", action="store_true", help="show cells that are in no run as absent, instead of refusing"
    )
    for name in ("models", "optimizations"):
        parser.add_argument(
            f"--{name}", metavar="A,B", type=_names, default=(), help=f"{name} that must be there, in a run or not"
        )


def _run(options: argparse.Namespace) -> int:
    runs = [read_run(path) for path in options.run_files]
    matrix = build_matrix(
        runs, models=options.models, optimizations=options.optimizations, partial=options.partial
    )  # fmt: skip
    command = shlex.join(["python", "-m", "paceline.reports", *options.arguments])
    write_atomically(options.output, render_matrix(matrix, command))
    say(f"{count(len(matrix.every), 'cell')} in {options.output}: {matrix.counted}")
    return matrix.exit_code


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise argparse.ArgumentTypeError("expected names separated by commas")
    return names


MATRIX = Command(
    "matrix",
    "write models by optimizations, every cell with its number or its reason",
    "Write a Markdown document with every cell of models by optimizations: measured, not applicable, unsupported, or a "
    "fault, with its reason. Each run may hold a part; of two the later one counts.",
    _add_arguments,
    _run,
)
