"""A model in a package of AOTInductor's. This imports torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch._inductor
from torch import nn


class PackagedModel(nn.Module):
    """Runs the package at ``path``.

    Its state is the package, so that what it is saved as has the size of what would be deployed.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._run = torch._inductor.aoti_load_package(str(path))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._run(*args, **kwargs)

    def get_extra_state(self) -> torch.Tensor:
        """The package's bytes."""
        return torch.frombuffer(bytearray(self.path.read_bytes()), dtype=torch.uint8)

    def set_extra_state(self, _state: object) -> None:
        raise NotImplementedError("a compiled package cannot be replaced; load another one")
