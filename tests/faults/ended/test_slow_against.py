"""An A/B that is ended from outside, and one of whose sides dies: trees, processes, outcomes, messages, exit codes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from paceline.baselines.records import Run

pytestmark = pytest.mark.slow

CASES = """
import wares.net

@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_footprint(measure_footprint, name, device):
    measure_footprint(Model(name, build=wares.net.build, inputs=lambda n: torch.randn(n, 8)), EAGER, device)

@pytest.mark.parametrize("name", ["d"])
def test_latency(measure, name, device):
    measure(Model(name, build=wares.net.build, inputs=lambda n: torch.randn(n, 8)), EAGER, device)
"""
NET = "import ctypes, os, time\nimport torch\n\ndef build():\n    time.sleep(0.1)\n    return torch.nn.Linear(8, 8)\n"


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e@e", *arguments], cwd=folder, check=True)


@pytest.fixture
def repository(bench: Any, tmp_path: Path) -> Any:
    """A project of a package and its benchmarks, committed once; exported trees go to a folder of their own."""
    (bench.folder / "wares").mkdir()
    (bench.folder / "wares" / "__init__.py").touch()
    (bench.folder / "wares" / "net.py").write_text(NET, "utf-8")
    (bench.folder / ".gitignore").write_text("__pycache__\n.paceline\noutput.txt\n", "utf-8")
    bench.write(CASES)
    bench.settings("screen_epochs = 2")
    with (bench.folder / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write('pythonpath = ["."]\n')
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "first"]):
        git(bench.folder, *arguments)
    bench.trees = tmp_path / "trees"
    bench.trees.mkdir()
    bench.env["TMPDIR"] = str(bench.trees)
    return bench


def exports(bench: Any) -> list[Path]:
    return list(bench.trees.glob("paceline-ab-*"))


def sides(bench: Any) -> list[int]:
    """The children that measure a side."""
    found = []
    for pid in bench.processes():
        try:
            found += [pid] if b"--pace-child=side" in Path(f"/proc/{pid}/cmdline").read_bytes() else []
        except FileNotFoundError:
            continue
    return found


def begun(bench: Any) -> subprocess.Popen[str]:
    """An A/B of which side B's first outcome is stored: its two sides are at the second test or further."""
    process: subprocess.Popen[str] = bench.start("--pace-against=main")
    bench.wait_for(lambda: bench.lines_in_journals() >= 2 or process.poll() is not None)
    assert process.poll() is None, bench.output
    return process


def assert_kept(bench: Any) -> Run:
    """What was measured is there, as a run that is not complete."""
    (run,) = bench.runs()
    assert not run.complete
    assert run.outcomes
    return run  # type: ignore[no-any-return]


def test_ctrl_c_ends_both_sides_and_removes_their_trees(repository: Any) -> None:
    process = begun(repository)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it: to the run and both sides
    assert process.wait(timeout=repository.patience_s) == pytest.ExitCode.INTERRUPTED
    assert not repository.survivors()
    assert not exports(repository)
    assert_kept(repository)
    assert "the A/B was cut in screen 1 of 2, test" in repository.output, repository.output
    assert "cut short" in repository.output.lower()


@pytest.mark.parametrize("seed", range(6))
def test_ctrl_c_at_random_moments_of_an_ab(repository: Any, seed: int) -> None:
    """Anywhere: while the trees are exported, the sides start, measure, or the result is rendered."""
    process = repository.start("--pace-against=main")
    if seed:
        repository.wait_for(lambda: exports(repository) or process.poll() is not None)
    try:
        process.wait(timeout=random.Random(seed).uniform(0, 8) if seed > 1 else 0.02)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGINT)
    code = process.wait(timeout=repository.patience_s)
    assert code in (0, 2, 11, -signal.SIGINT, 1 if not seed else 2), repository.output  # 1: Python itself was starting
    assert not repository.survivors()
    assert not exports(repository)
    assert all(run.complete == (code in (0, 11)) for run in repository.runs())


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_ab_leaves_no_process_and_the_next_clears_up(repository: Any, signum: int) -> None:
    process = begun(repository)
    os.kill(process.pid, signum)
    assert process.wait(timeout=repository.patience_s) == -signum
    assert not repository.survivors()
    (left,) = exports(repository)
    # Somebody else's, and one that a living process holds, are none of ours.
    (repository.trees / "paceline-ab-link").symlink_to(repository.folder)
    (repository.trees / "paceline-ab-new").mkdir()
    assert repository.run("--pace-against=main", "-k", "footprint and a-cpu") == 0, repository.output
    assert "removed what 1 killed A/B had left behind" in repository.output
    assert not left.exists()
    assert {path.name for path in exports(repository)} == {"paceline-ab-link", "paceline-ab-new"}
    assert (repository.folder / "wares").is_dir()
    cut = [run for run in repository.runs() if not run.complete]
    assert len(cut) == 1
    assert cut[0].outcomes


def test_a_living_abs_trees_are_left_alone(repository: Any) -> None:
    process = begun(repository)
    (tree,) = exports(repository)
    other = subprocess.run(
        [os.sys.executable, "-c", "from paceline.fixtures.ab.export import clear_abandoned; print(clear_abandoned())"],  # type: ignore[attr-defined]
        env={**os.environ, **repository.env},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == "0"
    assert tree.is_dir()
    os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=repository.patience_s)


@pytest.mark.parametrize("place", [0, 1])
def test_a_killed_side_is_named_and_what_was_measured_is_kept(repository: Any, place: int) -> None:
    process = begun(repository)
    repository.wait_for(lambda: len(sides(repository)) == 2)
    os.kill(sorted(sides(repository))[place], signal.SIGKILL)
    assert process.wait(timeout=repository.patience_s) == pytest.ExitCode.TESTS_FAILED
    assert not repository.survivors()
    assert not exports(repository)
    assert_kept(repository)
    said = " ".join(repository.output.split())
    assert "the A/B was cut: screen 1 of 2, test_net.py::test_" in said, repository.output
    assert "was ended by signal 9 (Killed)" in said
    assert "side A (" in said or "side B (working tree)" in said


def test_a_side_that_crashes_is_named(repository: Any) -> None:
    """The working tree's model reads address zero when it is built the second time."""
    crash = NET.replace(
        "    time.sleep(0.1)\n", "    global built\n    built += 1\n    built > 1 and ctypes.string_at(0)\n"
    )
    (repository.folder / "wares" / "net.py").write_text(f"{crash}\nbuilt = 0\n", "utf-8")
    assert repository.run("--pace-against=main", "-k", "footprint") == pytest.ExitCode.TESTS_FAILED
    assert not repository.survivors()
    assert not exports(repository)
    said = " ".join(repository.output.split())
    assert "side B (working tree) was ended by signal 11 (Segmentation fault)" in said, repository.output
    assert "test_net.py::test_footprint[" in said
    assert "Fatal Python error: Segmentation fault" in said
    assert "wares/net.py" in said
    assert all(not run.complete for run in repository.runs())
