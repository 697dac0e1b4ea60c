"""What differs between the sides of an A/B, in every output; a commit's subject is hostile."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from paceline.baselines.judgement.verdicts import Verdict
from paceline.baselines.records import Conditions, Difference, Level, Metric, Note
from paceline.baselines.records.side_changes import Commit, FileChange, SideChanges
from paceline.reports.outputs.html import render_html
from paceline.reports.outputs.json_document import render_json
from paceline.reports.outputs.markdown import render_markdown
from paceline.reports.outputs.terminal import render_terminal
from paceline.reports.page.page import Page, build_page
from paceline.reports.wording.side_changes import sides_line
from tests.builders import make_comparison, make_judgement, make_measured, make_run
from tests.reports.pages import NOW

HOSTILE = "<img src=x onerror=alert(1)> \x1b[31mred\u202e"
CHANGES = SideChanges(
    base_revision="a" * 40,
    new_revision="b" * 40,
    commits=(Commit("bbbbbbb", HOSTILE), Commit("ccccccc", "plain")),
    more_commits=3,
    base_only_commits=1,
    files=(FileChange(f"{HOSTILE}.py", 10, 2, is_uncommitted=True), FileChange("blob", None, None, False)),
    more_files=5,
    uncommitted_files=1,
    added=13,
    removed=2,
    software=(Difference("torch", "2.1", "2.2", in_key=False), Difference("scipy", None, "1.9", in_key=False)),
)


def page(changes: SideChanges | None, notes: tuple[Note, ...] = ()) -> Page:
    last = Note(Level.WARNING, "foreign_load", "the last epoch's")
    run = make_run(make_measured("net", (1.0, 2.0), notes=(last,)))
    compared = make_comparison("net", Verdict.INCONCLUSIVE, 1.5, base=1.0, notes=notes)
    return build_page(make_judgement(compared, changes=changes), run, now=NOW)


def test_the_line_counts_everything() -> None:
    assert sides_line(CHANGES) == (
        "Between the sides: 5 commits, 7 files (+13 \u22122), 1 with uncommitted changes, "
        "1 commit that only the base has; software: torch 2.1 \u2192 2.2, scipy absent \u2192 1.9"
    )
    assert sides_line(SideChanges("a", "a")) == "Between the sides: 0 commits, no file; the same software"


def test_html_shows_it_as_text() -> None:
    html = render_html(page(CHANGES))
    assert "<img src=x" not in html
    assert "&lt;img src=x onerror=alert(1)&gt; \\x1b[31mred\\u202e" in html
    assert not set(html) & {"\x1b", "\u202e"}
    assert 'id="sides"' in html
    assert 'href="#sides"' in html
    for text in ("and 3 older commits", "1 commit of the base is not", "torch", "not in full", "not text"):
        assert text in html
    assert 'id="sides"' not in render_html(page(None))


def test_the_terminal_and_markdown_get_one_line() -> None:
    lines = render_terminal(page(CHANGES), width=300, colour=False, unicode=True)
    assert [line.strip() for line in lines if "Between the sides" in line] == [sides_line(CHANGES)]
    assert "Between the sides" in render_markdown(page(CHANGES))
    assert "Between the sides" not in "".join(render_terminal(page(None), width=300, colour=False, unicode=True))


def test_json_has_all_of_it_as_it_was_recorded() -> None:
    found = json.loads(render_json(page(CHANGES)))["changes"]
    assert found["commits"][0] == {"revision": "bbbbbbb", "subject": HOSTILE}
    assert found["files"][1] == {"path": "blob", "added": None, "removed": None, "uncommitted": False}
    assert (found["more_commits"], found["more_files"], found["base_only_commits"]) == (3, 5, 1)
    assert found["software"][1] == {"field": "scipy", "base": None, "new": "1.9"}
    assert json.loads(render_json(page(None)))["changes"] is None


@pytest.mark.parametrize("code", ["foreign_load", "two_levels"])
def test_what_all_epochs_say_replaces_what_the_last_one_says(code: str) -> None:
    counted = Note(Level.WARNING, code, "in 3 of 16 epochs")
    (detail,) = page(replace(CHANGES), notes=(counted,)).details
    assert ("the last epoch's" in [note.sentence for note in detail.notes]) == (code != "foreign_load")
    assert counted in detail.notes


@pytest.mark.parametrize(("turn_calls", "said"), [(40, " in turns"), (None, "")])
def test_conditions_say_whether_the_sides_took_turns(turn_calls: int | None, said: str) -> None:
    faults = Metric("page_faults", "faults", "lower", "sampled")
    value = make_measured("net", 64.0, faults, conditions=Conditions(1.0, 1.0, 2, turn_calls=turn_calls))
    found = make_comparison(
        "net", Verdict.INCONCLUSIVE, 1.0, metric=faults, base=64.0, epochs=(0.0, 0.0), stage="screen"
    )
    made = build_page(make_judgement(found, baseline=""), make_run(value), now=NOW)
    assert made.rows[0].evidence == f"2 epochs of two fresh processes{said}"
