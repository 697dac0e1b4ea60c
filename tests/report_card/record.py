"""Records epochs of the report card's cases with the tool's own referee, until the time is over.

The subject is put into a small git repository of its own: its commit is side A, and side B is its working tree, which
does the extra work. Everything else is as in ``--pace-against``.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from recording import Record, RecordedEpoch, Store, thin

from paceline.baselines.settings import load_settings
from paceline.baselines.stats.effects import epoch_effect
from paceline.fixtures.ab.epoch import run_epoch
from paceline.fixtures.ab.export import Sides
from paceline.fixtures.ab.side_process import Experiment, choose_core
from paceline.fixtures.ab.stages import BUILDS
from paceline.fixtures.ab.trial import Trial
from paceline.fixtures.host.environment import fingerprint
from paceline.reports.outputs import OUTPUTS

SUBJECT = Path(__file__).parent / "subject"
EXTRA_VARIABLE = "REPORT_CARD_EXTRA_PERCENT"
ARGS = ("latencies.py", "-p", "no:cacheprovider", "-q")


@contextlib.contextmanager
def subject_repository() -> Iterator[Path]:
    """The subject as a git repository whose working tree does the extra work."""
    with tempfile.TemporaryDirectory(prefix="paceline-report-card-") as folder:
        tree = Path(folder) / "subject"
        shutil.copytree(SUBJECT, tree, ignore=shutil.ignore_patterns("__pycache__"))
        identity = ["-c", "user.name=report card", "-c", "user.email=report@card"]
        for arguments in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "subject"]):
            subprocess.run(["git", *arguments], cwd=tree, check=True)
        side = tree / "side.py"
        side.write_text(side.read_text().replace("False", "True"))
        yield tree


def collect(tree: Path) -> list[str]:
    """The node ids of the subject's cases."""
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", *ARGS],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line for line in listed.stdout.splitlines() if "::" in line]
    if listed.returncode or not found:
        raise RuntimeError(f"the report card's cases cannot be collected:\n{listed.stdout}{listed.stderr}")
    return found


@contextlib.contextmanager
def busy_neighbours(count: int) -> Iterator[None]:
    """So many other processes that compute without a pause, wherever the scheduler puts them."""
    code = "import numpy as n\na = n.ones((256, 256))\nwhile True: a @ a"
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    running = [subprocess.Popen([sys.executable, "-c", code], env=environment) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def record(
    store: Store,
    *,
    minutes: float,
    condition: str = "quiet",
    neighbours: int = 0,
    extra_percent: str = "0,4",
    only: str = "",
    most: int = 10_000,
) -> int:
    """Record whole epochs until ``minutes`` are over or there are ``most`` new ones; return how many were recorded.

    They are stored under ``condition``. ``only`` keeps the cases whose id contains one of these, divided by commas.
    """
    os.environ[EXTRA_VARIABLE] = extra_percent
    deadline = time.monotonic() + 60 * minutes
    recorded = 0
    with subject_repository() as tree, Sides(tree, "HEAD") as sides, busy_neighbours(neighbours):
        node_ids = [node_id for node_id in collect(tree) if any(name in node_id for name in only.split(","))]
        experiment = Experiment(
            sides=sides,
            args=ARGS,
            subfolder=Path(),
            core=choose_core(),
            base_python=sys.executable,
            new_python=sys.executable,
            base_environment={},
            settings=load_settings(tree, OUTPUTS).to_json(),
        )
        machine = dict(fingerprint(threads=1, devices=["cpu"]).key)
        longest = 0.0
        while recorded < most and time.monotonic() + longest < deadline:
            number = store.next_number(condition)
            started, began = datetime.datetime.now(datetime.timezone.utc), time.monotonic()
            trials = run_epoch(experiment, number, node_ids, builds=BUILDS, seed=number)
            longest = max(longest, time.monotonic() - began)
            store.write(
                RecordedEpoch(
                    condition,
                    number,
                    started.isoformat(timespec="seconds"),
                    round(time.monotonic() - began, 1),
                    machine,
                    tuple(_record(trial) for trial in trials),
                )
            )
            recorded += 1
            print(f"{condition} epoch {number}: {time.monotonic() - began:.0f} s", flush=True)
    return recorded


def _record(trial: Trial) -> Record:
    if len(trial.epochs) != 1:
        raise RuntimeError(f"{trial.node_id} gave no pair: {trial.outcomes}")
    (epoch,) = trial.epochs
    workload, percent = epoch.case.model.rsplit("_extra", 1)
    turns = [turn for build in epoch.builds for turn in build.turns]
    base = [sample for turn in turns for sample in turn.base]
    new = [sample for turn in turns for sample in turn.new]
    return Record(
        workload,
        int(percent),
        round(epoch_effect(epoch), 7),
        round(epoch_effect(replace(epoch, builds=epoch.builds[:1])), 7),
        round(trial.turns_s, 3),
        (len(base), len(new)),
        (thin(base), thin(new)),
    )
