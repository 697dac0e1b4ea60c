"""Shared weights and thin factors, and each evidence broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from paceline.fixtures.preparation.axes import NotAppliedError, Optimization, Prepared, UnsupportedError
from paceline.suites.optimizations.sharing import LOW_RANK, TIED_WEIGHTS
from tests.suites.optimizations.fakes import Break, Fakes, applied_to_a_copy, ids, layers_replaced, untouched


def equal_but_not_shared(model: nn.Module, x: torch.Tensor) -> Prepared:
    model.second.load_state_dict(model.first.state_dict())  # type: ignore[operator, union-attr]
    return Prepared(model, x)


def one_of_two_tied(model: Any, x: torch.Tensor) -> Prepared:
    model.second.up.weight = model.first.up.weight
    return Prepared(model, x)


def of_rank(rank: Callable[[nn.Linear], int]) -> Break:
    def make(layer: nn.Module) -> nn.Module | None:
        if not isinstance(layer, nn.Linear):
            return None
        kept = rank(layer)
        u, s, v = torch.linalg.svd(layer.weight, full_matrices=False)
        first, second = nn.Linear(layer.in_features, kept, bias=False), nn.Linear(kept, layer.out_features)
        first.weight, second.weight = nn.Parameter(s[:kept, None] * v[:kept]), nn.Parameter(u[:, :kept])
        second.bias = layer.bias
        return nn.Sequential(first, second).requires_grad_(False)

    return layers_replaced(make)


def multiplied_together_at_once(model: nn.Module, x: torch.Tensor) -> Prepared:
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            u, s, v = torch.linalg.svd(layer.weight, full_matrices=False)
            layer.weight.copy_(u[:, :8] * s[:8] @ v[:8])
    return Prepared(model, x)


FAKES: Fakes = [
    (TIED_WEIGHTS, untouched, "run from 2"),
    (TIED_WEIGHTS, equal_but_not_shared, "run from 2 with equal values"),
    (TIED_WEIGHTS, one_of_two_tied, "run from 2"),
    (TIED_WEIGHTS, applied_to_a_copy(TIED_WEIGHTS), "run from 2"),
    (LOW_RANK, untouched, "0 weights were taken apart"),
    (LOW_RANK, of_rank(lambda one: min(one.weight.shape)), "hold as many numbers"),
    (LOW_RANK, of_rank(lambda one: 2), "of a weight's energy, not 75%"),
    (LOW_RANK, multiplied_together_at_once, "hold as many numbers"),
]


@pytest.mark.parametrize(("optimization", "broken", "found"), FAKES, ids=ids(FAKES))
def test_a_fake_is_rejected_with_what_was_found(
    blocks: Any, optimization: Optimization, broken: Break, found: str
) -> None:
    blocks.reject(optimization, broken, found)


@pytest.mark.parametrize("optimization", [TIED_WEIGHTS, LOW_RANK], ids=str)
def test_the_real_one_is_proven_on_the_same_model(blocks: Any, optimization: Optimization) -> None:
    assert blocks.prove(optimization)


def test_weights_that_run_as_something_computed_prove_no_sharing() -> None:
    class Doubled(nn.Module):
        """Two layers that could share a weight and run as products of it."""

        def __init__(self) -> None:
            super().__init__()
            self.first = nn.ModuleDict({"up": nn.Linear(16, 16)})
            self.second = nn.ModuleDict({"up": nn.Linear(16, 16)})

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for block in (self.first, self.second):
                x = nn.functional.linear(x, 2 * block.get_parameter("up.weight"))
            return x

    smaller: Any = Doubled()
    smaller.first["up"].bias = None
    assert TIED_WEIGHTS.evidence is not None
    with pytest.raises(NotAppliedError, match="of the weights that could share a storage no two were seen to run"):
        TIED_WEIGHTS.evidence(Doubled(), Prepared(smaller, torch.randn(1, 16)))


def test_what_has_no_smaller_factors_is_unsupported() -> None:
    thin = nn.Sequential(nn.Linear(64, 2))
    torch.nn.init.orthogonal_(thin[0].weight)
    with pytest.raises(UnsupportedError, match="no layer whose factors hold fewer numbers"):
        LOW_RANK.apply(thin, torch.randn(1, 64))
