"""All outputs say the same of a page."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from paceline.baselines.judgement.verdicts import Judgement, Policy
from paceline.baselines.records import Level, Note
from paceline.reports.outputs.frame import run_frame
from paceline.reports.outputs.html import render_html
from paceline.reports.outputs.json_document import render_json
from paceline.reports.outputs.junit_xml import render_junit
from paceline.reports.outputs.markdown import prose, render_markdown
from paceline.reports.outputs.matrix import render_matrix
from paceline.reports.outputs.terminal import render_terminal
from paceline.reports.page.matrix import build_matrix
from paceline.reports.page.page import Page, build_page
from tests.builders import make_case, make_measured
from tests.reports.pages import NOW, slow, unjudged_page


def test_every_output_says_the_same_heading_and_counts(example: Page) -> None:
    document = json.loads(render_json(example))
    junit = ElementTree.fromstring(render_junit(example))  # noqa: S314 (our own)
    assert document["heading"] == example.heading
    assert junit.find("testsuite/properties/property[@name='heading']").get("value") == example.heading  # type: ignore[union-attr]
    assert f"<h1>{example.heading}</h1>" in render_html(example)
    assert prose(example.heading) in render_markdown(example)
    for count in example.counts:
        counted = {"number": count.number, "blocking": count.blocking, "acknowledged": count.acknowledged}
        assert document["counts"][count.verdict.value] == counted
        assert f"{count.number} {count.verdict.value}" in render_markdown(example)


@pytest.mark.parametrize(
    ("samples", "reference", "value"),
    [((0.0,) * 20, (1e6,) * 20, "0 ns"), ((1e6,) * 20, (0.0,) * 20, "1.00 ms"), ((0.0,), (0.0,), "0 ns")],
)
def test_every_output_says_that_zero_has_no_ratio(
    example: Page, samples: tuple[float, ...], reference: tuple[float, ...], value: str
) -> None:
    evidence = (Note(Level.INFO, "evidence", "proven"),)
    outcomes = (
        make_measured("mlp", (1e6,) * 20),
        make_measured(make_case("mlp", "bf16"), samples, reference_samples=reference, notes=evidence),
    )
    run = replace(example.run, outcomes=outcomes)
    page = build_page(Judgement((), Policy(), run.fingerprint), run, now=NOW)
    ((_, cell),) = page.heat_maps[0].cells
    assert (cell.kind, cell.speedup) == ("no ratio", None)
    assert "there is no ratio" in cell.why
    assert re.search(rf">{value}</a><small[^>]*>no ratio", render_html(page))
    assert any(f"{value} (no ratio)" in line for line in render_terminal(page, width=100, colour=False, unicode=True))
    (stated,) = (one for one in json.loads(render_json(page))["speedups"] if one["optimization"] == "bf16")
    assert (stated["kind"], stated["speedup"], stated["why"]) == ("no ratio", None, cell.why)
    assert run_frame(run)["speedup"].isna().all()
    assert f"| {value} (no ratio) |" in render_matrix(build_matrix([run]), "")
    assert not page.pareto


SLOWER = "mlp-bf16-cpu-b1: slower than eager in latency_ns, 0.5 times as fast (0.5 … 0.5)"


def test_slower_than_eager_is_one_sentence_in_every_output(example: Page) -> None:
    page = unjudged_page(example, slow("mlp"))
    assert SLOWER in [one.sentence for one in page.case_notes]
    terminal = render_terminal(page, width=200, colour=False, unicode=True)
    assert f"warning: {SLOWER}" in terminal
    shown = re.sub(r"<[^>]+>", "", render_html(page).partition('<h2 id="h-notes">')[2])
    assert f"warning: {SLOWER} (slower_than_eager)" in shown
    assert f"- warning: {prose(SLOWER)}" in render_markdown(page)
    stated = [one["sentence"] for one in json.loads(render_json(page))["case_notes"]]
    assert SLOWER in stated
    assert not any("slower_than_eager" in line for line in terminal)


def test_of_many_notes_of_a_kind_the_first_are_stated(example: Page) -> None:
    page = unjudged_page(example, *(slow(f"m{number}", 2e6 + number * 1e5) for number in range(9)))
    lines = render_terminal(page, width=200, colour=False, unicode=True)
    assert sum("slower than eager" in line for line in lines) == 3
    assert "warning: … and 6 cases more like these, in the report" in lines
    assert render_markdown(page).count("slower than eager") == 3
    assert render_html(page).count("slower than eager") >= 9


def test_no_output_says_a_code_where_it_has_a_sentence(example: Page, unjudged: Page) -> None:
    for page in (example, unjudged):
        codes = {one.note.code for one in page.case_notes} | {note.code for note in page.notes}
        said = "\n".join([*render_terminal(page, width=200, colour=False, unicode=True), render_markdown(page)])
        sentences = [one.note.sentence for one in page.case_notes] + [note.sentence for note in page.notes]
        assert codes
        for code_name in codes:
            assert not re.search(rf": {code_name}\b", said) or any(code_name in one for one in sentences)
        assert all(one.sentence in said or prose(one.sentence) in said for one in page.case_notes)
