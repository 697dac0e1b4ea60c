"""The torch module of the detection model. This imports torch: its builder imports it when it builds."""

from __future__ import annotations

import torch
from torch import nn


class DetectionHeads(nn.Module):
    """Images ``(batch, 3, height, width)`` → ``cls_logits`` ``(batch, anchors, classes)`` and ``bbox_regression``
    ``(batch, anchors, 4)``, as torchvision's SSD computes them inside.

    What comes after it in a detector is left out on purpose. Which boxes survive a threshold and non-maximum
    suppression, and so how many are returned and how long that takes, is decided by last digits of the scores: with
    random weights every class of every anchor passes the threshold, which no trained detector's do, and between two
    lists of different boxes no difference is defined. Here all anchors' numbers are compared. What comes before
    (resizing, normalization) is preprocessing.
    """

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        features = self.backbone(images)
        outputs: dict[str, torch.Tensor] = self.head(list(features.values()))
        return outputs
