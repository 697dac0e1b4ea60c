"""How large the report of 500 compared cases is, and how long it takes.

Run it as ``python tests/benchmarks/render_500_cases.py [WHERE.html]``.
Every case has 200 samples on both sides and an eager reference. The budget is 1 MB and one second, of which building
the page is a part.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from paceline.baselines import metrics
from paceline.baselines.comparison import compare
from paceline.baselines.promotion import summarize
from paceline.baselines.records import Case, Fingerprint, Measured, Run
from paceline.baselines.verdicts import Policy
from paceline.reports.html import render_html
from paceline.reports.page import build_page

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


def prepare() -> Callable[[], str]:
    """What is timed: from a judgement to the document."""
    base_runs = [make_run(f"base-{number}") for number in range(PROCESSES)]
    run = make_run("new", shift=1.3)
    base = summarize(base_runs, name="base", saved="2026-01-02T03:04:05Z", by="", reason="")
    judgement = compare(base, run, Policy())
    now = datetime(2026, 1, 5, tzinfo=timezone.utc)
    return lambda: render_html(build_page(judgement, run, base_runs=base_runs, now=now))


def main() -> int:
    """Print size and seconds; 1 where the budget does not hold."""
    render = prepare()
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        document = render()
        seconds.append(time.perf_counter() - start)
    size = len(document.encode())
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(document, encoding="utf-8")
    sys.stdout.write(
        f"{CASES} cases, {SAMPLES} samples a side: {size:,} bytes (budget {BUDGET_BYTES:,}), median of {ROUNDS}: "
        f"{statistics.median(seconds):.3f} s (budget {BUDGET_S} s), from {min(seconds):.3f} to {max(seconds):.3f} s\n"
    )
    return int(size > BUDGET_BYTES or statistics.median(seconds) > BUDGET_S)


if __name__ == "__main__":
    sys.exit(main())
