"""A linear layer whose weight is stored as compressed sparse rows. This imports torch."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn


class CsrLinear(nn.Module):
    """``y = x Wᵀ + b`` with ``W`` ``(out, in)`` as compressed sparse rows of 32-bit indices."""

    def __init__(self, weight: torch.Tensor, bias: nn.Parameter | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = bias

    @classmethod
    def from_linear(cls, layer: nn.Linear, rate: float) -> CsrLinear:
        """``layer`` without the share ``rate`` of its weights that is smallest in magnitude."""
        weight = layer.weight.detach()
        magnitude = weight.abs()
        threshold = magnitude.flatten().kthvalue(max(1, round(rate * weight.numel()))).values
        return cls(_csr(weight.masked_fill(magnitude <= threshold, 0)), layer.bias)

    def __deepcopy__(self, memo: dict[int, Any]) -> CsrLinear:
        """torch copies no sparse parameter."""
        bias = None if self.bias is None else nn.Parameter(self.bias.detach().clone(), requires_grad=False)
        return CsrLinear(self.weight.detach().clone(), bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # Sparse times dense, the one product that every backend has; linear() makes a view of the weight for it, which
        # inference mode refuses.
        columns = x.reshape(-1, x.shape[-1]).mT
        y: torch.Tensor = (self.weight @ columns).mT.reshape(*x.shape[:-1], -1)
        return y if self.bias is None else y + self.bias


def _csr(weight: torch.Tensor) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*Sparse CSR tensor support is in beta state")
        warnings.filterwarnings("ignore", message=r"\s*Sparse invariant checks are implicitly disabled")
        sparse = weight.to_sparse_csr()
        rows, columns = sparse.crow_indices().int(), sparse.col_indices().int()
        return torch.sparse_csr_tensor(rows, columns, sparse.values(), weight.shape, check_invariants=True)
