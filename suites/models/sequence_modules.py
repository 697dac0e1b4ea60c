"""The torch modules of the sequence models. This imports torch: builders import it when they build."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from paceline.suites.models.initialization import scale_weights


class LstmClassifier(nn.Module):
    """Tokens ``(batch, tokens)`` → logits ``(batch, classes)``, from the last position's hidden state."""

    def __init__(self, vocabulary: int, embedding_features: int, hidden_features: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding_features)
        self.lstm = nn.LSTM(embedding_features, hidden_features, batch_first=True)
        self.classifier = nn.Linear(hidden_features, classes)
        scale_weights(self.classifier)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        states, _ = self.lstm(self.embedding(tokens))
        logits: torch.Tensor = self.classifier(states[:, -1])
        return logits


class RnnClassifier(nn.Module):
    """Tokens ``(batch, tokens)`` → logits ``(batch, classes)``, from the last position's state of an Elman network."""

    def __init__(self, vocabulary: int, embedding_features: int, hidden_features: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding_features)
        self.rnn = nn.RNN(embedding_features, hidden_features, batch_first=True)
        self.classifier = nn.Linear(hidden_features, classes)
        scale_weights(self.classifier)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        states, _ = self.rnn(self.embedding(tokens))
        logits: torch.Tensor = self.classifier(states[:, -1])
        return logits


class Attention(nn.Module):
    """Self-attention over ``(batch, tokens, features)``, no mask.

    Separate linear layers and the functional kernel, as current models are written, and not
    ``nn.MultiheadAttention``: its fused path reads the weights of linear layers that quantization replaces, and fails.
    """

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(features, features)
        self.key = nn.Linear(features, features)
        self.value = nn.Linear(features, features)
        self.output = nn.Linear(features, features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = (self._split(project(x)) for project in (self.query, self.key, self.value))
        mixed = functional.scaled_dot_product_attention(query, key, value)
        output: torch.Tensor = self.output(mixed.transpose(1, 2).flatten(-2))
        return output

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        """``(batch, tokens, features)`` → ``(batch, heads, tokens, features per head)``."""
        # The width is asked of x, so that pruned projections work too.
        return torch.unflatten(x, -1, (self.heads, -1)).transpose(1, 2)


class EncoderLayer(nn.Module):
    """Attention and a two-layer perceptron, each normalized before and added after (pre-norm)."""

    def __init__(self, features: int, heads: int, hidden_features: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(features)
        self.attention = Attention(features, heads)
        self.perceptron_norm = nn.LayerNorm(features)
        self.perceptron = nn.Sequential(
            nn.Linear(features, hidden_features), nn.GELU(), nn.Linear(hidden_features, features)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.attention_norm(x))
        y: torch.Tensor = x + self.perceptron(self.perceptron_norm(x))
        return y


class TextTransformer(nn.Module):
    """Tokens ``(batch, tokens)``, at most ``max_tokens`` → logits ``(batch, classes)``, from the mean over tokens."""

    def __init__(
        self,
        vocabulary: int,
        max_tokens: int,
        features: int,
        heads: int,
        hidden_features: int,
        layers: int,
        classes: int,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, features)
        self.position = nn.Parameter(torch.randn(max_tokens, features))
        self.layers = nn.Sequential(*(EncoderLayer(features, heads, hidden_features) for _ in range(layers)))
        self.norm = nn.LayerNorm(features)
        self.classifier = nn.Linear(features, classes)
        scale_weights(self)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embedding(tokens) + self.position[: tokens.shape[1]]
        logits: torch.Tensor = self.classifier(self.norm(self.layers(x)).mean(1))
        return logits
