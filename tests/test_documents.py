"""The documents say what is so: links resolve, tables equal the code's, examples run as they are printed."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

# pytester forgets modules that an inner run loads first; C extensions do not survive being loaded twice.
import torch._dynamo
import torch.ao.quantization.quantize_fx
import torch.utils.flop_counter  # noqa: F401

import paceline.fixtures.run.session
import paceline.reports.outputs.html
import paceline.reports.page.page  # noqa: F401
from paceline.baselines.files import codec, progress_codec
from paceline.baselines.files.acknowledgement_file import FILE_NAME, parse_acknowledgements
from paceline.baselines.files.baseline_file import dump_baseline, parse_baseline
from paceline.baselines.files.run_file import read_run
from paceline.baselines.files.strict_json import Fields
from paceline.baselines.judgement.verdicts import Policy, Verdict
from paceline.baselines.records import Cause, Metric, metrics
from paceline.baselines.settings import CaseSettings, Settings, load_settings, parse_settings
from paceline.fixtures import Model, Optimization, Prepared
from paceline.fixtures.collection import hookspecs
from paceline.fixtures.run import provided
from paceline.reports.outputs import OUTPUTS
from paceline.reports.page.page import EXIT_CODES
from paceline.reports.wording.words import MARKS
from paceline.suites.models import MODELS
from paceline.suites.optimizations import OPTIMIZATIONS

ROOT = Path(__file__).parent.parent
DOCUMENTS = tuple(
    sorted(path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")))
)
README, EXTENSION, VERDICTS, METHOD = "README.md", "docs/extension.md", "docs/verdicts.md", "docs/method.md"
MATRIX = "docs/matrix.md"
MAKE_MATRIX = f"run suites/ on the full tier, then python -m paceline.reports matrix RUN.jsonl … --output {MATRIX}"
PLANNED: frozenset[str] = frozenset()
"""Options that the documents announce and that are not there yet."""
LINE_LENGTH = 120

every_document = pytest.mark.parametrize("document", DOCUMENTS)


@dataclass(frozen=True)
class Block:
    """A fenced block: ``name`` is what follows the language (a file's name), ``section`` the heading above it."""

    section: str
    language: str
    name: str
    text: str


def text_of(document: str) -> str:
    return (ROOT / document).read_text("utf-8")


def sections(document: str) -> Iterator[tuple[str, list[str]]]:
    """Each heading's text with the lines below it, headings inside fences not counted."""
    title, lines, fenced = "", list[str](), False
    for line in text_of(document).splitlines():
        fenced ^= line.lstrip().startswith("```")
        if line.startswith("#") and not fenced:
            yield title, lines
            title, lines = line.lstrip("#").strip(), []
        lines.append(line)
    yield title, lines


def blocks(document: str) -> list[Block]:
    """All fenced blocks of a document."""
    found = []
    for title, lines in sections(document):
        opened: tuple[str, str] | None = None
        content: list[str] = []
        for line in lines:
            if not line.lstrip().startswith("```"):
                content.append(line)
            elif opened is None:
                language, _, name = line.strip("` ").partition(" ")
                opened, content = (language, name), []
            else:
                found.append(Block(title, *opened, "\n".join(content) + "\n"))
                opened = None
        assert opened is None, f"{document}: a fence in {title!r} is not closed"
    return found


def tables(document: str, section: str) -> list[list[list[str]]]:
    """The tables of a section as rows of cells, without their heads; code marks are taken off."""
    (text,) = ["\n".join(lines) for title, lines in sections(document) if title == section]
    bodies = re.findall(r"^\|.*\n\| ?---.*\n((?:\|.*(?:\n|$))+)", text, re.MULTILINE)
    return [[[_plain(cell) for cell in row.strip("|").split("|")] for row in body.splitlines()] for body in bodies]


def _plain(cell: str) -> str:
    return cell.strip().removeprefix("`").removesuffix("`")


def squeezed(text: str) -> str:
    return " ".join(text.split())


def slug(heading: str) -> str:
    """A heading's anchor, by GitHub's rules."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# -- links and form ----------------------------------------------------------------------------------------------------


@every_document
def test_relative_links_resolve(document: str) -> None:
    prose = re.sub(r"^```.*?^```", "", text_of(document), flags=re.DOTALL | re.MULTILINE)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / document).parent / path if path else ROOT / document
        if not file.exists():
            broken.append(target)
        elif anchor:
            there = {slug(title) for title, _ in sections(file.resolve().relative_to(ROOT).as_posix())}
            broken += [] if anchor in there else [target]
    assert not broken


@every_document
def test_lines_are_short(document: str) -> None:
    # The matrix is made by a command, and its commands are as long as what was asked for.
    exact = "".join(block.text for block in blocks(document) if block.language == "json" or document == MATRIX)
    long = [
        line
        for line in text_of(document).splitlines()
        if len(line) > LINE_LENGTH and not line.startswith("|") and line not in exact
    ]
    assert not long


@every_document
def test_files_and_make_targets_that_are_named_exist(document: str) -> None:
    text = text_of(document)
    named = re.findall(r"\b((?:baselines|fixtures|reports|suites|tests|docs)/[\w/]+\.(?:py|md))\b", text)
    assert [name for name in named if not (ROOT / name).exists()] == []
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"`?\bmake (\w+)\b`", text)) | set(re.findall(r"^make (\w+)", text, re.MULTILINE)) <= targets


# -- tables ------------------------------------------------------------------------------------------------------------


def test_options_are_those_of_the_command_line(pytester: pytest.Pytester) -> None:
    helped = pytester.runpytest_inprocess("--help").stdout.str()
    there = set(re.findall(r"^  (--pace-[\w-]+(?:=\S+)?)", helped, re.MULTILINE))
    (rows,) = tables(README, "Narrowing a run")
    assert {row[0] for row in rows} == there
    names = {option.partition("=")[0] for option in there}
    assert "--pace-child" not in names
    assert not names & PLANNED, "it is there now: say so in the documents"
    for document in DOCUMENTS:
        mentioned = set(re.findall(r"--pace-\w[\w-]*\w", text_of(document)))
        assert mentioned <= names | PLANNED, document


def test_settings_are_those_of_the_code() -> None:
    general, of_cases = tables(EXTENSION, "Settings")
    fields = {
        field.name: field.default for field in dataclasses.fields(Settings) if field.name not in ("outputs", "cases")
    }
    fields |= dict.fromkeys(OUTPUTS)
    assert [row[0] for row in general] == list(fields)
    for key, default, _ in general:
        if fields[key] is None:
            assert default == "", key
        else:
            assert getattr(parse_settings(_toml(f"{key} = {default}"), "here", OUTPUTS), key) == fields[key], key
    assert [row[0] for row in of_cases] == [field.name for field in dataclasses.fields(CaseSettings)]


def _toml(text: str) -> dict[str, object]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)


@pytest.mark.parametrize(
    "block",
    [block for document in DOCUMENTS for block in blocks(document) if (block.language, block.name) == ("toml", "")],
)
def test_settings_that_are_printed_load(block: Block, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(block.text, "utf-8")
    assert load_settings(tmp_path, OUTPUTS) != Settings()


def test_acknowledgements_that_are_printed_load() -> None:
    named = [block for document in DOCUMENTS for block in blocks(document) if block.name == FILE_NAME]
    assert [len(parse_acknowledgements(block.text, block.name).entries) for block in named] == [1, 1]
    (keys, *_) = tables("docs/file-format.md", "Acknowledged regressions")
    assert [row[0] for row in keys] == [line.partition(" ")[0] for line in named[0].text.splitlines()[1:]]


def test_fixtures_are_all_listed() -> None:
    assert provided.__file__ is not None
    functions = [
        node for node in ast.parse(Path(provided.__file__).read_text("utf-8")).body if isinstance(node, ast.FunctionDef)
    ]
    there = [node.name for node in functions if any("fixture" in ast.dump(mark) for mark in node.decorator_list)]
    listed = [*tables(EXTENSION, "The measurements"), *tables(EXTENSION, "The parts, one by one")]
    assert [row[0] for rows in listed for row in rows] == there


def test_hooks_are_all_listed() -> None:
    there = {name for name in vars(hookspecs) if name.startswith("pytest_paceline_")}
    (rows,) = tables(EXTENSION, "Hooks")
    assert {row[0].partition("(")[0] for row in rows} == there


@pytest.mark.parametrize(("kind", "section"), [(Model, "Models"), (Optimization, "Optimizations")])
def test_fields_of_the_axes_are_all_listed(kind: type[Model | Optimization], section: str) -> None:
    (rows,) = tables(EXTENSION, section)
    assert [row[0] for row in rows] == [field.name for field in dataclasses.fields(kind)]
    assert all(f"`{field.name}`" in text_of(EXTENSION) for field in dataclasses.fields(Prepared))


def test_built_ins_are_all_listed() -> None:
    (rows,) = tables(EXTENSION, "The built-in ones")
    expected = {
        one.name: ("reference" if one.is_reference else str(one.fidelity), one.tolerance) for one in OPTIMIZATIONS
    }
    assert {row[0]: (row[1], float(row[2]) if row[2] else None) for row in rows} == expected
    said = "\n".join(dict(sections(README))["What is there, and what is not yet"])
    assert all(f"`{one.name}`" in said for one in (*MODELS, *OPTIMIZATIONS))


def test_the_matrix_has_every_built_in_model_and_optimization() -> None:
    assert (ROOT / MATRIX).exists(), f"{MATRIX} is missing: {MAKE_MATRIX}"
    cells = list(matrix_cells())
    there = {pair for pair, _ in cells}
    wanted = {(model.name, optimization.name) for model in MODELS for optimization in OPTIMIZATIONS}
    assert sorted(wanted - there) == [], f"not in {MATRIX}: {MAKE_MATRIX}"
    assert sorted(there - wanted) == [], f"in {MATRIX}, and not built in: {MAKE_MATRIX}"
    assert [pair for pair, said in cells if not said or said.startswith("not in these runs")] == []
    assert "Faults" not in [title for title, _ in sections(MATRIX)]


def matrix_cells() -> Iterator[tuple[tuple[str, str], str]]:
    """Every cell of the matrix: model and optimization, and what it says."""
    models: list[str] = []
    for line in text_of(MATRIX).splitlines():
        if not line.startswith("|"):
            models = []
            continue
        first, *said = (_plain(cell) for cell in line.strip("|").split("|"))
        if first == "optimization":
            models = said
        elif models and not first.startswith("---"):
            assert len(said) == len(models), line
            yield from (((model, first), one) for model, one in zip(models, said, strict=True))


def test_metrics_are_those_of_the_code() -> None:
    (rows,) = tables(METHOD, "Metrics")
    there = [value for value in vars(metrics).values() if isinstance(value, Metric)]
    read = [Metric(*row[:3], row[3], float(row[4] or 0)) for row in rows]  # type: ignore[arg-type]
    assert read == [dataclasses.replace(metric, resolution=0.0) for metric in there]


def test_verdicts_causes_and_exit_codes_are_those_of_the_code() -> None:
    (rows,) = tables(VERDICTS, "Verdicts")
    assert [(row[0], row[1]) for row in rows] == [(verdict.value, mark.sign) for verdict, mark in MARKS.items()]
    assert {row[0] for row in rows if row[2] != "no"} == {verdict.value for verdict in Policy().blocks}
    causes = tables(VERDICTS, "not measured")[0]
    assert [(row[0], row[1]) for row in causes] == [
        (cause.value, "failed" if cause.is_fault else "skipped") for cause in Cause
    ]
    treated = " ".join(title for title, _ in sections(VERDICTS))
    assert all(verdict.value in treated for verdict in Verdict)
    for document, section in ((VERDICTS, "Exit codes"), (README, "A baseline and the gate")):
        (codes,) = tables(document, section)
        meant = {int(row[0]): row[1] for row in codes if row[0].isdecimal()}
        assert meant.keys() == EXIT_CODES.keys()
        assert all(meant[code].startswith(meaning) for code, meaning in EXIT_CODES.items())


def test_notes_are_all_listed() -> None:
    there = set()
    for path in (*(ROOT / "baselines").rglob("*.py"), *(ROOT / "fixtures").rglob("*.py")):
        for level, code in re.findall(r'Note\(\s*Level\.(\w+),\s*"([\w-]+)"', path.read_text("utf-8")):
            there.add((code, level.lower()))
    (rows,) = tables(VERDICTS, "Notes")
    assert {(row[0], row[1]) for row in rows} == there


def test_the_glossary_fixes_each_word_once() -> None:
    words = re.findall(r"^\*\*(.+?)\*\*", text_of("docs/glossary.md"), re.MULTILINE)
    assert len({word.lower() for word in words}) == len(words)
    wanted = (
        "case metric sample estimate process run journal baseline save fingerprint key selection screen suspect band"
    )
    wanted += " alpha power evidence preparation tier suite coverage note warm-up pilot turn paired verdict policy gate"
    wanted += " chain matrix acknowledgement resume"
    assert {*wanted.split(), "second look", "report card"} <= {word.lower() for word in words}


# -- examples ----------------------------------------------------------------------------------------------------------

EXAMPLES: Mapping[tuple[str, str], Mapping[str, int]] = {
    (README, "Your own benchmark in 15 lines"): {"passed": 3},
    (EXTENSION, "Axes"): {"passed": 2},
    (EXTENSION, "Models"): {"passed": 5},
    (EXTENSION, "Models of other libraries"): {"passed": 2},
    (EXTENSION, "Models that generate"): {"passed": 3},
    (EXTENSION, "Evidence that rejects a fake"): {"passed": 1, "failed": 1},
    (EXTENSION, "What cannot be, and what must stay true while it is timed"): {"passed": 1, "skipped": 1},
    (EXTENSION, "Devices"): {"passed": 1, "skipped": 1},
    (EXTENSION, "The measurements"): {"passed": 4},
    (EXTENSION, "The parts, one by one"): {"passed": 1},
}
"""What pytest says of the files that a section prints."""
COMPILES = "What cannot be, and what must stay true while it is timed"
"""Loads torch's compiler, which does not survive being loaded twice: it runs in a process of its own."""
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
    assert printed == known | {("docs/file-format.md", "Reading them in Python")}


def test_the_first_example_has_fifteen_lines() -> None:
    (program,) = files_of(README, "Your own benchmark in 15 lines").values()
    assert len(program.splitlines()) == 15


@pytest.mark.parametrize(("document", "section"), EXAMPLES, ids=lambda value: value)
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
        assert re.search(".*".join(map(re.escape, squeezed(line).split("…"))), printed), line
    runs = [read_run(path) for path in (pytester.path / ".paceline" / "runs").glob("*.jsonl")]
    assert all(run.complete for run in runs)
    assert len(runs) == any("measure" in program for program in files_of(document, section).values())


SCRIPTS = [
    (document, block.section, block.name)
    for document in (METHOD, VERDICTS)
    for block in blocks(document)
    if block.language == "python"
]


@pytest.mark.parametrize(("document", "section", "name"), SCRIPTS)
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
    """The run file that docs/file-format.md prints, each of its objects on one line."""
    lines = [json.loads(block.text) for block in blocks("docs/file-format.md") if block.name == "run"]
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
    (text,) = [block.text for block in blocks("docs/file-format.md") if block.name == "baseline"]
    assert dump_baseline(parse_baseline(text)) == text


def test_the_printed_reader_reads_it(stored: Path, tmp_path: Path) -> None:
    (program,) = [block.text for block in blocks("docs/file-format.md") if block.language == "python"]
    (tmp_path / "read.py").write_text(program, "utf-8")
    done = subprocess.run(
        [sys.executable, "read.py", stored], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "my_net-bf16-cpu-b1 latency_ns 4 ns" in done.stdout
    assert "latency_ns" in done.stdout.splitlines()[-1]
