"""Heat maps where room is short: which are shown, the text of a cell, and a large one in a line a model."""

from __future__ import annotations

from collections.abc import Sequence

from paceline.reports.pictures.heat_map import REFERENCE, Cell, HeatMap
from paceline.reports.wording import words
from paceline.reports.wording.quantities import count, factor, quantity
from paceline.reports.wording.text import one_line

LARGE = 120
"""A heat map of more cells than this is told in lines where room is short."""
# Choices: a model fits on one line of a terminal.
_NAMED = 3
_NAME_LIMIT = 40


def is_large(heat_map: HeatMap) -> bool:
    """Whether a heat map has more cells than a terminal should show."""
    return len(heat_map.models) * len(heat_map.optimizations) > LARGE


def chosen(heat_maps: Sequence[HeatMap]) -> tuple[list[HeatMap], list[HeatMap], int]:
    """The heat maps to show as tables, those to tell in lines (the first large one), and how many more there are.

    One with a single optimization compares nothing and is left out.
    """
    telling = [one for one in heat_maps if len(one.optimizations) > 1]
    large = [one for one in telling if is_large(one)]
    return [one for one in telling if not is_large(one)], large[:1], len(large[1:])


def headline(heat_map: HeatMap) -> str:
    """``"Latency, cpu, batch size 1: speed-up over eager"``; of a large one, that these are the largest."""
    what = "the largest speed-ups" if is_large(heat_map) else "speed-up"
    said = f"{words.metric_title(heat_map.metric)}, {heat_map.title}: {what} over eager"
    return said[:1].upper() + said[1:]


def cell_text(cell: Cell, unit: str) -> str:
    """A cell in a word: the speed-up, the value where there is none, or why there is neither."""
    if cell.speedup is not None:
        return factor(cell.speedup)
    if cell.value is not None:
        said = quantity(cell.value, unit)
        return f"{said} (no ratio)" if cell.kind == "no ratio" else said
    return cell.cause or "not asked"


def fastest(heat_map: HeatMap) -> list[str]:
    """``"resnet18 (18.2 ms): int8_static 4.73×, compile 1.31×, aoti 1.30×; 3 of 21 slower"`` for each model."""
    return [
        _line(one_line(model, _NAME_LIMIT), heat_map, cells)
        for model, cells in zip(heat_map.models, heat_map.cells, strict=True)
    ]


def _line(model: str, heat_map: HeatMap, cells: Sequence[Cell]) -> str:
    named = list(zip(heat_map.optimizations, cells, strict=True))
    reference = next((cell.value for name, cell in named if name == REFERENCE), None)
    eager = f" ({quantity(reference, heat_map.metric.unit)})" if reference is not None else ""
    found = sorted(
        ((cell.speedup, name, cell) for name, cell in named if cell.speedup is not None), key=lambda one: -one[0]
    )  # fmt: skip
    if not found:
        return f"{model}{eager}: no speed-up measured"
    best = ", ".join(f"{one_line(name, _NAME_LIMIT)} {factor(speedup)}" for speedup, name, _ in found[:_NAMED])
    slower = sum(cell.high is not None and cell.high < 1 for _, _, cell in found)
    return f"{model}{eager}: {best}; {slower} of {count(len(found), 'optimization')} slower"
