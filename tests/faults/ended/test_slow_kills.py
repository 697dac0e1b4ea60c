"""Whole runs that are ended from outside: Ctrl-C, SIGTERM, ``kill -9`` at twenty random moments of a save."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from paceline.baselines.files.atomic import StoreError
from paceline.baselines.files.run_file import recover
from paceline.baselines.records import Level, Measured
from paceline.baselines.stored.store import Store

pytestmark = pytest.mark.slow


def many(count: int, suffix: str = "") -> str:
    """Cases of ``count`` models: net0, net1 and so on, with ``suffix`` after the number."""
    return f"""
MODELS = [model_of(lambda layer, x: layer(x), f"net{{n}}{suffix}") for n in range({count})]

@pytest.mark.parametrize("model", MODELS, ids=str)
def test_latency(measure, model, device):
    measure(model, EAGER, device)
"""


KILLS = 20
FEW = many(12)
ENDLESS = many(1000)
"""Cases for a minute: whatever is done once some of them are measured happens in the middle of the run."""

MEMORY = """
def test_first(measure, device):
    measure(GOOD, EAGER, device)

def test_memory(measure_memory, device):
    measure_memory(model_of(lambda layer, x: (time.sleep(120), layer(x))[1]), EAGER, device)
"""


def interrupt_after(bench: Any, lines: int, signum: int) -> int:
    """Send ``signum`` to the run once its journal has so many lines; return the exit code."""
    process = bench.start()
    bench.wait_for(lambda: bench.lines_in_journals() >= lines)
    os.kill(process.pid, signum)
    code: int = process.wait(timeout=bench.patience_s)
    return code


def test_ctrl_c_keeps_what_was_measured_and_says_so(bench: Any) -> None:
    bench.write(ENDLESS)
    assert interrupt_after(bench, 20, signal.SIGINT) == pytest.ExitCode.INTERRUPTED
    (run,) = bench.runs()
    assert not run.complete
    assert len(run.outcomes) >= 18, "a header and 19 outcomes were seen, the last of them perhaps while it was written"
    assert all(isinstance(outcome, Measured) for outcome in run.outcomes)
    assert "cut short" in bench.output.lower()
    assert not bench.survivors()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_a_terminated_run_is_kept(bench: Any, signum: int) -> None:
    bench.write(ENDLESS)
    assert interrupt_after(bench, 20, signum) != 0
    assert not bench.survivors()
    bench.write(FEW)
    assert bench.run("-k", "net1-") == 0
    runs = {run.complete: run for run in bench.runs()}
    assert len(runs[False].outcomes) >= 19
    assert not list(bench.run_folder.glob("*.part"))


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_memory_process_ends_though_its_model_hangs(bench: Any, signum: int) -> None:
    bench.write(MEMORY)
    process = bench.start()
    bench.wait_for(lambda: bench.lines_in_journals() >= 2)
    bench.wait_for(lambda: len(bench.processes()) >= 3)  # the run, the memory process, the fork that measures
    time.sleep(0.5)
    os.kill(process.pid, signum)
    assert process.wait(timeout=bench.patience_s) != 0
    assert not bench.survivors()


def test_the_repeat_process_ends_though_its_model_hangs(bench: Any) -> None:
    bench.write(MEMORY.replace("measure_memory", "measure").replace("test_memory", "test_second"))
    process = bench.start("--pace-save=main")
    bench.wait_for(lambda: bench.lines_in_journals() >= 2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=bench.patience_s)
    assert not bench.survivors()


def test_ctrl_c_during_a_save_ends_it_and_saves_nothing(bench: Any) -> None:
    bench.write(ENDLESS)
    process = bench.start("--pace-save=main")
    bench.wait_for(lambda: bench.lines_in_journals() >= 5)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it: to parent and child
    assert process.wait(timeout=bench.patience_s) == pytest.ExitCode.INTERRUPTED
    assert not bench.survivors()
    assert not (bench.folder / ".paceline" / "baselines").exists()
    assert all(not run.complete for run in bench.runs())


def test_killed_at_twenty_random_moments_of_a_save(bench: Any) -> None:
    """The moments lie anywhere: start, measuring in the repeat process, measuring here, judging, rendering, saving."""
    bench.write(FEW)
    arguments = ("--pace-save=main", "--pace-html=report.html", "--pace-json=result.json")
    before = time.monotonic()
    assert bench.run(*arguments, "--pace-reason=whole") == 0
    whole_s = time.monotonic() - before
    store = Store(bench.folder / ".paceline" / "baselines")
    saved = store.load("main")
    rng = random.Random(20)
    killed = 0
    for number in range(10 * KILLS):
        # The first fifth is the interpreter's start and the last tenth the saving: both get their share.
        moment = rng.uniform(0.85, 1.05) if number % 4 == 3 else rng.uniform(0.1, 0.95)
        before = time.monotonic()
        process = bench.start(*arguments, f"--pace-reason=kill {number}")
        try:
            assert process.wait(timeout=moment * whole_s) == 0
            whole_s = time.monotonic() - before  # the machine is not as busy as it was
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait(timeout=bench.patience_s)
            killed += 1
        assert not bench.survivors()
        runs = bench.runs()  # every one of them can be read
        now = store.load("main")
        complete = {run.id for run in runs if run.complete}
        assert all(set(save.runs) <= complete for save in now.saves)
        assert {entry.case.model for entry in now.entries} == {entry.case.model for entry in saved.entries}
        assert (bench.folder / "report.html").read_bytes().rstrip().endswith(b"</html>")
        if killed == KILLS:
            break
    assert killed == KILLS
    assert bench.run("-k", "net1-") == 0
    assert not list(bench.run_folder.glob("*.part"))
    newest = max((run for run in bench.runs() if run.complete), key=lambda run: run.id)
    assert {note.code for note in newest.notes if note.level is Level.INFO} <= {"recovered"}


INTERRUPTING = """
import inspect, json, os, signal, sys
import pytest
import paceline.baselines, paceline.fixtures, paceline.reports

OURS = tuple(os.path.dirname(module.__file__) + os.sep for module in (
    paceline.baselines, paceline.fixtures, paceline.reports))

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish():
    left, seen = int(os.environ.get("INTERRUPT_AT", 0)), []

    def look(frame, event, argument):
        nonlocal left
        code = frame.f_code
        # Python drops what is raised in a generator that goes out of use half read, as any(...) leaves it.
        is_ours = code.co_filename.startswith(OURS) and not code.co_flags & inspect.CO_GENERATOR
        if event == "call" and is_ours and code.co_name != "pytest_sessionfinish":
            seen.append(f"{code.co_filename}:{code.co_name}")
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGINT)

    sys.setprofile(look)
    try:
        return (yield)
    finally:
        sys.setprofile(None)
        if "INTERRUPT_AT" not in os.environ:
            with open("calls.json", "w") as file:
                json.dump(seen, file)
"""
"""Sends SIGINT in the n-th call of a function of ours since the end of the run began, or writes down all of them."""


def test_ctrl_c_in_any_part_of_the_end_says_what_is_kept(bench: Any) -> None:
    """Ending the run file, judging, rendering, saving and printing: each function is as likely, however short it is."""
    bench.write(many(40))
    (bench.folder / "conftest.py").write_text(INTERRUPTING, "utf-8")
    arguments = ("--pace-save=main", "--pace-processes=1", "--pace-html=report.html", "--pace-json=result.json")
    assert bench.run(*arguments, "--pace-reason=whole") == 0, bench.output
    calls = json.loads((bench.folder / "calls.json").read_text("utf-8"))
    store = Store(bench.folder / ".paceline" / "baselines")
    rng = random.Random(30)
    said: set[str] = set()
    for name in rng.sample(sorted(set(calls)), KILLS):
        place = rng.choice([number for number, called in enumerate(calls, 1) if called == name])
        reports = {path: path.stat().st_ino for path in (bench.folder / "report.html", bench.folder / "result.json")}
        known = {run.id for run in bench.runs()}
        code = bench.run(*arguments, f"--pace-reason={place}", env={"INTERRUPT_AT": str(place)})
        assert code == pytest.ExitCode.INTERRUPTED, f"{name}: {bench.output}"
        output = " ".join(bench.output.split())
        assert "Traceback" not in output, f"{name}: {bench.output}"
        assert "paceline: interrupted while the" in output, f"{name}: {bench.output}"
        is_saved = any(save.reason == str(place) for save in store.load("main").saves)
        assert is_saved == ("not saved as main" not in output), name
        for path, before in reports.items():
            is_written = path.stat().st_ino != before
            assert is_written == (f"not written: {path}" not in output), name
        assert (bench.folder / "report.html").read_bytes().rstrip().endswith(b"</html>")
        json.loads((bench.folder / "result.json").read_text("utf-8"))
        said |= {phrase for phrase in ("the run is kept", "not saved", "not written", "recovers") if phrase in output}
        recover(bench.run_folder)
        (kept,) = [run for run in bench.runs() if run.id not in known]
        assert len({outcome.case.model for outcome in kept.outcomes}) == 40, name
        assert not bench.survivors()
    assert said >= {"the run is kept", "not saved", "not written"}


def test_output_that_is_closed_early_loses_nothing(bench: Any) -> None:
    """``pytest | head -1``: the pipe breaks in the middle of the run, which more output than a pipe holds waits for."""
    bench.write(many(25, "x" * 250))
    pytest_process = subprocess.Popen(
        [sys.executable, "-u", "-m", "pytest", "-v", "-p", "no:cacheprovider", "--pace-save=main"],
        cwd=bench.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pipesize=4096,
    )
    assert pytest_process.stdout is not None
    bench.wait_for(lambda: bench.runs() and bench.lines_in_journals() >= 3)
    pytest_process.stdout.close()
    assert pytest_process.wait(timeout=bench.patience_s) != 0
    assert not list((bench.folder / ".paceline" / "baselines").glob("*")), "a cut run was saved"
    cut = [run for run in bench.runs() if not run.complete]
    if not cut:
        assert bench.run("-k", "net24") == 0
        cut = [run for run in bench.runs() if not run.complete]
    assert cut
    assert cut[0].outcomes


def test_two_runs_at_once_on_one_store(bench: Any, make_bench: Callable[..., Any]) -> None:
    bench.write(FEW)
    first = bench.start("-k", "net0- or net1-", "--pace-save=main", "--pace-reason=first")
    second = bench.start("-k", "net2-", "--pace-save=main", "--pace-reason=second")
    assert first.wait(timeout=bench.patience_s) == 0
    assert second.wait(timeout=bench.patience_s) == 0
    runs = bench.runs()
    assert len(runs) == 4
    assert all(run.complete for run in runs)
    baseline = Store(bench.folder / ".paceline" / "baselines").load("main")
    assert {save.reason for save in baseline.saves} == {"first", "second"}


def test_a_name_that_no_baseline_may_have_is_refused_at_once(bench: Any) -> None:
    bench.write(FEW)
    code = bench.run("--pace-save=../main", "-k", "net0-")
    assert code in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.USAGE_ERROR)  # pytest's: it fails to collect
    assert "cannot be a baseline name" in bench.output
    assert not bench.run_folder.exists(), "it was measured first, in vain"
    with pytest.raises(StoreError):
        Store(bench.folder / ".paceline" / "baselines").load("main")
