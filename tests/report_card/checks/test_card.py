"""The card, written from what is recorded."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.report_card.checks.made_up import AB, ELSEWHERE, FOLDER, HERE, made_up, part


def whole_runs(folder: Path, **changed: Any) -> None:
    """Sixty of them, one more of another machine, and a pair of runs that cost."""
    whole = part("whole")
    verdicts = {"no change seen": 2, "unchanged": 1}
    run = whole.WholeRun("2026-01-02", HERE, ["compiled_sin", "copy", "tiny_ops"], 0, 1, 0, verdicts, 90.0, 30.0)
    for one in [run] * 60 + [replace(run, machine=ELSEWHERE, **changed)]:
        whole.append(folder / whole.WHOLE_RUNS, one)
    whole.append(folder / whole.COSTS, whole.Cost("2026-01-03", HERE, "abc" * 9, 100.0, 150.0, 210.0, 400.0, {}))


@pytest.mark.slow
def test_the_card_is_written_from_end_to_end(tmp_path: Path) -> None:
    card, store = part("card"), made_up(tmp_path / "store", 48)
    made_up(tmp_path / "store", 24, machine=ELSEWHERE)
    made_up(tmp_path / "store", 48, condition="loaded-2", extra=(0, 10), sigma=0.02, machine=ELSEWHERE)
    made_up(tmp_path / "store", 20, condition="calibration", extra=(3, 5))
    whole_runs(tmp_path / "store")
    output = tmp_path / "docs" / "report-card.md"
    site = FOLDER.parents[1] / ".paceline" / "peers"
    card.write_card(store, output, site, card.Effort(runs=2, times=4, pairs=3))
    text = output.read_text("utf-8")
    titles = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert titles == [
        *("The cases", "False alarms", "Power", "Honest intervals", "Beside 2 busy processes"),
        *("Other quiet recordings", "Whole runs", "Cost", "Other tools' rules on the same recordings"),
    ]
    assert [line for line in text.splitlines() if len(line) > 120 and not line.startswith("|")] == []
    for picture in re.findall(r"\]\((images/.+?)\)", text):
        assert (output.parent / picture).read_text("utf-8").startswith("<svg")
    said = " ".join(text.split())
    assert "- Machine 1: cpu_model made up. - Machine 2: cpu_model another." in said
    assert "| quiet | machine 1 | 48 epochs of 9 cases | judged |" in said
    assert "| quiet | machine 2 | 24 epochs of 9 cases | judged apart |" in said
    assert "| loaded-2 | machine 2 | 48 epochs of 6 cases | judged |" in said
    assert "| whole runs | machine 1 | 60 runs | judged |" in said
    assert "| whole runs | machine 2 | 1 runs | left out |" in said
    assert "## Beside 2 busy processes On machine 2." in said
    assert "simulated: " in said.partition("## Whole runs")[2]
    assert "| compiled_sin | compute, compiled | 1.0" in said
    assert "the calibration, a recording of its own" in said
    assert "60 runs (≥ 60: yes)" in said
    assert "| 2.10 | ≤ 2.5: yes |" in said
    assert re.search(r"asv continuous \| (factor 1.1|\| \| asv is not installed)", said)
    others = said.partition("## Other quiet recordings ### Machine 2, 24 epochs of 9 cases ")[2].partition(" ## ")[0]
    assert "In order, both stages, all 3 cases at once: 1 run" in others
    # Who has no calibration needs epochs that the trial leaves over.
    assert "| +5 % | 6 | not recorded |" in others
    assert "not recorded" not in said.replace(others, "")
    assert "nan" not in said.replace("nanoseconds", "")


def test_a_card_of_little_says_so(tmp_path: Path) -> None:
    card = part("card")
    store = made_up(tmp_path / "store", 3, extra=(0, 5))
    card.write_card(store, tmp_path / "card.md", tmp_path, card.Effort(runs=1, times=2, pairs=2))
    text = (tmp_path / "card.md").read_text("utf-8")
    assert text.count("not recorded") > 10
    assert "| paceline" in text or "**paceline**" in text


def test_a_false_alarm_of_a_whole_run_is_on_the_card(tmp_path: Path) -> None:
    inventory, whole = part("inventory"), part("whole")
    store = made_up(tmp_path, 3)
    whole_runs(tmp_path)
    bad = replace(whole.read_whole_runs(tmp_path)[0], exit_code=10, verdicts={"regressed": 1, "unchanged": 2})
    whole.append(tmp_path / whole.WHOLE_RUNS, bad)
    found = part("series").recordings(store)
    runs = inventory.by_machine(whole.read_whole_runs(tmp_path))
    rows = inventory.rows_of(found, runs, [], None)
    effort = part("judge.confirmation").Effort(runs=2)
    text = " ".join(part("chapters.whole_runs").tell_whole_runs(runs[0], None, inventory.Machines.of(rows), AB, effort))
    assert "nothing is predicted" in text
    assert "Runs with a *regressed*: 1 of 61" in text
    assert "(goal none: no)" in text


def test_a_line_that_is_no_whole_run_is_named(tmp_path: Path) -> None:
    whole = part("whole")
    (tmp_path / whole.WHOLE_RUNS).write_text(json.dumps({"started": "2026"}) + "\n")
    with pytest.raises(ValueError, match=r"whole-runs.jsonl, line 1 is no WholeRun"):
        whole.read_whole_runs(tmp_path)
