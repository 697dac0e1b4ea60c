"""Put out a page: its summary on standard output, and a file of each output that is asked for."""

from __future__ import annotations

import argparse
from pathlib import Path

from paceline.baselines.files.atomic import write_atomically
from paceline.reports.command.console import say, show
from paceline.reports.outputs import OUTPUTS
from paceline.reports.page.page import Page


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """Add an option for each output."""
    for name in OUTPUTS:
        parser.add_argument(f"--{name}", metavar="PATH", type=Path, help=f"also write the report as {name} to PATH")


def put_out(page: Page, options: argparse.Namespace) -> None:
    """Write the summary, and every file that was asked for. Raises
    :class:`~paceline.baselines.files.atomic.StoreError` for a file that cannot be written."""
    show(page)
    for name, output in OUTPUTS.items():
        path: Path | None = getattr(options, name)
        if path is not None:
            write_atomically(path, output.render(page))
            say(f"{name}: {path}")
