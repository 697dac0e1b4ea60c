"""Small integers packed into bytes, and weights turned into them. Pure functions of tensors; this imports torch."""

from __future__ import annotations

import torch
from torch.nn import functional

GROUP = 32
"""Weights along a row that share one 4-bit scale: the fewest that torch's kernel takes."""


def pack(values: torch.Tensor, bits: int) -> torch.Tensor:
    """Whole numbers ``0 … 2**bits − 1`` of any shape in a flat uint8 tensor, ``8 // bits`` a byte, the first lowest.

    Raises
    ------
    ValueError
        Where ``bits`` does not divide 8, or a number does not fit.
    """
    if bits not in (1, 2, 4, 8):
        raise ValueError(f"{bits} bits do not divide a byte")
    if values.numel() and not 0 <= int(values.min()) <= int(values.max()) < 2**bits:
        raise ValueError(f"values from {int(values.min())} to {int(values.max())} do not fit in {bits} bits")
    per_byte = 8 // bits
    flat = values.flatten().to(torch.uint8)
    rows = functional.pad(flat, (0, -flat.numel() % per_byte)).view(-1, per_byte)
    packed = rows[:, 0].clone()
    for place in range(1, per_byte):
        packed |= rows[:, place] << (place * bits)
    return packed


def unpack(packed: torch.Tensor, bits: int, count: int) -> torch.Tensor:
    """The first ``count`` numbers that :func:`pack` packed, flat, uint8."""
    mask = 2**bits - 1
    return torch.stack([(packed >> shift) & mask for shift in range(0, 8, bits)], -1).view(-1)[:count]


def eight_bits(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """``(rows, columns)`` as int8 and one float32 scale a row: ``weight ≈ integers · scales[:, None]``, symmetric."""
    weight = weight.float()
    scales = (weight.abs().amax(1) / 127).clamp_min(torch.finfo(weight.dtype).tiny)
    # Contiguous, as kernels want it: a transposed weight's integers would be transposed too.
    return (weight / scales[:, None]).round().clamp(-127, 127).to(torch.int8).contiguous(), scales


def four_bits(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """``(rows, columns)`` as numbers 0 … 15, with a scale and an offset for every :data:`GROUP` along a row.

    ``weight ≈ (numbers − 8) · scales + offsets``; numbers ``(rows, columns)`` as uint8, scales and offsets
    ``(rows, groups)``, the last group of a row shorter where the columns ask for it. The range of each group is cut
    into 15 steps.
    """
    weight = weight.float()
    rows, columns = weight.shape
    padded = functional.pad(weight[:, None], (0, -columns % GROUP), mode="replicate")[:, 0]
    groups = padded.reshape(rows, -1, GROUP)
    least, most = groups.amin(-1), groups.amax(-1)
    scales = ((most - least) / 15).clamp_min(torch.finfo(weight.dtype).tiny)
    numbers = ((groups - least[..., None]) / scales[..., None]).round().clamp(0, 15)
    return numbers.to(torch.uint8).reshape(rows, -1)[:, :columns].contiguous(), scales, least + 8 * scales


def ternary(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """``(rows, columns)`` as 0, 1, 2 for −1, 0, 1 and one scale a row: ``weight ≈ (numbers − 1) · scales[:, None]``.

    Weights below 0.7 times a row's mean magnitude become 0, the scale is the mean magnitude of the others: the
    approximate optimum of Li, Zhang and Liu, "Ternary weight networks", 2016, equations 5 and 6.
    """
    weight = weight.float()
    magnitude = weight.abs()
    kept = magnitude > 0.7 * magnitude.mean(1, keepdim=True)
    scales = (magnitude * kept).sum(1) / kept.sum(1).clamp_min(1)
    return (weight.sign() * kept + 1).to(torch.uint8), scales
