"""The matrix as a Markdown document: counts, tables with numbered reasons, faults by name, and how it was made."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

from paceline.baselines.records import Run
from paceline.reports.outputs.markdown import code, prose
from paceline.reports.page.commands import command_line_of, whole
from paceline.reports.page.matrix import STATES, Lack, Matrix, MatrixCell, MatrixTable, State
from paceline.reports.wording.quantities import MISSING, count, factor, quantity
from paceline.reports.wording.text import one_line, wrap

_COLUMNS = 6
"""Models side by side in one table: more would not fit on a screen."""
_WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z0-9][\w+.:-]*", re.ASCII)
_REASON_LIMIT = 300
_WORDS: Mapping[State, str] = {
    "measured": "measured",
    "not applicable": "not applicable",
    "unsupported": "unsupported (not measured)",
    "fault": "faults",
    "absent": "not in these runs",
}
_PLACED = "cpu_affinity"
"""The detail that runs of one machine differ in where each was given cores of its own: a column of the runs' table."""
_INTRODUCTION = (
    "A cell is one model under one optimization. *Measured*: the factor is the speed-up of the latency over eager, "
    "timed around it in the same session (above 1× is faster; “≈” where the interval holds 1×, so that no difference "
    "is shown); then the size over the unoptimized model’s, and the relative difference of the output from eager fp32, "
    "where these runs have them. *Not applicable*: the combination cannot be. *Unsupported*: it could be, and could "
    "not be measured here. *Fault*: it should have a value and has none, or nothing proves the one it has. The raised "
    "numbers are the reasons, below each table."
)


def render_matrix(matrix: Matrix, command: str) -> str:
    """The document, with a line end. ``command`` is the one that made it out of the run files."""
    parts = [
        "# Models × optimizations",
        "Made from stored runs by the commands at its end; not to be edited by hand.",
        "## Counts",
        _counts(matrix),
        *_faults(matrix),
        "## Cells",
        _paragraph(_INTRODUCTION),
    ]
    for table in matrix.tables:
        parts.append(f"### {_place(table)}")
        for start in range(0, len(table.models), _COLUMNS):
            parts += _table(table, range(start, min(start + _COLUMNS, len(table.models))))
    parts += ["## How it was made", *_machines(matrix.runs), "### Runs", _runs(matrix.runs), _commands(matrix, command)]
    return "\n\n".join(part for part in parts if part) + "\n"


# -- counts and faults -------------------------------------------------------------------------------------------------


def _counts(matrix: Matrix) -> str:
    cells = matrix.every
    shown = [state for state in STATES if state != "absent" or any(cell.state == state for cell in cells)]
    every = [f"{_number(cells, state)} {_WORDS[state]}" for state in shown]
    axes = f"{count(len(matrix.models), 'model')} × {count(len(matrix.optimizations), 'optimization')}"
    said = _paragraph(f"{axes}: {count(len(cells), 'cell')}; {', '.join(every)}.")
    head = ["| where | cells |", "| --- | --: |"]
    head[0] += "".join(f" {_WORDS[state]} |" for state in shown)
    head[1] += " --: |" * len(shown)
    rows = [
        f"| {_place(table)} | {len(table.every)} |"
        + "".join(f" {_number(table.every, state)} |" for state in shown)
        for table in matrix.tables
    ]  # fmt: skip
    return said + "\n\n" + "\n".join([*head, *rows])


def _number(cells: Iterable[MatrixCell], state: State) -> int:
    return sum(cell.state == state for cell in cells)


def _faults(matrix: Matrix) -> list[str]:
    """Every fault by name: a footnote among many is no place for one."""
    lines = [
        _item("-", f"{_name(cell.case.id)}, {lack.what}: **{lack.cause}**. {prose(lack.reason, _REASON_LIMIT)}")
        for cell, lack in matrix.faults
    ]
    return ["## Faults", "\n".join(lines)] if lines else []


# -- tables ------------------------------------------------------------------------------------------------------------


def _place(table: MatrixTable) -> str:
    batch = "batch size chosen by the case" if table.batch_size is None else f"batch size {table.batch_size}"
    further = (f"{name} {value}" for name, value in table.parameters)
    return ", ".join(prose(one) for one in (table.device, batch, *further))


def _table(table: MatrixTable, columns: Sequence[int]) -> list[str]:
    """A table of some of the models, and the reasons that its cells name by number."""
    numbers: dict[tuple[str, str, str], int] = {}
    lines = [
        "| optimization | " + " | ".join(_name(table.models[column]) for column in columns) + " |",
        "| --- |" + " --- |" * len(columns),
    ]
    for optimization, cells in zip(table.optimizations, table.cells, strict=True):
        shown = [_cell(cells[column], numbers) for column in columns]
        lines.append(f"| {_name(optimization)} | {' | '.join(shown)} |")
    reasons = [
        _item(f"{number}.", f"{_said(state, cause)}: {prose(reason, _REASON_LIMIT)}")
        for (state, cause, reason), number in numbers.items()
    ]
    return ["\n".join(lines), "\n".join(reasons)]


def _cell(cell: MatrixCell, numbers: dict[tuple[str, str, str], int]) -> str:
    """What a cell says, never nothing; reasons are given their numbers in ``numbers``."""
    marks = {lack.what: _mark(lack, numbers) for lack in cell.lacks}
    lines = [_latency(cell) + marks.get("latency", "")]
    if cell.size_ratio is not None and not cell.is_reference:
        lines.append(f"size {factor(cell.size_ratio)}")
    if cell.difference is not None:
        lines.append(f"difference {quantity(cell.difference, 'relative', 2)}")
    for lack in cell.lacks:
        if lack.what != "latency":
            said = f"**{lack.cause}**" if lack.state == "fault" else lack.state
            lines.append(f"{lack.what} {said}{marks[lack.what]}")
    return "<br>".join(lines)


def _latency(cell: MatrixCell) -> str:
    if cell.state == "measured":
        if cell.speedup is None:
            why = "reference" if cell.is_reference else "no ratio" if cell.is_paired else "no reference"
            return f"{quantity(cell.value, 'ns')} ({why})"
        holds_one = cell.low is not None and cell.high is not None and cell.low <= 1 <= cell.high
        return f"{'≈ ' if holds_one else ''}**{factor(cell.speedup)}**"
    if cell.state == "fault":
        return f"**fault: {cell.lacks[0].cause}**"
    return "n/a" if cell.state == "not applicable" else _WORDS[cell.state].partition(" (")[0]


def _mark(lack: Lack, numbers: dict[tuple[str, str, str], int]) -> str:
    number = numbers.setdefault((lack.state, lack.cause, lack.reason), len(numbers) + 1)
    return f" <sup>{number}</sup>"


def _said(state: str, cause: str) -> str:
    return state.capitalize() if state == "not applicable" else f"{state.capitalize()}, {cause}"


# -- how it was made ---------------------------------------------------------------------------------------------------


def _machines(runs: Sequence[Run]) -> list[str]:
    """The newest run's machine and software, and in which fields the other runs' differ from it."""
    newest = runs[-1]
    parts = [_fields(newest.fingerprint.key)]
    if newest.fingerprint.details:
        details = _fields(newest.fingerprint.details)
        parts.append(f"<details><summary>Everything else that was recorded</summary>\n\n{details}\n\n</details>")
    for run in runs[:-1]:
        for one in newest.fingerprint.differences(run.fingerprint):
            if one.field == _PLACED and not one.in_key:
                continue
            said = (
                f"{'**Another kind of machine**' if one.in_key else 'Differs'} in run {_name(run.id)}: "
                f"{prose(one.field)} {prose(one.new or 'not recorded')} instead of {prose(one.base or 'not recorded')}."
            )
            parts.append(_paragraph(said))
    return ["### Machine and versions", *parts]


def _fields(fields: Mapping[str, str]) -> str:
    rows = [f"| {_name(name)} | {prose(value) or MISSING} |" for name, value in fields.items()]
    return "\n".join(["| field | value |", "| --- | --- |", *rows])


def _runs(runs: Sequence[Run]) -> str:
    lines = ["| run | started | revision | CPUs | complete |", "| --- | --- | --- | --- | --- |"]
    for run in runs:
        revision = _name(run.revision) if run.revision else "none"
        tree = " with uncommitted changes" if run.dirty else ""
        cpus = prose(run.fingerprint.details.get(_PLACED, "")) or "not recorded"
        ended = "yes" if run.complete else "**cut short**"
        lines.append(f"| {_name(run.id)} | {prose(run.started)} | {revision}{tree} | {cpus} | {ended} |")
    return "\n".join(lines)


def _commands(matrix: Matrix, command: str) -> str:
    requested = dict.fromkeys(_broken(whole(command_line_of(run))) for run in matrix.runs)
    lines = "\n".join([*requested, _broken(command)])
    fence = "```"
    while fence in lines:
        fence += "`"
    said = "What each run was asked for, as it recorded it, and what made this"
    if any(run.plan is None for run in matrix.runs):
        said += " (where there is no --pace-seconds, how long it measured is not recorded)"
    said += ":"
    return f"### Commands\n\n{_paragraph(said)}\n\n{fence}sh\n{lines}\n{fence}"


def _broken(command: str) -> str:
    """A command over several lines where it is long, still one command for a shell."""
    lines = [""]
    for word in shlex.split(one_line(command)):
        quoted = shlex.quote(word)
        if lines[-1] and len(lines[-1]) + len(quoted) + 3 > _WIDTH:
            lines.append("   ")
        lines[-1] += f" {quoted}" if lines[-1] else quoted
    return " \\\n".join(lines)


def _name(text: str) -> str:
    """A name as code: plain where it is, so that the source can be read too."""
    return f"`{text}`" if _PLAIN.fullmatch(text) and len(text) <= 120 else code(text)


def _paragraph(text: str) -> str:
    return "\n".join(wrap(text, _WIDTH))


def _item(mark: str, text: str) -> str:
    return "\n".join(wrap(f"{mark} {text}", _WIDTH, following=" " * (len(mark) + 1)))
