"""Modules and their weights."""

from __future__ import annotations

import io
from collections.abc import Sequence

import torch
from torch import nn

RECURRENT = (nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
LEAST_SHARE = 0.5
"""An optimization is for models of which it reaches at least this share of the multiplied weights; below, its name
would lie."""


def multiplied_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that inputs are multiplied by: of two and more dimensions, each shared one once.

    Left out are embedding tables, which are looked up, and parameters with a dimension of 1 that none of torch's layers
    holds: they are broadcast, and so added (a class token, a position table) or scaled by (a layer scale).
    """
    tables = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, (nn.Embedding, nn.EmbeddingBag))
        for parameter in module.parameters()
    }
    broadcast = {
        id(parameter)
        for module in model.modules()
        if not type(module).__module__.startswith("torch.nn.")
        for parameter in module.parameters(recurse=False)
        if 1 in parameter.shape
    }
    return {name: p for name, p in model.named_parameters() if p.ndim >= 2 and id(p) not in tables | broadcast}


def share_of_weights(model: nn.Module, layers: Sequence[nn.Module]) -> float:
    """The share of the model's multiplied weights that lies in ``layers`` themselves; 0 for a model without any."""
    weights = {id(weight): weight.numel() for weight in multiplied_weights(model).values()}
    inside = {id(parameter) for layer in layers for parameter in layer.parameters(recurse=False)}
    return sum(size for key, size in weights.items() if key in inside) / max(1, sum(weights.values()))


def serialized_bytes(model: nn.Module) -> int:
    """Size of the model's state as ``torch.save`` writes it."""
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    return buffer.getbuffer().nbytes
