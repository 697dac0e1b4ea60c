"""Weights stored as 8, 4 or 2 bits; activations stay floating point.

Where torch has a kernel that multiplies by the stored integers and pays (linear layers in bfloat16 on CPU) it is used.
Everywhere else the weights are unpacked before each product: that saves stored bytes and nothing else, and a note says
so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paceline.fixtures.axes import Call, Inputs, NotAppliedError, Optimization, Prepared
from paceline.suites.optimizations.quantization import LEAST_SHARE, leave_fast_path
from paceline.suites.optimizations.reasons import no_weights

if TYPE_CHECKING:
    import torch
    from torch import nn

    from paceline.suites.optimizations.observation import Op

_MOST_BITS = {8: 10.0, 4: 7.0, 2: 4.0}
"""Most stored bits a weight over the whole model, scales included: layers with few weights a channel (depthwise
convolutions) have many. 4-bit groups have a scale and an offset for 32 weights, of 16 bits each or, where the kernel
wants it, 32: 5 or 6 bits in all."""
_NAMES = {8: "int8 weight-only", 4: "int4 weight-only", 2: "ternary"}


def _int8_layer(layer: nn.Module) -> nn.Module:
    from torch import nn

    from paceline.suites.optimizations.packed_layers import EightBits, Int8Linear, Unpacking

    if Int8Linear.takes(layer):
        assert isinstance(layer, nn.Linear)
        return Int8Linear(layer)
    return Unpacking(layer, EightBits)


def _int4_layer(layer: nn.Module) -> nn.Module:
    from torch import nn

    from paceline.suites.optimizations.packed_layers import FourBits, Int4Linear, Unpacking

    if Int4Linear.takes(layer):
        assert isinstance(layer, nn.Linear)
        return Int4Linear(layer)
    return Unpacking(layer, FourBits)


def _ternary_layer(layer: nn.Module) -> nn.Module:
    from paceline.suites.optimizations.packed_layers import Ternary, Unpacking

    return Unpacking(layer, Ternary)


_LAYERS = {8: _int8_layer, 4: _int4_layer, 2: _ternary_layer}


def _apply(model: Call, inputs: Inputs, bits: int) -> Prepared:
    import torch
    from torch import nn

    from paceline.suites.optimizations.packed_layers import Unpacking, replace_layers

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

    from paceline.suites.optimizations.weights import share_of_weights

    if (reason := no_weights(model)) is not None:
        return reason
    assert isinstance(model, nn.Module)
    from paceline.suites.optimizations.packed_layers import PACKABLE

    share = share_of_weights(model, [module for module in model.modules() if type(module) in PACKABLE])
    if share < LEAST_SHARE:
        return f"only {share:.0%} of the weights lie in plain linear, convolution and recurrent layers"
    return None


def _evidence(model: Call, prepared: Prepared, bits: int) -> str:
    """Follows each weight that runs back to what is stored: integers of that many bits, and nothing beside them."""
    from torch import nn

    from paceline.suites.optimizations.observation import observe
    from paceline.suites.optimizations.weights import serialized_bytes

    ops = [op for op in observe(prepared.call, prepared.inputs).ops if op.matrices]
    packed = [op for op in ops if _integers(op)]
    numbers = sum(_elements(op) for op in packed)
    share = numbers / max(1, sum(_elements(op) for op in ops))
    if share < LEAST_SHARE:
        raise NotAppliedError(f"{share:.0%} of the weights that run are stored as integers")
    for op in packed:
        wide = 8 * sum(tensor.numel() for tensor in _integers(op)) / _elements(op)
        if wide > bits + 8 * len(op.matrices) / _elements(op):  # the last byte may be filled in part
            raise NotAppliedError(f"{op.name}: its weights are integers of {wide:.1f} bits each, not {bits}")
        if bits == 2:
            _check_three_values(op)
    stored = sum(map(_stored_bytes, packed)) * 8 / numbers
    if stored > _MOST_BITS[bits]:
        raise NotAppliedError(f"{stored:.1f} bits are stored for each {bits}-bit weight: more than integers and scales")
    assert isinstance(model, nn.Module)
    if not isinstance(prepared.call, nn.Module):
        raise NotAppliedError("a plain callable shows no serialized size; a torch.nn.Module does")
    sizes = serialized_bytes(prepared.call), serialized_bytes(model)
    if sizes[0] >= sizes[1]:
        raise NotAppliedError(f"serialized size did not fall: {sizes[0]} bytes from {sizes[1]}")
    return (
        f"{stored:.1f} stored bits a weight, scales included, in {len(packed)} of {len(ops)} products ({share:.0%} of "
        f"the weights that run); serialized size {sizes[0] / sizes[1]:.2f} of the original"
    )


def _behind(op: Op) -> list[torch.Tensor]:
    """What is stored behind the matrices of a product, each once; scales count, biases do not."""
    found: dict[int, torch.Tensor] = {}
    integers_run = _takes_integers(op)
    for weight, stored in zip(op.weights, op.stored, strict=True):
        if weight.ndim >= 2 or integers_run:
            found.update((id(tensor), tensor) for tensor in stored)
    return list(found.values())


def _integers(op: Op) -> list[torch.Tensor]:
    import torch

    return [tensor for tensor in _behind(op) if tensor.dtype in (torch.int8, torch.uint8)]


def _takes_integers(op: Op) -> bool:
    return "pack_mm" in op.name


def _elements(op: Op) -> int:
    """How many weights a product multiplies by; the kernels that take packed ones do not show it in their shape."""
    if _takes_integers(op):
        return op.activations[0].shape[-1] * op.results[0].shape[-1]
    return sum(weight.numel() for weight in op.matrices)


def _stored_bytes(op: Op) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in _behind(op))


def _check_three_values(op: Op) -> None:
    import torch

    for weight, stored in zip(op.weights, op.stored, strict=True):
        if weight.ndim < 2 or not any(tensor.dtype == torch.uint8 for tensor in stored):
            continue
        rows = weight.flatten(1)
        scale = rows.abs().amax(1, keepdim=True)
        if not ((rows == 0) | (rows.abs() == scale)).all():
            raise NotAppliedError(f"{op.name}: a channel of its weights has other values than −s, 0 and s")


def _weight_only(name: str, bits: int, tolerance: float | None, description: str) -> Optimization:
    def apply(model: Call, inputs: Inputs) -> Prepared:
        return _apply(model, inputs, bits)

    def evidence(model: Call, prepared: Prepared) -> str:
        return _evidence(model, prepared, bits)

    settings: dict[str, Any] = {"unsupported": _unsupported, "tolerance": tolerance, "description": description}
    return Optimization(name, apply=apply, evidence=evidence, **settings)


INT8_WEIGHT_ONLY = _weight_only(
    "int8_weight_only",
    8,
    0.05,
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
