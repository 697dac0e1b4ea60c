"""``kill -9`` at random moments, twenty times each: while journals are written, baselines promoted, pages rendered."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from paceline.baselines.files.atomic import PromotionError
from paceline.baselines.files.run_file import read_run, recover
from paceline.baselines.stored.store import Store, summarize

KILLS = 20
SERVER = """
import os, sys
from datetime import datetime, timezone
from itertools import count
from pathlib import Path

from paceline.baselines.files.atomic import write_atomically
from paceline.baselines.records.metrics import LATENCY
from paceline.baselines.records import Case, Fingerprint, Measured, Run
from paceline.baselines.files.run_file import Journal
from paceline.baselines.stored.store import Store, merge, summarize
from paceline.baselines.judgement.verdicts import Judgement, Policy
from paceline.reports.outputs.html import render_html
from paceline.reports.page.page import build_page

FOLDER = Path(sys.argv[2])
STARTED = "2026-01-02T03:04:05+00:00"

def run(number, level, samples=50, cases=20):
    named = [(Case(f"net{n}", "eager", "cpu", 1), level + n) for n in range(cases)]
    outcomes = tuple(Measured(case, LATENCY, (value,) * samples) for case, value in named)
    return Run(f"r{number}", Fingerprint({"cpu_model": "x"}), "abc", False, STARTED, {}, True, outcomes)

def journal(number):
    writer = Journal.start(FOLDER, Run(f"r{number}", Fingerprint({}), "", False, STARTED, {}, False, ()))
    for size in count(1):
        writer.append(Measured(Case("net", "eager", "cpu", size), LATENCY, tuple(float(n) for n in range(4000))))

def promote(number):
    store = Store(FOLDER)
    for turn in count(1):
        level = 1000.0 * (turn % 2 + 1)
        runs = [run(2 * number, level), run(2 * number + 1, level)]
        new = summarize(runs, name="main", saved=STARTED, by="me", reason=f"level {level:g}")
        store.save(merge(store.load("main"), new) if "main" in store.names() else new)

def render(number):
    for turn in count(1):
        one = run(number, 1000.0 + turn)
        page = build_page(Judgement((), Policy(), one.fingerprint), one, now=datetime.now(timezone.utc))
        write_atomically(FOLDER / "report.html", render_html(page))

task = {"journal": journal, "promote": promote, "render": render}[sys.argv[1]]
print("ready", flush=True)
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        task(int(line))
    print(pid, flush=True)
    os.waitpid(pid, 0)
    print("ended", flush=True)
"""


class Victims:
    """Processes that do one thing over and over until they are killed: forked, so that each is there at once."""

    def __init__(self, server: subprocess.Popen[str]) -> None:
        self._server = server

    def _line(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline().strip()

    def kill_one(self, number: int, after_s: float, once: Path | None = None) -> None:
        """Start one, kill it ``after_s`` seconds later, or once a file is there, and wait until it is gone."""
        assert self._server.stdin is not None
        self._server.stdin.write(f"{number}\n")
        self._server.stdin.flush()
        pid = int(self._line())
        until = time.monotonic() + 300
        while once and not once.exists():
            assert time.monotonic() < until, f"{once} was never written"
            time.sleep(0.01)
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
        assert self._line() == "ended"


def moments(seed: int) -> Iterator[tuple[int, float]]:
    """Numbers from 1 and moments to kill at, in seconds: twenty, then later ones for a machine too busy to get far."""
    rng = random.Random(seed)
    for number in range(1, 10 * KILLS + 1):
        yield number, rng.uniform(0, 0.08) * (1 + number // KILLS)


@contextmanager
def victims(task: str, folder: Path) -> Iterator[Victims]:
    folder.mkdir(exist_ok=True)
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, task, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        made = Victims(server)
        assert made._line() == "ready"
        yield made
    finally:
        server.kill()
        server.communicate()


@pytest.mark.parametrize("seed", [1])
def test_killed_while_measuring_all_but_the_torn_outcome_is_kept(tmp_path: Path, seed: int) -> None:
    kept = 0
    with victims("journal", tmp_path) as processes:
        for number, moment in moments(seed):
            processes.kill_one(number, moment)
            found = recover(tmp_path)
            assert not list(tmp_path.glob("*.part"))
            for path in found:
                run = read_run(path)
                assert not run.complete
                assert [outcome.case.batch_size for outcome in run.outcomes] == list(range(1, len(run.outcomes) + 1))
                with pytest.raises(PromotionError, match="cut run never becomes a baseline"):
                    summarize([run], name="main", saved=run.started, by="", reason="")
                kept += len(run.outcomes)
            if number >= KILLS and kept > KILLS:
                break
    assert kept > KILLS


@pytest.mark.parametrize("seed", [2])
def test_killed_while_promoting_a_baseline_is_the_old_or_the_new(tmp_path: Path, seed: int) -> None:
    seen: set[float] = set()
    with victims("promote", tmp_path) as processes:
        processes.kill_one(0, 0, once=tmp_path / "main.json")
        for number, moment in moments(seed):
            processes.kill_one(number, moment)
            baseline = Store(tmp_path).load("main")
            levels = {entry.estimates[0] - int(entry.case.model.removeprefix("net")) for entry in baseline.entries}
            assert len(baseline.entries) == 20
            assert len(levels) == 1
            seen |= levels
            if number >= KILLS and len(seen) == 2:
                break
    assert seen == {1000.0, 2000.0}


@pytest.mark.parametrize("seed", [3])
def test_killed_while_rendering_the_report_is_whole(tmp_path: Path, seed: int) -> None:
    report = tmp_path / "report.html"
    with victims("render", tmp_path) as processes:
        processes.kill_one(0, 0, once=report)
        for number, moment in islice(moments(seed), KILLS):
            processes.kill_one(number, moment)
            assert report.read_text("utf-8").rstrip().endswith("</html>")


def test_what_is_left_beside_a_file_is_cleared_away_later(tmp_path: Path) -> None:
    hours_ago = time.time() - 2 * 3600
    abandoned, young, foreign = (tmp_path / name for name in (f".{'a' * 16}.tmp", f".{'b' * 16}.tmp", ".mine.tmp"))
    for path in (abandoned, young, foreign):
        path.write_text("half a fi", "utf-8")
    for path in (abandoned, foreign):
        os.utime(path, (hours_ago, hours_ago))
    from paceline.baselines.files.atomic import write_atomically

    write_atomically(tmp_path / "whole.json", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"whole.json", young.name, foreign.name}
