"""The classic MNIST models: perceptrons, logistic regression and a small convolutional network, on 28 pixel digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paceline.fixtures.preparation.axes import Model
from paceline.suites.models.initialization import scale_weights

if TYPE_CHECKING:
    import torch

DIGIT_PIXELS = 28
CLASSES = 10


def _perceptron(hidden_features: int) -> torch.nn.Module:
    from torch import nn

    module = nn.Sequential(nn.Linear(DIGIT_PIXELS**2, hidden_features), nn.ReLU(), nn.Linear(hidden_features, CLASSES))
    scale_weights(module)
    return module


def _logistic() -> torch.nn.Module:
    from torch import nn

    module = nn.Sequential(nn.Linear(DIGIT_PIXELS**2, CLASSES))
    scale_weights(module)
    return module


def _digit_cnn() -> torch.nn.Module:
    from torch import nn

    pooled = DIGIT_PIXELS // 2
    module = nn.Sequential(
        nn.Conv2d(1, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * pooled**2, CLASSES),
    )
    scale_weights(module)
    return module


def _vectors(batch_size: int) -> torch.Tensor:
    """Flattened digits, standard normal, ``(batch_size, 784)``."""
    import torch

    return torch.randn(batch_size, DIGIT_PIXELS**2)


def _digits(batch_size: int) -> torch.Tensor:
    """Gray images, standard normal, ``(batch_size, 1, 28, 28)``."""
    import torch

    return torch.randn(batch_size, 1, DIGIT_PIXELS, DIGIT_PIXELS)


MODELS = (
    Model(
        "mlp",
        build=lambda: _perceptron(128),
        inputs=_vectors,
        description="The classic MNIST perceptron: 784-128-10 with ReLU.",
    ),
    Model(
        "mlp_narrow",
        build=lambda: _perceptron(64),
        inputs=_vectors,
        description="The MNIST perceptron at half the width: 784-64-10 with ReLU.",
    ),
    Model(
        "logistic",
        build=_logistic,
        inputs=_vectors,
        description="Multinomial logistic regression, 784-10, logits: so small that its time is call overhead.",
    ),
    Model(
        "digit_cnn",
        build=_digit_cnn,
        inputs=_digits,
        description="One 3x3 convolution 1→32, max pooling and one linear layer on 28x28 digits: the pruning example.",
    ),
)
