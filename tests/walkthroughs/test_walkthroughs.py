"""A copy of paceline with a walk-through's patch applied, and a project whose benchmarks it runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from paceline.baselines.files.run_file import read_run
from paceline.baselines.records import Run

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FOLDERS = ("baselines", "fixtures", "reports", "suites")
OUTPUTS = {"html": "out.html", "markdown": "out.md", "json": "out.json", "junit": "out.xml"}
SETTINGS = """
[tool.paceline]
measure_s = 0.02
warmup_limit_s = 0.05
screen_epochs = 2
confirm_epochs = 6
[tool.pytest.ini_options]
addopts = ["--import-mode=importlib"]
pythonpath = ["."]
"""


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=n", "-c", "user.email=e@e", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def files_of(patch: str) -> list[str]:
    """The files that a patch changes or makes."""
    numbers = git(ROOT, "apply", "--numstat", str(HERE / f"{patch}.patch"))
    return [line.split("\t")[2] for line in numbers.splitlines()]


@dataclass(frozen=True)
class Result:
    """What a run of pytest in the project gave: its exit code, its terminal, and the text of each file by its kind."""

    code: int
    terminal: str
    texts: dict[str, str]
    run: Run

    @property
    def document(self) -> Any:
        """The JSON report."""
        return json.loads(self.texts["json"])


@dataclass(frozen=True)
class Copy:
    """``tree`` is a copy of what git tracks of the four folders, ``project`` a repository with benchmarks."""

    tree: Path
    project: Path

    @property
    def environment(self) -> dict[str, str]:
        """Lets a process import the copy, and load the plugins of the copy instead of those that are installed."""
        plugins = "pytest_benchmark.plugin,paceline.fixtures.plugin,paceline.suites.plugin"
        kept = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
        return {
            **kept,
            "PYTHONPATH": str(self.tree.parent / "importable"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_PLUGINS": plugins,
        }

    def apply(self, patch: str) -> None:
        """Apply a walk-through's patch to the tree."""
        git(self.tree, "apply", str(HERE / f"{patch}.patch"))

    def python(self, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run Python with the copy."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=folder or self.project,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, *arguments: str) -> Result:
        """Run the project's benchmarks, or those that ``arguments`` name; every output is written."""
        runs = self.project / ".paceline" / "runs"
        before = set(runs.glob("*.jsonl"))
        reports = [f"--pace-{kind}={name}" for kind, name in OUTPUTS.items()]
        done = self.python("-m", "pytest", "-p", "no:cacheprovider", *reports, *arguments)
        made = set(runs.glob("*.jsonl")) - before
        assert len(made) == 1, done.stdout + done.stderr
        texts = {kind: (self.project / name).read_text("utf-8") for kind, name in OUTPUTS.items()}
        return Result(done.returncode, done.stdout + done.stderr, texts, read_run(made.pop()))

    def write(self, **files: str) -> None:
        """Write the project's Python files, and commit them."""
        for name, text in files.items():
            (self.project / f"{name}.py").write_text(text, "utf-8")
        git(self.project, "add", "-A")
        git(self.project, "commit", "-qm", "benchmarks")


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """A fresh copy, without a patch, and an empty project."""
    tree, project = tmp_path / "tree", tmp_path / "project"
    for name in git(ROOT, "ls-files", "-z", *FOLDERS).split("\0"):
        if name and (ROOT / name).exists():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    importable = tmp_path / "importable" / "paceline"
    importable.mkdir(parents=True)
    for folder in FOLDERS:
        (importable / folder).symlink_to(tree / folder)
    project.mkdir()
    (project / "pyproject.toml").write_text(SETTINGS)
    (project / ".gitignore").write_text("__pycache__\n.paceline/\nout.*\n")
    # In a repository of its own, git applies a patch to the folder that it is called in.
    for repository in (tree, project):
        git(repository, "init", "-q", "-b", "main")
    return Copy(tree, project)


NET = """
import mmap
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(64, 64)

    def forward(self, x):
        with mmap.mmap(-1, {pages} * mmap.PAGESIZE) as scratch:
            for place in range(0, len(scratch), mmap.PAGESIZE):
                scratch[place] = 1
        return self.layer(x){width}
"""
BENCHMARK = """
import torch
from net import Net
from paceline.fixtures import Model, Optimization

NET = Model("net", build=Net, inputs=lambda n: torch.randn(n, 64))
EAGER = Optimization("plain", apply=lambda model, inputs: model, is_reference=True)

def test_net({fixture}, device):
    {fixture}(NET, EAGER, device)
"""


def test_try(copy: Copy) -> None:
    copy.apply("page_faults")
    copy.write(net=NET.format(pages=64, width=""), test_net=BENCHMARK.format(fixture="measure"))
    r = copy.run()
    print(r.terminal)
    print([ (o.metric.name, o.samples[:5]) for o in r.run.outcomes])
    for k,t in r.texts.items(): print("=====",k,[l[:200] for l in t.splitlines() if "fault" in l and "default" not in l][:10])
    copy.write(net=NET.format(pages=96, width=""))
    (copy.project/"net.py").write_text(NET.format(pages=128, width=""))
    r = copy.run("--pace-against=HEAD", "--pace-gate")
    print(r.terminal, r.code)
    for k,t in r.texts.items(): print("=====",k,[l[:200] for l in t.splitlines() if "fault" in l and "default" not in l][:10])
    assert 0
