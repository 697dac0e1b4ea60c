"""Reports of files that revision d07fca5 wrote: the JSON keeps its keys and numbers, the commands their exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from paceline.reports.__main__ import main

DATA = Path(__file__).parent / "data"
PROSE = frozenset({"made", "heading", "exit_meaning", "reason", "sentence"})
"""Texts for people, and when the report was made: only whether they are there, and are text, matters."""


def differences(older: Any, newer: Any, place: str = "report") -> list[str]:
    """Where a document lacks a key of an older one, or has another value. Further keys are none."""
    if isinstance(older, dict) and isinstance(newer, dict):
        missing = [f"{place}.{key} is missing" for key in older if key not in newer]
        there = [key for key in older if key in newer]
        return missing + [found for key in there for found in differences(older[key], newer[key], f"{place}.{key}")]
    if isinstance(older, list) and isinstance(newer, list) and len(older) == len(newer):
        pairs = enumerate(zip(older, newer, strict=True))
        return [found for index, (one, other) in pairs for found in differences(one, other, f"{place}[{index}]")]
    if isinstance(older, str) and isinstance(newer, str) and place.rpartition(".")[2] in PROSE:
        return []
    same = newer == pytest.approx(older, rel=1e-9) if isinstance(older, float) else newer == older
    return [] if same else [f"{place} is {newer!r}, and was {older!r}"]


@pytest.fixture(autouse=True)
def beside_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands name the files as they did when the report was written."""
    monkeypatch.chdir(DATA)


def test_differences_are_seen() -> None:
    older = {"a": [1.0, {"b": None}], "reason": "so", "c": "x"}
    assert differences(older, {"a": [1.0, {"b": None, "d": 1}], "reason": "thus", "c": "x"}) == []
    assert differences(older, {"a": [1.1, {}], "reason": None, "c": "y"}) == [
        "report.a[0] is 1.1, and was 1.0",
        "report.a[1].b is missing",
        "report.reason is None, and was 'so'",
        "report.c is 'y', and was 'x'",
    ]


def test_the_json_report_has_what_it_had(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    arguments = ["compare", "main.json", "run.jsonl", "--acknowledged", "acknowledged.toml", "--json", str(report)]
    assert main(arguments) == 10
    older = json.loads((DATA / "report.json").read_text("utf-8"))
    newer = json.loads(report.read_text("utf-8"))
    newer["policy"]["blocks"].remove("not deterministic")  # a verdict that there was not
    assert differences(older, newer) == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["render", "run.jsonl"], 0),
        (["render", "ab.jsonl"], 0),
        (["list", "--baselines=.", "--runs=."], 4),
        (["compare", "main.json", "run.jsonl"], 10),
        (["compare", "main.json", "causes.jsonl"], 0),
        (["compare", "main.json", "cut.jsonl"], 0),
        (["compare", "resumed.jsonl", "run.jsonl"], 0),
        (["compare", "cut.jsonl", "run.jsonl"], 4),
        (["compare", "no_such.json", "run.jsonl"], 4),
        (["frame", "run.jsonl", "--csv=OUT"], 0),
        (["frame", "run.jsonl", "--samples", "--csv=OUT"], 0),
        (["matrix", "run.jsonl", "--partial", "--output=OUT"], 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_commands_end_as_they_did(arguments: list[str], code: int, tmp_path: Path) -> None:
    assert main([argument.replace("OUT", str(tmp_path / "out")) for argument in arguments]) == code
