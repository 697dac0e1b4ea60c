"""Recipes do as they say: a test follows each from top to bottom, in an empty folder, with the commands as printed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.documents.printed import RECIPES, Block, appears, blocks, recipe, squeezed

ACTIONS, VERSIONS = "docs/how-to/github-actions.md", "docs/how-to/two-torch-versions.md"
INSTRUCTIONS = "docs/how-to/instructions.md"
NOT_RUN: Mapping[tuple[str, str], str] = {
    (VERSIONS, "old-environment"): "it downloads another torch: the test makes an environment of that name instead",
    (VERSIONS, "minutes"): "it times latency until a verdict",
    ("docs/tutorial/first-gate.md", "minutes"): "it times latency until a verdict",
    (ACTIONS, "own-machine"): "it may time latency until a verdict",
    (INSTRUCTIONS, "install"): "it changes the machine, and asks for rights",
    (INSTRUCTIONS, "minutes"): "it starts a process under valgrind a side",
}
"""Blocks of commands that a test does not run, by document and name, and why."""
HANGS_S = 1200
ADDED = "-p no:cacheprovider --pace-seconds=0.02 --pace-processes=2"
"""Options that make the printed commands take less time."""


class Reader:
    """Somebody who writes the printed files into a folder, types the printed commands there, and compares the output.

    Raises AssertionError where a command ends with another exit code than 0, or a printed line does not appear.
    """

    def __init__(self, folder: Path, bin_folder: Path) -> None:
        self.folder, self.bin_folder = folder, bin_folder
        self.output: str | None = None
        _command(bin_folder / "python", "import os, sys; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])")
        _command(bin_folder / "pytest", "import sys, pytest; sys.exit(pytest.main())")

    def follow(self, document: str) -> int:
        """Follow a document; return how many blocks of commands were run."""
        ran = 0
        for block in recipe(document):
            if block.language == "sh" and (document, block.name) not in NOT_RUN:
                self.type(block.text)
                ran += 1
            elif block.language == "text" and not block.name:
                self.compare(block)
            elif block.name and block.language != "sh":
                self.write(block)
        return ran

    def write(self, block: Block) -> None:
        """Write a printed file."""
        path = self.folder / block.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, "utf-8")

    def type(self, commands: str) -> None:
        """Run commands in a shell that stops at the first one that fails."""
        done = self.run(commands)
        assert done.returncode == 0, done.stdout
        self.output = squeezed(done.stdout)

    def run(self, commands: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run commands as GitHub's runners do, with the person's name known to git."""
        person = dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "Ada")
        person |= dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "ada@example.com")
        path = f"{self.bin_folder}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", commands],
            cwd=self.folder,
            env={**os.environ, **person, "PATH": path, "PYTEST_ADDOPTS": ADDED, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=HANGS_S,
            check=False,
        )

    def compare(self, block: Block) -> None:
        """Every printed line is in the output of the commands before it."""
        assert self.output is not None, f"nothing was run before the output in {block.section!r}"
        assert [line for line in block.text.splitlines() if not appears(line, self.output)] == [], self.output


def _command(path: Path, program: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{program}\n", "utf-8")
    path.chmod(0o755)


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    folder = tmp_path / "empty"
    folder.mkdir()
    return Reader(folder, tmp_path / "bin")


def make_old_environment(folder: Path) -> None:
    """An interpreter of its own at the place that the recipe names, with this one's packages."""
    environment = folder / ".venv-old"
    venv.create(environment, with_pip=False)
    (site,) = environment.glob("lib/python*/site-packages")
    lent = [entry for entry in sys.path if entry.endswith("site-packages")]
    (site / "lent.pth").write_text("".join(f"import site; site.addsitedir({entry!r})\n" for entry in lent), "utf-8")


ALWAYS = ("README.md",)
"""Followed in every run of the tests; the others take turns."""
PREPARED: Mapping[str, Callable[[Path], None]] = {VERSIONS: make_old_environment}
"""What stands in for a block that is not run."""
with_valgrind = pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")


def marks_of(document: str) -> list[pytest.MarkDecorator]:
    """When a recipe is followed."""
    return [*([] if document in ALWAYS else [pytest.mark.slow]), *([with_valgrind] if document == INSTRUCTIONS else [])]


@pytest.mark.parametrize(
    "document", [pytest.param(document, marks=marks_of(document)) for document in RECIPES if document != ACTIONS]
)
def test_a_recipe_does_as_it_says(document: str, reader: Reader) -> None:
    PREPARED.get(document, lambda folder: None)(reader.folder)
    assert reader.follow(document) > 0


def test_every_block_that_is_not_run_is_there_for_its_reason() -> None:
    named = {(document, block.name) for document in RECIPES for block in recipe(document) if block.language == "sh"}
    assert {one for one in named if one[1]} == set(NOT_RUN)


# -- GitHub Actions ----------------------------------------------------------------------------------------------------


COUNTS, TIMES = ".github/workflows/counts.yml", ".github/workflows/performance.yml"
COMMIT = 'git add --all; git commit --quiet --allow-empty --message "A commit"'


def workflows(document: str) -> dict[str, str]:
    """The workflows that a document prints, in their order, by file."""
    return {block.name: block.text for block in blocks(document) if block.language == "yaml"}


def steps(file: str) -> list[dict[str, Any]]:
    """The steps of a printed workflow's one job."""
    import yaml

    (job,) = yaml.safe_load(workflows(ACTIONS)[file])["jobs"].values()
    steps: list[dict[str, Any]] = job["steps"]
    return steps


def summarized(reader: Reader, step: Mapping[str, Any]) -> str:
    """The summary that a step writes, however the steps before it ended."""
    assert step["if"] == "!cancelled()"
    stated = reader.folder.parent / "summary.md"
    stated.unlink(missing_ok=True)
    assert reader.run(str(step["run"]), GITHUB_STEP_SUMMARY=str(stated)).returncode == 0
    return stated.read_text("utf-8")


def uploaded(reader: Reader, step: Mapping[str, Any]) -> set[str]:
    """The files that a step uploads, however the steps before it ended."""
    assert step["if"] == "!cancelled()"
    return {
        path.relative_to(reader.folder).as_posix()
        for pattern in str(step["with"]["path"]).split()
        for path in reader.folder.glob(pattern)
    }


def test_the_readme_prints_the_same_workflows() -> None:
    assert list(workflows(ACTIONS)) == [COUNTS, TIMES]
    assert list(workflows("README.md").items()) == list(workflows(ACTIONS).items())


@pytest.mark.parametrize("file", [COUNTS, TIMES])
def test_a_workflow_installs_what_it_names(file: str, reader: Reader) -> None:
    reader.follow(ACTIONS)
    (install,) = [step["run"] for step in steps(file) if str(step.get("run")).startswith("pip ")]
    command, _, name = str(install).rpartition(" ")
    assert command == "pip install -r"
    names = {Requirement(line).name for line in (reader.folder / name).read_text("utf-8").splitlines()}
    assert {"paceline", "torch"} <= names


def test_the_workflow_of_times_fetches_the_target_branch() -> None:
    checkout, *_ = steps(TIMES)
    assert checkout["with"] == {"fetch-depth": 0}


def test_the_workflow_of_counts_saves_when_somebody_starts_it_to() -> None:
    import yaml

    (triggers,) = [value for key, value in yaml.safe_load(workflows(ACTIONS)[COUNTS]).items() if key in ("on", True)]
    assert triggers.keys() == {"push", "workflow_dispatch"}
    ((name, choice),) = triggers["workflow_dispatch"]["inputs"].items()
    assert (name, choice["type"], choice["default"]) == ("save", "boolean", False)
    assert [step["if"] for step in steps(COUNTS) if "--pace-save" in str(step.get("run"))] == ["inputs.save"]
    # Without it, a path with a folder whose name begins with a dot is left out.
    assert steps(COUNTS)[-1]["with"]["include-hidden-files"] is True


@pytest.mark.slow
@with_valgrind
def test_the_workflow_of_counts_saves_passes_and_blocks(reader: Reader) -> None:
    reader.follow(ACTIONS)
    reader.type(f"git init --quiet; {COMMIT}")
    *_, save, gate, summary, upload = steps(COUNTS)
    reader.type(str(save["run"]))
    same = reader.run(str(gate["run"]))
    assert same.returncode == 0, same.stdout
    assert "Passed" in summarized(reader, summary)
    assert uploaded(reader, upload) == {"report.html", "report.md", ".paceline/baselines/counts.json"}
    reader.type(f"sed -i 's/WIDTH = 512/WIDTH = 640/' my_net.py; {COMMIT}")
    wider = reader.run(str(gate["run"]))
    assert wider.returncode == 10, wider.stdout
    assert "Blocked" in summarized(reader, summary)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "code", "said"), [(512, 0, "Passed"), (640, 10, "Blocked")])
def test_the_workflow_of_times_judges_a_pull_request(width: int, code: int, said: str, reader: Reader) -> None:
    reader.follow(ACTIONS)
    reader.type(f"git init --quiet --initial-branch=main; {COMMIT}; git rev-parse HEAD")
    base = reader.output
    assert base is not None
    reader.type(f"git switch --quiet --create change; sed -i 's/WIDTH = 512/WIDTH = {width}/' my_net.py; {COMMIT}")
    *_, gate, summary, upload = steps(TIMES)
    judged = reader.run(str(gate["run"]).replace("${{ github.event.pull_request.base.sha }}", base))
    assert judged.returncode == code, judged.stdout
    assert said in summarized(reader, summary)
    assert uploaded(reader, upload) == {"report.html", "report.md", "report.xml"}


@pytest.mark.slow
def test_the_workflow_of_times_passes_where_the_base_has_no_benchmarks(reader: Reader) -> None:
    reader.type('git init --quiet; git commit --quiet --allow-empty --message "Nothing yet"; git rev-parse HEAD')
    base = reader.output
    assert base is not None
    reader.follow(ACTIONS)
    *_, gate, _, _ = steps(TIMES)
    judged = reader.run(str(gate["run"]).replace("${{ github.event.pull_request.base.sha }}", base))
    assert judged.returncode == 0, judged.stdout
