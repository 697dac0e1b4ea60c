"""The page as a comment on a pull request, in GitHub's Markdown, in which names stay text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from paceline.reports.page.notes import brief
from paceline.reports.page.page import Page
from paceline.reports.page.rows import Row
from paceline.reports.pictures.heat_map import HeatMap
from paceline.reports.pictures.speedups import cell_text, chosen, fastest, headline, is_large
from paceline.reports.wording import quantities, words
from paceline.reports.wording.side_changes import sides_line
from paceline.reports.wording.text import one_line

# Choices: what a reader of a comment looks through; together they stay below _LONGEST.
_MOST_BLOCKING = 40
_MOST_ACKNOWLEDGED = 20
_MOST_OTHERS = 100
_MOST_GAPS = 25
_MOST_ENTRIES = 10
_LONGEST_ENTRY = 1000
_NAME_LIMIT = 120
_SENTENCE_LIMIT = 300
_LONGEST = 60_000
"""A comment on GitHub holds 65 536 characters."""
_LONGEST_NOTES = 12_000
"""A choice: a fifth of it, so that verdicts have the rest."""
_ACTIVE = re.compile(r"[\\`*_\[\]<>|~@#$!&:]|(?<=www)\.", re.IGNORECASE)
_FENCE = "```"


def render_markdown(page: Page) -> str:
    """The page as Markdown: what blocks, what to do, coverage, and the rest folded away."""
    sign = {"blocked": "❌", "passed": "✅", "nothing": "⚪"}[page.state]
    parts = [f"### {sign} {prose(page.heading)}", _baseline(page)]
    if page.changes is not None:
        parts.append(prose(sides_line(page.changes), _SENTENCE_LIMIT))
    if page.blocking:
        parts.append(_table(page.blocking[:_MOST_BLOCKING], with_reason=True))
        if len(page.blocking) > _MOST_BLOCKING:
            parts.append(f"… and {len(page.blocking) - _MOST_BLOCKING} more that block.")
        parts.append("Measure these again:\n" + _fenced(page.rerun))
        if page.accept:
            parts.append("Accept, with a written reason:\n" + _fenced(page.accept))
        if page.entries:
            parts.append(_entries(page))
    if page.acknowledged:
        parts.append(f"**Acknowledged**, so that it does not block ({code(page.acknowledged_in)}):")
        parts.append(_table(page.acknowledged[:_MOST_ACKNOWLEDGED], with_reason=True))
        if len(page.acknowledged) > _MOST_ACKNOWLEDGED:
            parts.append(f"… and {len(page.acknowledged) - _MOST_ACKNOWLEDGED} more that are acknowledged.")
    parts.append(_counts(page))
    parts.append(prose(page.blind_spots))
    parts.append(_coverage(page))
    notes = _notes(page)
    speedups = _speedups(page, _LONGEST - sum(map(len, parts)) - len(notes))
    others = _others(page, _LONGEST - sum(map(len, parts)) - len(notes) - sum(map(len, speedups)))
    return "\n\n".join(part for part in (*parts, *speedups, others, notes) if part) + "\n"


def code(text: str, limit: int = _NAME_LIMIT) -> str:
    """``text`` as inline code, in a form that also stands in a table; a code element is never searched for mentions."""
    return f"<code>{_inert(one_line(text, limit))}</code>"


def prose(text: str, limit: int = 0) -> str:
    """``text`` as plain text: no markup, no mention, no reference to an issue, no link."""
    inert = _inert(one_line(text, limit))
    # mentions and issue numbers are found in the rendered text, so an entity alone does not hide them
    return inert.replace("&#64;", "&#64;&#8203;").replace("&#35;", "&#35;&#8203;")


def _inert(text: str) -> str:
    return _ACTIVE.sub(lambda found: f"&#{ord(found[0])};", text)


def _fenced(text: str, language: str = "sh") -> str:
    """A code block with a fence longer than any inside."""
    shown = "\n".join(map(one_line, text.splitlines()))
    fence = _FENCE
    while fence in shown:
        fence += "`"
    return f"{fence}{language}\n{shown}\n{fence}"


def _baseline(page: Page) -> str:
    base = page.baseline
    if base is None:
        return "Held against no baseline, so nothing is judged."
    said = [f"Held against {code(base.name)}"]
    if base.revision:
        said.append(f"revision {code(base.revision[:12])}{' (changed tree, cannot be rebuilt)' if base.dirty else ''}")
    if base.age:
        said.append(f"saved {prose(base.age, _NAME_LIMIT)}")
    if base.reason:
        said.append(f"“{prose(base.reason, _SENTENCE_LIMIT)}”")
    return (
        f"{', '.join(said)}; {prose(base.machine, _SENTENCE_LIMIT)}. Exit code {page.exit_code}, {page.exit_meaning}."
    )


def _table(rows: Sequence[Row], *, with_reason: bool) -> str:
    lines = [
        f"| Verdict | Case | Metric | Before → after | Change | {'Why' if with_reason else 'Would have found'} |",
        f"| --- | --- | --- | --: | --: | {'---' if with_reason else '--:'} |",
    ]
    for row in rows:
        sign = words.MARKS[row.comparison.verdict].sign
        between = f" ({prose(row.interval)})" if row.interval else ""
        cells = [
            f"{prose(sign)} {row.verdict}",
            code(row.case.id),
            prose(words.metric_title(row.metric), _NAME_LIMIT),
            prose(f"{row.before} → {row.after}"),
            f"{prose(row.change)}{between}",
            prose(_why(row), 2 * _SENTENCE_LIMIT) if with_reason else _least([row]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _why(row: Row) -> str:
    moved = "; ".join(row.moved[:1])
    said = (row.reason, row.beside and f"beside it: {row.beside}", moved, row.acknowledgement)
    parts = (one_line(part, _SENTENCE_LIMIT) for part in said if part)
    return "; ".join(parts)


def _least(rows: Iterable[Row]) -> str:
    """The changes that undecided ``rows`` would have found: ``"≥ 3.1 … 8.6 %"``; empty where none is."""
    found = sorted({f"{100 * row.would_have_found:.1f}" for row in rows if row.would_have_found is not None}, key=float)
    return f"≥ {' … '.join(dict.fromkeys((found[0], found[-1])))} %" if found else ""


def _speedups(page: Page, room: int) -> list[str]:
    """The speed-ups over eager, in at most about half of the ``room``: the verdicts of what else was measured follow.

    Large ones are folded away; under what blocks all are.
    """
    small, large, more = chosen(page.heat_maps)
    parts: list[str] = []
    for place, heat_map in enumerate([*small, *large]):
        if is_large(heat_map):
            said = "\n".join(f"- {prose(line, _SENTENCE_LIMIT)}" for line in fastest(heat_map))
        else:
            said = _speedup_table(heat_map)
        title = prose(headline(heat_map), _SENTENCE_LIMIT)
        is_folded = is_large(heat_map) or page.state == "blocked"
        part = _folded(title, said) if is_folded else f"**{title}**\n\n{said}"
        if sum(map(len, parts)) + len(part) > room // 2:
            more += len(small) + len(large) - place
            break
        parts.append(part)
    return [*parts, f"… and {quantities.count(more, 'more table')} of speed-ups, in the report."] if more else parts


def _speedup_table(heat_map: HeatMap) -> str:
    lines = [
        f"| Model | {' | '.join(code(name, 40) for name in heat_map.optimizations)} |",
        "| --- |" + " --: |" * len(heat_map.optimizations),
    ]
    for model, cells in zip(heat_map.models, heat_map.cells, strict=True):
        texts = (prose(cell_text(cell, heat_map.metric.unit), 40) for cell in cells)
        lines.append(f"| {code(model, 60)} | {' | '.join(texts)} |")
    return "\n".join(lines)


def _others(page: Page, room: int) -> str:
    """What neither blocks nor is acknowledged, folded away, where there is room for it."""
    others = [row for row in page.rows if not (row.blocks or row.comparison.is_acknowledged)]
    if not others:
        return ""
    more = f"\n\n… and {len(others) - _MOST_OTHERS} more." if len(others) > _MOST_OTHERS else ""
    folded = _folded("Everything else", _table(others[:_MOST_OTHERS], with_reason=False) + more)
    if len(folded) < room:
        return folded
    return f"{quantities.count(len(others), 'other measurement')} left out of this comment; see the report."


def _folded(summary: str, text: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def _notes(page: Page) -> str:
    """What is worth knowing, of the whole run first, and how much of it there was no room for."""
    stated = [*((note.level, note.sentence) for note in page.notes), *brief(page.case_notes)]
    lines: list[str] = []
    for level, sentence in stated:
        line = f"- {level.value}: {prose(sentence, _SENTENCE_LIMIT)}"
        if sum(map(len, lines)) + len(line) > _LONGEST_NOTES:
            lines.append(f"- … and {quantities.count(len(stated) - len(lines), 'more note')}, in the report")
            break
        lines.append(line)
    return "\n".join(lines)


def _entries(page: Page) -> str:
    """What would acknowledge what blocks, folded away."""
    fitting = [entry for entry in page.entries if len(entry) < _LONGEST_ENTRY][:_MOST_ENTRIES]
    more = len(page.entries) - len(fitting)
    left = f"… and {more} more such entries, in the report." if more > 0 else ""
    opening = f"Or acknowledge for a while, in {code(page.acknowledged_in)}, saying who and why"
    listed = _fenced("\n".join(fitting), "toml") if fitting else ""
    parts = [f"<details><summary>{opening}</summary>", listed, left, "</details>"]
    return "\n\n".join(part for part in parts if part)


def _counts(page: Page) -> str:
    """How many measurements have each verdict, and the change that the undecided ones would have found."""
    counts = []
    for one in page.counts:
        least = _least(row for row in page.rows if row.comparison.verdict is one.verdict)
        found = f" (would have found {least})" if least else ""
        counts.append(f"{prose(words.MARKS[one.verdict].sign)} {one.number} {one.verdict.value}{one.known}{found}")
    return "**Measurements**: " + ", ".join(counts) if counts else ""


def _coverage(page: Page) -> str:
    lines = [f"**Coverage**: {page.coverage.sentence}"]
    for gap in page.coverage.gaps[:_MOST_GAPS]:
        names = ", ".join(code(case.id) for case in gap.cases[:4])
        more = f" and {len(gap.cases) - 4} more" if len(gap.cases) > 4 else ""
        lines.append(f"- {gap.cause}: {prose(gap.reason, _SENTENCE_LIMIT)} ({names}{more})")
    if len(page.coverage.gaps) > _MOST_GAPS:
        lines.append(f"- … and {len(page.coverage.gaps) - _MOST_GAPS} more reasons")
    return "\n".join([lines[0], "", *lines[1:]]) if len(lines) > 1 else lines[0]
