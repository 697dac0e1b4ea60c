"""Whole A/A runs of the tool's own command line: does it do what its recording says?"""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from record import ARGS, EXTRA_VARIABLE, subject_repository

REGRESSED = 10


@dataclass(frozen=True)
class WholeRun:
    """One run of ``--pace-against`` with the same code on both sides: exit code, how many comparisons had which
    verdict, seconds in all, and what the run said of its own cost."""

    started: str
    exit_code: int
    verdicts: dict[str, int]
    elapsed_s: float
    cost: str


def measure_whole_runs(path: Path, *, minutes: float) -> int:
    """Append whole runs to ``path``, one line each, until ``minutes`` are over; return how many."""
    os.environ[EXTRA_VARIABLE] = "0"
    deadline = time.monotonic() + 60 * minutes
    longest, count = 0.0, 0
    with subject_repository() as tree:
        (tree / "side.py").write_text((tree / "side.py").read_text().replace("True", "False"))
        while time.monotonic() + longest < deadline:
            began = time.monotonic()
            run = _run(tree)
            longest = max(longest, time.monotonic() - began)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(run), ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
            count += 1
            print(f"whole run {count}: exit code {run.exit_code}, {run.verdicts}, {run.elapsed_s:.0f} s", flush=True)
    return count


def read_whole_runs(path: Path) -> list[WholeRun]:
    """Those measured so far."""
    if not path.exists():
        return []
    return [WholeRun(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def _run(tree: Path) -> WholeRun:
    report = tree / ".git" / "report.json"
    report.unlink(missing_ok=True)
    started, began = datetime.datetime.now(datetime.timezone.utc), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *ARGS, "--pace-against=HEAD", f"--pace-json={report}"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    if not report.exists():
        raise RuntimeError(f"a whole run wrote no report (exit code {done.returncode}):\n{done.stdout}{done.stderr}")
    document = json.loads(report.read_text("utf-8"))
    verdicts = Counter(row["verdict"] for row in document["comparisons"])
    cost = next((line.strip() for line in done.stdout.splitlines() if "A/B against" in line), "")
    return WholeRun(
        started.isoformat(timespec="seconds"),
        done.returncode,
        dict(sorted(verdicts.items())),
        round(time.monotonic() - began, 1),
        cost,
    )
