"""A large heat map in a line a model: the fastest optimizations, and how many are slower than eager."""

from __future__ import annotations

from collections.abc import Sequence

from paceline.reports.pictures.heat_map import REFERENCE, Cell, HeatMap
from paceline.reports.wording.quantities import count, factor, quantity
from paceline.reports.wording.text import one_line

LARGE = 120
"""A heat map of more cells than this is told in lines where room is short."""
_NAMED = 3
_NAME_LIMIT = 40


def is_large(heat_map: HeatMap) -> bool:
    """Whether a heat map has more cells than a terminal should show."""
    return len(heat_map.models) * len(heat_map.optimizations) > LARGE


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
