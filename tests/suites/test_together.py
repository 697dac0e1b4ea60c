"""What holds of optimizations of several families."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from paceline.fixtures.counting.footprint import size_bytes
from paceline.fixtures.preparation.axes import Optimization, Prepared
from paceline.suites.optimizations import OPTIMIZATIONS
from paceline.suites.optimizations.layout import FUSE_CONV_BN
from paceline.suites.optimizations.precision import BF16
from paceline.suites.optimizations.pruning import PRUNE_STRUCTURED, PRUNE_UNSTRUCTURED
from paceline.suites.optimizations.quantization import INT8_DYNAMIC, INT8_STATIC


class Encoder(nn.Module):
    """``nn.TransformerEncoder``, whose fused kernel reads the weights of its linear layers."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(32, 4, 128, batch_first=True)
        self.embedding, self.encoder = nn.Embedding(50, 32), nn.TransformerEncoder(layer, 2)
        self.classes = nn.Linear(32, 4)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.encoder(self.embedding(tokens), src_key_padding_mask=tokens == 0)
        return self.classes(x.mean(1))  # type: ignore[no-any-return]


@pytest.mark.parametrize("optimization", [INT8_DYNAMIC, BF16, PRUNE_UNSTRUCTURED, PRUNE_STRUCTURED], ids=str)
def test_the_fused_encoder_of_torch(optimization: Optimization) -> None:
    torch.manual_seed(0)
    encoder = Encoder().eval()
    tokens = torch.randint(1, 50, (2, 7))
    tokens[1, 5:] = 0  # padding: the fused kernel of the whole encoder comes into play
    assert optimization.unsupported is not None
    assert optimization.evidence is not None
    assert optimization.unsupported(encoder, tokens, "cpu") is None
    made = optimization.apply(copy.deepcopy(encoder), tokens)
    prepared = made if isinstance(made, Prepared) else Prepared(made, tokens)
    assert optimization.evidence(encoder, prepared)
    with torch.inference_mode():
        assert prepared.call(prepared.inputs).shape == (2, 4)


def test_what_torch_fx_cannot_trace_is_refused_with_its_reason() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.norm(self.conv(x)) if x.sum() > 0 else x

    for optimization in (FUSE_CONV_BN, INT8_STATIC):
        assert optimization.unsupported is not None
        assert "torch.fx cannot trace the model" in (
            optimization.unsupported(Branching(), torch.randn(1, 3, 8, 8), "cpu") or ""
        )


OF_NAME = {one.name: one for one in OPTIMIZATIONS}
SIZES = {
    "fp16": (0.4, 0.6),
    "int8_weight_only": (0.2, 0.5),
    "int4_weight_only": (0.15, 0.45),
    "ternary": (0.05, 0.4),
    "sparse_csr": (0.2, 0.5),
    "tied_weights": (0.5, 0.7),
    "low_rank": (0.5, 0.95),
}


@pytest.mark.parametrize("name", SIZES)
def test_the_footprint_shows_what_was_saved(name: str) -> None:
    class Perceptron(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(nn.Sequential(nn.Linear(192, 192)), nn.ReLU(), nn.Sequential(nn.Linear(192, 192)))

    torch.manual_seed(0)
    made = OF_NAME[name].apply(Perceptron().eval(), torch.randn(1, 192))
    size = size_bytes(made.call if isinstance(made, Prepared) else made)
    before = size_bytes(Perceptron())
    assert size is not None
    assert before is not None
    least, most = SIZES[name]
    assert least < size / before < most
