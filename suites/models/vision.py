"""Image classification networks of torchvision, as people deploy them, on 224 pixel images of 1000 classes."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from paceline.fixtures.preparation.axes import Model
from paceline.suites.models.initialization import (
    MOSTLY_ON,
    calibrate_batch_norms,
    scale_bare_parameters,
    scale_weights,
)

if TYPE_CHECKING:
    import torch

IMAGE_PIXELS = 224


def _torchvision(name: str, shifts: Mapping[str, float]) -> torch.nn.Module:
    """torchvision's architecture of that name with random weights, calibrated."""
    import torch
    import torchvision  # type: ignore[import-untyped]

    module: torch.nn.Module = torchvision.models.get_model(name, weights=None)
    for layer in module.modules():
        # MobileNet's linear layers are drawn for training, and would return hundredths; a vision transformer's last
        # one would return 0.
        if isinstance(layer, torch.nn.Linear | torch.nn.MultiheadAttention):
            scale_weights(layer)
    scale_bare_parameters(module)
    calibrate_batch_norms(module, _images(4), **shifts)
    return module


def _images(batch_size: int) -> torch.Tensor:
    """Images as they come out of the usual normalization: standard normal, ``(batch_size, 3, 224, 224)``."""
    import torch

    return torch.randn(batch_size, 3, IMAGE_PIXELS, IMAGE_PIXELS)


def _model(name: str, description: str, shifts: Mapping[str, float] = MappingProxyType({})) -> Model:
    return Model(name, build=functools.partial(_torchvision, name, shifts), inputs=_images, description=description)


MODELS = (
    _model("resnet18", "ResNet-18 of torchvision: residual blocks of 3x3 convolutions, 11.7 M parameters."),
    _model("resnet50", "ResNet-50 of torchvision: residual bottlenecks 1x1, 3x3, 1x1, 25.6 M parameters."),
    _model("mobilenet_v3_small", "MobileNetV3-Small of torchvision: depthwise convolutions, 2.5 M parameters."),
    _model(
        "efficientnet_b0",
        "EfficientNet-B0 of torchvision: depthwise convolutions with squeeze and excitation, 5.3 M parameters.",
        MOSTLY_ON,
    ),
    _model(
        "vit_b_16",
        "ViT-B/16 of torchvision: 12 encoder layers of nn.MultiheadAttention over 196 patches, 86.6 M parameters.",
    ),
    _model(
        "convnext_tiny",
        "ConvNeXt-Tiny of torchvision: 7x7 depthwise convolutions, layer norms and linear layers, 28.6 M parameters.",
    ),
)
