"""The walk-throughs of docs/how-to/change-paceline.md: each is a patch that lands in few files, and that works.

Each patch is applied to a copy of the code, which then measures a case. A new metric must be in every output and in an
A/B.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paceline.baselines.files.run_file import read_run
from paceline.baselines.records import Measured, Run
from paceline.reports.frame import run_frame

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FOLDERS = ("baselines", "fixtures", "reports", "suites")
MOST_FILES = {"page_faults": 3, "timed_kind": 4, "untimed_kind": 4, "optimization": 2, "output": 2, "estimator": 1}
"""How many files of code a walk-through may touch. An optimization's second one is the tier."""
DOCUMENT = ROOT / "docs" / "how-to" / "change-paceline.md"
OUTPUTS = {"html": "out.html", "markdown": "out.md", "json": "out.json", "junit": "out.xml"}
SETTINGS = """
[tool.paceline]
measure_s = 0.02
warmup_limit_s = 0.05
screen_epochs = 2
band = 0.9
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
        self.layers = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Dropout(), torch.nn.Linear(64, 64))

    def forward(self, x):
        with mmap.mmap(-1, {pages} * mmap.PAGESIZE) as scratch:
            for place in range(0, len(scratch), mmap.PAGESIZE):
                scratch[place] = 1
        return self.layers(x).repeat(1, {copies})
"""
"""Touches new pages in every call; ``copies`` say how much it returns."""
BENCHMARK = """
import pytest
import torch
from net import Net
from paceline.fixtures import Model

NET = Model("net", build=Net, inputs=lambda n: torch.randn(n, 64))

@pytest.mark.parametrize("model", [NET], ids=str)
def test_net({fixture}, model, optimization, device):
    {fixture}(model, optimization, device)
"""
EAGER = "--pace-optimizations=eager"

every_measurement = pytest.mark.parametrize(
    ("patch", "fixture", "metric"),
    [
        ("page_faults", "measure", "page_faults"),
        pytest.param("timed_kind", "measure_rested", "rested_latency_ns", marks=pytest.mark.slow),
        pytest.param("untimed_kind", "measure_answer", "answer_bytes", marks=pytest.mark.slow),
    ],
)


def title_of(metric: str) -> str:
    """The metric's name for people."""
    return re.sub("_(ns|bytes)$", "", metric).replace("_", " ")


# -- form --------------------------------------------------------------------------------------------------------------


def test_every_patch_is_a_walkthrough_and_every_walkthrough_a_patch() -> None:
    patches = {path.stem for path in HERE.glob("*.patch")}
    assert patches == MOST_FILES.keys()
    assert patches == set(re.findall(r"tests/walkthroughs/(\w+)\.patch", DOCUMENT.read_text("utf-8")))


@pytest.mark.parametrize(("patch", "most"), MOST_FILES.items())
def test_a_change_lands_in_few_files(patch: str, most: int) -> None:
    assert 0 < len(files_of(patch)) <= most


def test_the_lines_that_the_document_quotes_are_those_of_the_patches() -> None:
    """Below the name of a patch stand diff blocks; each of their lines is one of the patch."""
    quoted = 0
    for section in re.split(r"^## ", DOCUMENT.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        (name,) = re.findall(r"tests/walkthroughs/(\w+)\.patch", section)
        patch = (HERE / f"{name}.patch").read_text("utf-8").splitlines()
        for block in re.findall(r"^```diff\n(.*?)^```", section, flags=re.DOTALL | re.MULTILINE):
            assert [line for line in block.splitlines() if line not in patch] == [], name
            quoted += 1
    assert quoted >= len(MOST_FILES)


# -- a metric, and kinds of measurement --------------------------------------------------------------------------------


@every_measurement
def test_a_metric_is_in_every_output(copy: Copy, patch: str, fixture: str, metric: str) -> None:
    copy.apply(patch)
    copy.write(net=NET.format(pages=96, copies=1), test_net=BENCHMARK.format(fixture=fixture))
    result = copy.run(EAGER)
    assert result.code == 0, result.terminal
    measured = {one.metric.name: one for one in result.run.outcomes if isinstance(one, Measured)}
    assert min(measured[metric].samples) >= {"page_faults": 96, "answer_bytes": 64 * 4}.get(metric, 1)
    assert metric in {compared["metric"]["name"] for compared in result.document["comparisons"]}
    assert f"paceline.{metric}" in result.texts["junit"]
    assert title_of(metric) in result.texts["html"]
    assert title_of(metric) in result.texts["markdown"]
    assert metric in set(run_frame(result.run)["metric"])
    # The terminal names what needs a person: here a value that one process alone cannot judge, or that has grown.
    copy.write(net=NET.format(pages=120, copies=2))
    runs = [copy.project / ".paceline" / "runs" / f"{one.run.id}.jsonl" for one in (result, copy.run(EAGER))]
    done = copy.python("-m", "paceline.reports", "compare", *map(str, runs))
    assert f"net-eager-cpu-b1  {title_of(metric)}:" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
@every_measurement
def test_a_metric_is_compared_in_an_ab(copy: Copy, patch: str, fixture: str, metric: str) -> None:
    copy.apply(patch)
    copy.write(net=NET.format(pages=96, copies=1), test_net=BENCHMARK.format(fixture=fixture))
    (copy.project / "net.py").write_text(NET.format(pages=120, copies=2))
    result = copy.run(EAGER, "--pace-against=HEAD")
    compared = {one["metric"]["name"]: one for one in result.document["comparisons"]}[metric]
    assert compared["stage"] in ("screen", "confirmation"), result.terminal
    if metric == "page_faults":
        assert 96 <= compared["base"] < compared["new"]
    if metric == "answer_bytes":
        assert (compared["base"], compared["new"], compared["verdict"]) == (64 * 4, 128 * 4, "regressed")
    assert ("of two fresh processes in turns" in result.texts["html"]) == (patch != "untimed_kind")


# -- an optimization, an output, an estimator --------------------------------------------------------------------------


def test_an_optimization_is_proven_and_measured(copy: Copy) -> None:
    copy.apply("optimization")
    copy.write(net=NET.format(pages=1, copies=1), test_net=BENCHMARK.format(fixture="measure"))
    result = copy.run("--pace-optimizations=no_dropout")
    assert result.code == 0, result.terminal
    assert {one.case.optimization for one in result.run.outcomes if isinstance(one, Measured)} == {"no_dropout"}
    assert {one["case"]["optimization"] for one in result.document["comparisons"]} == {"no_dropout"}
    for kind in ("html", "markdown", "junit"):
        assert "net-no_dropout-cpu-b1" in unescape(result.texts[kind])
    listed = copy.python(
        "-m", "pytest", "--collect-only", "-q", "suites/test_latency.py", "--pace-models=mobilenet_v3_small",
        "--import-mode=importlib", folder=copy.tree,
    )  # fmt: skip
    assert "test_latency[mobilenet_v3_small-no_dropout-cpu-b1]" in listed.stdout, listed.stdout + listed.stderr


def test_an_output_is_an_option_a_setting_and_a_command(copy: Copy) -> None:
    copy.apply("output")
    copy.write(net=NET.format(pages=1, copies=1), test_net=BENCHMARK.format(fixture="measure"))
    result = copy.run(EAGER, "--pace-csv=out.csv")
    rows = list(csv.DictReader((copy.project / "out.csv").read_text().splitlines()))
    assert [(row["case"], row["metric"], row["verdict"]) for row in rows] == [
        ("net-eager-cpu-b1", "latency_ns", "no baseline")
    ]
    assert float(rows[0]["new"]) == result.document["comparisons"][0]["new"]
    run = copy.project / ".paceline" / "runs" / f"{result.run.id}.jsonl"
    done = copy.python("-m", "paceline.reports", "render", str(run), "--csv=again.csv")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (copy.project / "again.csv").read_text() == (copy.project / "out.csv").read_text()


@pytest.mark.slow
def test_an_estimator_is_judged_and_named_everywhere(copy: Copy) -> None:
    copy.apply("estimator")
    copy.write(net=NET.format(pages=1, copies=1), test_net=BENCHMARK.format(fixture="measure"))
    result = copy.run(EAGER)
    (latency,) = [one for one in result.run.outcomes if isinstance(one, Measured) and one.metric.name == "latency_ns"]
    (compared,) = result.document["comparisons"]
    assert compared["new"] == pytest.approx(np.quantile(latency.samples, 0.1), rel=1e-12)
    assert "lower decile" in result.texts["html"]
    assert not [kind for kind, text in result.texts.items() if "lower quartile" in text]
