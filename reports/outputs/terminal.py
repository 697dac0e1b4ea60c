"""The page as a few lines at the end of a pytest run: what blocks first, and nothing that a name could inject."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from paceline.baselines.records import Level
from paceline.reports.page.notes import brief
from paceline.reports.page.page import BaselineLine, Page
from paceline.reports.page.rows import Row
from paceline.reports.pictures.heat_map import HeatMap
from paceline.reports.pictures.speedups import cell_text, chosen, fastest, headline
from paceline.reports.wording import quantities, words
from paceline.reports.wording.side_changes import sides_line
from paceline.reports.wording.text import as_ascii, columns, one_line, wrap

_COLOURS: dict[words.Tone, str] = {"bad": "31;1", "good": "32", "doubt": "33", "quiet": "2"}
_STATES: dict[str, words.Tone] = {"blocked": "bad", "passed": "good", "nothing": "doubt"}
_NOTE_TONES: dict[Level, words.Tone] = {Level.ERROR: "bad", Level.WARNING: "doubt", Level.INFO: "quiet"}
# Choices: what fits on a screen or two; the report has the rest.
_MOST_ROWS = 20
_MOST_GAPS = 12
_MOST_ENTRIES = 3
_MOST_MOVED = 3
_NARROWEST = 20
_NAME_LIMIT = 160
_SENTENCE_LIMIT = 500


def render_terminal(page: Page, *, width: int, colour: bool, unicode: bool) -> list[str]:
    """The summary as lines of at most ``width`` columns (at least 20 are used), without line ends.

    Only commands and entries keep their lines whatever the length: broken in two they could not be copied. ``colour``
    allows ANSI colours, ``unicode`` characters beyond ASCII. Names, reasons and notes are shown with every control
    character escaped.
    """
    writer = _Writer(max(width, _NARROWEST), colour, unicode)
    writer.line(page.heading, _STATES[page.state])
    writer.line(_baseline(page.baseline), indent="  ")
    if page.changes is not None:
        writer.line(one_line(sides_line(page.changes), _SENTENCE_LIMIT), indent="  ")
    if not page.run.complete:
        writer.line("The run was cut short: what follows is not the whole of it.", "doubt", indent="  ")
    for row in page.blocking[:_MOST_ROWS]:
        _write_row(writer, row)
    if len(page.blocking) > _MOST_ROWS:
        writer.line(f"… and {len(page.blocking) - _MOST_ROWS} more that block, in the report")
    _write_acknowledged(writer, page)
    _write_counts(writer, page)
    if page.blind_spots:
        writer.line(page.blind_spots, "quiet")
    _write_gaps(writer, page)
    if page.state != "blocked":
        _write_heat_maps(writer, page)
    _write_notes(writer, page)
    if page.rerun:
        writer.line("Measure these again:")
        writer.unbroken(one_line(page.rerun))
    if page.accept:
        writer.line("Accept, with a written reason:")
        writer.unbroken(one_line(page.accept))
    _write_entries(writer, page)
    return writer.lines


class _Writer:
    """Collects lines: wraps, colours whole lines, and replaces what the terminal cannot show."""

    def __init__(self, width: int, colour: bool, unicode: bool) -> None:
        self.width, self.colour = width, colour
        self.shown: Callable[[str], str] = (lambda text: text) if unicode else as_ascii
        self.lines: list[str] = []

    def line(self, text: str, tone: words.Tone | None = None, *, indent: str = "") -> None:
        """One paragraph, its later lines further in."""
        for line in wrap(self.shown(text), self.width, indent=indent, following=indent + "  "):
            self.lines.append(f"\x1b[{_COLOURS[tone]}m{line}\x1b[0m" if self.colour and tone and line else line)

    def unbroken(self, text: str) -> None:
        """One line as it is."""
        self.lines.append("  " + self.shown(text))


def _write_row(writer: _Writer, row: Row) -> None:
    tone, mark = words.tone(row.comparison), words.MARKS[row.comparison.verdict]
    writer.line(f"{mark.sign} {one_line(row.case.id, _NAME_LIMIT)}  {_name(row)}: {row.verdict}", tone)
    numbers = f"{row.before} → {row.after}" if row.comparison.new is not None else f"was {row.before}"
    moved = f"  {row.change}" if row.comparison.ratio is not None else ""
    between = f"  ({row.interval})" if row.interval else ""
    if row.comparison.base is not None or row.comparison.new is not None:
        writer.line(f"{numbers}{moved}{between}", indent="    ")
    if row.reason:
        writer.line(one_line(row.reason, _SENTENCE_LIMIT), indent="    ")
    if row.beside:
        writer.line(f"beside it: {row.beside}", indent="    ")
    for sentence in row.moved[:_MOST_MOVED]:
        writer.line(one_line(sentence, _SENTENCE_LIMIT), indent="      ")
    if row.acknowledgement:
        writer.line(one_line(row.acknowledgement, _SENTENCE_LIMIT), indent="    ")
    if row.evidence:
        writer.line(row.evidence, "quiet", indent="    ")


def _name(row: Row) -> str:
    return one_line(words.metric_title(row.metric), _NAME_LIMIT)


def _write_acknowledged(writer: _Writer, page: Page) -> None:
    if page.acknowledged:
        writer.line(f"Acknowledged, so that it does not block ({one_line(page.acknowledged_in)}):")
    for row in page.acknowledged[:_MOST_ROWS]:
        _write_row(writer, row)
    if len(page.acknowledged) > _MOST_ROWS:
        writer.line(f"… and {len(page.acknowledged) - _MOST_ROWS} more that are acknowledged, in the report")


def _write_entries(writer: _Writer, page: Page) -> None:
    """What would acknowledge what blocks: unbroken, so that it can be copied."""
    if not page.entries:
        return
    writer.line(f"Or acknowledge for a while, in {one_line(page.acknowledged_in)}, saying who and why:")
    for line in "\n".join(page.entries[:_MOST_ENTRIES]).splitlines():
        writer.unbroken(one_line(line))
    if len(page.entries) > _MOST_ENTRIES:
        writer.line(f"… and {len(page.entries) - _MOST_ENTRIES} more such entries, in the report")


def _write_counts(writer: _Writer, page: Page) -> None:
    if page.counts:
        parts = [
            f"{words.MARKS[one.verdict].sign}\u00a0{one.number} {one.verdict.value}{one.known}" for one in page.counts
        ]
        writer.line("Measurements: " + ", ".join(parts))


def _write_gaps(writer: _Writer, page: Page) -> None:
    gaps = page.coverage.gaps
    writer.line(f"Coverage: {page.coverage.sentence}", "doubt" if gaps else None)
    for gap in gaps[:_MOST_GAPS]:
        writer.line(f"{gap.cause}: {one_line(gap.reason, _SENTENCE_LIMIT)}", indent="  ")
        names = [one_line(case.id, _NAME_LIMIT) for case in gap.cases]
        more = [f"and {len(names) - 4} more"] if len(names) > 5 else []
        writer.line(", ".join([*(names[:4] if more else names), *more]), "quiet", indent="    ")
    if len(gaps) > _MOST_GAPS:
        writer.line(f"… and {len(gaps) - _MOST_GAPS} more reasons, in the report", indent="  ")


def _write_notes(writer: _Writer, page: Page) -> None:
    for level, sentence in (*((note.level, note.sentence) for note in page.notes), *brief(page.case_notes)):
        writer.line(f"{level.value}: {one_line(sentence, _SENTENCE_LIMIT)}", _NOTE_TONES[level])


def _baseline(base: BaselineLine | None) -> str:
    if base is None:
        return "Held against no baseline, so nothing is judged: --pace-save NAME saves one."
    said = [f"Held against {one_line(base.name, _NAME_LIMIT)}"]
    if base.revision:
        said.append(f"revision {one_line(base.revision[:12])}")
    if base.dirty:
        said.append("from a changed tree, which cannot be rebuilt")
    if base.age:
        said.append(f"saved {one_line(base.age, _NAME_LIMIT)}")
    return f"{', '.join(said)}; {one_line(base.machine, _SENTENCE_LIMIT)}."


def _write_heat_maps(writer: _Writer, page: Page) -> None:
    """Those that :func:`chosen` picks: small ones as tables, a large one in a line a model."""
    small, large, more = chosen(page.heat_maps)
    for heat_map in small:
        _write_heat_map(writer, heat_map)
    for heat_map in large:
        writer.line(one_line(headline(heat_map), _SENTENCE_LIMIT))
        for line in fastest(heat_map):
            writer.line(line, indent="  ")
    if more:
        writer.line(f"… and {quantities.count(more, 'more such table')}, in the report", indent="  ")


def _write_heat_map(writer: _Writer, heat_map: HeatMap) -> None:
    """A table of speed-ups, in as many parts as its columns need; a list where not even one column fits."""
    writer.line(one_line(headline(heat_map), _SENTENCE_LIMIT))
    texts = [[writer.shown(cell_text(cell, heat_map.metric.unit)) for cell in row] for row in heat_map.cells]
    models = _padded(
        [writer.shown(one_line(name, 60)) for name in ["", *heat_map.models]], left=True, most=writer.width // 2
    )
    table = [
        _padded([writer.shown(one_line(name, 40)), *(row[place] for row in texts)], left=False, most=writer.width // 3)
        for place, name in enumerate(heat_map.optimizations)
    ]
    start = 0
    while start < len(table):
        stop = start + 1
        while stop < len(table) and _width(models, table[start : stop + 1]) <= writer.width - 2:
            stop += 1
        for line in zip(models, *table[start:stop], strict=True):
            writer.lines.append("  " + "  ".join(line).rstrip())
        start = stop


def _padded(texts: Sequence[str], *, left: bool, most: int) -> list[str]:
    cut = [_cut(text, most) for text in texts]
    widest = max(map(columns, cut))
    spaces = [" " * (widest - columns(text)) for text in cut]
    return [text + space if left else space + text for text, space in zip(cut, spaces, strict=True)]


def _cut(text: str, most: int) -> str:
    while columns(text) > most:
        text = text[:-1]
    return text


def _width(models: Sequence[str], table: Iterable[Sequence[str]]) -> int:
    return columns(models[0]) + sum(2 + columns(column[0]) for column in table)
