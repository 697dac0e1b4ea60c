"""Compressed sparse rows, and the evidence broken on purpose."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import pytest
import torch
from torch import nn

from paceline.fixtures.preparation.axes import Optimization, Prepared
from paceline.suites.layers.packed import CsrLinear
from paceline.suites.optimizations.sparse import SPARSE_CSR
from tests.suites.optimizations.fakes import Break, Fakes, Wrapped, applied_to_a_copy, ids, layers_replaced


def sparse_at_different_rates(model: nn.Module, x: torch.Tensor) -> Prepared:
    rates = iter((1.0, 1.0, 1.0, 0.6, 0.9))  # 0.9 over all five

    def make(layer: nn.Module) -> nn.Module | None:
        return CsrLinear.from_linear(layer, next(rates)) if isinstance(layer, nn.Linear) else None

    return layers_replaced(make)(model, x)


def densified_again(model: nn.Module, x: torch.Tensor) -> Prepared:
    def call(inner: nn.Module, x: torch.Tensor) -> torch.Tensor:
        dense = copy.deepcopy(inner)
        for name, layer in list(dense.named_modules()):
            if isinstance(layer, CsrLinear):
                weight = layer.weight.to_dense()
                made = nn.Linear(*reversed(weight.shape))
                made.weight, made.bias = nn.Parameter(weight), layer.bias  # type: ignore[assignment]
                dense.set_submodule(name, made)
        return dense(x)  # type: ignore[no-any-return]

    made = SPARSE_CSR.apply(model, x)
    assert isinstance(made, Prepared)
    return Prepared(Wrapped(made.call, call), x)  # type: ignore[arg-type]


def sparse_in_layout_alone(model: nn.Module, x: torch.Tensor) -> Prepared:
    def make(layer: nn.Module) -> nn.Module | None:
        return CsrLinear.from_linear(layer, 1e-6) if isinstance(layer, nn.Linear) else None

    return layers_replaced(make)(model, x)


def sparse_without_zeros(model: nn.Module, x: torch.Tensor) -> Prepared:
    def make(layer: nn.Module) -> nn.Module | None:
        if not isinstance(layer, nn.Linear):
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the layout is in beta state
            return CsrLinear(layer.weight.detach().to_sparse_csr(), layer.bias)

    return layers_replaced(make)(model, x)


def zeros_in_a_dense_layout(model: nn.Module, x: torch.Tensor) -> Prepared:
    for parameter in model.parameters():
        if parameter.ndim == 2:
            parameter.masked_fill_(parameter.abs() < parameter.abs().quantile(0.9), 0)
    return Prepared(model, x)


FAKES: Fakes = [
    (SPARSE_CSR, zeros_in_a_dense_layout, "0% of the weights that run are laid out as compressed sparse rows"),
    (SPARSE_CSR, densified_again, "0% of the weights that run are laid out as compressed sparse rows"),
    (SPARSE_CSR, sparse_in_layout_alone, "of the sparse weights are stored, not 10%"),
    (SPARSE_CSR, sparse_without_zeros, "100.0% of the sparse weights are stored, not 10%"),
    (SPARSE_CSR, sparse_at_different_rates, "100.0% of a weight of shape (64, 64) are zero, not 90%"),
    (SPARSE_CSR, applied_to_a_copy(SPARSE_CSR), "0% of the weights"),
]


@pytest.mark.parametrize(("optimization", "broken", "found"), FAKES, ids=ids(FAKES))
def test_a_fake_is_rejected_with_what_was_found(
    blocks: Any, optimization: Optimization, broken: Break, found: str
) -> None:
    blocks.reject(optimization, broken, found)


@pytest.mark.parametrize("optimization", [SPARSE_CSR], ids=str)
def test_the_real_one_is_proven_on_the_same_model(blocks: Any, optimization: Optimization) -> None:
    assert blocks.prove(optimization)
