"""A run of the full matrix: every output stays small enough to be read, and hides nothing."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from types import ModuleType

import pytest

from paceline.baselines.records import Metric, NotMeasured
from paceline.baselines.records.metrics import TIME_PER_OUTPUT_TOKEN, TIME_TO_FIRST_TOKEN
from paceline.reports.outputs.html import render_html
from paceline.reports.outputs.json_document import render_json
from paceline.reports.outputs.markdown import render_markdown
from paceline.reports.outputs.matrix import render_matrix
from paceline.reports.outputs.terminal import render_terminal
from paceline.reports.page.by_model import FULL_ROWS, group_by_model
from paceline.reports.page.matrix import build_matrix
from paceline.reports.page.page import Page
from paceline.suites.models import MODELS


@pytest.fixture(params=["judged", "alone"])
def page(request: pytest.FixtureRequest) -> Page:
    found: Page = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def document(page: Page) -> str:
    return render_html(page)


def test_the_page_stays_within_its_budget(page: Page, document: str) -> None:
    assert len(page.rows) > 3000
    assert len(document.encode()) <= 1_000_000


def test_every_link_has_its_anchor_and_every_anchor_is_unique(document: str) -> None:
    anchors = Counter(re.findall(r"<[^>]*\sid=\"?([\w-]+)", document))
    assert max(anchors.values()) == 1
    assert set(re.findall(r"href=\"?#([\w-]+)", document)) <= set(anchors)


def test_every_row_is_there(page: Page, document: str) -> None:
    """Each judged measurement is a full row or a cell; every cell says something."""
    groups = group_by_model(page.rows)
    full = [row for group in groups for metric in group.full for row in metric.rows]
    brief = [row for group in groups for table in group.brief for _, _, cells in table.lines for row in cells if row]
    assert len(full) <= FULL_ROWS
    assert {id(row) for row in (*full, *brief)} == {id(row) for row in page.rows}
    assert len(brief) == len(page.rows), "a large page has them all in its brief tables"
    rows = document.partition('<section id="rows"')[2].partition("</section>")[0]
    for line in re.findall(r'<tr data-v="[\d ]+">(.*)', rows):
        cells = [re.sub("<[^>]*>", "", cell).strip() for cell in line.split("<td")[1:]]
        assert all(cell.partition(">")[2] for cell in cells), line
    for group in groups:
        assert sum(number for _, number in group.counts) == sum(row.case.model == group.model for row in page.rows)


def test_a_case_that_needs_a_person_has_a_row_and_a_picture(judged: Page) -> None:
    document = render_html(judged)
    rows = document.partition('<section id="rows"')[2].partition("</section>")[0]
    details = document.partition('<section id="cases"')[2].partition("</section>")[0]
    with_pictures = {anchor for anchor, rest in re.findall(r"<div id=(c\d+)>(.*?)</details>", details, re.DOTALL)
                     if "<svg class=pl" in rest}  # fmt: skip
    measured = {detail.anchor for detail in judged.details if detail.distributions}
    assert judged.blocking
    for row in judged.blocking:
        assert f"<a href=#{row.anchor}>{row.case.id}</a>" in rows
        assert row.anchor in with_pictures or row.anchor not in measured
    assert f"There is room for the pictures of {len(with_pictures)} of {len(measured)} cases" in document


def test_models_are_folded_the_gravest_first(judged: Page) -> None:
    document = render_html(judged)
    groups = group_by_model(judged.rows)
    rows = document.partition('<section id="rows"')[2].partition("</section>")[0]
    assert re.findall(r'<details class="model"( open)?>', rows) == [""] * len(groups)
    assert groups[0].model == judged.rows[0].case.model
    blocking = [group.blocking for group in groups]
    assert 0 not in blocking[: len([one for one in blocking if one])]


def test_points_of_a_sweep_are_stated_with_it(judged: Page) -> None:
    assert not [detail for detail in judged.details if detail.case.batch_size not in (None, 1)]
    stated = json.loads(render_json(judged))["shown"]
    sizes = {one["case"]["batch_size"] for one in stated if one["metric"]["name"] == "sweep_throughput_per_s"}
    assert sizes == {1, 2, 4, 8, 16, 32, 64, 128}
    text = render_html(judged)
    assert re.search(r"Sweep throughput at 1: [\d.]+/s → [\d.]+/s · at 2: ", text)


@pytest.mark.parametrize("metric", [TIME_TO_FIRST_TOKEN, TIME_PER_OUTPUT_TOKEN], ids=lambda metric: metric.name)
def test_generation_is_stated_of_every_model_that_generates(judged: Page, metric: Metric) -> None:
    generating = {model.name for model in MODELS if model.new_tokens}
    rows = [row for row in judged.rows if row.metric == metric and row.comparison.ratio is not None]
    assert {row.case.model for row in rows} == generating
    assert len(rows) > 10
    (heat_map,) = (one for one in judged.heat_maps if one.metric == metric)
    assert set(heat_map.models) == generating


def test_terminal_and_markdown_stay_short(page: Page) -> None:
    lines = render_terminal(page, width=100, colour=False, unicode=True)
    assert len(lines) < 200
    assert len(render_markdown(page)) < 65_536 / 2  # half of what a comment holds


def test_without_a_baseline_the_terminal_names_the_fastest(alone: Page) -> None:
    text = " ".join(" ".join(render_terminal(alone, width=200, colour=False, unicode=True)).split())
    assert re.search(r"mlp \([\d.]+ µs\): int8_static [\d.]+×, .*; \d+ of \d+ optimizations slower", text)
    assert "… and 1 more such table, in the report" in text


def test_the_matrix_of_a_full_run_has_every_cell(made: ModuleType, alone: Page) -> None:
    matrix = build_matrix([alone.run], models=made.MODELS, optimizations=made.OPTIMIZATIONS)
    states = Counter(cell.state for cell in matrix.every)
    assert len(matrix.every) == len(made.MODELS) * len(made.OPTIMIZATIONS) >= 500
    latencies = [one for one in alone.run.outcomes if one.metric.name == "latency_ns"]
    faults = [one for one in latencies if isinstance(one, NotMeasured) and one.cause.is_fault]
    assert (states["fault"], states["absent"]) == (len(faults), 0) == (1, 0)
    text = render_matrix(matrix, "python -m paceline.reports matrix RUN.jsonl")
    cells = text.partition("## Cells")[2].partition("## How it was made")[0]
    parts = math.ceil(len(made.MODELS) / 6)
    assert len(re.findall(r"^\| `[\w+]+` \|", cells, re.MULTILINE)) == parts * len(made.OPTIMIZATIONS)
    assert "- `tiny_decoder-jit_freeze-cpu-b1`, latency: **errored**." in text
