"""Sequence classification on integer tokens: recurrent and attention networks of the same vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paceline.fixtures.preparation.axes import Model

if TYPE_CHECKING:
    import torch

VOCABULARY = 10_000
TOKENS = 64
CLASSES = 4


def _lstm_classifier() -> torch.nn.Module:
    from paceline.suites.models.sequence_modules import LstmClassifier

    return LstmClassifier(VOCABULARY, embedding_features=128, hidden_features=128, classes=CLASSES)


def _rnn_classifier() -> torch.nn.Module:
    from paceline.suites.models.sequence_modules import RnnClassifier

    return RnnClassifier(VOCABULARY, embedding_features=128, hidden_features=128, classes=CLASSES)


def _text_transformer() -> torch.nn.Module:
    from paceline.suites.models.sequence_modules import TextTransformer

    return TextTransformer(
        VOCABULARY, max_tokens=TOKENS, features=128, heads=4, hidden_features=512, layers=2, classes=CLASSES
    )


def _sentences(batch_size: int) -> torch.Tensor:
    """Token numbers, ``(batch_size, 64)``, int64."""
    import torch

    return torch.randint(VOCABULARY, (batch_size, TOKENS))


MODELS = (
    Model(
        "lstm_classifier",
        build=_lstm_classifier,
        inputs=_sentences,
        description="Embedding of 10,000 tokens, one LSTM layer of 128, linear layer to 4 classes; 64 tokens.",
    ),
    Model(
        "rnn_classifier",
        build=_rnn_classifier,
        inputs=_sentences,
        description="Embedding of 10,000 tokens, one plain recurrent layer (tanh) of 128, linear layer to 4 classes; "
        "64 tokens.",
    ),
    Model(
        "text_transformer",
        build=_text_transformer,
        inputs=_sentences,
        description="Embedding of 10,000 tokens, two pre-norm encoder layers (128 wide, 4 heads), mean, linear layer "
        "to 4 classes; 64 tokens.",
    ),
)
