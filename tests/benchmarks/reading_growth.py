"""How does the time to read a stored file grow with the file?

Run it alone on the machine:

    .venv/bin/python tests/benchmarks/reading_growth.py

Printed are the milliseconds to read a run, a baseline and acknowledgements of 1,000 and of 10,000 entries, and their
ratio, which should be near 10 and below 20. A test counts the calls of the same readers.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

from paceline.baselines.files.acknowledgement_file import Acknowledgement, dump_entry, load_acknowledgements
from paceline.baselines.files.baseline_file import dump_baseline, load_baseline
from paceline.baselines.files.run_file import Journal, read_run
from paceline.baselines.records import Baseline, Case, Entry, Fingerprint, Measured, Run, Save
from paceline.baselines.records.metrics import LATENCY

STARTED = "2026-01-02T03:04:05+00:00"
SHORT, LONG = 1_000, 10_000
ROUNDS = 5
BOUND = 2 * LONG / SHORT


def cases(count: int) -> list[Case]:
    """So many cases."""
    return [Case(f"net{number}", "eager", "cpu", 1) for number in range(count)]


def a_run(folder: Path, count: int) -> Callable[[], object]:
    """Reads a run of so many outcomes."""
    journal = Journal.start(folder, Run(f"r{count}", Fingerprint({}), "abc", False, STARTED, {}, False, ()))
    for case in cases(count):
        journal.append(Measured(case, LATENCY, (1000.0, 1001.0)))
    path = journal.finish(True, {}, ())
    return lambda: read_run(path)


def a_baseline(folder: Path, count: int) -> Callable[[], object]:
    """Reads a baseline of so many entries."""
    save = Save("abc", False, STARTED, "me", "a benchmark", (f"r{count}",), {})
    entries = tuple(Entry(case, LATENCY, (1000.0, 1001.0), 0) for case in cases(count))
    path = folder / f"{count}.json"
    path.write_text(dump_baseline(Baseline("main", Fingerprint({}), (save,), entries)), "utf-8")
    return lambda: load_baseline(path)


def acknowledgements(folder: Path, count: int) -> Callable[[], object]:
    """Reads so many acknowledgements."""
    one = Acknowledgement("net", LATENCY.name, 0.03, 0.09, "abc", "a benchmark", "me", date(2026, 3, 31))
    path = folder / f"{count}.toml"
    path.write_text("".join(dump_entry(replace(one, case=case.id)) for case in cases(count)), "utf-8")
    return lambda: load_acknowledgements(path)


def milliseconds(read: Callable[[], object]) -> float:
    """CPU time of the fastest of a few readings."""
    found = []
    for _ in range(ROUNDS):
        before = time.process_time()
        read()
        found.append(1000 * (time.process_time() - before))
    return min(found)


def main() -> int:
    """Print how each reader grows; 1 where one grows too fast."""
    holds = True
    with tempfile.TemporaryDirectory() as folder:
        for prepare in (a_run, a_baseline, acknowledgements):
            short, long = (milliseconds(prepare(Path(folder), count)) for count in (SHORT, LONG))
            holds &= long < BOUND * short
            print(f"{prepare.__name__}: {short:.1f} ms, {long:.1f} ms, ratio {long / short:.1f}")
    return int(not holds)


if __name__ == "__main__":
    sys.exit(main())
