"""What does listing the cases cost beyond starting pytest?

Run it alone on the machine; further arguments are pytest's:

    .venv/bin/python tests/benchmarks/collect_only.py [--pace-tier=full …]

``pytest suites/ --collect-only -q`` alternates with pytest in an empty folder without our plugins, which is what any
use of pytest costs. Printed are the medians and their difference, which should be below one second.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTEST = (sys.executable, "-m", "pytest", "--collect-only", "-q")
PLUGINS = ("paceline.suites.plugin", "paceline.fixtures.plugin")
NOTHING_COLLECTED = 5
ROUNDS = 7
BOUND_S = 1.0


def timed(command: Sequence[str], folder: Path, expected: int) -> tuple[float, str]:
    """Seconds of the wall clock, and what was printed. Raises :class:`SystemExit` where it ends with another code."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    elapsed_s = time.perf_counter() - start
    if done.returncode != expected:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return elapsed_s, done.stdout


def main(arguments: Sequence[str]) -> int:
    """Print both medians, their difference and how many cases were listed; 1 where the bound does not hold."""
    listing = (*PYTEST, "suites/", *arguments)
    empty_s, listing_s, listed = [], [], ""
    with tempfile.TemporaryDirectory() as folder:
        empty = (*PYTEST, f"--rootdir={folder}", *(word for plugin in PLUGINS for word in ("-p", f"no:{plugin}")))
        for _ in range(ROUNDS):
            empty_s.append(timed(empty, Path(folder), NOTHING_COLLECTED)[0])
            elapsed_s, listed = timed(listing, ROOT, 0)
            listing_s.append(elapsed_s)
    cases = sum("::" in line for line in listed.splitlines())
    added_s = statistics.median(listing_s) - statistics.median(empty_s)
    holds = added_s < BOUND_S
    print(
        f"{cases} cases listed: median of {ROUNDS} {statistics.median(listing_s):.2f} s "
        f"({min(listing_s):.2f} to {max(listing_s):.2f} s), an empty run {statistics.median(empty_s):.2f} s "
        f"({min(empty_s):.2f} to {max(empty_s):.2f} s)"
    )
    print(f"listing adds {added_s:.2f} s; bound {BOUND_S:g} s: {'holds' if holds else 'EXCEEDED'}")
    return int(not holds)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
