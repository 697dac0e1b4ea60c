"""The page as one self-contained HTML file: no request to anywhere, complete without JavaScript."""

from __future__ import annotations

import base64
import hashlib
import math
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from paceline.baselines.records import Level, Note
from paceline.baselines.verdicts import Comparison, Verdict
from paceline.reports import quantities, svg, words
from paceline.reports.commands import DEFAULT_COMMAND
from paceline.reports.details import Distribution, Side
from paceline.reports.heatmap import Cell
from paceline.reports.page import Page
from paceline.reports.rows import Row
from paceline.reports.text import shorten, visible

_NAME_LIMIT = 160


def render_html(page: Page) -> str:
    """The whole report as one HTML document."""
    css, js = _asset("report.css"), _asset("report.js")
    rows_of: dict[str, list[Row]] = {detail.anchor: [] for detail in page.details}
    for row in page.rows:
        rows_of[row.anchor].append(row)
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            page=page,
            css=Markup(css),  # noqa: S704 (our own file)
            js=Markup(js),  # noqa: S704 (our own file)
            policy=_content_security_policy(css, js),
            sections=_sections(page),
            command=page.command or DEFAULT_COMMAND,
            rows_of=rows_of,
            anchor_of={detail.case: detail.anchor for detail in page.details},
            evidence_of={(row.anchor, row.metric.name): row.evidence for row in page.rows},
            gap_anchor={(gap.cause, gap.reason): f"g{index}" for index, gap in enumerate(page.coverage.gaps, 1)},
            limits={group.metric.name: _limit(group.rows, page) for group in page.groups},
            blocking_limit=_limit(page.blocking, page),
            picture=lambda row, limit: _picture(row, limit, page),
            first_of=_first_of(page),
            verdict_anchor=_verdict_anchor,
        )
    )


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
        order=words.ORDER,
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
        ("coverage", "Coverage", True),
        ("speedup", "Speed-up", bool(page.heat_maps)),
        ("rows", "Every measurement", True),
        ("cases", "Case by case", bool(page.details)),
        ("notes", "Notes", bool(page.notes or page.case_notes)),
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
    low, high = (quantities.quantity(end, unit) for end in svg.plot_range([samples for _, samples in sides]))
    cumulative = svg.ecdf(sides, (low, high), f"{name}, cumulative")
    return cumulative + svg.series(sides, f"{name}, in order")


def _percentiles(one: Distribution) -> tuple[str, list[tuple[Side, list[str]]]]:
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


def _first_of(page: Page) -> Any:
    """Gives the first row of each verdict, in the order of the document, its anchor."""
    first: dict[Verdict, Comparison] = {}
    for group in page.groups:
        for row in group.rows:
            first.setdefault(row.comparison.verdict, row.comparison)

    def attribute(row: Row) -> Markup:
        is_first = first[row.comparison.verdict] is row.comparison
        return Markup(" id={}").format(_verdict_anchor(row.comparison.verdict)) if is_first else Markup("")

    return attribute


def _verdict_anchor(verdict: Verdict) -> str:
    return "v-" + verdict.value.replace(" ", "-")


def _sort_key(value: float | None) -> str:
    """A number for sorting; what has none sorts last."""
    return "NaN" if value is None else f"{value:.4g}".replace("e+0", "e").replace("e+", "e")


def _note_tone(note: Note) -> str:
    return {Level.ERROR: "bad", Level.WARNING: "doubt", Level.INFO: "soft"}[note.level]
