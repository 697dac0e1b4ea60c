"""Fakes that several families are broken with: what people do write, and call by the name of an optimization."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import nn

from paceline.fixtures.preparation.axes import Optimization, Prepared
from paceline.suites.layers.replacement import replace_layers

Break = Callable[[nn.Module, torch.Tensor], Prepared]
Layer = Callable[[nn.Module], nn.Module | None]
Fakes = Sequence[tuple[Optimization, Break, str]]
"""Who claims what, how it is broken, and what the evidence says."""


def ids(fakes: Fakes) -> list[str]:
    """The ids of a table's rows in tests."""
    return [f"{optimization}-{place}" for place, (optimization, _, _) in enumerate(fakes)]


class Wrapped(nn.Module):
    """Calls a module through a function of one's own."""

    def __init__(self, inner: nn.Module, call: Callable[[nn.Module, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.inner = inner
        self.call = call

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.call(self.inner, x)


def untouched(model: nn.Module, x: torch.Tensor) -> Prepared:
    """Nothing was done."""
    return Prepared(model, x)


def applied_to_a_copy(optimization: Optimization) -> Break:
    """All was done, to another model than the one that is called."""

    def broken(model: nn.Module, x: torch.Tensor) -> Prepared:
        optimization.apply(copy.deepcopy(model), x)
        return Prepared(model, x)

    return broken


def layers_replaced(make: Layer) -> Break:
    """Other layers in the place of the model's."""
    return lambda model, x: Prepared(replace_layers(model, make)[0], x)
