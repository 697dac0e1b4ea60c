"""Models that take the whole process with them, and machines that are not as one expects: each in a process of its
own, that really dies."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paceline.baselines.files.run_file import read_run
from paceline.baselines.records import Cause, Measured, NotMeasured
from paceline.baselines.stored.store import Store

pytestmark = pytest.mark.slow

ODD_NAME = "ein Ordner – Überschrift 測試 'quoted' \U0001f600"
CASES = """
@pytest.mark.parametrize("model", [GOOD, BAD, model_of(lambda layer, x: layer(x), "last")], ids=str)
def test_latency(measure, model, device):
    measure(model, EAGER, device)
"""
MEMORY = """
@pytest.mark.parametrize("model", [GOOD, BAD, model_of(lambda layer, x: layer(x), "last")], ids=str)
def test_memory(measure_memory, model, device):
    measure_memory(model, EAGER, device)
"""
SIXTY = """
@pytest.mark.parametrize("model", [model_of(lambda layer, x: layer(x), f"net{n}") for n in range(60)], ids=str)
def test_latency(measure, model, device):
    measure(model, EAGER, device)
"""
SEGFAULT = "ctypes.string_at(0)"
NATIVE_HANG = (
    "lock, libc = ctypes.create_string_buffer(64), ctypes.{0}(None)\n"
    "    libc.pthread_mutex_init(lock, None)\n"
    "    libc.pthread_mutex_lock(lock)\n"
    "    libc.pthread_mutex_lock(lock)"
)
"""Waits for a lock that it holds itself: no signal interrupts that. ``PyDLL`` holds the interpreter's lock besides."""


def bad(body: str) -> str:
    return f"\ndef forward(layer, x):\n    {body}\n    return layer(x)\nBAD = model_of(forward, 'bad')\n"


def measured(run: Any) -> set[str]:
    return {outcome.case.model for outcome in run.outcomes if isinstance(outcome, Measured)}


@pytest.mark.parametrize(
    ("body", "code"),
    [(SEGFAULT, -signal.SIGSEGV), ("os.abort()", -signal.SIGABRT), ("ctypes.CDLL(None).exit(0)", None)],
    ids=["segfault", "abort", "exit in C"],
)
def test_a_crash_ends_the_run_and_the_next_start_recovers_it(bench: Any, body: str, code: int | None) -> None:
    bench.write(bad(body) + CASES)
    assert bench.run() == (0 if code is None else code)
    if body == SEGFAULT:
        assert "Segmentation fault" in bench.output
        assert "test_net.py" in bench.output
    assert not bench.survivors()
    bench.write(CASES.replace("BAD, ", ""))
    assert bench.run("-k", "last") == 0
    cut, new = sorted(bench.runs(), key=lambda run: run.complete)
    assert not cut.complete
    assert measured(cut) == {"good"}
    assert [note.code for note in new.notes] == ["recovered"]


def test_os_exit_is_refused_and_the_others_are_measured(bench: Any) -> None:
    """With exit code 0 a run would look as if it had passed."""
    bench.write(bad("os._exit(0)") + CASES)
    assert bench.run("--pace-gate") == pytest.ExitCode.TESTS_FAILED
    (run,) = bench.runs()
    assert measured(run) == {"good", "last"}


@pytest.mark.parametrize("body", [SEGFAULT, "os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_crash_where_memory_is_measured_is_an_outcome(bench: Any, body: str) -> None:
    bench.write(bad(body) + MEMORY)
    assert bench.run() == pytest.ExitCode.TESTS_FAILED
    (run,) = bench.runs()
    assert run.complete
    assert measured(run) == {"good", "last"}
    causes = {outcome.cause for outcome in run.outcomes if isinstance(outcome, NotMeasured)}
    assert causes <= {Cause.CRASHED, Cause.ERRORED}
    assert causes


@pytest.mark.parametrize("body", [SEGFAULT, "ctypes.CDLL(None).exit(0)", "raise ValueError('no')"])
def test_a_crash_during_a_save_saves_nothing(bench: Any, body: str) -> None:
    bench.write(bad(body) + CASES)
    assert bench.run("--pace-save=main") == pytest.ExitCode.TESTS_FAILED
    assert "nothing was saved" in bench.output or "not saved" in bench.output
    assert not (bench.folder / ".paceline" / "baselines").exists()


def test_memory_that_runs_out_under_a_limit_is_an_outcome(bench: Any) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (24 << 30, 24 << 30))

    bench.write(bad("x = torch.ones(40 << 30, dtype=torch.uint8)") + CASES + MEMORY)
    assert bench.run(preexec=limit) == pytest.ExitCode.TESTS_FAILED
    (run,) = bench.runs()
    assert run.complete
    assert measured(run) == {"good", "last"}
    causes = {outcome.cause for outcome in run.outcomes if isinstance(outcome, NotMeasured)}
    assert causes == {Cause.OUT_OF_MEMORY}


@pytest.mark.parametrize("loader", ["CDLL", "PyDLL"])
def test_native_code_that_never_returns_is_ended_by_pytest(bench: Any, loader: str) -> None:
    """Our time limit cannot reach it; what the documents name as the way out can."""
    bench.write(bad(NATIVE_HANG.format(loader)) + CASES)
    code = bench.run("-o", "faulthandler_timeout=10", "-o", "faulthandler_exit_on_timeout=true")
    assert code == 1
    assert "pthread_mutex_lock" in bench.output or "test_net.py" in bench.output
    bench.write(CASES.replace("BAD, ", ""))
    assert bench.run("-k", "last") == 0
    cut, _ = sorted(bench.runs(), key=lambda run: run.complete)
    assert not cut.complete
    assert measured(cut) == {"good"}


def test_memory_of_code_that_never_returns_is_timed_out(bench: Any) -> None:
    with (bench.folder / "pyproject.toml").open("a", encoding="utf-8") as settings:
        settings.write('[[tool.paceline.case]]\nmatch = "bad*"\ntime_limit_s = 2\n')
    bench.write(bad(NATIVE_HANG.format("PyDLL")) + MEMORY)
    assert bench.run() == pytest.ExitCode.TESTS_FAILED
    (run,) = bench.runs()
    assert run.complete
    assert measured(run) == {"good", "last"}
    assert {outcome.cause for outcome in run.outcomes if isinstance(outcome, NotMeasured)} == {Cause.TIMED_OUT}


# -- odd machines ------------------------------------------------------------------------------------------------------


def test_an_odd_path_no_home_and_a_terminal_that_shows_little(make_bench: Callable[..., Any], tmp_path: Path) -> None:
    bench = make_bench(tmp_path / ODD_NAME)
    bench.settings('html = "bericht – 測試.html"')
    bench.write(bad("pass") + CASES + MEMORY)
    env = {"HOME": "/there/is/none", "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "COLUMNS": "40", "NO_COLOR": "1"}
    assert bench.run("--pace-save=main", "--pace-reason=weil – 測試", env=env) == 0, bench.output
    assert (bench.folder / "output.txt").read_bytes().isascii()
    assert "\x1b" not in bench.output
    assert (bench.folder / "bericht – 測試.html").exists()
    assert {run.complete for run in bench.runs()} == {True}
    (save,) = Store(bench.folder / ".paceline" / "baselines").load("main").saves
    assert "測試" in save.reason


def test_without_a_user_name_and_a_terminal(bench: Any) -> None:
    """As in a container: a user id without a name, no HOME, no TERM."""
    bench.write(CASES.replace("BAD, ", ""))
    process_env = {"HOME": "", "TERM": "", "USER": "", "LOGNAME": "", "LNAME": "", "USERNAME": "", "LC_ALL": "C"}
    assert bench.run("--pace-save=main", env=process_env) == 0, bench.output


@pytest.mark.parametrize("where", ["runs", "baselines", "html"])
def test_a_read_only_disk_is_said_in_a_sentence(bench: Any, read_only_disk: Path, where: str) -> None:
    target = read_only_disk / ("report.html" if where == "html" else where)
    bench.settings(f'{where} = "{target}"')
    bench.write(bad("pass") + CASES)
    code = bench.run("--pace-save=main")
    assert code not in (0, pytest.ExitCode.INTERNAL_ERROR)
    assert str(target) in bench.output.replace("\n", "")
    assert "read-only" in bench.output
    assert "INTERNALERROR" not in bench.output
    assert "Traceback" not in bench.output
    if where == "runs":
        assert bench.output.count("the file system is read-only") <= 2, "said once, before anything is measured"
    else:
        assert measured(bench.runs()[-1]) == {"good", "bad", "last"}
        assert "cases measured" in bench.output, "the verdict is still shown"
    if where == "html":
        assert Store(bench.folder / ".paceline" / "baselines").load("main").entries


def test_a_full_disk_in_a_run_keeps_what_was_measured(bench: Any, small_disk: Path) -> None:
    """Room for about ten of sixty cases, or for forty where a busy machine takes the fewest samples."""
    bench.settings(f'runs = "{small_disk / "runs"}"')
    (small_disk / "ballast").write_bytes(b"x" * (os.statvfs(small_disk).f_bavail * 4096 - 65_536))
    bench.write(SIXTY)
    code = bench.run()
    assert code not in (0, pytest.ExitCode.INTERNAL_ERROR)
    assert "the disk is full: free some space" in bench.output
    assert "INTERNALERROR" not in bench.output
    run = read_run(next((small_disk / "runs").glob("*.jsonl*")))
    assert not run.complete
    assert run.outcomes


def test_a_damaged_run_file_of_the_baseline_delays_no_verdict(bench: Any) -> None:
    """The samples of the baseline's own runs only adorn the report."""
    bench.write(CASES.replace("BAD, ", ""))
    assert bench.run("--pace-save=main") == 0
    for path in bench.run_folder.glob("*.jsonl"):
        path.write_bytes(path.read_bytes()[:300] + b"\n{]\n")
    assert bench.run("--pace-baseline=main", "--pace-gate") in (0, 11)
    assert "cases" in bench.output
    assert "not JSON" in bench.output, "the damage is said"


def test_a_damaged_baseline_is_named(bench: Any) -> None:
    bench.write(CASES.replace("BAD, ", ""))
    folder = bench.folder / ".paceline" / "baselines"
    folder.mkdir(parents=True)
    (folder / "main.json").write_bytes(b'{"format": 1, "kind": "baseline", "name": "ma')
    assert bench.run("--pace-gate") == pytest.ExitCode.USAGE_ERROR
    assert "main.json" in bench.output
    assert "restore it from git" in bench.output.replace("\n", " ")
    assert "Traceback" not in bench.output
    (run,) = bench.runs()
    assert run.complete
    assert os.path.exists(folder / "main.json")  # noqa: PTH110
