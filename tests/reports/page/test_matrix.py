"""The matrix document: no cell blank, none forgotten, every fault shown as one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paceline.baselines.files.journal import Journal
from paceline.baselines.files.run_file import read_run
from paceline.baselines.records import (
    Case,
    Cause,
    Fingerprint,
    Level,
    Measured,
    Metric,
    Note,
    NotMeasured,
    Outcome,
    Run,
    metrics,
)
from paceline.baselines.records.progress import Plan
from paceline.reports.__main__ import main
from paceline.reports.outputs.matrix import render_matrix
from paceline.reports.page.matrix import UNPROVEN, IncompleteMatrixError, Lack, MatrixCell, build_matrix, state_of
from tests.builders import make_case, make_measured, make_run

MODELS, OPTIMIZATIONS = ("mlp", "text_transformer"), ("compile", "eager", "int8_dynamic")
REASONS = {
    cause: f"the reason that belongs to the cause called {cause.value}" for cause in Cause
}  # fmt: skip
PROVEN = (Note(Level.INFO, "evidence", "all 3 matrix products ran so"),)


def timed(of: Case, speedup: float = 2.0, notes: tuple[Note, ...] = PROVEN) -> Measured:
    """A latency of 1 ms over the speed-up, with its eager reference around it."""
    reference = tuple(1e6 * (1 + step % 5 / 1000) for step in range(80))
    samples = tuple(one / speedup for one in reference)
    if of.optimization == "eager":
        return make_measured(of, samples)
    return make_measured(of, samples, reference_samples=reference, notes=notes)


def run_of(outcomes: Sequence[Outcome], started: str = "2026-03-01T08:00:00Z", **changes: Any) -> Run:
    fields = {
        "id": f"run-{started[8:10]}", "fingerprint": Fingerprint({"cpu_model": "Xeon"}, {"torch_version": "2.14"}),
        "revision": "0123abc", "started": started,
        "selection": {"tier": "full", "args": "suites", "keyword": "not slow | x"},
    }  # fmt: skip
    return make_run(*outcomes, **{**fields, **changes})


def full(model: str = "mlp") -> list[Outcome]:
    return [timed(make_case(model, name), 1.0 if name == "eager" else 2.0) for name in OPTIMIZATIONS]


def found(matrix_of: Sequence[Run], model: str, optimization: str) -> MatrixCell:
    cells = build_matrix(matrix_of, partial=True).every
    return next(cell for cell in cells if (cell.case.model, cell.case.optimization) == (model, optimization))


def test_a_measured_cell_has_speed_size_and_difference() -> None:
    one = make_case("mlp", "compile")
    beside = [
        make_measured(one, 1e4, metrics.SIZE, notes=PROVEN),
        make_measured(one, 4.0, metrics.COMPRESSION_RATE),
        make_measured(one, 0.0125, metrics.DIFFERENCE, notes=PROVEN),
    ]
    cell = found([run_of([*full(), *beside])], "mlp", "compile")
    assert (cell.state, cell.size_ratio, cell.difference) == ("measured", 0.25, 0.0125)
    assert cell.speedup == pytest.approx(2.0)
    text = render_matrix(build_matrix([run_of([*full(), *beside])]), "make it")
    assert "| `compile` | **2.00×**<br>size 0.25×<br>difference 0.013 |" in text
    assert "| `eager` | 1.00 ms (reference) |" in text


def test_a_speedup_whose_interval_holds_one_says_so() -> None:
    restless = tuple(1e6 * (1 + step % 7 / 10) for step in range(80))
    outcome = Measured(make_case("mlp", "bf16"), metrics.LATENCY, restless, tuple(reversed(restless)), PROVEN)
    assert "| `bf16` | ≈ **" in render_matrix(build_matrix([run_of([*full(), outcome])]), "")


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_is_shown_with_its_state_and_reason(cause: Cause) -> None:
    outcomes: list[Outcome] = [*full(), NotMeasured(make_case("mlp", "fp16"), metrics.LATENCY, cause, REASONS[cause])]
    matrix = build_matrix([run_of(outcomes)])
    (cell,) = [cell for cell in matrix.every if cell.case.optimization == "fp16"]
    assert cell.state == state_of(cause)
    text = " ".join(render_matrix(matrix, "").split())
    shown = {"not applicable": "n/a", "unsupported": "unsupported", "fault": f"**fault: {cause.value}**"}[cell.state]
    assert f"| `fp16` | {shown} <sup>1</sup> |" in text
    assert f"{REASONS[cause]}" in text
    assert ("## Faults" in text) == cause.is_fault == (f"`mlp-fp16-cpu-b1`, latency: **{cause.value}**" in text)


def test_the_states_of_the_world_are_no_faults() -> None:
    assert {cause: state_of(cause) for cause in Cause if not cause.is_fault} == {
        Cause.UNSUPPORTED: "not applicable",
        Cause.DEVICE_ABSENT: "unsupported",
        Cause.NO_COMPILER: "unsupported",
        Cause.MISSING_PACKAGE: "unsupported",
    }


WITHOUT_EVIDENCE = """
import pytest
import torch
from paceline.fixtures import Model, Optimization

NET = Model("net", build=lambda: torch.nn.Linear(8, 8), inputs=lambda batch_size: torch.randn(batch_size, 8))
SHOWN = Optimization("shown", apply=lambda model, inputs: model, evidence=lambda model, prepared: "it was looked at")
CLAIMED = Optimization("claimed", apply=lambda model, inputs: model)


@pytest.mark.parametrize("model", [NET], ids=str)
@pytest.mark.parametrize("optimization", [SHOWN, CLAIMED], ids=str)
def test_latency(measure, model, optimization, device, batch_size):
    measure(model, optimization, device, batch_size)
"""


def test_what_was_timed_without_evidence_is_a_fault(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml("[tool.paceline]\nwarmup_limit_s = 0.05\n")
    pytester.makepyfile(WITHOUT_EVIDENCE)
    pytester.runpytest_subprocess("--pace-seconds=0.005", "--pace-threads=2").assert_outcomes(passed=2)
    (path,) = (pytester.path / ".paceline" / "runs").glob("*.jsonl")
    matrix = build_matrix([read_run(path)])
    cells = {cell.case.optimization: cell for cell in matrix.every}
    assert cells["shown"].state == "measured"
    reason = "claimed declares no evidence: nothing proves that it took effect"
    assert cells["claimed"].lacks == (Lack("latency", "fault", UNPROVEN, reason),)
    assert (cells["claimed"].state, cells["claimed"].value) == ("fault", None)
    assert (matrix.counted, matrix.exit_code) == ("1 measured, 1 fault", 1)
    text = render_matrix(matrix, "")
    assert "| `claimed` | **fault: measured without evidence** <sup>1</sup> |" in text
    assert "- `net-claimed-cpu-b1`, latency: **measured without evidence**. claimed declares no" in text
    assert "--pace-seconds=0.005 --pace-threads=2\n" in text
    assert "as it recorded it, and what made this" in text


@pytest.mark.parametrize(("metric", "what"), [(metrics.SIZE, "size"), (metrics.DIFFERENCE, "difference")])
def test_a_value_without_evidence_is_a_fault_and_not_shown(metric: Metric, what: str) -> None:
    one = make_case("mlp", "compile")
    outcomes = [*full(), make_measured(one, 0.25, metric), make_measured(one, 4.0, metrics.COMPRESSION_RATE)]
    matrix = build_matrix([run_of(outcomes)])
    cell = found(matrix.runs, "mlp", "compile")
    assert (cell.state, [(lack.what, lack.cause) for lack in cell.lacks]) == ("measured", [(what, UNPROVEN)])
    assert (cell.size_ratio if what == "size" else cell.difference) is None
    assert (matrix.counted, matrix.exit_code) == ("3 measured; 1 fault beside a measured latency", 1)


def test_only_what_should_be_there_and_is_not_fails() -> None:
    absent = build_matrix([run_of(full())], models=["resnet18"], partial=True)
    assert (absent.counted, absent.exit_code) == ("3 measured, 3 absent", 1)
    here_not = NotMeasured(make_case("mlp", "aoti"), metrics.LATENCY, Cause.NO_COMPILER, "no compiler")
    assert build_matrix([run_of([*full(), here_not])]).exit_code == 0
    broken = NotMeasured(make_case("mlp", "aoti"), metrics.LATENCY, Cause.CRASHED, "signal 11")
    assert build_matrix([run_of([*full(), broken])]).exit_code == 1


def test_a_fault_beside_a_measured_latency_is_seen() -> None:
    fault = NotMeasured(make_case("mlp", "compile"), metrics.DIFFERENCE, Cause.UNFAITHFUL, "differs by 0.4")
    text = render_matrix(build_matrix([run_of([*full(), fault])]), "")
    assert "**2.00×**<br>difference **unfaithful** <sup>1</sup> |" in text
    assert "1. Fault, unfaithful: differs by 0.4" in text
    assert "- `mlp-compile-cpu-b1`, difference: **unfaithful**" in text


def test_the_reference_needs_no_difference_from_itself() -> None:
    itself = NotMeasured(make_case("mlp", "eager"), metrics.DIFFERENCE, Cause.UNSUPPORTED, "the reference itself")
    assert found([run_of([*full(), itself])], "mlp", "eager").lacks == ()


def test_equal_reasons_of_a_table_share_one_number() -> None:
    same = [NotMeasured(make_case(model, "fp16"), metrics.LATENCY, Cause.UNSUPPORTED, "no halves") for model in MODELS]
    other = NotMeasured(make_case("mlp", "tf32"), metrics.LATENCY, Cause.UNSUPPORTED, "no TF32")
    also = NotMeasured(make_case("text_transformer", "tf32"), metrics.LATENCY, Cause.MISSING_PACKAGE, "no TF32")
    text = render_matrix(build_matrix([run_of([*full(), *full("text_transformer"), *same, other, also])]), "")
    assert "| `fp16` | n/a <sup>1</sup> | n/a <sup>1</sup> |" in text
    assert "| `tf32` | n/a <sup>2</sup> | unsupported <sup>3</sup> |" in text
    assert text.count("no halves") == 1
    assert "3. Unsupported, missing package: no TF32" in text


def test_runs_may_hold_parts_and_the_later_one_wins() -> None:
    broken = NotMeasured(make_case("mlp", "compile"), metrics.LATENCY, Cause.ERRORED, "it broke")
    early = run_of([broken, *full()[1:]])
    late = run_of([*full("text_transformer"), full()[0]], "2026-03-02T08:00:00Z")
    for runs in ([early, late], [late, early]):
        matrix = build_matrix(runs)
        assert {cell.state for cell in matrix.every} == {"measured"}
        assert [run.id for run in matrix.runs] == ["run-01", "run-02"]
    overtaken = [run_of(full()), run_of([broken], "2026-03-02T08:00:00Z")]
    assert found(overtaken, "mlp", "compile").state == "fault"


def test_an_absent_cell_is_an_error_that_names_it() -> None:
    runs = [run_of([*full(), *full("text_transformer")[1:]])]
    with pytest.raises(IncompleteMatrixError) as caught:
        build_matrix(runs)
    assert str(caught.value).startswith("1 cell of 6 in none of the runs: text_transformer-compile-cpu-b1; ")
    text = render_matrix(build_matrix(runs, partial=True), "")
    assert "| `compile` | **2.00×** | not in these runs |" in text
    assert "5 measured" in text
    assert "1 not in these runs" in " ".join(text.split())


def test_names_that_must_be_there_are_missed() -> None:
    with pytest.raises(IncompleteMatrixError, match="resnet18-eager-cpu-b1"):
        build_matrix([run_of(full())], models=["resnet18"])
    with pytest.raises(IncompleteMatrixError, match="mlp-aoti-cpu-b1"):
        build_matrix([run_of(full())], optimizations=["aoti"])
    with pytest.raises(IncompleteMatrixError, match="no run has a latency"):
        build_matrix([run_of([make_measured("mlp", 1.0, metrics.SIZE)])])


def test_a_model_is_expected_at_its_own_batch_sizes_only() -> None:
    larger = [make_measured(make_case("mlp", name, 8), 1e6) for name in OPTIMIZATIONS]
    complete = [*full(), *larger, *full("text_transformer")]
    assert [(one.batch_size, one.models) for one in build_matrix([run_of(complete)]).tables] == [
        (1, MODELS), (8, ("mlp",))]  # fmt: skip
    elsewhere = [Measured(Case("mlp", name, "cuda:0", 1), metrics.LATENCY, (1e6,)) for name in OPTIMIZATIONS]
    with pytest.raises(IncompleteMatrixError) as caught:
        build_matrix([run_of([*full(), *full("text_transformer"), *elsewhere])])
    assert str(caught.value).startswith("3 cells of 12 in none of the runs: text_transformer-eager-cuda:0-b1, ")


def test_the_document_says_how_it_was_made() -> None:
    other = run_of(full("text_transformer"), "2026-03-02T08:00:00Z", fingerprint=Fingerprint({"cpu_model": "Arm"}),
                   dirty=True, complete=False)  # fmt: skip
    text = render_matrix(build_matrix([run_of(full()), other]), "python -m paceline.reports matrix a.jsonl")
    assert "**Another kind of machine** in run `run-01`: cpu&#95;model Xeon instead of Arm." in text
    assert "`0123abc` with uncommitted changes | not recorded | **cut short** |" in text
    assert "(where there is no --pace-seconds, how long it measured is not recorded):" in " ".join(text.split())
    assert "pytest suites -k 'not slow | x' --pace-tier=full\npython -m paceline.reports matrix a.jsonl\n```" in text
    assert "6 cells; 6 measured, 0 not applicable, 0 unsupported (not measured), 0 faults." in " ".join(text.split())


def test_runs_on_cores_of_their_own_say_which() -> None:
    runs = [
        run_of(full(model), f"2026-03-0{day}T08:00:00Z", fingerprint=Fingerprint({}, {"cpu_affinity": cpus}))
        for day, (model, cpus) in enumerate(zip(MODELS, ("0", "1-3"), strict=True), 1)
    ]
    text = render_matrix(build_matrix(runs), "")
    assert re.findall(r"^\| `run-(\d+)` \|.*\| (\S+) \| yes \|$", text, re.MULTILINE) == [("01", "0"), ("02", "1-3")]
    assert "Differs in run" not in text


def test_the_commands_say_how_long_each_run_measured() -> None:
    plan = Plan(("a test",), {"measure_s": "0.25", "threads": "2", "seed": "7"})
    runs = [run_of(full(), plan=plan), run_of(full("text_transformer"), "2026-03-02T08:00:00Z", plan=plan)]
    text = render_matrix(build_matrix(runs), "make it")
    command = "pytest suites -k 'not slow | x' --pace-tier=full --pace-seconds=0.25 --pace-threads=2"
    assert text.endswith(f"as it recorded it, and what made this:\n\n```sh\n{command}\nmake it\n```\n")


def test_no_cell_is_blank_and_no_name_breaks_the_tables(hostile_texts: tuple[str, ...]) -> None:
    outcomes: list[Outcome] = []
    for text in hostile_texts:
        one = Case(text, "eager", text, 1, ((text, text),))
        outcomes += [
            timed(one),
            NotMeasured(Case(text, text, text, 1, ((text, text),)), metrics.LATENCY, Cause.ERRORED, text),
        ]
    selection = {text: text for text in hostile_texts} | {"keyword": "".join(hostile_texts)}
    prints = Fingerprint({hostile_texts[4]: hostile_texts[4]}, {text: text for text in hostile_texts})
    document = render_matrix(
        build_matrix([run_of(outcomes, selection=selection, fingerprint=prints)], partial=True), "x ``` y"
    )
    document.encode("utf-8")
    assert "<img" not in document.partition("### Commands")[0]
    assert "<script" not in document.partition("### Commands")[0]
    width = 0
    for line in document.partition("### Commands")[0].splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert all(cells), line[:200]
        assert width in (0, len(cells)), line[:200]
        width = len(cells)
    fence = re.search(r"^(`{3,})sh$", document, re.MULTILINE)
    assert fence is not None
    assert document.endswith(f"\n{fence[1]}\n")
    assert document.count(fence[1]) == 2


def test_the_command_writes_it_from_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = []
    for run in (run_of(full()), run_of(full("text_transformer")[:2], "2026-03-02T08:00:00Z")):
        journal = Journal.start(tmp_path / "runs", replace(run, outcomes=(), complete=False))
        for outcome in run.outcomes:
            journal.append(outcome)
        paths.append(str(journal.finish(True, {}, ())))
    target = tmp_path / "docs" / "matrix.md"
    arguments = ["matrix", *paths, "--output", str(target)]
    assert main(arguments) == 4
    assert "text_transformer-int8_dynamic-cpu-b1" in capsys.readouterr().err
    assert not target.exists()
    assert main([*arguments, "--partial"]) == 1
    assert "6 cells in" in (said := capsys.readouterr().out)
    assert ": 5 measured, 1 absent" in said
    text = target.read_text("utf-8")
    said = " ".join(text.replace("\\\n", " ").split())
    assert f"python -m paceline.reports {shlex.join([*arguments, '--partial'])} ```" in said
    assert all(len(line) <= 120 or line.startswith("|") or str(tmp_path) in line for line in text.splitlines())
