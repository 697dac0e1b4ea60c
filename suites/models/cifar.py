"""A CIFAR-10 pair: a convolutional network with heavy linear layers, and its hand-compressed form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paceline.fixtures.preparation.axes import Model
from paceline.suites.models.initialization import scale_weights

if TYPE_CHECKING:
    import torch

CIFAR_PIXELS = 32
CLASSES = 10
CHANNELS = 128
LARGEST_GRID = 16
"""Side of the largest feature map that the first linear layer takes: 128 · 16² features, as at 32 pixels."""


def simple_cnn(image_pixels: int = CIFAR_PIXELS) -> Model:
    """The teacher: convolutions 3→64→128, pooling, linear layers 1024-512-10.

    Other image sizes are possible. What the first linear layer takes is capped: above 32 pixels the pooled features are
    averaged down to 16x16, which keeps it at 134 MB. Uncapped, it would weigh 6.6 GB at 224 pixels.
    """
    return Model(
        _name("simple_cnn", image_pixels),
        build=lambda: _network(image_pixels, (1024, 512)),
        inputs=lambda batch_size: _images(batch_size, image_pixels),
        description="CIFAR-10 network whose linear layers outweigh its convolutions: 3→64→128, pooling, 1024-512-10.",
    )


def compressed_cnn(image_pixels: int = CIFAR_PIXELS) -> Model:
    """The student: :func:`simple_cnn` with linear layers 512-10. The same sizes are possible, with the same cap."""
    return Model(
        _name("compressed_cnn", image_pixels),
        build=lambda: _network(image_pixels, (512,)),
        inputs=lambda batch_size: _images(batch_size, image_pixels),
        description="simple_cnn compressed by hand: the same convolutions 3→64→128 and pooling, linear layers 512-10.",
    )


def _name(name: str, image_pixels: int) -> str:
    if image_pixels < 2:
        raise ValueError(f"{name}: image_pixels is {image_pixels}, but pooling by 2 needs images of at least 2 pixels")
    return name if image_pixels == CIFAR_PIXELS else f"{name}_{image_pixels}px"


def _network(image_pixels: int, hidden_features: tuple[int, ...]) -> torch.nn.Module:
    from torch import nn

    grid = image_pixels // 2
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(64, CHANNELS, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
    if grid > LARGEST_GRID:
        grid = LARGEST_GRID
        layers.append(nn.AdaptiveAvgPool2d(grid))
    layers.append(nn.Flatten())
    features = CHANNELS * grid**2
    for hidden in hidden_features:
        layers += [nn.Linear(features, hidden), nn.ReLU()]
        features = hidden
    module = nn.Sequential(*layers, nn.Linear(features, CLASSES))
    scale_weights(module)
    return module


def _images(batch_size: int, image_pixels: int) -> torch.Tensor:
    import torch

    return torch.randn(batch_size, 3, image_pixels, image_pixels)


MODELS = (simple_cnn(), compressed_cnn())
