"""Weights stored as few bits, and each evidence broken on purpose."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from paceline.fixtures.preparation.axes import NotAppliedError, Optimization, Prepared
from paceline.suites.layers.packed import EightBits, FourBits, Int4Linear, Int8Linear, Ternary, Unpacking
from paceline.suites.layers.packing import eight_bits
from paceline.suites.layers.replacement import replace_layers
from paceline.suites.optimizations.weight_only import INT4_WEIGHT_ONLY, INT8_WEIGHT_ONLY, TERNARY
from tests.suites.optimizations.fakes import Break, Fakes, applied_to_a_copy, ids, layers_replaced


def rounded_but_float(steps: int) -> Break:
    def broken(model: nn.Module, x: torch.Tensor) -> Prepared:
        with torch.no_grad():
            for parameter in model.parameters():
                scale = parameter.abs().max() / steps
                parameter.copy_((parameter / scale).round() * scale)
        return Prepared(model, x)

    return broken


class FourBitsInBytes(EightBits):
    """Sixteen values, each in a byte of its own."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__(weight)
        self.integers, self.scales = self.integers // 16, self.scales * 16


class BesideFloats(FourBits):
    """Packed, and corrected by the float weight that was kept."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__(weight)
        self.weight = nn.Parameter(weight, requires_grad=False)

    def unpacked(self) -> torch.Tensor:
        return super().unpacked() * 0 + self.weight


class FourValues(Ternary):
    """Two bits, and all four numbers that they hold."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__(weight)
        self.packed |= 0b11


def of_one_code(packed: type[EightBits | FourBits | Ternary], code: int) -> Break:
    """Integers of the right width and their scales, and every byte of the integers is the same."""

    def broken(model: nn.Module, x: torch.Tensor) -> Prepared:
        made, _ = replace_layers(model, lambda layer: Unpacking(layer, packed))
        _fill_integers(made, code)
        return Prepared(made, x)

    return broken


def _fill_integers(model: nn.Module, code: int) -> None:
    for buffer in model.buffers():
        if not buffer.is_floating_point():
            buffer.fill_(code)


def packed_and_unpacked_at_once(model: nn.Module, x: torch.Tensor) -> Prepared:
    for parameter in model.parameters():
        if parameter.ndim == 2:
            integers, scales = eight_bits(parameter)
            parameter.copy_(integers * scales[:, None])
    return Prepared(model, x)


def floats_kept_in_the_file(model: nn.Module, x: torch.Tensor) -> Prepared:
    packed, _ = replace_layers(copy.deepcopy(model), lambda layer: Unpacking(layer, EightBits))
    packed.original = model
    return Prepared(packed, x)


def only_the_classes(packed: type[EightBits | FourBits | Ternary]) -> Break:
    def make(layer: nn.Module) -> nn.Module | None:
        return Unpacking(layer, packed) if isinstance(layer, nn.Linear) and layer.out_features == 10 else None

    return layers_replaced(make)


FAKES: Fakes = [
    (INT8_WEIGHT_ONLY, rounded_but_float(127), "0% of the weights that run are stored as integers"),
    (INT8_WEIGHT_ONLY, packed_and_unpacked_at_once, "0% of the weights that run are stored as integers"),
    (INT8_WEIGHT_ONLY, floats_kept_in_the_file, "serialized size did not fall"),
    (INT8_WEIGHT_ONLY, only_the_classes(EightBits), "of the weights that run are stored as integers"),
    (INT8_WEIGHT_ONLY, applied_to_a_copy(INT8_WEIGHT_ONLY), "0% of the weights"),
    (INT8_WEIGHT_ONLY, of_one_code(EightBits, 0), "differs from the original by 1 of its norm, which 8 bits do not"),
    (INT4_WEIGHT_ONLY, rounded_but_float(7), "0% of the weights that run are stored as integers"),
    (INT4_WEIGHT_ONLY, INT8_WEIGHT_ONLY.apply, "integers of 8.0 bits each, not 4"),  # type: ignore[list-item]
    (INT4_WEIGHT_ONLY, layers_replaced(lambda one: Unpacking(one, FourBitsInBytes)), "of 8.0 bits each, not 4"),
    (INT4_WEIGHT_ONLY, layers_replaced(lambda one: Unpacking(one, BesideFloats)), "bits are stored for each 4-bit"),
    (INT4_WEIGHT_ONLY, only_the_classes(FourBits), "of the weights that run are stored as integers"),
    (INT4_WEIGHT_ONLY, of_one_code(FourBits, 0x00), "of its norm, which 4 bits do not explain"),
    (INT4_WEIGHT_ONLY, of_one_code(FourBits, 0x88), "of its norm, which 4 bits do not explain"),  # each group's middle
    (TERNARY, rounded_but_float(1), "0% of the weights that run are stored as integers"),
    (TERNARY, INT4_WEIGHT_ONLY.apply, "integers of 4.0 bits each, not 2"),  # type: ignore[list-item]
    (TERNARY, layers_replaced(lambda one: Unpacking(one, FourValues)), "other values than"),
    (TERNARY, of_one_code(Ternary, 0b00_00_00_00), "of its norm, which 2 bits do not explain"),  # −s everywhere
    (TERNARY, of_one_code(Ternary, 0b01_01_01_01), "differs from the original by 1 of its norm, which 2 bits do not"),
]


@pytest.mark.parametrize(("optimization", "broken", "found"), FAKES, ids=ids(FAKES))
def test_a_fake_is_rejected_with_what_was_found(
    blocks: Any, optimization: Optimization, broken: Break, found: str
) -> None:
    blocks.reject(optimization, broken, found)


@pytest.mark.parametrize("optimization", [INT8_WEIGHT_ONLY, INT4_WEIGHT_ONLY, TERNARY], ids=str)
def test_the_real_one_is_proven_on_the_same_model(blocks: Any, optimization: Optimization) -> None:
    assert blocks.prove(optimization)


@pytest.mark.parametrize(
    ("optimization", "kernel", "bits"), [(INT8_WEIGHT_ONLY, Int8Linear, 8), (INT4_WEIGHT_ONLY, Int4Linear, 4)]
)
def test_what_a_kernel_of_packed_integers_multiplies_by_is_seen(
    optimization: Optimization, kernel: type[Int8Linear | Int4Linear], bits: int
) -> None:
    def net() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(64, 96), nn.Linear(96, 32)).bfloat16().eval().requires_grad_(False)

    x = torch.randn(2, 64, dtype=torch.bfloat16)
    made, layers = replace_layers(net(), kernel)  # type: ignore[arg-type]  # linear layers, all of them
    assert [type(layer) for layer in layers] == [kernel, kernel]
    with torch.inference_mode():
        made(x)
    assert optimization.evidence is not None
    assert "in 2 of 2 matrices (100% of the weights that run)" in optimization.evidence(net(), Prepared(made, x))
    _fill_integers(made, 0)
    with pytest.raises(NotAppliedError, match=f"of its norm, which {bits} bits do not explain"):
        optimization.evidence(net(), Prepared(made, x))


def test_what_unpacks_says_that_it_saves_no_time(blocks: Any) -> None:
    (note,) = blocks.apply(INT4_WEIGHT_ONLY).notes
    assert note.startswith("no int4 weight-only kernel that pays here for 6 of 6 layers (Conv2d, Linear)")
    assert "saves stored size and no time" in note
