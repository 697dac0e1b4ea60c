"""The report card's cases: each does a known piece of work, and on side B a fraction ``extra`` more of it.

The extra work is real and of the kinds that slow-downs are made of: more layers, another copy, a lost fusion, work in
Python. Its true size is whatever a long A/B finds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class Workload:
    """``build(extra)`` makes the callable; ``bound`` says what its time is spent on, ``slowed_by`` what ``extra``
    adds."""

    name: str
    bound: str
    slowed_by: str
    build: Callable[[float], Any]
    inputs: Callable[[int], Any]
    is_compiled: bool = False


def more(count: int, extra: float) -> int:
    """``count`` and the fraction ``extra`` more of it, at least one where there is any."""
    return count + (max(1, round(count * extra)) if extra else 0)


class Busy(nn.Module):
    """A small layer behind a loop in Python."""

    def __init__(self, extra: float) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 16)
        self.rounds = more(400, 1.4 * extra)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        total = 0
        for place in range(self.rounds):
            total += place
        return self.layer(x)


class Perceptron(nn.Module):
    """784-128-10; extra: views of the input."""

    def __init__(self, extra: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
        self.views = round(extra / 0.015)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(self.views):
            x = x[:]
        return self.layers(x)


class Chain(nn.Module):
    """One operation after another."""

    def __init__(self, operation: Callable[[torch.Tensor], torch.Tensor], count: int) -> None:
        super().__init__()
        self.operation, self.count = operation, count

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(self.count):
            x = self.operation(x)
        return x


class Layers(nn.Module):
    """Layers one after another, each around a residual, so that the values stay finite."""

    def __init__(self, layer: Callable[[], nn.Module], count: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layer() for _ in range(count))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = torch.tanh(x + layer(x))
        return x


class Copies(nn.Module):
    """Copies slices of a buffer that no cache holds."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.register_buffer("target", torch.empty(48, 1 << 18))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for place in range(self.count):
            self.target[place % 48].copy_(x[place % 48])
        return self.target[0]


class Sums(nn.Module):
    """Sums over slices of a buffer that no cache holds."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return sum((x[place % 40].sum() for place in range(self.count)), torch.zeros(()))


class Recurrent(nn.Module):
    """An LSTM over a sequence; extra: a longer one."""

    def __init__(self, extra: float) -> None:
        super().__init__()
        self.lstm = nn.LSTM(64, 512, batch_first=True)
        self.steps = more(200, extra)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.lstm(x[:, : self.steps])[0]


class Copying(nn.Module):
    """A network whose first activations are copied along the way."""

    def __init__(self, features: nn.Module, copies: int) -> None:
        super().__init__()
        self.features, self.copies = features, copies

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for place, layer in enumerate(self.features):
            x = layer(x)
            if place == 0:
                for _ in range(self.copies):
                    x = x.clone()
        return x


def mobilenet(extra: float) -> nn.Module:
    """Its feature layers; extra: copies of the widest activations."""
    import torchvision

    return Copying(torchvision.models.mobilenet_v3_small(weights=None).features, round(extra / 0.01))


def resnet(extra: float) -> nn.Module:
    """ResNet-18 with its batch norms folded into the convolutions; extra: of some blocks they are not."""
    import torchvision
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    model = torchvision.models.resnet18(weights=None).eval()
    blocks = [block for stage in (model.layer1, model.layer2, model.layer3, model.layer4) for block in stage]
    for place, block in enumerate(blocks):
        if place >= round(extra / 0.01):
            block.conv1, block.bn1 = fuse_conv_bn_eval(block.conv1, block.bn1), nn.Identity()
            block.conv2, block.bn2 = fuse_conv_bn_eval(block.conv2, block.bn2), nn.Identity()
    model.conv1, model.bn1 = fuse_conv_bn_eval(model.conv1, model.bn1), nn.Identity()
    return model


def compiled(build: Callable[[float], nn.Module]) -> Callable[[float], Any]:
    """The same through torch's graph compiler."""
    return lambda extra: torch.compile(build(extra).eval())


def layers_of(layer: Callable[[], nn.Module], count: int) -> Callable[[float], nn.Module]:
    """A builder of :class:`Layers`, of which there are more with ``extra``."""
    return lambda extra: Layers(layer, more(count, extra))


def vectors(*shape: int) -> Callable[[int], torch.Tensor]:
    """Standard normal inputs of one shape."""
    return lambda batch_size: torch.randn(*shape)


def encoder() -> nn.Module:
    return nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)


WORKLOADS = (
    Workload("python_loop", "overhead", "work in Python", Busy, vectors(1, 16)),
    Workload("perceptron", "overhead", "work in Python", Perceptron, vectors(16, 784)),
    Workload("tiny_ops", "overhead", "more layers", lambda e: Chain(torch.relu, more(100, e)), vectors(64)),
    Workload("linear_256", "compute", "more layers", layers_of(lambda: nn.Linear(256, 256), 40), vectors(16, 256)),
    Workload("linear_512", "compute", "more layers", layers_of(lambda: nn.Linear(512, 512), 40), vectors(64, 512)),
    Workload("copy", "memory", "another copy", lambda e: Copies(more(48, e)), vectors(48, 1 << 18)),
    Workload("sum", "memory", "another pass", lambda e: Sums(more(40, e)), vectors(40, 1 << 19)),
    Workload(
        "conv", "compute", "more layers", layers_of(lambda: nn.Conv2d(16, 16, 3, padding=1), 40), vectors(1, 16, 28, 28)
    ),
    Workload("resnet18", "compute", "a lost fusion", resnet, vectors(1, 3, 224, 224)),
    Workload("mobilenet", "compute", "another copy", mobilenet, vectors(1, 3, 224, 224)),
    Workload("transformer", "compute", "more layers", layers_of(encoder, 32), vectors(1, 32, 64)),
    Workload("lstm", "compute", "longer sequence", Recurrent, vectors(1, 400, 64)),
    Workload(
        "compiled_sin",
        "compute",
        "more layers",
        compiled(lambda e: Chain(torch.sin, more(40, e))),
        vectors(1 << 13),
        is_compiled=True,
    ),
    Workload(
        "compiled_linear",
        "overhead",
        "more layers",
        compiled(layers_of(lambda: nn.Linear(32, 32), 32)),
        vectors(1, 32),
        is_compiled=True,
    ),
)
