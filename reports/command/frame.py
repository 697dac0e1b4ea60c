"""``frame``: write a run's numbers as CSV."""

from __future__ import annotations

import argparse
from pathlib import Path

from paceline.baselines.files.atomic import write_atomically
from paceline.baselines.files.run_file import read_run
from paceline.reports.command import Command
from paceline.reports.command.console import say
from paceline.reports.outputs.frame import run_frame, samples_frame
from paceline.reports.wording.quantities import count


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_file", metavar="RUN", type=Path, help="a run file (.jsonl)")
    parser.add_argument("--csv", metavar="PATH", type=Path, required=True, help="the file to write")
    parser.add_argument("--samples", action="store_true", help="one row for each sample")


def _run(options: argparse.Namespace) -> int:
    run = read_run(options.run_file)
    frame = samples_frame(run) if options.samples else run_frame(run)
    write_atomically(options.csv, frame.to_csv(index=False))
    say(f"{count(len(frame), 'row')} in {options.csv}")
    return 0


FRAME = Command(
    "frame",
    "write a run's numbers as CSV",
    "Write one row for each case and metric of a run (or for each sample) as CSV.",
    _add_arguments,
    _run,
)
