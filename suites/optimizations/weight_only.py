"""Weights stored as 8, 4 or 2 bits; activations stay floating point.

Where torch has a kernel that multiplies by the stored integers and pays (linear layers in bfloat16 on CPU) it is used.
Everywhere else the weights are unpacked before each product: that saves stored bytes and nothing else, and a note says
so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from paceline.fixtures.preparation.axes import Call, Inputs, NotAppliedError, Optimization, Prepared
from paceline.suites.observe.reasons import no_layers, no_weights

if TYPE_CHECKING:
    import torch
    from torch import nn

_MOST_BITS = {8: 10.0, 4: 7.0, 2: 4.0}
"""Most stored bits a weight over the whole model, scales included: layers with few weights a channel (depthwise
convolutions) have many. 4-bit groups have a scale and an offset for 32 weights, of 16 bits each or, where the kernel
wants it, 32: 5 or 6 bits in all."""
_ROUNDING = 2**-7
"""Of the norm: a scale, an offset and their product with an integer, each rounded to the 8 bits of bfloat16."""
_NAMES = {8: "int8 weight-only", 4: "int4 weight-only", 2: "ternary"}


def _int8_layer(layer: nn.Module) -> nn.Module:
    from torch import nn

    from paceline.suites.layers.packed import EightBits, Int8Linear, Unpacking

    if Int8Linear.takes(layer):
        assert isinstance(layer, nn.Linear)
        return Int8Linear(layer)
    return Unpacking(layer, EightBits)


def _int4_layer(layer: nn.Module) -> nn.Module:
    from torch import nn

    from paceline.suites.layers.packed import FourBits, Int4Linear, Unpacking

    if Int4Linear.takes(layer):
        assert isinstance(layer, nn.Linear)
        return Int4Linear(layer)
    return Unpacking(layer, FourBits)


def _ternary_layer(layer: nn.Module) -> nn.Module:
    from paceline.suites.layers.packed import Ternary, Unpacking

    return Unpacking(layer, Ternary)


_LAYERS = {8: _int8_layer, 4: _int4_layer, 2: _ternary_layer}


def _apply(model: Call, inputs: Inputs, bits: int) -> Prepared:
    import torch
    from torch import nn

    from paceline.suites.layers.packed import Unpacking
    from paceline.suites.layers.replacement import leave_fast_path, replace_layers

    assert isinstance(model, nn.Module)
    with torch.no_grad():
        packed, layers = replace_layers(model, _LAYERS[bits])
    unpacking = sorted({type(layer.layer).__name__ for layer in layers if isinstance(layer, Unpacking)})
    notes = leave_fast_path(packed)
    if unpacking:
        count = sum(isinstance(layer, Unpacking) for layer in layers)
        notes += (
            f"no {_NAMES[bits]} kernel that pays here for {count} of {len(layers)} layers ({', '.join(unpacking)}): "
            "their weights are unpacked to floating point before each product, which saves stored size and no time",
        )
    return Prepared(packed, inputs, notes)


def _unsupported(model: Call, _inputs: Inputs, _device_type: str) -> str | None:
    from torch import nn

    from paceline.suites.layers.packed import PACKABLE
    from paceline.suites.observe.weights import LEAST_SHARE, share_of_weights

    if (reason := no_layers(model) or no_weights(model)) is not None:
        return reason
    assert isinstance(model, nn.Module)
    share = share_of_weights(model, [module for module in model.modules() if type(module) in PACKABLE])
    if share < LEAST_SHARE:
        return f"only {share:.0%} of the weights lie in plain linear, convolution and recurrent layers"
    return None


def _evidence(model: Call, prepared: Prepared, bits: int) -> str:
    """Follows each weight that runs back to what is stored, integers of that many bits and nothing beside them, and
    holds it against the original's."""
    from paceline.suites.observe.checks import share_of_serialized_size, weights_that_take_part
    from paceline.suites.observe.observation import elements
    from paceline.suites.observe.weights import LEAST_SHARE

    before, after = weights_that_take_part(model, prepared)
    packed = [
        (old, new, stored)
        for old, new, stored in zip(before.matrices, after.matrices, after.stored, strict=True)
        if _integers(stored)
    ]
    numbers = sum(new.numel() for _, new, _ in packed)
    share = numbers / elements(after.matrices)
    if share < LEAST_SHARE:
        raise NotAppliedError(f"{share:.0%} of the weights that run are stored as integers")
    for _, new, stored in packed:
        integers = sum(tensor.numel() for tensor in _integers(stored))
        if 8 * integers > bits * new.numel() + 8:  # the last byte may be filled in part
            raise NotAppliedError(f"weights are integers of {8 * integers / new.numel():.1f} bits each, not {bits}")
        if bits == 2:
            _check_three_values(new)
    held = sum(tensor.numel() * tensor.element_size() for _, _, stored in packed for tensor in stored) * 8 / numbers
    if held > _MOST_BITS[bits]:
        raise NotAppliedError(f"{held:.1f} bits are stored for each {bits}-bit weight: more than integers and scales")
    distance = _distance([(old, new) for old, new, _ in packed], bits)
    size = share_of_serialized_size(model, prepared)
    return (
        f"{held:.1f} stored bits a weight, scales included, in {len(packed)} of {len(after.matrices)} matrices "
        f"({share:.0%} of the weights that run), which differ from the original by {distance:.2g} of their norm; "
        f"serialized size {size:.2f} of the original"
    )


def _integers(stored: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    import torch

    return [tensor for tensor in stored if tensor.dtype in (torch.int8, torch.uint8)]


def _check_three_values(weight: torch.Tensor) -> None:
    rows = weight.flatten(1)
    scale = rows.abs().amax(1, keepdim=True)
    if not ((rows == 0) | (rows.abs() == scale)).all():
        raise NotAppliedError("a channel of the weights that run has other values than −s, 0 and s")


def _distance(pairs: Sequence[tuple[torch.Tensor, torch.Tensor]], bits: int) -> float:
    """``‖ŵ − w‖ / ‖w‖`` over all weights; no single one may lie further from the original than its bits explain."""
    errors, norms = [], []
    for old, new in pairs:
        if old.shape != new.shape:
            raise NotAppliedError(f"a weight of shape {tuple(old.shape)} runs with shape {tuple(new.shape)}")
        whole = old.detach().float()
        error, norm, most = float((new.detach() - whole).norm()), float(whole.norm()), most_error(whole, bits)
        if error > most:
            raise NotAppliedError(
                f"a weight of shape {tuple(old.shape)} differs from the original by {error / max(norm, 1e-30):.2g} of "
                f"its norm, which {bits} bits do not explain: {most / max(norm, 1e-30):.2g} at most"
            )
        errors.append(error)
        norms.append(norm)
    return math.hypot(*errors) / max(math.hypot(*norms), 1e-30)


def most_error(weight: torch.Tensor, bits: int) -> float:
    """The largest ``‖ŵ − w‖`` that storing ``weight`` in so many bits can leave, derived from the weight itself.

    Of 8 and 4 bits: half a step in every weight, the step being that of a symmetric grid over the row (4-bit groups
    have finer ones). Of 2 bits: what is left of a row whose weights above 0.7 of their mean magnitude are replaced by
    the mean of these, ``‖w‖² − (Σ|w| of those)² / their number`` (Li, Zhang and Liu, "Ternary weight networks", 2016,
    equations 3 to 6): 0.44 of the norm for normal weights. To it comes the rounding of scales and products to bfloat16.
    """
    rows = weight.detach().flatten(1).float()
    magnitude = rows.abs()
    if bits == 2:
        kept = magnitude > 0.7 * magnitude.mean(1, keepdim=True)
        squares = rows.square().sum(1) - (magnitude * kept).sum(1).square() / kept.sum(1).clamp_min(1)
    else:
        squares = (magnitude.amax(1) / (2**bits - 2)).square() * rows.shape[1]
    return float(squares.sum().clamp_min(0).sqrt() + _ROUNDING * rows.norm())


def _weight_only(name: str, bits: int, tolerance: float | None, description: str) -> Optimization:
    def apply(model: Call, inputs: Inputs) -> Prepared:
        return _apply(model, inputs, bits)

    def evidence(model: Call, prepared: Prepared) -> str:
        return _evidence(model, prepared, bits)

    return Optimization(
        name,
        apply=apply,
        tolerance=tolerance,
        evidence=evidence,
        unsupported=_unsupported,
        everyday=False,
        description=description,
    )


INT8_WEIGHT_ONLY = _weight_only(
    "int8_weight_only",
    8,
    # Measured with `python tests/benchmarks/optimizations_table.py`: at most 0.048 (resnet50), 0.049 under three seeds.
    0.08,
    "int8 weights, one scale a channel, float activations: torch's kernel for bfloat16 linear layers, else unpacked.",
)
INT4_WEIGHT_ONLY = _weight_only(
    "int4_weight_only",
    4,
    None,
    "4-bit weights, two a byte, a scale and an offset for 32 each: torch's kernel for bfloat16 linear layers, "
    "else our own packing.",
)
TERNARY = _weight_only(
    "ternary",
    2,
    None,
    "Weights −1, 0 or 1 in two bits with one scale a channel; unpacked before each product, so it saves size only.",
)

OPTIMIZATIONS = (INT8_WEIGHT_ONLY, INT4_WEIGHT_ONLY, TERNARY)
