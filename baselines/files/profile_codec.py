"""Where counted instructions go, as plain JSON values, both ways: a list for each place and each line, not an object,
since there are hundreds of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from paceline.baselines.files.atomic import FormatError
from paceline.baselines.files.strict_json import MAX_NAME, Fields, finite, text
from paceline.baselines.records import Line, Place, Profile

_PLACE = ("name", "instructions")
_LINE = ("file", "function", "number", "text", "bytecodes", "operators")


def profile_to_json(profile: Profile) -> dict[str, Any]:
    """A profile; only the parts that there are."""
    parts: dict[str, list[list[Any]]] = {
        "functions": [[one.name, round(one.instructions, 1)] for one in profile.functions],
        "operators": [[one.name, round(one.instructions, 1)] for one in profile.operators],
        "lines": [[getattr(line, field) for field in _LINE] for line in profile.lines],
    }
    return {name: part for name, part in parts.items() if part}


def profile_from_json(fields: Fields) -> Profile:
    """A profile."""
    functions = _rows(fields, "functions", _PLACE) if "functions" in fields else []
    operators = _rows(fields, "operators", _PLACE) if "operators" in fields else []
    lines = _rows(fields, "lines", _LINE) if "lines" in fields else []
    fields.end()
    return Profile(
        tuple(_place(row, where) for row, where in functions),
        tuple(_place(row, where) for row, where in operators),
        tuple(_line(row, where) for row, where in lines),
    )


def _rows(fields: Fields, name: str, columns: Sequence[str]) -> list[tuple[Sequence[object], str]]:
    rows: list[tuple[Sequence[object], str]] = []
    for index, row in enumerate(fields.items(name)):
        where = f"{fields.place(name)}[{index}]"
        if not isinstance(row, list) or len(row) != len(columns):
            raise FormatError(f"{where} must be a list of {', '.join(columns)}")
        rows.append((row, where))
    return rows


def _place(row: Sequence[object], where: str) -> Place:
    instructions = finite(row[1], f"{where}[1]")
    if instructions < 0:
        raise FormatError(f"{where}[1] must not be negative")
    return Place(text(row[0], f"{where}[0]", MAX_NAME), instructions)


def _line(row: Sequence[object], where: str) -> Line:
    file, function, number, code, bytecodes, operators = row
    return Line(
        text(file, f"{where}[0]", MAX_NAME),
        text(function, f"{where}[1]", MAX_NAME),
        _count(number, f"{where}[2]"),
        text(code, f"{where}[3]", MAX_NAME),
        _count(bytecodes, f"{where}[4]"),
        _count(operators, f"{where}[5]"),
    )


def _count(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise FormatError(f"{where} must be a whole number of at least 0")
    return value
