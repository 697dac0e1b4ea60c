"""How much of a run's wall time is the harness, not the measurement?

Run it alone on the machine; arguments are pytest's, and narrow the default tier:

    .venv/bin/python tests/benchmarks/overhead_share.py [-k mlp …]

Printed is where the time of one whole run went, from its stored file (which is closed before the report is made). What
is neither calls nor warm-up nor preparation should be at most 15 %.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from paceline.baselines.files.run_file import read_run
from paceline.baselines.settings import load_settings
from paceline.fixtures.timing.ledger import overhead_share, profile_lines
from paceline.reports.outputs import OUTPUTS

ROOT = Path(__file__).parents[2]
BOUND = 0.15


def main(arguments: Sequence[str]) -> int:
    """Run the suites, print the run's phases and the overhead's share; 1 where the bound does not hold.

    Raises :class:`SystemExit` where there is no whole run to tell of.
    """
    folder = ROOT / load_settings(ROOT, OUTPUTS).runs
    before = set(folder.glob("*.jsonl"))
    command = (sys.executable, "-m", "pytest", "suites/", "--pace-profile", *arguments)
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    new = sorted(set(folder.glob("*.jsonl")) - before)
    runs = [run for run in map(read_run, new) if run.complete]
    if code != 0 or len(runs) != 1:
        raise SystemExit(f"{' '.join(command)} ended with {code}, and {len(runs)} new whole runs in {folder}")
    (run,) = runs
    share = overhead_share(run.profile_s)
    holds = share <= BOUND
    print("", f"run {run.id}, {len(run.finished)} tests", *profile_lines(run.profile_s), sep="\n")
    print(f"overhead {share:.1%}; bound {BOUND:.0%}: {'holds' if holds else 'EXCEEDED'}")
    return int(not holds)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
