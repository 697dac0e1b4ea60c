"""What the fault tests share: a small benchmark project, pytest as a process of its own, and what it left behind.

Tests that take longer than about two seconds each are marked ``slow`` and run only when asked for: ``-m slow``.
"""

from __future__ import annotations

import gc
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

# pytester forgets modules that an inner run loads first; C extensions do not survive being loaded twice.
import torch._dynamo
import torch.utils.flop_counter  # noqa: F401

import paceline.fixtures.run.session
import paceline.reports.outputs.html  # noqa: F401
from paceline.baselines.files.run_file import read_run
from paceline.baselines.records import Run

SETTINGS = """
[tool.paceline]
measure_s = 0.005
warmup_limit_s = 0.05
processes = 2
[tool.pytest.ini_options]
addopts = ["--import-mode=importlib"]
"""
MARK = "PACELINE_FAULT_TEST"
"""An environment variable that every process of one test inherits, so that survivors can be found."""

HEADER = """
import ctypes, os, random, signal, sys, time
import pytest
import torch
from paceline.fixtures import Model, Optimization

EAGER = Optimization("plain", apply=lambda model, inputs: model, is_reference=True)
COPY = Optimization(
    "copy", apply=lambda model, inputs: model, tolerance=1e-6, evidence=lambda model, prepared: "a copy"
)

def model_of(forward, name="net", build=None):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(8, 8)
        def forward(self, x):
            return forward(self.layer, x)
    return Model(name, build=build or Net, inputs=lambda batch_size: torch.randn(batch_size, 8))

GOOD = model_of(lambda layer, x: layer(x), "good")
"""


class Bench:
    """A benchmark project in a folder of its own, whose pytest runs as a process that may be killed."""

    patience_s = 300.0
    """How long anything may take, on a busy machine too: only what hangs takes longer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = secrets.token_hex(8)
        self.started: list[subprocess.Popen[str]] = []
        self.plugins: tuple[str, ...] = ("-p", "no:randomly")
        self.env: dict[str, str] = {}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pyproject.toml").write_text(SETTINGS, "utf-8")

    def write(self, body: str, name: str = "test_net.py") -> None:
        """A benchmark file: what every one needs, then ``body``."""
        (self.folder / name).write_text(HEADER + body, "utf-8")

    def settings(self, lines: str) -> None:
        """Add lines to ``[tool.paceline]``."""
        path = self.folder / "pyproject.toml"
        path.write_text(path.read_text("utf-8").replace("[tool.paceline]", f"[tool.paceline]\n{lines}"), "utf-8")

    def start(
        self, *arguments: str, env: dict[str, str] | None = None, preexec: Callable[[], None] | None = None
    ) -> subprocess.Popen[str]:
        """pytest in a session (process group) of its own; its output goes to ``output.txt``."""
        # Without bytecode each of some hundred processes would compile the plugin again.
        left_out = ("PYTEST_ADDOPTS", "PYTHONDONTWRITEBYTECODE")
        environment = {name: value for name, value in os.environ.items() if name not in left_out}
        environment |= {MARK: self.mark, "OMP_NUM_THREADS": "1", **self.env, **(env or {})}
        with (self.folder / "output.txt").open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *self.plugins, *arguments],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=preexec,
                text=True,
            )
        self.started.append(process)
        return process

    def run(
        self,
        *arguments: str,
        env: dict[str, str] | None = None,
        preexec: Callable[[], None] | None = None,
        limit_s: float = patience_s,
    ) -> int:
        """The exit code of pytest, run to its end."""
        return self.start(*arguments, env=env, preexec=preexec).wait(timeout=limit_s)

    @property
    def output(self) -> str:
        """What the last process printed."""
        return (self.folder / "output.txt").read_text("utf-8", "replace")

    @property
    def run_folder(self) -> Path:
        """Where run files are stored."""
        return self.folder / ".paceline" / "runs"

    def runs(self) -> list[Run]:
        """All finished or recovered runs, by id. Raises where one cannot be read."""
        return [read_run(path) for path in sorted(self.run_folder.glob("*.jsonl"))]

    def wait_for(self, found: Callable[[], object], limit_s: float = patience_s) -> None:
        """Return once ``found()`` is true."""
        until = time.monotonic() + limit_s
        while not found():
            assert time.monotonic() < until, f"waited {limit_s} s in vain; the output was:\n{self.output}"
            time.sleep(0.01)

    def lines_in_journals(self) -> int:
        """Whole lines in the journals of runs that go on or were cut: headers and outcomes."""
        lines = [line for path in self.run_folder.glob("*.part") for line in path.read_bytes().split(b"\n")[:-1]]
        return sum(not line.startswith((b'{"kind":"plan"', b'{"kind":"finished"')) for line in lines)

    def processes(self) -> list[int]:
        """Processes of this project that are alive (zombies are not)."""
        mark, found = f"{MARK}={self.mark}".encode(), []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal():
                continue
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    state = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
                    found += [int(entry.name)] if state not in "ZX" else []
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
        return found

    def survivors(self, within_s: float = 30.0) -> list[int]:
        """Processes that are still there ``within_s`` seconds after their parent ended (in tests they hang longer)."""
        until = time.monotonic() + within_s
        while (alive := self.processes()) and time.monotonic() < until:
            time.sleep(0.05)
        return alive

    def clean_up(self) -> None:
        """End what a failed test left running: only processes of this very project."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        for process in self.started:
            process.wait(timeout=10)


@pytest.fixture
def make_bench() -> Iterator[Callable[[Path], Bench]]:
    """``make_bench(folder)`` returns a :class:`Bench` there; its processes end with the test."""
    made: list[Bench] = []

    def make(folder: Path) -> Bench:
        made.append(Bench(folder))
        return made[-1]

    yield make
    for bench in made:
        bench.clean_up()


@pytest.fixture
def bench(make_bench: Callable[[Path], Bench], tmp_path: Path) -> Bench:
    """A benchmark project in an empty folder."""
    return make_bench(tmp_path / "project")


@pytest.fixture
def inside(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pytest.RunResult]:
    """``inside(body, *arguments)``: run a benchmark file within this process, in ``pytester.path``."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(body: str, *arguments: str) -> pytest.RunResult:
        (pytester.path / "pyproject.toml").write_text(SETTINGS, "utf-8")
        pytester.makepyfile(test_net=HEADER + body)
        gc.freeze()  # what the tests have loaded: a quarter of a second in each of the run's collections
        return pytester.runpytest_inprocess("-p", "no:randomly", *arguments)

    return run


@pytest.fixture
def only_run(pytester: pytest.Pytester) -> Callable[[], Run]:
    """``only_run()``: the one run that ``inside`` has stored."""

    def find() -> Run:
        (path,) = (pytester.path / ".paceline" / "runs").glob("*.jsonl")
        return read_run(path)

    return find


def _mount(folder: Path, options: Sequence[str]) -> str:
    """Mount a tmpfs; the reason why that cannot be, or an empty text."""
    if os.geteuid() != 0:
        return "only root can mount a small file system"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else f"a small file system cannot be mounted here: {done.stderr.strip()}"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB, mounted for this test."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    reason = _mount(folder, ["-o", "size=256k"])
    if reason:
        pytest.skip(reason)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that was mounted read-only: even root cannot write there."""
    folder = tmp_path / "read-only disk"
    folder.mkdir()
    reason = _mount(folder, ["-o", "ro,size=256k"])
    if reason:
        pytest.skip(reason)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
