"""The page as one self-contained HTML file: no request to anywhere, complete without JavaScript."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from paceline.baselines.judgement.verdicts import ORDER, Verdict
from paceline.baselines.records import Level, Note
from paceline.baselines.text.visible import visible
from paceline.reports.page.by_model import FULL_ROWS, group_by_model
from paceline.reports.page.details import Distribution, SampleSet
from paceline.reports.page.page import Page
from paceline.reports.page.rows import Row
from paceline.reports.pictures import svg
from paceline.reports.pictures.front import draw
from paceline.reports.pictures.heat_map import Cell
from paceline.reports.wording import moved, quantities, words
from paceline.reports.wording.text import shorten

BUDGET_BYTES = 980_000
"""What a page may weigh, as far as pictures and percentiles decide."""
UNFOLDED_ROWS = 150
"""A page of more judged rows than this opens with its models folded."""
_MOST_BLOCKING = 200
"""Blocking rows on the first screen; further ones are in the table of their model."""
# A choice: a screen of notes; each case has its own in its details.
_MOST_NOTES = 30
_SAID = "said"
_LEFT_OUT = (
    " <b>There is room for the pictures of {} of {} cases, the gravest</b>; those of any others: "
    "<code>python -m paceline.reports render RUN.jsonl --only 'resnet18-*' --html PATH</code>."
)
# A choice: longer than any name of ours, and too short to break a table.
_NAME_LIMIT = 160


def render_html(page: Page) -> str:
    """The whole report as one HTML document.

    Pictures and percentiles of cases are put in as long as it stays below :data:`BUDGET_BYTES`, the gravest cases
    first; where some are without, the page says so and how to have them.
    """
    css, js = _asset("report.css"), _asset("report.js")
    first_of = _first_of()
    rows_of: dict[str, list[Row]] = {detail.anchor: [] for detail in page.details}
    for row in page.rows:
        rows_of[row.anchor].append(row)
    evidence_of = {(row.anchor, row.metric.name): row.evidence for row in page.rows}
    text = (
        _environment()
        .get_template("report.html.jinja")
        .render(
            page=page,
            css=Markup(css),  # noqa: S704 (our own file)
            js=Markup(js),  # noqa: S704 (our own file)
            policy=_content_security_policy(css, js),
            sections=_sections(page),
            command=page.command,
            rows_of=rows_of,
            anchor_of={detail.case: detail.anchor for detail in page.details},
            models=group_by_model(page.rows),
            unfolded=len(page.rows) <= UNFOLDED_ROWS,
            most_blocking=_MOST_BLOCKING,
            most_notes=_MOST_NOTES,
            brief=_brief(page, first_of),
            verdicts_of=_verdicts_of,
            summed=_summed(large=len(page.rows) > FULL_ROWS),
            room_said=lambda: Markup(f"\0{_SAID}\0"),  # noqa: S704 (no text)
            room=lambda detail: Markup(f"\0{detail.anchor}\0") if detail.distributions else "",  # noqa: S704 (no text)
            gap_anchor={(gap.cause, gap.reason): f"g{index}" for index, gap in enumerate(page.coverage.gaps, 1)},
            limits={group.metric.name: _limit(group.rows, page) for group in page.groups},
            blocking_limit=_limit(page.blocking, page),
            acknowledged_limit=_limit(page.acknowledged, page),
            picture=lambda row, limit: _picture(row, limit, page),
            first_of=first_of,
            verdict_anchor=_verdict_anchor,
            draw=draw,
        )
    )
    return _filled(text, page, evidence_of)


def _filled(text: str, page: Page, evidence_of: Mapping[tuple[str, str], str]) -> str:
    """The document with the distributions in their places, as many as there is room for."""
    pieces = text.split("\0")  # no text from outside holds a zero byte: it would have been made visible
    room = BUDGET_BYTES - len(text.encode())
    parts = dict.fromkeys(pieces[1::2], "")
    room -= len(_LEFT_OUT)
    template = _environment().get_template("distributions.html.jinja")
    details = {detail.anchor: detail for detail in page.details if detail.distributions}
    for anchor in dict.fromkeys([*(row.anchor for row in page.rows if row.anchor in details), *details]):
        part = template.render(detail=details[anchor], evidence_of=evidence_of)
        room -= len(part.encode())
        if room < 0:
            parts[_SAID] = _LEFT_OUT.format(sum(map(bool, parts.values())), len(details))
            break
        parts[anchor] = part
    pieces[1::2] = [parts[anchor] for anchor in pieces[1::2]]
    return "".join(pieces)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("paceline.reports", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        finalize=_shown,
    )
    environment.filters["first_upper"] = lambda text: text[:1].upper() + text[1:]
    environment.globals.update(
        marks=words.MARKS,
        order=ORDER,
        tone=words.tone,
        title=words.metric_title,
        quantity=quantities.quantity,
        percent=quantities.percent,
        factor=quantities.factor,
        count=quantities.count,
        short=_short,
        key=_sort_key,
        heat=_heat_class,
        charts=_charts,
        percentiles=_percentiles,
        note_tone=_note_tone,
        moved_place=moved.place,
        moved_steps=moved.steps,
        moved_instructions=moved.instructions,
    )
    return environment


def _shown(value: Any) -> Any:
    """What every expression of the template passes through: text from outside may hide nothing. Escaping follows."""
    return visible(value, keep="\n") if isinstance(value, str) and not isinstance(value, Markup) else value


def _short(text: str, limit: int = _NAME_LIMIT) -> str:
    return shorten(visible(text, keep="\n"), limit)


@cache
def _asset(name: str) -> str:
    return (resources.files("paceline.reports") / "templates" / name).read_text("utf-8").strip()


def _content_security_policy(css: str, js: str) -> str:
    """Nothing may be loaded, and only this very style sheet and script may run."""
    return (
        f"default-src 'none'; style-src '{_digest(css)}'; script-src '{_digest(js)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _sections(page: Page) -> list[tuple[str, str]]:
    """The sections that this page has, as ``(anchor, title)``."""
    candidates = [
        ("blocking", "What blocks", bool(page.blocking)),
        ("acknowledged", "Acknowledged", bool(page.acknowledged)),
        ("coverage", "Coverage", True),
        ("speedup", "Speed-up", bool(page.heat_maps)),
        ("pareto", "Choosing", bool(page.pareto)),
        ("rows", "Every measurement", True),
        ("cases", "Case by case", bool(page.details)),
        ("notes", "Notes", bool(page.notes or page.case_notes)),
        ("sides", "What differs", page.changes is not None),
        ("environment", "Environment", True),
        ("verdicts", "How to read a verdict", True),
    ]
    return [(anchor, title) for anchor, title, is_there in candidates if is_there]


def _limit(rows: tuple[Row, ...], page: Page) -> float:
    changes = [
        ratio - 1
        for row in rows
        for ratio in (row.comparison.low, row.comparison.ratio, row.comparison.high)
        if ratio is not None and math.isfinite(ratio)
    ]
    return svg.axis_limit(changes, page.policy.band)


def _picture(row: Row, limit: float, page: Page) -> Markup:
    compared = row.comparison
    if compared.ratio is None or not math.isfinite(compared.ratio):
        return Markup("")
    low, high = (None if one is None else one - 1 for one in (compared.low, compared.high))
    label = row.interval or row.change
    return svg.forest(
        low,
        compared.ratio - 1,
        high,
        band=page.band_of(compared.case, compared.metric),
        limit=limit,
        label=label,
        epochs=[math.expm1(effect) for effect in compared.epochs],
    )


def _charts(one: Distribution) -> Markup:
    sides = [(side.kind, side.samples) for side in one.sides]
    name, unit = words.metric_title(one.metric), one.metric.unit
    axis = svg.plot_range([samples for _, samples in sides])
    low, high = (quantities.quantity(end, unit) for end in axis)
    cumulative = svg.ecdf(sides, (low, high), f"{name}, cumulative", axis)
    return cumulative + svg.series(sides, f"{name}, in order", axis)


def _percentiles(one: Distribution) -> tuple[str, list[tuple[SampleSet, list[str]]]]:
    """The unit, and for each side with percentiles their texts; a side lacks those that its samples cannot bound."""
    sides = [side for side in one.sides if side.percentiles]
    unit, texts = quantities.column([value for side in sides for value in side.percentiles.values()], one.metric.unit)
    remaining = iter(texts)
    named = [{name: next(remaining) for name in side.percentiles} for side in sides]
    rows = [[texts.get(name, quantities.MISSING) for name in one.percentile_names] for texts in named]
    return unit, list(zip(sides, rows, strict=True))


def _heat_class(cell: Cell) -> str:
    """The shade of a speed-up; grey where its interval holds 1."""
    if cell.speedup is None or (cell.low is not None and cell.high is not None and cell.low <= 1 <= cell.high):
        return "e0"
    for bound, name in ((0.5, "s3"), (0.8, "s2"), (1.0, "s1"), (1.25, "f1"), (2.0, "f2"), (4.0, "f3")):
        if cell.speedup < bound:
            return name
    return "f4"


def _first_of() -> Callable[[Row], Markup]:
    """Gives the first row of each verdict, in the order in which it is asked, its anchor."""
    seen: set[Verdict] = set()

    def attribute(row: Row) -> Markup:
        verdict = row.comparison.verdict
        if verdict in seen:
            return Markup("")
        seen.add(verdict)
        return Markup(" id={}").format(_verdict_anchor(verdict))

    return attribute


def _summed(*, large: bool) -> Callable[[Sequence[Row]], Sequence[Row]]:
    """Gives the rows that a case's line names: the three gravest, on a large page only those that are not quiet."""

    def named(rows: Sequence[Row]) -> Sequence[Row]:
        return [row for row in rows[:3] if not large or words.tone(row.comparison) != "quiet"]

    return named


def _brief(page: Page, first_of: Callable[[Row], Markup]) -> Callable[[Row | None], Markup]:
    """Writes a cell of a brief table: the value, and what became of it as a sign; as a word where it is not quiet."""
    gaps = {f"{gap.cause}: {gap.reason}": (f"g{index}", gap.cause) for index, gap in enumerate(page.coverage.gaps, 1)}

    def cell(row: Row | None) -> Markup:
        if row is None:
            return Markup("<td>") + quantities.MISSING
        verdict, mark = row.comparison.verdict, words.MARKS[row.comparison.verdict]
        start = Markup("<td{}>").format(first_of(row))
        # the column says already what is counted
        after = visible(row.after.removesuffix(f" {row.metric.name}"))
        if row.reason in gaps and verdict is Verdict.NOT_MEASURED:
            return start + Markup("{} <a href=#{}>{}</a>").format(mark.sign, *gaps[row.reason])
        if mark.tone != "quiet":
            said = f"{after} {visible(f'{mark.sign} {row.verdict}')}"
            return start + Markup("<b class={}>{}</b>").format(mark.tone, said)
        if row.comparison.ratio in (None, 1):
            return start + Markup("{} {}").format(after, mark.sign)
        return start + Markup("{} <i>{} {}</i>").format(after, mark.sign, row.change)

    return cell


def _verdicts_of(rows: Sequence[Row | None]) -> str:
    """The places of the verdicts of some rows, for the filter."""
    return " ".join(sorted({str(ORDER[row.comparison.verdict]) for row in rows if row is not None}))


def _verdict_anchor(verdict: Verdict) -> str:
    return "v-" + verdict.value.replace(" ", "-")


def _sort_key(value: float | None) -> str:
    """A number for sorting; what has none sorts last."""
    return "NaN" if value is None else f"{value:.4g}".replace("e+0", "e").replace("e+", "e")


def _note_tone(note: Note) -> str:
    return {Level.ERROR: "bad", Level.WARNING: "doubt", Level.INFO: "soft"}[note.level]
