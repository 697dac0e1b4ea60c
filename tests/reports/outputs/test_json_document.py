"""JSON: every text and number as it was."""

from __future__ import annotations

import json
from typing import Any

from paceline.reports.outputs.json_document import render_json
from paceline.reports.page.page import Page


def _reject(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


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
