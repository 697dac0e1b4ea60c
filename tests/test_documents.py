"""The documents say what is so: links resolve, and tables equal the code's."""

from __future__ import annotations

import ast
import dataclasses
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# pytester forgets modules that an inner run loads first; C extensions do not survive being loaded twice.
import torch._dynamo
import torch.ao.quantization.quantize_fx
import torch.utils.flop_counter  # noqa: F401

import paceline.fixtures.run.session
import paceline.reports.outputs.html
import paceline.reports.page.page  # noqa: F401
from paceline.baselines.files.acknowledgement_file import FILE_NAME, parse_acknowledgements
from paceline.baselines.judgement.verdicts import Policy, Verdict
from paceline.baselines.records import Cause, Metric, metrics
from paceline.baselines.settings import CaseSettings, Settings, load_settings, parse_settings
from paceline.fixtures import Model, Optimization, Prepared
from paceline.fixtures.collection import hookspecs
from paceline.fixtures.instructions.counter import LARGEST, PLANS
from paceline.fixtures.measurements import BY_FIXTURE
from paceline.fixtures.run import provided
from paceline.reports.outputs import OUTPUTS
from paceline.reports.page.page import EXIT_CODES
from paceline.reports.wording.words import MARKS
from paceline.suites.models import MODELS
from paceline.suites.optimizations import OPTIMIZATIONS
from tests.documents.printed import (
    BUILT_IN,
    DOCUMENTS,
    EXPLANATION,
    FORMATS,
    GLOSSARY,
    MATRIX,
    METHOD,
    NAMES,
    OPTIONS,
    README,
    ROOT,
    SETTINGS,
    VERDICTS,
    Block,
    blocks,
    links,
    plain,
    sections,
    slug,
    tables,
    text_of,
)

MAKE_MATRIX = f"run suites/ on the full tier, then python -m paceline.reports matrix RUN.jsonl … --output {MATRIX}"
PLANNED: frozenset[str] = frozenset()
"""Options that the documents announce and that are not there yet."""
LINE_LENGTH = 120

every_document = pytest.mark.parametrize("document", DOCUMENTS)


# -- links and form ----------------------------------------------------------------------------------------------------


@every_document
def test_relative_links_resolve(document: str) -> None:
    broken = []
    for path, anchor in links(document):
        file = (ROOT / document).parent / path if path else ROOT / document
        if not file.exists():
            broken.append(path)
        elif anchor:
            there = {slug(title) for title, _ in sections(file.resolve().relative_to(ROOT).as_posix())}
            broken += [] if anchor in there else [f"{path}#{anchor}"]
    assert not broken


def test_documents_have_four_places_and_an_index() -> None:
    folders = {Path(document).parent.as_posix() for document in DOCUMENTS if document.startswith("docs/")}
    assert folders == {"docs", *(f"docs/{place}" for place in ("tutorial", "how-to", "reference", "explanation"))}
    assert [document for document in DOCUMENTS if Path(document).parent.as_posix() == "docs"] == ["docs/README.md"]
    listed = {path for path, _ in links("docs/README.md")}
    assert {f"docs/{path}" for path in listed} == {one for one in DOCUMENTS if one.startswith("docs/")} - {
        "docs/README.md"
    }


def test_every_document_is_within_two_links_of_the_readme() -> None:
    reached = {README}
    for _ in range(2):
        found = {(ROOT / page).parent / path for page in reached for path, _ in links(page) if path.endswith(".md")}
        reached |= {path.resolve().relative_to(ROOT).as_posix() for path in found}
    assert sorted(set(DOCUMENTS) - reached) == []


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
    named = re.findall(r"\b((?:baselines|fixtures|reports|suites|tests|docs)/[\w/-]+\.(?:py|md))\b", text)
    assert [name for name in named if not (ROOT / name).exists()] == []
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"`?\bmake (\w+)\b`", text)) | set(re.findall(r"^make (\w+)", text, re.MULTILINE)) <= targets


# -- tables ------------------------------------------------------------------------------------------------------------


def test_options_are_those_of_the_command_line(pytester: pytest.Pytester) -> None:
    helped = pytester.runpytest_inprocess("--help").stdout.str()
    there = set(re.findall(r"^  (--pace-[\w-]+(?:=\S+)?)", helped, re.MULTILINE))
    (rows,) = tables(OPTIONS, "Options")
    assert {row[0] for row in rows} == there
    names = {option.partition("=")[0] for option in there}
    assert "--pace-child" not in names
    assert not names & PLANNED, "it is there now: say so in the documents"
    for document in DOCUMENTS:
        mentioned = set(re.findall(r"--pace-\w[\w-]*\w", text_of(document)))
        assert mentioned <= names | PLANNED, document


def test_settings_are_those_of_the_code() -> None:
    general, of_cases = tables(SETTINGS, "All settings")
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
    (keys, *_) = tables(FORMATS, "Acknowledged regressions")
    assert [row[0] for row in keys] == [line.partition(" ")[0] for line in named[0].text.splitlines()[1:]]


def test_fixtures_are_all_listed() -> None:
    assert provided.__file__ is not None
    functions = [
        node for node in ast.parse(Path(provided.__file__).read_text("utf-8")).body if isinstance(node, ast.FunctionDef)
    ]
    parts = [node.name for node in functions if any("fixture" in ast.dump(mark) for mark in node.decorator_list)]
    there = [*BY_FIXTURE, *parts]
    listed = [*tables(NAMES, "The measurements"), *tables(NAMES, "The parts, one by one")]
    assert [row[0] for rows in listed for row in rows] == there


def test_hooks_are_all_listed() -> None:
    there = {name for name in vars(hookspecs) if name.startswith("pytest_paceline_")}
    (rows,) = tables(NAMES, "Hooks")
    assert {row[0].partition("(")[0] for row in rows} == there


@pytest.mark.parametrize(("kind", "section"), [(Model, "Models"), (Optimization, "Optimizations")])
def test_fields_of_the_axes_are_all_listed(kind: type[Model | Optimization], section: str) -> None:
    (rows,) = tables(NAMES, section)
    assert [row[0] for row in rows] == [field.name for field in dataclasses.fields(kind)]
    assert all(f"`{field.name}`" in text_of(NAMES) for field in dataclasses.fields(Prepared))


def test_built_ins_are_all_listed() -> None:
    (rows,) = tables(BUILT_IN, "Optimizations")
    expected = {
        one.name: ("reference" if one.is_reference else str(one.fidelity), one.tolerance) for one in OPTIMIZATIONS
    }
    assert {row[0]: (row[1], float(row[2]) if row[2] else None) for row in rows} == expected
    said = text_of(BUILT_IN)
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
        first, *said = (plain(cell) for cell in line.strip("|").split("|"))
        if first == "optimization":
            models = said
        elif models and not first.startswith("---"):
            assert len(said) == len(models), line
            yield from (((model, first), one) for model, one in zip(models, said, strict=True))


def test_metrics_are_those_of_the_code() -> None:
    (rows,) = tables(METHOD, "Metrics")
    there = [value for value in vars(metrics).values() if isinstance(value, Metric)]
    read = [Metric(*row[:3], row[3], float(row[4] or 0)) for row in rows]  # type: ignore[arg-type]
    assert read == [dataclasses.replace(metric, resolution=0.0, scope="machine") for metric in there]


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
    for document in (VERDICTS, OPTIONS, README):
        (codes,) = tables(document, "Exit codes")
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
    words = re.findall(r"^\*\*(.+?)\*\*", text_of(GLOSSARY), re.MULTILINE)
    assert len({word.lower() for word in words}) == len(words)
    wanted = (
        "case metric sample estimate process run journal baseline save fingerprint key selection screen suspect band"
    )
    wanted += " alpha power evidence preparation tier suite coverage note warm-up pilot turn paired verdict policy gate"
    wanted += " chain matrix acknowledgement resume"
    assert {*wanted.split(), "second look", "report card"} <= {word.lower() for word in words}


def test_the_plan_of_counting_is_that_of_the_code() -> None:
    """Of the table in the explanation of counts: below which instructions a call, and how often it is called."""
    rows = tables(f"{EXPLANATION}/instructions.md", "How a case is counted")[0]
    sizes = [f"below {below // 1_000_000} million" for below, _ in PLANS]
    plans = [*(plan for _, plan in PLANS), LARGEST]
    assert [row[0] for row in rows] == [*sizes, "more"]
    assert [[int(cell.replace("none", "0")) for cell in row[1:]] for row in rows] == [
        [plan.warmup_calls, plan.tallies, plan.calls] for plan in plans
    ]
