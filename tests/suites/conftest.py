"""What the tests of optimizations share: one thread, and two small models that evidence is broken on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from paceline.fixtures.preparation.axes import NotAppliedError, Optimization, Prepared
from paceline.fixtures.preparation.difference import difference
from paceline.fixtures.timing.guards import thread_count
from paceline.fixtures.values.trees import call_with


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """One thread inside an operation, as the instrument has it: on a busy machine two spend their time waiting."""
    with thread_count(1):
        yield


@dataclass(frozen=True)
class Subject:
    """A model that is the same whenever it is built, and images for it."""

    build: Callable[[], nn.Module]
    image: Callable[[], torch.Tensor]

    def apply(self, optimization: Optimization) -> Prepared:
        """What the optimization makes of a fresh model."""
        made = optimization.apply(self.build(), self.image())
        return made if isinstance(made, Prepared) else Prepared(made, self.image())

    def prove(self, optimization: Optimization) -> str:
        """The sentence of evidence for what the optimization makes of it, whose output is as near as is claimed."""
        assert optimization.unsupported is not None
        assert optimization.evidence is not None
        assert optimization.unsupported(self.build(), self.image(), "cpu") is None
        prepared = self.apply(optimization)
        sentence = optimization.evidence(self.build(), prepared)
        with torch.inference_mode():
            found = difference(call_with(prepared.call, prepared.inputs), self.build()(self.image()))
        assert found <= (optimization.tolerance or 2.0)
        return sentence

    def reject(
        self, optimization: Optimization, broken: Callable[[nn.Module, torch.Tensor], Prepared], found: str
    ) -> None:
        """The evidence refuses what ``broken`` makes, and says that it found ``found``."""
        assert optimization.evidence is not None
        prepared = broken(self.build(), self.image())
        with torch.inference_mode():
            call_with(prepared.call, prepared.inputs)  # it works, which is what makes it dangerous
        with pytest.raises(NotAppliedError) as rejected:
            optimization.evidence(self.build(), prepared)
        assert found in str(rejected.value)


class ConvNet(nn.Module):
    """Two convolutions with batch norms and a linear layer that holds most of the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU())
        self.hidden = nn.Linear(16 * 64, 64)
        self.classes = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.second(self.first(x)).flatten(1)
        return self.classes(self.hidden(x).relu())  # type: ignore[no-any-return]


@pytest.fixture
def convolutions() -> Subject:
    """:class:`ConvNet` and one image of 8 × 8 pixels."""

    def build() -> nn.Module:
        torch.manual_seed(0)
        net = ConvNet()
        for module in net.modules():  # a fresh batch norm is the identity
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.running_mean, std=0.1)  # type: ignore[arg-type]
        return net.eval()

    return Subject(build, lambda: _drawn(1, 3, 8, 8))


class Block(nn.Module):
    """Two layers of one shape and different roles."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(64, 64), nn.Linear(64, 64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = x + self.down(self.up(x).relu())
        return y


class BlockNet(nn.Module):
    """A convolution, two blocks of the same shapes, and classes."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.first, self.second = Block(), Block()
        self.classes = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.image(x).flatten(2).sum(1).flatten(1)
        y: torch.Tensor = self.classes(self.second(self.first(x)))
        return y


@pytest.fixture
def blocks() -> Subject:
    """:class:`BlockNet` and two images of 16 × 16 pixels."""

    def build() -> nn.Module:
        torch.manual_seed(0)
        return BlockNet().eval().requires_grad_(False)

    return Subject(build, lambda: _drawn(2, 3, 16, 16))


def _drawn(*shape: int) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(shape)
