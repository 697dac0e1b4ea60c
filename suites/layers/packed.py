"""Layers whose weights are stored smaller: as packed integers, or as compressed sparse rows. This imports torch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from paceline.suites.layers.packing import GROUP, eight_bits, four_bits, pack, ternary, unpack
from paceline.suites.observe.weights import CONVOLUTIONS

PACKABLE = (nn.Linear, *CONVOLUTIONS, nn.LSTM, nn.GRU, nn.RNN)
"""Layers that can be packed, by exact type: a subclass may read its weights elsewhere."""
_KERNEL_ROWS = 16
"""torch's 4-bit kernel for CPUs takes weights whose rows are a multiple of this."""


class PackedWeight(nn.Module):
    """One weight as integers and scales; calling it computes the float weight anew."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.shape = weight.shape

    def unpacked(self) -> torch.Tensor:
        """The weight that the integers stand for, in its own shape."""
        raise NotImplementedError


class EightBits(PackedWeight):
    """int8, one scale a row."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__(weight)
        integers, scales = eight_bits(weight.flatten(1))
        self.register_buffer("integers", integers)
        self.register_buffer("scales", scales.to(weight.dtype))
        self.integers: torch.Tensor
        self.scales: torch.Tensor

    def unpacked(self) -> torch.Tensor:
        return (self.integers * self.scales[:, None]).view(self.shape)


class FourBits(PackedWeight):
    """Two weights a byte; a scale and an offset for each group along a row, in half precision as is usual."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__(weight)
        numbers, scales, offsets = four_bits(weight.flatten(1))
        self.register_buffer("packed", pack(numbers, 4))
        self.register_buffer("scales", scales.to(torch.bfloat16))
        self.register_buffer("offsets", offsets.to(torch.bfloat16))
        self.packed: torch.Tensor
        self.scales: torch.Tensor
        self.offsets: torch.Tensor
        self.dtype = weight.dtype

    def unpacked(self) -> torch.Tensor:
        rows, columns = self.shape[0], self.shape[1:].numel()
        numbers = unpack(self.packed, 4, rows * columns).view(rows, columns).to(self.dtype) - 8
        scales, offsets = (
            each.to(self.dtype).repeat_interleave(GROUP, 1, output_size=each.shape[1] * GROUP)[:, :columns]
            for each in (self.scales, self.offsets)
        )
        return (numbers * scales + offsets).view(self.shape)


class Ternary(PackedWeight):
    """Four weights a byte, each −1, 0 or 1; one scale a row."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__(weight)
        numbers, scales = ternary(weight.flatten(1))
        self.register_buffer("packed", pack(numbers, 2))
        self.register_buffer("scales", scales.to(weight.dtype))
        self.packed: torch.Tensor
        self.scales: torch.Tensor

    def unpacked(self) -> torch.Tensor:
        numbers = unpack(self.packed, 2, self.shape.numel()).view(self.shape[0], -1).to(self.scales.dtype) - 1
        return (numbers * self.scales[:, None]).view(self.shape)


class Unpacking(nn.Module):
    """A layer without its weights: they are computed from packed ones before each call and let go after it.

    A recurrent layer is lent copies of its biases too: cuDNN moves all that it is given into one buffer, and a bias
    that stayed with the layer would keep that buffer, with the unpacked weights in it.
    """

    def __init__(self, layer: nn.Module, packed: Callable[[torch.Tensor], PackedWeight]) -> None:
        super().__init__()
        names = [name for name, parameter in layer.named_parameters(recurse=False) if parameter.ndim >= 2]
        self.packed = nn.ModuleDict({name: packed(layer.get_parameter(name).detach()) for name in names})
        beside = [name for name, _ in layer.named_parameters(recurse=False) if name not in names]
        lent = [(name, layer.get_parameter(name)) for name in beside if isinstance(layer, nn.RNNBase)]
        self.lent = nn.ParameterDict(
            {name: nn.Parameter(one.detach().clone(), one.requires_grad) for name, one in lent}
        )
        self.layer = layer
        for name in (*self.packed, *self.lent):
            del layer._parameters[name]
        self._let_go()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        for name, weight in self.packed.items():
            setattr(self.layer, name, weight.unpacked())  # type: ignore[operator]  # a PackedWeight
        for name, parameter in self.lent.items():
            setattr(self.layer, name, parameter.clone())
        try:
            return self.layer(*args, **kwargs)
        finally:
            self._let_go()

    def unpacked_weights(self) -> list[torch.Tensor]:
        """The weights as they are used."""
        return [weight.unpacked() for weight in self.packed.values()]  # type: ignore[operator]  # a PackedWeight

    def _let_go(self) -> None:
        for name in (*self.packed, *self.lent):
            setattr(self.layer, name, None)


def _suits_kernels(layer: nn.Module) -> bool:
    """Whether torch's CPU kernels for packed weights pay: they are written for bfloat16 activations.

    With float32 ones they run and are slow. 64 rows of 128 features to 512, one thread with AVX512: int8 kernel 6.3 ms,
    unpacking before each product 0.1 ms; 4-bit kernel 18.6 ms, unpacking 0.3 ms. One row: 0.09 to 0.04, 1.8 to 0.7.
    """
    return type(layer) is nn.Linear and layer.weight.device.type == "cpu" and layer.weight.dtype == torch.bfloat16


class Int8Linear(nn.Module):
    """A linear layer on torch's kernel for float activations and int8 weights."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        integers, scales = eight_bits(layer.weight.detach())
        self.register_buffer("integers", integers)
        self.register_buffer("scales", scales.to(layer.weight.dtype))
        self.bias = layer.bias
        self.integers: torch.Tensor
        self.scales: torch.Tensor

    @staticmethod
    def takes(layer: nn.Module) -> bool:
        """Whether the kernel is the way to multiply by this layer's weights."""
        return _suits_kernels(layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = torch.ops.aten._weight_int8pack_mm(x.reshape(-1, x.shape[-1]), self.integers, self.scales)
        y: torch.Tensor = rows.view(*x.shape[:-1], -1)
        return y if self.bias is None else y + self.bias

    def unpacked_weights(self) -> list[torch.Tensor]:
        """The weight as it is used."""
        return [self.integers * self.scales[:, None]]


class Int4Linear(nn.Module):
    """A linear layer on torch's CPU kernel for float activations and 4-bit weights, in the kernel's own packing."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        numbers, scales, offsets = four_bits(layer.weight.detach())
        self.register_buffer("packed", torch.ops.aten._convert_weight_to_int4pack_for_cpu(numbers.int(), 1))
        # The kernel reads them group by group, each row's scale and offset side by side, in the activations' dtype.
        pairs = torch.stack([scales.T, offsets.T], -1)
        self.register_buffer("scales_and_offsets", pairs.to(layer.weight.dtype).contiguous())
        self.bias = layer.bias
        self.in_features = layer.in_features
        self.packed: torch.Tensor
        self.scales_and_offsets: torch.Tensor

    @staticmethod
    def takes(layer: nn.Module) -> bool:
        """Whether the kernel is the way to multiply by this layer's weights, and takes their shape."""
        return (
            _suits_kernels(layer)
            and isinstance(layer, nn.Linear)
            and layer.in_features % GROUP == 0
            and layer.out_features % _KERNEL_ROWS == 0
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self._product(x.reshape(-1, x.shape[-1])).view(*x.shape[:-1], -1)
        return y if self.bias is None else y + self.bias

    def unpacked_weights(self) -> list[torch.Tensor]:
        """The weight as it is used: what the kernel makes of the unit vectors."""
        return [self._product(torch.eye(self.in_features, dtype=self.scales_and_offsets.dtype)).T]

    def _product(self, rows: torch.Tensor) -> torch.Tensor:
        product: torch.Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(
            rows, self.packed, GROUP, self.scales_and_offsets
        )
        return product


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
