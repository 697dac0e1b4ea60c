"""Whole runs of the tool's own command line: A/A runs, which should do what the recording says, and their cost."""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from record import ARGS, EXTRA_VARIABLE, subject_repository

from paceline.baselines.ab.settings import ABSettings

ROOT = Path(__file__).parents[2]
CASES = "python_loop,perceptron"
"""Of whole runs: two whose runs take seconds, since it takes many to see a rate."""
WHOLE_RUNS, COSTS = "whole-runs.jsonl", "costs.jsonl"
PACKAGES = ("baselines", "fixtures", "reports", "suites", "pyproject.toml")


@dataclass(frozen=True)
class WholeRun:
    """One run of ``--pace-against`` with the same code on both sides: which ``cases``, exit code, how many of them got
    a second look and how many a confirmation, how many had which verdict, and seconds in all and in timed calls."""

    started: str
    machine: dict[str, Any]
    cases: list[str]
    exit_code: int
    second_looks: int
    confirmed: int
    verdicts: dict[str, int]
    elapsed_s: float
    measuring_s: float


@dataclass(frozen=True)
class Cost:
    """What the default tier costs at one revision: a plain run (its calls and warm-up, and in all), and one of
    ``--pace-against`` with nothing changed (its timed calls, and in all)."""

    started: str
    machine: dict[str, Any]
    revision: str
    plain_measuring_s: float
    plain_s: float
    against_measuring_s: float
    against_s: float
    against_verdicts: dict[str, int]

    @property
    def elapsed_s(self) -> float:
        return self.plain_s + self.against_s


def measure_whole_runs(path: Path, *, minutes: float, only: str = CASES) -> int:
    """Append whole runs to ``path``, one line each, until ``minutes`` are over; return how many. ``only`` keeps the
    cases whose id contains one of these, divided by commas."""
    os.environ[EXTRA_VARIABLE] = "0"
    deadline = time.monotonic() + 60 * minutes
    longest, count = 0.0, 0
    with subject_repository() as tree:
        (tree / "side.py").write_text((tree / "side.py").read_text().replace("True", "False"))
        while time.monotonic() + longest < deadline:
            began = time.monotonic()
            run = _whole_run(tree, only)
            longest = max(longest, time.monotonic() - began)
            append(path, run)
            count += 1
            print(f"whole run {count}: exit code {run.exit_code}, {run.verdicts}, {run.elapsed_s:.0f} s", flush=True)
    return count


def _whole_run(tree: Path, only: str) -> WholeRun:
    ab = ABSettings()
    chosen = ["-k", " or ".join(only.split(","))] if only else []
    done = run_pytest(tree, [*ARGS, *chosen, "--pace-against=HEAD"])
    rows = [row for row in done.document["comparisons"] if row["metric"]["name"] == "latency_ns"]
    confirmed = sum(row["stage"] == "confirmation" for row in rows)
    # A comparison has an estimate for each epoch of its last stage.
    only_screened = [len(row["base_estimates"]) for row in rows if row["stage"] == "screen"]
    return WholeRun(
        done.started,
        done.machine,
        sorted(row["case"]["model"].rsplit("_extra", 1)[0] for row in rows),
        done.exit_code,
        confirmed + sum(count > ab.screen_epochs for count in only_screened),
        confirmed,
        dict(sorted(Counter(row["verdict"] for row in rows).items())),
        done.elapsed_s,
        done.measuring_s,
    )


def measure_cost(path: Path, tree: Path = ROOT) -> Cost:
    """Run the default tier plainly and then against the last commit, with nothing changed; append what both took to
    ``path``.

    ``tree`` is the repository that this environment has the project from: of another one neither side would be told
    from what is installed. Raises RuntimeError where its packages have changes that are not committed.
    """
    revision = _git(tree, "rev-parse", "HEAD")
    if changed := _git(tree, "status", "--porcelain", "--", *PACKAGES):
        raise RuntimeError(f"the cost is that of a run with nothing changed; commit first:\n{changed}")
    plain = run_pytest(tree, ["suites/", "-q"])
    against = run_pytest(tree, ["suites/", "-q", "--pace-against=HEAD"])
    if not against.measuring_s:
        raise RuntimeError(f"the A/B measured nothing: {against.document['notes']}")
    profile = plain.document["profile_s"]
    cost = Cost(
        plain.started,
        plain.machine,
        revision,
        round(profile["calls"] + profile["warm-up"], 1),
        plain.elapsed_s,
        against.measuring_s,
        against.elapsed_s,
        dict(sorted(Counter(row["verdict"] for row in against.document["comparisons"]).items())),
    )
    append(path, cost)
    return cost


def _git(tree: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=tree, capture_output=True, text=True, check=True)
    return done.stdout.strip()


# -- one run -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """A run that ended, with its report."""

    started: str
    exit_code: int
    elapsed_s: float
    document: dict[str, Any]

    @property
    def machine(self) -> dict[str, Any]:
        found: dict[str, Any] = self.document["run"]["machine"]["key"]
        return found

    @property
    def measuring_s(self) -> float:
        """Seconds in timed calls, in turns and what a side timed by itself, as an A/B's own note has them."""
        said = " ".join(note["sentence"] for note in self.document["notes"] if note["code"] == "ab")
        found = re.search(r"of which (\d+) s in turns(?: and (\d+) s in calls)?", said)
        if found is None:
            raise RuntimeError(f"the report does not say how long the A/B measured: {said!r}")
        return float(found[1]) + float(found[2] or 0)


def run_pytest(tree: Path, arguments: Sequence[str]) -> Done:
    """One run in ``tree``. Raises RuntimeError where it wrote no report, or ended with one of pytest's own errors."""
    report = tree / ".git" / "report.json"
    report.unlink(missing_ok=True)
    started, began = datetime.datetime.now(datetime.timezone.utc), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, f"--pace-json={report}"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    if not report.exists() or 0 < done.returncode < 10:
        raise RuntimeError(f"a whole run failed (exit code {done.returncode}):\n{done.stdout}{done.stderr}")
    document = json.loads(report.read_text("utf-8"))
    elapsed_s = round(time.monotonic() - began, 1)
    return Done(started.isoformat(timespec="seconds"), done.returncode, elapsed_s, document)


def append(path: Path, row: WholeRun | Cost) -> None:
    """One line more, on the disk before this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_whole_runs(folder: Path) -> list[WholeRun]:
    """Those measured so far. Raises ValueError, naming file and line, for a line that is none."""
    return [WholeRun(**row) for row in _rows(folder / WHOLE_RUNS, WholeRun)]


def read_costs(folder: Path) -> list[Cost]:
    """Those measured so far. Raises as :func:`read_whole_runs`."""
    return [Cost(**row) for row in _rows(folder / COSTS, Cost)]


def _rows(path: Path, kind: type[WholeRun | Cost]) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    rows = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            kind(**row)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}, line {number} is no {kind.__name__} ({error}): delete it") from error
        rows.append(row)
    return rows
