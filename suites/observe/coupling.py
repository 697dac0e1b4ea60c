"""Which layers must keep all of their channels when channels are removed."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from paceline.fixtures.preparation.axes import Inputs
from paceline.fixtures.values.trees import call_with, tensors
from paceline.suites.observe.observation import storage_of
from paceline.suites.observe.weights import CONVOLUTIONS


def layers_with_channels(model: nn.Module) -> list[nn.Module]:
    """The linear and convolution layers: those that channels can be removed from."""
    return [module for module in model.modules() if isinstance(module, (nn.Linear, *CONVOLUTIONS))]


def output_layers(model: nn.Module, inputs: Inputs) -> list[nn.Module]:
    """The layers that make the output, whose channels are the classes: the last one called, and every one whose result
    is returned as it is, as a view, or copied (a detector joins what its heads return)."""
    with _Watched(model) as watched, torch.no_grad():
        returned = {storage_of(tensor) for tensor in tensors(call_with(model, inputs))}
    last = [layer for layer, _ in watched.results[-1:]]
    return [*last, *(layer for layer, result in watched.results if watched.copies_of(result) & returned)]


def head_layers(model: nn.Module, inputs: Inputs) -> list[nn.Module]:
    """The layers whose channels are taken apart afterwards: queries, keys and values that are split into heads.

    Removing arbitrary channels would leave the shapes valid and mix up the heads.
    """
    with _Watched(model) as watched, torch.no_grad():
        call_with(model, inputs)
    multihead = [module for module in model.modules() if isinstance(module, nn.MultiheadAttention)]
    return [*multihead, *watched.split]


_COPIES = frozenset({"cat", "stack", "clone", "_unsafe_view", "contiguous", "reshape"})
"""ATen operations that move numbers and compute none; views share the storage and need not be known by name."""


class _Watched(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's base is not annotated
    """Sees the layers' results in the order of their calls, and which of them are split along the channels."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.results: list[tuple[nn.Module, torch.Tensor]] = []  # kept alive, so that no storage is used twice
        self.split: list[nn.Module] = []
        self._by_storage: dict[int, nn.Module] = {}
        self._copied: list[tuple[set[int], torch.Tensor]] = []  # from which storages, into what; kept alive too
        self._hooks = [layer.register_forward_hook(self._remember) for layer in layers_with_channels(model)]

    def _remember(self, layer: nn.Module, _inputs: Any, result: torch.Tensor) -> None:
        self.results.append((layer, result))
        self._by_storage[storage_of(result)] = layer

    def copies_of(self, result: torch.Tensor) -> set[int]:
        """The storages that hold ``result`` or, joined with others or alone, a copy of it."""
        found = {storage_of(result)}
        for sources, copy in self._copied:  # in the order in which they were made
            if sources & found:
                found.add(storage_of(copy))
        return found

    def __exit__(self, *details: Any) -> None:
        for hook in self._hooks:
            hook.remove()
        super().__exit__(*details)  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ in _COPIES:
            self._copied.append(({storage_of(tensor) for tensor in tensors((args, kwargs))}, result))
        source = args[0] if args else None
        if isinstance(source, torch.Tensor) and not source.is_nested:
            layer = self._by_storage.get(storage_of(source))
            if isinstance(layer, nn.Linear) and any(_is_split(source, part) for part in tensors(result)):
                self.split.append(layer)
        return result


def _is_split(source: torch.Tensor, part: torch.Tensor) -> bool:
    """Whether ``part`` is a view of ``source`` whose last dimension, the channels, is divided and no other is."""
    return (
        storage_of(part) == storage_of(source)
        and part.shape[: source.ndim - 1] == source.shape[:-1]
        and part.ndim >= source.ndim
        and part.shape[-1] < source.shape[-1]
    )
