"""How large the report of 500 compared cases is, and of a full run, and how long they take.

Run it as ``python tests/benchmarks/render_500_cases.py [FOLDER]``; the folder gets both pages.
Every case has 200 samples on both sides and an eager reference. The full run (``full_run.py``) has about as many cells
in six suites, and thousands of outcomes. The budget of either is 1 MB and one second, of which building the page is a
part. Times are of the wall clock, with the CPU's beside them: where these differ the machine was busy with others.
"""

from __future__ import annotations

import random
import re
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path

from full_run import make_full_run  # beside this script

from paceline.baselines.judgement.verdicts import Policy
from paceline.baselines.records import Case, Fingerprint, Measured, Run, metrics
from paceline.baselines.stored.compare import compare
from paceline.baselines.stored.promote import summarize
from paceline.reports.outputs.html import render_html
from paceline.reports.page.page import build_page

CASES = 500
SAMPLES = 200
PROCESSES = 5
ROUNDS = 5
BUDGET_BYTES = 1_000_000
BUDGET_S = 1.0


def make_run(name: str, shift: float = 1.0) -> Run:
    """A run of 500 cases, each with its samples and a reference."""
    rng = random.Random(name)
    outcomes = []
    for index in range(CASES):
        case = Case(f"some_model_{index // 10}", f"optimization_{index % 10}", "cpu", 1)
        level = 1e5 * (1 + index / 50) * (shift if index % 100 == 7 else 1.0) * (1 + rng.gauss(0, 0.004))
        outcomes.append(Measured(case, metrics.LATENCY, scatter(rng, level), scatter(rng, 2 * level)))
    fingerprint = Fingerprint({"cpu_model": "some CPU", "cores": "2"})
    return Run(name, fingerprint, "0123abc", False, "2026-01-02T03:04:05Z", {"tier": "full"}, True, tuple(outcomes))


def scatter(rng: random.Random, level: float) -> tuple[float, ...]:
    """Samples as timing gives them: a floor and a tail to the right."""
    return tuple(level * (1 + rng.expovariate(50)) for _ in range(SAMPLES))


def prepare(base_runs: Sequence[Run], run: Run) -> Callable[[], str]:
    """What is timed: from a judgement to the document."""
    base = summarize(base_runs, name="base", saved="2026-01-02T03:04:05Z", by="", reason="")
    judgement = compare(base, run, Policy())
    now = datetime(2026, 1, 5, tzinfo=timezone.utc)
    return lambda: render_html(build_page(judgement, run, base_runs=base_runs, now=now))


def measure(name: str, run: Run, render: Callable[[], str], folder: Path | None) -> bool:
    """Print what a page weighs and takes; whether it is within the budget."""
    seconds, cpu = [], []
    for _ in range(ROUNDS):
        start, used = time.perf_counter(), time.process_time()
        document = render()
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    size = len(document.encode())
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.html").write_text(document, encoding="utf-8")
    cases = len({outcome.case for outcome in run.outcomes})
    room = re.search(r"There is room for the pictures of \d+ of \d+ cases", document)
    sys.stdout.write(
        f"{name}: {cases} cases, {len(run.outcomes):,} outcomes: {size:,} bytes (budget {BUDGET_BYTES:,}), median of "
        f"{ROUNDS}: {statistics.median(seconds):.3f} s (budget {BUDGET_S} s), from {min(seconds):.3f} to "
        f"{max(seconds):.3f} s; CPU {statistics.median(cpu):.3f} s; {room[0] if room else 'pictures of every case'}\n"
    )
    return size <= BUDGET_BYTES and statistics.median(seconds) <= BUDGET_S


def main() -> int:
    """Print size and seconds; 1 where a budget does not hold."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    run = make_run("new", shift=1.3)
    bases = [make_run(f"base-{number}") for number in range(PROCESSES)]
    within = [measure("500-cases", run, prepare(bases, run), folder)]
    full = make_full_run("new", shift=1.4)
    bases = [make_full_run(f"base-{number}") for number in range(PROCESSES)]
    within.append(measure("full-run", full, prepare(bases, full), folder))
    return int(not all(within))


if __name__ == "__main__":
    sys.exit(main())
