"""Markdown: hostile names stay in their cells, and a comment never grows too long."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import Any

from paceline.baselines.judgement.verdicts import Judgement, Policy, Verdict
from paceline.baselines.records import Case, metrics
from paceline.reports.outputs.markdown import code, prose, render_markdown
from paceline.reports.page.page import Page, build_page
from paceline.reports.pictures.speedups import cell_text
from tests.builders import make_case, make_comparison
from tests.reports.pages import NOW, slow, unjudged_page


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


def test_markdown_shows_the_speed_ups_that_the_terminal_shows(unjudged: Page) -> None:
    text = render_markdown(unjudged)
    assert f"**{prose('Latency, cpu, batch size 1: speed-up over eager')}**" in text
    heat_map = unjudged.heat_maps[0]
    for model, cells in zip(heat_map.models, heat_map.cells, strict=True):
        texts = [prose(cell_text(cell, heat_map.metric.unit)) for cell in cells]
        assert f"| {code(model)} | {' | '.join(texts)} |" in text


def test_markdown_folds_speed_ups_under_blocking_rows(example: Page) -> None:
    title = f"<summary>{prose('Latency, cpu, batch size 1: ')}{{}} over eager</summary>"
    assert title.format("speed-up") in render_markdown(example)
    many = unjudged_page(example, *(replace(slow("mlp"), case=make_case(f"m{model}", f"o{place}"))
                                for model in range(11) for place in range(12)))  # fmt: skip
    text = render_markdown(many)
    assert title.format("the largest speed-ups") in text
    assert prose("m10: o0 0.50×, o1 0.50×, o2 0.50×; 12 of 12 optimizations slower") in text


def test_markdown_leaves_out_the_speed_ups_that_have_no_room(example: Page) -> None:
    sizes = [replace(slow("m" * 60), case=Case(f"{model}{'m' * 50}", f"o{place}", "cpu", size))
             for size in range(1, 60) for model in range(5) for place in range(5)]  # fmt: skip
    text = render_markdown(unjudged_page(example, *sizes))
    assert len(text) < 65_536
    assert re.search(r"… and \d+ more tables of speed-ups, in the report\.", text)


def test_markdown_says_what_undecided_comparisons_would_have_found(example: Page) -> None:
    """Beside each in the table that is folded away, and for all of a verdict together where nothing hides it."""
    verdicts = (
        ("one", Verdict.NO_CHANGE_SEEN, 0.031, metrics.LATENCY),
        ("two", Verdict.NO_CHANGE_SEEN, 0.1256, metrics.LATENCY),
        ("three", Verdict.INCONCLUSIVE, 0.4, metrics.LATENCY),
        ("four", Verdict.INCONCLUSIVE, None, metrics.LATENCY),
        ("five", Verdict.UNCHANGED, 0.02, metrics.LATENCY),
        ("six", Verdict.NO_CHANGE_SEEN, 0.001, metrics.SIZE),
    )
    comparisons = tuple(
        make_comparison(name, verdict, 1.0, metric=metric, base=1.0, detectable=detectable)
        for name, verdict, detectable, metric in verdicts
    )
    policy = Policy(blocks=frozenset())
    run = replace(example.run, outcomes=())
    text = render_markdown(build_page(Judgement(comparisons, policy, run.fingerprint), run, now=NOW))
    assert "3 no change seen (would have found ≥ 3.1 … 12.6 %)" in text
    assert "2 inconclusive (would have found ≥ 40.0 %)" in text
    assert "1 unchanged" in text
    assert "unchanged (" not in text
    cells = {row.split(" | ")[1]: row.split(" | ")[-1] for row in text.splitlines() if "<code>" in row}
    assert cells == {
        code("one-eager-cpu-b1"): "≥ 3.1 % |",
        code("two-eager-cpu-b1"): "≥ 12.6 % |",
        code("three-eager-cpu-b1"): "≥ 40.0 % |",
        **{code(f"{name}-eager-cpu-b1"): " |" for name in ("four", "five", "six")},
    }
