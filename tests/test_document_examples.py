"""The examples of the documents run as they are printed."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

# pytester forgets modules that an inner run loads first; C extensions do not survive being loaded twice.
import torch._dynamo
import torch.ao.quantization.quantize_fx
import torch.utils.flop_counter  # noqa: F401

import paceline.fixtures.run.session
import paceline.reports.outputs.html
import paceline.reports.page.page  # noqa: F401
from paceline.baselines.files import codec, progress_codec
from paceline.baselines.files.baseline_file import dump_baseline, parse_baseline
from paceline.baselines.files.run_file import read_run
from paceline.baselines.files.strict_json import Fields
from tests.documents.printed import (
    AB,
    DOCUMENTS,
    FORMATS,
    HOW_TO,
    METHOD,
    README,
    RECIPES,
    VERDICTS,
    appears,
    blocks,
    recipe,
    squeezed,
)

# -- examples ----------------------------------------------------------------------------------------------------------

COMPILES = "A model that cannot run, and a claim that must stay true"
"""Loads torch's compiler, which does not survive being loaded twice: it runs in a process of its own."""
EXAMPLES: Mapping[tuple[str, str], Mapping[str, int]] = {
    (f"{HOW_TO}/own-models.md", "Axes of your own"): {"passed": 2},
    (f"{HOW_TO}/own-models.md", "A folder of models"): {"passed": 5},
    (f"{HOW_TO}/generation.md", "The benchmark"): {"passed": 3},
    (f"{HOW_TO}/own-optimizations.md", "Evidence that rejects a fake"): {"passed": 1, "failed": 1},
    (f"{HOW_TO}/own-optimizations.md", COMPILES): {"passed": 1, "skipped": 1},
    (f"{HOW_TO}/devices.md", "Add a device"): {"passed": 1, "skipped": 1},
    (f"{HOW_TO}/other-costs.md", "Measure the costs"): {"passed": 4},
    (f"{HOW_TO}/other-costs.md", "Time something else"): {"passed": 1},
}
"""What pytest says of the files that a section prints."""
QUICK = "[tool.paceline]\nmeasure_s = 0.005\nwarmup_limit_s = 0.05\n"


def files_of(document: str, section: str) -> dict[str, str]:
    return {
        block.name: block.text
        for block in blocks(document)
        if block.section == section and block.language == "python" and re.match(r"(conftest|test_\w+)\.py", block.name)
    }


def shown(document: str, section: str, language: str) -> str:
    return "".join(block.text for block in blocks(document) if block.section == section and block.language == language)


def test_every_printed_program_is_tested() -> None:
    known = {*EXAMPLES, *((document, section) for document, section, _ in SCRIPTS)}
    printed = {
        (document, block.section) for document in DOCUMENTS for block in blocks(document) if block.language == "python"
    }
    followed = {(document, block.section) for document in RECIPES for block in recipe(document)}
    assert printed <= known | followed | {(FORMATS, "Reading them in Python")}
    assert known <= printed


SLOW = frozenset({"Measure the costs", COMPILES, "Clearing a suspect"})
"""Sections whose programs take long: they take turns."""


def in_turns(places: Iterable[tuple[str, ...]]) -> list[Any]:
    """The parameters of a test, those of slow sections marked."""
    return [pytest.param(*place, marks=[pytest.mark.slow] * (place[1] in SLOW)) for place in places]


@pytest.mark.parametrize(("document", "section"), in_turns(EXAMPLES), ids=lambda value: value)
def test_an_example_does_what_is_printed(
    document: str, section: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyprojecttoml(QUICK)
    for name, program in files_of(document, section).items():
        (pytester.path / name).write_text(program, "utf-8")
    commands = re.findall(r"^pytest (.*)$", shown(document, section, "sh"), re.MULTILINE)
    arguments = shlex.split(commands[0]) if commands else []
    run = pytester.runpytest_subprocess if section == COMPILES else pytester.runpytest_inprocess
    result = run(*arguments)
    result.assert_outcomes(**EXAMPLES[document, section])
    printed = squeezed(result.stdout.str())
    for line in shown(document, section, "text").splitlines():
        assert appears(line, printed), line
    runs = [read_run(path) for path in (pytester.path / ".paceline" / "runs").glob("*.jsonl")]
    assert all(run.complete for run in runs)
    assert len(runs) == any("measure" in program for program in files_of(document, section).values())


SCRIPTS = [
    (document, block.section, block.name)
    for document in (METHOD, AB, VERDICTS)
    for block in blocks(document)
    if block.language == "python"
]


@pytest.mark.parametrize(("document", "section", "name"), in_turns(SCRIPTS))
def test_a_script_prints_what_is_printed(document: str, section: str, name: str, tmp_path: Path) -> None:
    (program,) = [block.text for block in blocks(document) if block.name == name]
    (tmp_path / name).write_text(program, "utf-8")
    done = subprocess.run(
        [sys.executable, "-X", "utf8", name], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    assert squeezed(done.stdout) == squeezed(shown(document, section, "text"))


def test_the_verdict_that_the_readme_explains_is_that_of_the_example() -> None:
    row = squeezed(shown(README, "Reading a verdict", "text"))
    assert row in squeezed(shown(VERDICTS, "An example to run", "text"))


# -- file formats ------------------------------------------------------------------------------------------------------


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """The run file that the page of formats prints, each of its objects on one line."""
    lines = [json.loads(block.text) for block in blocks(FORMATS) if block.name == "run"]
    path = tmp_path / f"{lines[0]['id']}.jsonl"
    path.write_bytes(b"".join(codec.line_of(line) for line in lines))
    return path


def test_the_printed_run_is_one(stored: Path) -> None:
    run = read_run(stored)
    assert run.complete
    header, plan, *lines, end = (json.loads(line) for line in stored.read_bytes().splitlines())
    outcomes = [line for line in lines if line["kind"] != "finished"]
    assert run.plan is not None
    assert codec.header_to_json(run) == header
    assert progress_codec.plan_to_json(run.plan) == plan
    assert [progress_codec.finished_to_json(one) for one in run.finished] == [
        line for line in lines if line["kind"] == "finished"
    ]
    assert {one.test for one in run.finished} == set(run.plan.tests)
    assert [codec.outcome_to_json(outcome) for outcome in run.outcomes] == outcomes
    assert codec.footer_to_json(len(outcomes), True, run.profile_s, run.notes) == end
    assert codec.outcome_from_json(Fields(outcomes[0])) == run.outcomes[0]


def test_the_printed_baseline_is_what_would_be_written() -> None:
    (text,) = [block.text for block in blocks(FORMATS) if block.name == "baseline"]
    assert dump_baseline(parse_baseline(text)) == text


def test_the_printed_reader_reads_it(stored: Path, tmp_path: Path) -> None:
    (program,) = [block.text for block in blocks(FORMATS) if block.language == "python"]
    (tmp_path / "read.py").write_text(program, "utf-8")
    done = subprocess.run(
        [sys.executable, "read.py", stored], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "my_net-bf16-cpu-b1 latency_ns 4 ns" in done.stdout
    assert "latency_ns" in done.stdout.splitlines()[-1]
