"""Random weights that behave like trained ones where it matters to a benchmark. Importing this needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


MOSTLY_ON = {"shift_mean": 1.0, "shift_std": 0.5}
"""Shifts of batch norms for :func:`calibrate_batch_norms` that leave most channels on. With shifts around 0, a deep
network with SiLU or hard-swish layers has channels that hardly ever are; the next norm divides by their tiny variance,
so that the rare image that turns one on returns fifty times the others' scores, and rounding to bfloat16 changes a
tenth of the output, as in no trained network."""


def scale_weights(module: torch.nn.Module) -> None:
    """Redraw linear, convolution and attention layers in place, so that activations keep their size through ReLU
    layers, and attention prefers some positions to others (torch's default weighs them nearly alike).

    Weights after He et al. 2015, "Delving Deep into Rectifiers" (fan in); biases are small, but not 0 as there, so that
    an optimization that drops one is seen. torch's default shrinks activations by √6 a layer.
    """
    from torch import nn

    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.normal_(layer.bias, std=0.1)
        elif isinstance(layer, nn.MultiheadAttention):
            nn.init.kaiming_normal_(layer.in_proj_weight, nonlinearity="relu")
            nn.init.normal_(layer.in_proj_bias, std=0.1)


def scale_bare_parameters(module: torch.nn.Module) -> None:
    """Redraw in place the parameters of torchvision's networks that no layer holds.

    A fresh layer scale is 1e-6 and a fresh class token 0: the blocks behind them would add nothing to the output, and
    an optimization that breaks one would pass.
    """
    from torch import nn

    for name, parameter in module.named_parameters():
        role = name.rpartition(".")[2]
        if role == "layer_scale":
            nn.init.uniform_(parameter, 0.5, 1.5)
        elif role in ("class_token", "pos_embedding"):
            nn.init.normal_(parameter)


def calibrate_batch_norms(
    module: torch.nn.Module, images: torch.Tensor, *, shift_mean: float = 0.0, shift_std: float = 1.0
) -> None:
    """Give batch norms a scale and shift of their own, and the statistics of ``images`` as running statistics.

    A fresh batch norm is the identity: folding it into a convolution would change nothing, and a wrong fold would pass.
    And without normalization the activations of a deep random network grow or vanish (``mobilenet_v3_small`` would
    return 1e-9). The shifts are as large as the normalized values: around 0, averages over noise images would cancel
    and rounding errors would not. The deepest networks need :data:`MOSTLY_ON` beside it.
    Changes ``module`` in place and leaves it in evaluation mode.
    """
    import torch
    from torch import nn

    module.eval()
    norms = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    if not norms:
        return  # the images need not be run
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, shift_mean, shift_std)
        norm.reset_running_stats()
        norm.momentum = None  # statistics of this one batch, not a moving average from (0, 1)
        norm.train()
    with torch.no_grad():
        module(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
