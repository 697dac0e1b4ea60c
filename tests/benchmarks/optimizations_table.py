"""Prints every built-in model under every built-in optimization: proven with its output difference, or why not.

``python tests/benchmarks/optimizations_table.py [MODEL …]``. Compiling takes most of the time. Nothing is timed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import torch

from paceline.fixtures.counting.footprint import size_bytes
from paceline.fixtures.devices import get_device
from paceline.fixtures.preparation.errors import NotMeasuredError
from paceline.fixtures.preparation.prepare import prepare
from paceline.fixtures.timing.ledger import Ledger
from paceline.suites.models import MODELS
from paceline.suites.optimizations import OPTIMIZATIONS


def main(names: Sequence[str]) -> None:
    """The table as Markdown, row by row."""
    torch.set_num_threads(1)
    models = [model for model in MODELS if not names or model.name in names]
    print("| model | optimization | state | difference | size | what was found |")
    print("| --- | --- | --- | --- | --- | --- |")
    for model in models:
        for optimization in OPTIMIZATIONS:
            try:
                bench = prepare(
                    model, optimization, get_device("cpu"), 1, seed=0, tolerance=optimization.tolerance, ledger=Ledger()
                )
            except NotMeasuredError as error:
                print(f"| {model} | {optimization} | {error.cause.value} | | | {error.reason} |", flush=True)
                continue
            sizes = size_bytes(bench.prepared.call), size_bytes(bench.original)
            ratio = f"{sizes[0] / sizes[1]:.2f}" if sizes[0] and sizes[1] else ""
            evidence = "; ".join(note.sentence for note in bench.notes if note.code == "evidence") or "the reference"
            distance = "" if bench.difference is None else f"{bench.difference:.1e}"
            print(f"| {model} | {optimization} | proven | {distance} | {ratio} | {evidence} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
