"""A whole model called in another way: under autocast, from a compiled package. This imports torch."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import torch
import torch._inductor
from torch import nn


class Autocast(nn.Module):
    """``model`` in which operations that bear it compute in ``dtype``; its weights stay as they are stored."""

    def __init__(self, model: nn.Module, device_type: str, dtype: torch.dtype) -> None:
        super().__init__()
        self.model = model
        self.device_type = device_type
        self.dtype = dtype

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        with torch.autocast(self.device_type, self.dtype):
            return self.model(*args, **kwargs)


class PackagedModel(nn.Module):
    """Runs the package at ``path``, which may be removed as soon as this is made: it is held open.

    Its state is the package, so that what it is saved as has the size of what would be deployed.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._run = torch._inductor.aoti_load_package(str(path))
        self.file = path.open("rb")
        weakref.finalize(self, self.file.close)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._run(*args, **kwargs)

    def get_extra_state(self) -> torch.Tensor:
        """The package's bytes."""
        self.file.seek(0)
        return torch.frombuffer(bytearray(self.file.read()), dtype=torch.uint8)

    def set_extra_state(self, _state: object) -> None:
        raise NotImplementedError("a compiled package cannot be replaced; load another one")
