"""Image classification networks of torchvision, as people deploy them, on 224 pixel images of 1000 classes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from paceline.fixtures.axes import Model
from paceline.suites.models.initialization import calibrate_batch_norms, scale_weights

if TYPE_CHECKING:
    import torch

IMAGE_PIXELS = 224


def _torchvision(name: str) -> torch.nn.Module:
    """torchvision's architecture of that name with random weights, calibrated."""
    import torch
    import torchvision  # type: ignore[import-untyped]

    module: torch.nn.Module = torchvision.models.get_model(name, weights=None)
    for layer in module.modules():
        if isinstance(layer, torch.nn.Linear):  # MobileNet's are drawn for training, and would return hundredths
            scale_weights(layer)
    calibrate_batch_norms(module, _images(4))
    return module


def _images(batch_size: int) -> torch.Tensor:
    """Images as they come out of the usual normalization: standard normal, ``(batch_size, 3, 224, 224)``."""
    import torch

    return torch.randn(batch_size, 3, IMAGE_PIXELS, IMAGE_PIXELS)


def _model(name: str, description: str) -> Model:
    return Model(name, build=functools.partial(_torchvision, name), inputs=_images, description=description)


MODELS = (
    _model("resnet18", "ResNet-18 of torchvision: residual blocks of 3x3 convolutions, 11.7 M parameters."),
    _model("mobilenet_v3_small", "MobileNetV3-Small of torchvision: depthwise convolutions, 2.5 M parameters."),
)
