"""``--pace-resume``: a run that was cut is gone on with, nothing measured twice and nothing missed.

Every call of a test and every build of a model appends to a file, so that "did not run again" is counted, not believed.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from paceline.baselines.records import Measured, Run
from paceline.baselines.stored.store import Store

COUNTED = """
PAUSE_S = {pause_s}

def counted(name):
    def build():
        with open("builds.txt", "a") as file:
            file.write(name + "\\n")
        return torch.nn.Linear(8, 8)
    return Model(name, build=build, inputs=lambda batch_size: torch.randn(batch_size, 8))

MODELS = [counted(f"net{{n}}") for n in range({count})]

@pytest.mark.parametrize("optimization", [EAGER, COPY], ids=str)
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_latency(measure, model, optimization, device):
    with open("calls.txt", "a") as file:
        file.write(f"{{model}}-{{optimization}}\\n")
    if os.environ.get("CUT_AT") == f"{{model}}-{{optimization}}":
        os.kill(os.getpid(), getattr(signal, os.environ["CUT_BY"]))
    time.sleep(PAUSE_S)
    measure(model, optimization, device)
"""


def counted(count: int, pause_s: float = 0.0) -> str:
    """Cases of ``count`` models under two optimizations; each waits ``pause_s`` before it is measured."""
    return COUNTED.format(count=count, pause_s=pause_s)


def calls(bench: Any, name: str = "calls.txt") -> Counter[str]:
    """How often each case's test was called, or each model built."""
    path = bench.folder / name
    return Counter(path.read_text("utf-8").split()) if path.exists() else Counter()


def assert_whole(run: Run, count: int) -> None:
    """Every case of ``count`` models is measured exactly once, with its paired eager reference."""
    assert run.complete
    latencies = [one for one in run.outcomes if one.metric.name == "latency_ns"]
    assert sorted((one.case.model, one.case.optimization) for one in latencies) == sorted(
        (f"net{n}", optimization) for n in range(count) for optimization in ("copy", "plain")
    )
    for one in latencies:
        assert isinstance(one, Measured)
        assert bool(one.reference_samples) == (one.case.optimization == "copy")
    keys = [(one.case, one.metric.name) for one in run.outcomes]
    assert len(set(keys)) == len(keys)
    assert run.plan is not None
    assert sorted(finished.test for finished in run.finished) == sorted(run.plan.tests)


def newest(bench: Any) -> Run:
    found: Run = max(bench.runs(), key=lambda run: run.started + run.id)
    return found


@pytest.mark.parametrize("signum", [pytest.param("SIGINT", marks=pytest.mark.slow), "SIGKILL"])
def test_a_cut_run_is_resumed_and_nothing_is_measured_twice(bench: Any, signum: str) -> None:
    bench.write(counted(3))
    assert bench.run(env={"CUT_AT": "net1-copy", "CUT_BY": signum}) in (2, -signal.SIGKILL)
    before, built = calls(bench), calls(bench, "builds.txt")
    assert before == Counter(["net0-plain", "net0-copy", "net1-plain", "net1-copy"])
    assert bench.run("--pace-resume", "-v") == 0, bench.output
    assert calls(bench) - before == Counter(["net1-copy", "net2-plain", "net2-copy"])
    assert (calls(bench, "builds.txt") - built).keys() == {"net1", "net2"}
    assert "6 passed" in bench.output
    cut, run = sorted(bench.runs(), key=lambda run: run.complete)
    assert_whole(run, 3)
    assert [(part.id, part.started, part.tests) for part in run.resumes] == [(cut.id, cut.started, 3)]
    assert run.id != cut.id
    assert run.outcomes[: len(cut.outcomes)] == cut.outcomes
    assert "resumed" in {note.code for note in run.notes}
    # And once more: it is done.
    assert bench.run("--pace-resume") == pytest.ExitCode.USAGE_ERROR
    assert "there is no cut run" in bench.output


@pytest.mark.slow
def test_a_run_is_cut_too_where_pytest_fails_at_the_interrupt(bench: Any) -> None:
    """pytest reads the line of every frame then, and some instructions have none: it ends the session as "OK"."""
    bench.write(counted(3))
    (bench.folder / "conftest.py").write_text("def pytest_keyboard_interrupt(excinfo):\n    None - 1\n", "utf-8")
    assert bench.run(env={"CUT_AT": "net1-copy", "CUT_BY": "SIGINT"}) == 1
    assert "Cut short" in bench.output
    assert "--pace-resume goes on with it" in bench.output
    assert [run.complete for run in bench.runs()] == [False]
    assert bench.run("--pace-resume") == 0, bench.output
    assert_whole(newest(bench), 3)


def one_part(bench: Any, arguments: tuple[str, ...], signum: int, after_s: float) -> int:
    """Start a run, and cut it so long after its first call; its exit code."""
    before = calls(bench).total()
    process = bench.start(*arguments)
    bench.wait_for(lambda: calls(bench).total() > before or process.poll() is not None)
    try:
        process.wait(timeout=after_s)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signum)
        process.wait(timeout=bench.patience_s)
    code: int = process.returncode
    return code


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("seed", range(4))
def test_cut_again_and_again_at_random_moments(bench: Any, signum: int, seed: int) -> None:
    """Cut and resumed until it is through: what had finished when a part was cut never runs again."""
    rng = random.Random(f"{seed}:{signum}")
    count = 10
    bench.write(counted(count, pause_s=0.05))
    cuts = 0
    arguments: tuple[str, ...] = ()
    while True:
        if one_part(bench, arguments, signum, rng.uniform(0.0, 1.5)) == 0:
            break
        if any(run.complete for run in bench.runs()):
            break  # cut while it was judged and rendered: everything was measured, and nothing is left to resume
        cuts += 1
        done = max((len(run.finished) for run in bench.runs()), default=0)
        arguments = ("--pace-resume",) if done or list(bench.run_folder.glob("*")) else ()
        assert cuts < 60
    run = newest(bench)
    assert_whole(run, count)
    # A test that is in the middle when it is cut runs again; each cut costs one call at most, and none is missed.
    assert calls(bench).keys() == {f"net{n}-{name}" for n in range(count) for name in ("copy", "plain")}
    assert calls(bench).total() <= 2 * count + cuts
    assert not bench.survivors()


@pytest.mark.slow
@pytest.mark.parametrize("signum", ["SIGINT", "SIGKILL"])
def test_a_cut_save_keeps_its_whole_processes(bench: Any, signum: str) -> None:
    """Cut in its second of three processes: the first is kept, what the second measured is this process's share."""
    bench.write(counted(2) + "\nimport atexit\n")
    bench.settings("")
    arguments = ("--pace-save=main", "--pace-processes=3")
    process = bench.start(*arguments)
    bench.wait_for(lambda: calls(bench).total() >= 6)
    os.killpg(process.pid, getattr(signal, signum))
    process.wait(timeout=bench.patience_s)
    assert not bench.survivors()
    before = calls(bench)
    assert 6 <= before.total() <= 8
    assert bench.run(*arguments, "--pace-resume") == 0, bench.output
    assert "1 of 3 processes were measured before" in bench.output
    assert calls(bench).total() <= 3 * 4 + 1
    baseline = Store(bench.folder / ".paceline" / "baselines").load("main")
    (save,) = baseline.saves
    assert len(save.runs) == 3
    runs = {run.id: run for run in bench.runs()}
    for one in save.runs:
        assert_whole(runs[one], 2)
    assert all(len(entry.estimates) == 3 for entry in baseline.entries)
    assert bench.run(*arguments, "--pace-resume") == pytest.ExitCode.USAGE_ERROR
    assert "was finished" in bench.output


@pytest.mark.slow
def test_a_save_is_made_where_only_the_saving_was_missing(bench: Any) -> None:
    bench.write(counted(2))
    arguments = ("--pace-save=main", "--pace-processes=2", "--pace-reason=why")
    assert bench.run(*arguments) == 0, bench.output
    before = calls(bench)
    (bench.folder / ".paceline" / "baselines" / "main.json").unlink()
    assert bench.run(*arguments, "--pace-resume") == 0, bench.output
    assert calls(bench) == before
    (save,) = Store(bench.folder / ".paceline" / "baselines").load("main").saves
    assert len(save.runs) == 2


@pytest.mark.slow
def test_a_resumed_run_can_be_held_against_a_baseline(bench: Any) -> None:
    bench.write(counted(2))
    assert bench.run("--pace-save=main", "--pace-processes=2") == 0, bench.output
    bench.run("--pace-gate", env={"CUT_AT": "net1-plain", "CUT_BY": "SIGKILL"})
    assert bench.run("--pace-resume", "--pace-gate", "--pace-json=out.json") in (0, 10, 11), bench.output
    assert '"gone"' not in (bench.folder / "out.json").read_text("utf-8").partition('"comparisons"')[2]
    assert_whole(newest(bench), 2)


STOPS = """
import pathlib

@pytest.mark.parametrize("name", ["a", "b", "c", "d"])
def test_latency(measure, name, device):
    with open("calls.txt", "a") as file:
        file.write(name + "\\n")
    measure(model_of(lambda layer, x: layer(x), name), EAGER, device)
    assert name != "b"
    if name == "c" and pathlib.Path("cut").exists():
        raise KeyboardInterrupt
"""


@pytest.mark.slow
def test_a_run_that_stopped_at_a_failure_goes_on_without_x(bench: Any) -> None:
    bench.write(STOPS)
    assert bench.run("-x") == 1
    assert bench.run("-x", "--pace-resume") == 1
    assert calls(bench) == Counter("ab"), "what failed stays failed"
    assert bench.run("--pace-resume") == 1
    assert "1 failed, 3 passed" in bench.output
    assert calls(bench) == Counter("abcd")
    run = newest(bench)
    assert run.complete
    assert [(one.test.partition("[")[2], one.result) for one in run.finished] == [
        ("a-cpu]", "passed"),
        ("b-cpu]", "failed"),
        ("c-cpu]", "passed"),
        ("d-cpu]", "passed"),
    ]


@pytest.mark.slow
def test_with_lf_and_k(bench: Any) -> None:
    """What ``--lf`` selects becomes less with every test that passes: the plan of the first part is the run's."""
    bench.plugins = ("-p", "no:randomly", "-p", "cacheprovider")
    bench.write(STOPS.replace('name != "b"', 'name == "d" or not pathlib.Path("all").exists()'))
    (bench.folder / "all").touch()
    assert bench.run("-p", "cacheprovider") == 1  # a, b and c fail
    (bench.folder / "all").unlink()
    (bench.folder / "cut").touch()
    (bench.folder / "calls.txt").unlink()
    assert bench.run("--lf", "-k", "not d-") == 2
    assert calls(bench) == Counter("abc")
    (bench.folder / "cut").unlink()
    assert bench.run("--lf", "-k", "not d-", "--pace-resume") == 0, bench.output
    assert calls(bench) == Counter("abcc")
    run = newest(bench)
    assert run.complete
    assert {one.case.model for one in run.outcomes} == set("abc")


@pytest.fixture
def committed(bench: Any) -> Any:
    """A project in a git repository, and a run of it that was cut."""
    bench.write(counted(2))
    (bench.folder / ".gitignore").write_text("calls.txt\nbuilds.txt\noutput.txt\n__pycache__\n.paceline\n", "utf-8")
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e@e", *arguments], cwd=bench.folder, check=True)
    bench.run("--pace-html=report.html", env={"CUT_AT": "net1-plain", "CUT_BY": "SIGINT"})
    assert (bench.folder / "report.html").exists()
    return bench


def commit(bench: Any) -> None:
    subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@e", "commit", "-qam", "x"], cwd=bench.folder, check=True
    )


def edit(bench: Any, name: str = "test_net.py") -> None:
    with (bench.folder / name).open("a", encoding="utf-8") as file:
        file.write("\n# another\n")


CHANGES: dict[str, tuple[Callable[[Any], object], tuple[str, ...], str]] = {
    "tree": (edit, (), "the file test_net.py (changed or new since"),
    "new file": (lambda bench: edit(bench, "more.py"), (), "the file more.py (changed or new since"),
    "revision": (lambda bench: (edit(bench), commit(bench)), (), "the revision ("),
    "settings": (lambda bench: None, ("--pace-seconds=0.007",), "the setting measure_s (0.005 then, 0.007 now)"),
    "tier": (lambda bench: None, ("--pace-tier=full",), "tier"),
    "selection": (lambda bench: None, ("-k", "net1"), "the command line's keyword (none then, net1 now)"),
    "threads": (lambda bench: None, ("--pace-threads=2",), "threads"),
}


@pytest.mark.slow
def test_what_differs_is_named(committed: Any) -> None:
    bench = committed
    before = calls(bench)
    for change, arguments, said in CHANGES.values():
        change(bench)
        assert bench.run("--pace-resume", *arguments) == pytest.ExitCode.USAGE_ERROR, bench.output
        assert said in " ".join(bench.output.split()), bench.output
        assert "measure anew without --pace-resume" in " ".join(bench.output.split())
        subprocess.run(["git", "reset", "-q", "--hard", "HEAD"], cwd=bench.folder, check=True)
        if (bench.folder / "more.py").exists():
            (bench.folder / "more.py").unlink()
        if said.startswith("the revision"):
            subprocess.run(["git", "reset", "-q", "--hard", "HEAD~1"], cwd=bench.folder, check=True)
    env = {"OMP_WAIT_POLICY": "active"}
    assert bench.run("--pace-resume", env=env) == pytest.ExitCode.USAGE_ERROR
    assert "env OMP_WAIT_POLICY" in bench.output
    assert bench.run("--pace-resume", "--pace-save=main") == pytest.ExitCode.USAGE_ERROR
    assert "no cut save as main" in bench.output
    assert bench.run("--pace-resume", "--pace-against=HEAD") == pytest.ExitCode.USAGE_ERROR
    assert "an A/B cannot be resumed" in bench.output
    assert calls(bench) == before, "something was measured all the same"
    (cut,) = bench.runs()
    # What the run itself wrote is no change, and nothing else keeps it from going on.
    assert bench.run(f"--pace-resume={cut.id}", "--pace-html=report.html") == 0, bench.output
    assert_whole(newest(bench), 2)


@pytest.mark.slow
def test_what_is_no_run_is_said(bench: Any) -> None:
    bench.write(counted(1))
    assert bench.run("--pace-resume", "test_net.py") == pytest.ExitCode.USAGE_ERROR
    assert "is no run's id" in bench.output
    assert bench.run("--pace-resume=20261122T043742Z-a8bd9989") == pytest.ExitCode.USAGE_ERROR
    assert "there is no run 20261122T043742Z-a8bd9989" in bench.output
    assert not calls(bench)
