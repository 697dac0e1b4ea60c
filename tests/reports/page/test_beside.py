"""A case's instructions stand beside its latency, and a sentence says so where one of them moved alone."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from paceline.baselines.judgement.moved import Change, LineChange, Moved
from paceline.baselines.judgement.verdicts import Comparison, Verdict
from paceline.baselines.records import Line, Metric
from paceline.baselines.records.metrics import INSTRUCTIONS_SIMULATED, LATENCY, SIZE
from paceline.reports.outputs.html import render_html
from paceline.reports.outputs.markdown import render_markdown
from paceline.reports.outputs.terminal import render_terminal
from paceline.reports.page.beside import BLIND_SPOTS, beside
from paceline.reports.page.page import Page, build_page
from tests.builders import make_comparison, make_judgement, make_run

SAME = (Verdict.UNCHANGED, 1.001)
MORE = (Verdict.REGRESSED, 1.05)
UNSEEN = "instructions, and no change of its latency is seen"
FEWER = (Verdict.IMPROVED, 0.95)
NOW = datetime(2026, 3, 4, 12, tzinfo=timezone.utc)


def compared(metric: Metric, verdict: Verdict, ratio: float | None, base: float = 1e6) -> Comparison:
    return make_comparison("mlp", verdict, ratio, metric=metric, base=base)


@pytest.mark.parametrize(
    ("counts", "times", "said"),
    [
        (MORE, (Verdict.NO_CHANGE_SEEN, 1.001), f"1.001 ms, +0.1 %; more {UNSEEN}"),
        (FEWER, (Verdict.UNCHANGED, 1.001), f"1.001 ms, +0.1 %; fewer {UNSEEN}"),
        (MORE, (Verdict.IMPROVED, 0.9), "900.0 µs, −10.0 %; more instructions, and faster"),
        (FEWER, (Verdict.SUSPECT, 1.1), "1.100 ms, +10.0 %; fewer instructions, and slower"),
        (SAME, (Verdict.REGRESSED, 1.1),
         "1.100 ms, +10.0 %; slower with as many instructions: memory, caches, waiting or the machine"),
        (SAME, (Verdict.SUSPECT, 0.9),
         "900.0 µs, −10.0 %; faster with as many instructions: memory, caches, waiting or the machine"),
        (MORE, (Verdict.REGRESSED, 1.1), "1.100 ms, +10.0 %"),
        (SAME, (Verdict.UNCHANGED, 1.001), "1.001 ms, +0.1 %"),
    ],
)  # fmt: skip
def test_latency_stands_beside_instructions(
    counts: tuple[Verdict, float], times: tuple[Verdict, float], said: str
) -> None:
    instructions, latency = compared(INSTRUCTIONS_SIMULATED, *counts), compared(LATENCY, *times)
    others = {one.key: one for one in (instructions, latency)}
    assert beside(instructions, others) == said
    # The other way round with the same sentence, where there is one.
    assert beside(latency, others).partition("; ")[2] == said.partition("; ")[2]


def test_nothing_stands_beside_what_has_no_partner() -> None:
    instructions, size = compared(INSTRUCTIONS_SIMULATED, *MORE), compared(SIZE, *MORE)
    others = {one.key: one for one in (instructions, size)}
    assert beside(instructions, others) == beside(size, others) == ""
    unmeasured = make_comparison("mlp", Verdict.NOT_MEASURED, None, base=None)
    assert beside(instructions, {unmeasured.key: unmeasured}) == ""


@pytest.fixture
def page() -> Page:
    line = Line("net.py", "Net.forward", 7, "x = x * <b>1.0</b>", 12, 1)
    moved = Moved((Change("malloc", 10.0, 1010.0),), (Change("mul", None, 1200.0),), (LineChange(None, line),))
    worse = make_comparison("mlp", Verdict.REGRESSED, 1.05, metric=INSTRUCTIONS_SIMULATED, base=1e6, moved=moved)
    return build_page(make_judgement(worse), make_run(), now=NOW)


def test_every_output_leads_to_the_line_and_says_the_blind_spots_once(page: Page) -> None:
    terminal = " ".join(" ".join(render_terminal(page, width=200, colour=False, unicode=True)).split())
    markdown, html = render_markdown(page), render_html(page)
    assert "at net.py:7, Net.forward: x = x * <b>1.0</b> (operators – → 1, bytecodes – → 12)" in terminal
    assert "at net.py&#58;7, Net.forward" in markdown
    assert "<b>1.0</b>" not in markdown
    assert "x = x * &lt;b&gt;1.0&lt;/b&gt;" in html
    assert "<b>1.0</b>" not in html
    assert "within mul: +1.20 k instructions (– → 1.20 k instructions)" in terminal
    assert "+1.00 k instructions (10.0 instructions → 1.01 k instructions)" in html
    for text in (terminal, markdown, html):
        assert text.count(BLIND_SPOTS[:40]) == 1


def test_a_page_without_counts_says_nothing_of_them() -> None:
    page = build_page(make_judgement(compared(LATENCY, *MORE)), make_run(), now=NOW)
    assert BLIND_SPOTS not in "\n".join(render_terminal(page, width=4000, colour=False, unicode=True))
