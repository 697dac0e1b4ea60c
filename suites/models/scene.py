"""Detection and segmentation networks of torchvision: outputs that are not one row of scores an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paceline.fixtures.preparation.axes import Model
from paceline.suites.models.initialization import MOSTLY_ON, calibrate_batch_norms, scale_weights

if TYPE_CHECKING:
    import torch

DETECTION_PIXELS = 320
SEGMENTATION_PIXELS = 520
BOX_OFFSET_SCALE = 5.0
"""How much larger the box offsets are drawn than the scores. SSD divides them by 10 and 5 when it decodes boxes, so
offsets of this order are natural; and 4 of them beside 91 scores of order one then weigh as much as these in the
difference of the output, so that neither can hide the other's error."""


def _ssdlite() -> torch.nn.Module:
    """SSDLite up to what its two heads return, random weights, calibrated."""
    import torch
    import torchvision  # type: ignore[import-untyped]

    from paceline.suites.models.scene_modules import DetectionHeads

    detector = torchvision.models.get_model("ssdlite320_mobilenet_v3_large", weights=None, weights_backbone=None)
    module = DetectionHeads(detector.backbone, detector.head)
    for head in (detector.head.classification_head, detector.head.regression_head):
        for block in head.module_list:
            scale_weights(block[-1])
    with torch.no_grad():
        for block in detector.head.regression_head.module_list:
            block[-1].weight.mul_(BOX_OFFSET_SCALE)
    calibrate_batch_norms(module, _images(4, DETECTION_PIXELS), **MOSTLY_ON)
    return module


def _lraspp() -> torch.nn.Module:
    """LR-ASPP with random weights, calibrated."""
    import torchvision

    name = "lraspp_mobilenet_v3_large"
    module: torch.nn.Module = torchvision.models.get_model(name, weights=None, weights_backbone=None)
    calibrate_batch_norms(module, _images(4, SEGMENTATION_PIXELS), **MOSTLY_ON)
    return module


def _images(batch_size: int, pixels: int) -> torch.Tensor:
    """Images as they come out of the usual normalization: standard normal, ``(batch_size, 3, pixels, pixels)``."""
    import torch

    return torch.randn(batch_size, 3, pixels, pixels)


MODELS = (
    Model(
        "ssdlite320_mobilenet_v3_large",
        build=_ssdlite,
        inputs=lambda batch_size: _images(batch_size, DETECTION_PIXELS),
        description="SSDLite of torchvision on 320 pixel images, 3.4 M parameters: class scores and box offsets of "
        "3,234 anchors, before boxes are decoded and non-maximum suppression picks some.",
    ),
    Model(
        "lraspp_mobilenet_v3_large",
        build=_lraspp,
        inputs=lambda batch_size: _images(batch_size, SEGMENTATION_PIXELS),
        description="LR-ASPP of torchvision on 520 pixel images, 3.2 M parameters: scores of 21 classes for each "
        "pixel.",
    ),
)
