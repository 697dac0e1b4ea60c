"""Inputs like the example inputs, from which ranges and sensitivities are taken. Importing this needs no torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from paceline.fixtures.preparation.axes import Inputs

if TYPE_CHECKING:
    import torch

CALIBRATION_VARIANTS = 7
"""With the inputs themselves eight: one example alone would fit nothing but itself, and each costs a call."""
_SEED = 20_240_229
"""Any number, as long as it is the same each time: evidence computes again what was computed from the variants."""
_NOISE = 0.25
"""Share of the standard deviation, and of the token ids, that changes: other values, and still like the inputs."""


def calibration_inputs(inputs: Inputs) -> Iterator[Inputs]:
    """The example inputs, and seeded variants that keep their structure but not their exact values.

    Floating-point tensors get normal noise of a quarter of their standard deviation; in integer ones (token ids) every
    fourth entry is replaced by another of the tensor's own, so that ids stay valid.
    """
    import torch

    from paceline.fixtures.values.trees import map_tensors

    # On the CPU: the same variants whatever the device.
    random = torch.Generator().manual_seed(_SEED)

    def vary(tensor: torch.Tensor) -> torch.Tensor:
        device = tensor.device
        if tensor.is_floating_point():
            noise = torch.randn(tensor.shape, generator=random, dtype=tensor.dtype).to(device)
            return tensor + _NOISE * tensor.std(correction=0) * noise
        if tensor.dtype == torch.bool:
            return tensor
        others = tensor.flatten()[torch.randint(tensor.numel(), tensor.shape, generator=random).to(device)]
        return torch.where((torch.rand(tensor.shape, generator=random) < _NOISE).to(device), others, tensor)

    yield inputs
    for _ in range(CALIBRATION_VARIANTS):
        yield map_tensors(vary, inputs)
