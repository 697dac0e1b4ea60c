"""Terminal, Markdown, JUnit and JSON: the same page, and no text from outside that gets away."""

from __future__ import annotations

import json
import re
import unicodedata
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from paceline.baselines.judgement.notes import analyse_measured
from paceline.baselines.judgement.verdicts import Judgement, Policy, Verdict
from paceline.baselines.records import Case, Level, Measured, Note, metrics
from paceline.baselines.text.visible import visible
from paceline.reports.outputs.frame import run_frame
from paceline.reports.outputs.html import render_html
from paceline.reports.outputs.json_document import render_json
from paceline.reports.outputs.junit_xml import render_junit
from paceline.reports.outputs.markdown import code, prose, render_markdown
from paceline.reports.outputs.matrix import render_matrix
from paceline.reports.outputs.terminal import render_terminal
from paceline.reports.page.matrix import build_matrix
from paceline.reports.page.page import Page, build_page
from paceline.reports.pictures.speedups import cell_text
from paceline.reports.wording.text import as_ascii, columns

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=timezone.utc)


def _reject(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_terminal_lines_fit(example: Page, unjudged: Page, hostile: Page, width: int, unicode: bool) -> None:
    for page in (example, unjudged, hostile):
        lines = render_terminal(page, width=width, colour=False, unicode=unicode)
        commands = {"  " + line for line in (visible(page.rerun), visible(page.accept))}
        entries = {line for entry in page.entries for line in entry.splitlines()}
        copied = {f"  {line if unicode else as_ascii(line)}" for line in entries}
        too_long = [line for line in lines if columns(line) > width and "pytest" not in line and line not in copied]
        assert not too_long
        assert unicode or all(line.isascii() for line in lines)
        assert sum("pytest" in line for line in lines) >= len(commands - {"  "})


@pytest.mark.parametrize("colour", [True, False])
def test_nothing_steers_the_terminal(hostile: Page, colour: bool) -> None:
    for line in render_terminal(hostile, width=80, colour=colour, unicode=True):
        rest = re.sub(r"^\x1b\[[0-9;]+m(.*)\x1b\[0m$", r"\1", line) if colour else line
        steering = [char for char in rest if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
        assert not steering


def test_the_terminal_says_what_blocks_first(example: Page) -> None:
    lines = render_terminal(example, width=100, colour=False, unicode=True)
    assert lines[0] == example.heading
    assert lines.index("✗ resnet18-int8_dynamic-cpu-b1  size: regressed") == 3
    text = "\n".join(lines)
    assert "119.6 µs → 131.0 µs  +9.5 %  (+7.5 … +11.5 %)" in text
    assert "unsupported: channels_last needs four-dimensional inputs" in text
    assert f"  {example.rerun}" in lines
    assert f"  {example.accept}" in lines


def test_colour_only_adds_to_words(example: Page) -> None:
    plain = render_terminal(example, width=80, colour=False, unicode=True)
    coloured = render_terminal(example, width=80, colour=True, unicode=True)
    assert any("\x1b[" in line for line in coloured)
    assert [re.sub(r"\x1b\[[0-9;]+m", "", line) for line in coloured] == plain


def test_without_a_baseline_the_terminal_shows_the_speedups(unjudged: Page) -> None:
    text = "\n".join(render_terminal(unjudged, width=60, colour=False, unicode=False))
    assert re.search(r"mlp +22\.9 us +1\.3\dx", text)
    assert re.search(r"lstm_classifier .*unsupported", text)


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


def test_junit_tells_every_verdict_apart(example: Page) -> None:
    root = ElementTree.fromstring(render_junit(example))  # noqa: S314 (our own)
    suite = root.find("testsuite")
    assert suite is not None
    cases = suite.findall("testcase")
    assert len(cases) == len(example.rows) == int(suite.get("tests", ""))
    assert len(suite.findall("testcase/failure")) == int(suite.get("failures", "")) == len(example.blocking)
    assert len(suite.findall("testcase/skipped")) == int(suite.get("skipped", ""))
    assert {one.get("type") for one in suite.findall("testcase/skipped")} == {"suspect", "not measured", "no baseline"}
    verdicts = [one.get("value") for one in suite.findall("testcase/properties/property[@name='verdict']")]
    assert verdicts == [row.comparison.verdict.value for row in example.rows]


def test_junit_of_hostile_names_is_well_formed_and_keeps_them_as_text(hostile: Page) -> None:
    text = render_junit(hostile)
    text.encode("utf-8")
    root = ElementTree.fromstring(text)  # noqa: S314 (our own)
    assert {one.tag for one in root.iter()} <= {
        "testsuites", "testsuite", "properties", "property", "testcase", "failure", "skipped", "system-out",
    }  # fmt: skip
    names = {one.get("name") for one in root.iter("testcase")}
    assert names == {visible(row.case.id) for row in hostile.rows}


def test_json_keeps_every_text_and_number_exactly(hostile: Page, example: Page, hostile_texts: tuple[str, ...]) -> None:
    text = render_json(hostile)
    assert text.isascii()
    document = json.loads(text, parse_constant=_reject)
    assert {one["case"]["model"] for one in document["comparisons"]} == set(hostile_texts)
    document = json.loads(render_json(example))
    row, stated = example.rows[1], document["comparisons"][1]
    assert stated["verdict"] == row.comparison.verdict.value == "suspect"
    assert (stated["base"], stated["ratio"], stated["low"]) == (
        row.comparison.base,
        row.comparison.ratio,
        row.comparison.low,
    )
    assert document["coverage"]["not_measured"][0]["cause"] == "unsupported"
    assert len(document["speedups"]) == 37


def test_markdown_keeps_hostile_names_inside_their_cells(hostile: Page) -> None:
    text = render_markdown(hostile)
    assert len(text) < 65_536
    table = [line for line in text.splitlines() if line.startswith("| ") and "<code>" in line]
    assert len(table) >= len(hostile.blocking)
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 7 for line in table)
    outside_fences = re.sub(r"(`{3,})(?:sh|toml)\n.*?\n\1", "", text, flags=re.DOTALL)
    assert set(re.findall(r"</?([a-zA-Z]+)", outside_fences)) <= {"code", "details", "summary"}
    assert "@" not in outside_fences
    assert "](" not in outside_fences
    assert not re.search(r"https?:", outside_fences)
    assert all(unicodedata.category(char) != "Cc" or char == "\n" for char in text)


def test_markdown_escapes_what_marks_up() -> None:
    assert prose("a|b *c* `d` <e> @f #1") == (
        "a&#124;b &#42;c&#42; &#96;d&#96; &#60;e&#62; &#64;&#8203;f &#35;&#8203;1"
    )  # fmt: skip
    assert code("x\ny</code>") == "<code>x y&#60;/code&#62;</code>"


def test_a_comment_of_very_many_rows_still_fits(page_of: Any) -> None:
    rows = [
        (Case("m" * 200 + str(index), "eager", "cpu", 1), metrics.LATENCY, 1.1, Verdict.REGRESSED)
        for index in range(600)
    ]
    text = render_markdown(page_of(*rows))
    assert len(text) < 65_536
    assert "and 560 more that block" in text


@pytest.mark.parametrize(
    ("samples", "reference", "value"),
    [((0.0,) * 20, (1e6,) * 20, "0 ns"), ((1e6,) * 20, (0.0,) * 20, "1.00 ms"), ((0.0,), (0.0,), "0 ns")],
)
def test_zero_on_either_side_is_said_to_have_no_ratio_by_every_output(
    example: Page, samples: tuple[float, ...], reference: tuple[float, ...], value: str
) -> None:
    evidence = (Note(Level.INFO, "evidence", "proven"),)
    outcomes = (
        Measured(Case("mlp", "eager", "cpu", 1), metrics.LATENCY, (1e6,) * 20),
        Measured(Case("mlp", "bf16", "cpu", 1), metrics.LATENCY, samples, reference, evidence),
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


def _unjudged(page: Page, *outcomes: Measured) -> Page:
    """A page of ``outcomes`` as a run records them, with nothing to compare with."""
    run = replace(page.run, outcomes=tuple(replace(one, notes=analyse_measured(one)) for one in outcomes))
    return build_page(Judgement((), Policy(), run.fingerprint), run, now=NOW)


def _slow(model: str, level: float = 2e6) -> Measured:
    return Measured(Case(model, "bf16", "cpu", 1), metrics.LATENCY, (level,) * 20, (1e6,) * 20)


def test_slower_than_eager_is_one_sentence_in_every_output(example: Page) -> None:
    page = _unjudged(example, _slow("mlp"))
    assert SLOWER in [one.sentence for one in page.case_notes]
    terminal = render_terminal(page, width=200, colour=False, unicode=True)
    assert f"warning: {SLOWER}" in terminal
    shown = re.sub(r"<[^>]+>", "", render_html(page).partition('<h2 id="h-notes">')[2])
    assert f"warning: {SLOWER} (slower_than_eager)" in shown
    assert f"- warning: {prose(SLOWER)}" in render_markdown(page)
    stated = [one["sentence"] for one in json.loads(render_json(page))["case_notes"]]
    assert SLOWER in stated
    assert not any("slower_than_eager" in line for line in terminal)


def test_of_many_notes_of_a_kind_the_first_are_stated_and_the_others_counted(example: Page) -> None:
    page = _unjudged(example, *(_slow(f"m{number}", 2e6 + number * 1e5) for number in range(9)))
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
            assert not re.search(rf": {code_name}\\b", said) or any(code_name in one for one in sentences)
        assert all(one.sentence in said or prose(one.sentence) in said for one in page.case_notes)


def test_markdown_shows_the_speed_ups_that_the_terminal_shows(unjudged: Page) -> None:
    text = render_markdown(unjudged)
    assert f"**{prose('Latency, cpu, batch size 1: speed-up over eager')}**" in text
    heat_map = unjudged.heat_maps[0]
    for model, cells in zip(heat_map.models, heat_map.cells, strict=True):
        texts = [prose(cell_text(cell, heat_map.metric.unit)) for cell in cells]
        assert f"| {code(model)} | {' | '.join(texts)} |" in text


def test_markdown_folds_speed_ups_under_what_blocks_and_large_ones(example: Page) -> None:
    title = f"<summary>{prose('Latency, cpu, batch size 1: ')}{{}} over eager</summary>"
    assert title.format("speed-up") in render_markdown(example)
    many = _unjudged(example, *(replace(_slow("mlp"), case=Case(f"m{model}", f"o{place}", "cpu", 1))
                                for model in range(11) for place in range(12)))  # fmt: skip
    text = render_markdown(many)
    assert title.format("the largest speed-ups") in text
    assert prose("m10: o0 0.50×, o1 0.50×, o2 0.50×; 12 of 12 optimizations slower") in text


def test_markdown_leaves_out_the_speed_ups_that_have_no_room(example: Page) -> None:
    sizes = [replace(_slow("m" * 60), case=Case(f"{model}{'m' * 50}", f"o{place}", "cpu", size))
             for size in range(1, 60) for model in range(5) for place in range(5)]  # fmt: skip
    text = render_markdown(_unjudged(example, *sizes))
    assert len(text) < 65_536
    assert re.search(r"… and \d+ more tables of speed-ups, in the report\.", text)
