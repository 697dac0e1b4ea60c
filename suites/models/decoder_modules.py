"""The torch modules of the decoder-only language model. This imports torch: builders import it when they build."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import nn
from torch.nn import functional

from paceline.suites.models.initialization import scale_weights

Cache = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Keys and values ``(layers, batch, heads, max_tokens, features per head)``, and the next position, ``(1,)`` int64.

Allocated once for the longest text, so that every decode step has the same shapes. Rows from the position on hold
nothing yet.
"""


class CausalAttention(nn.Module):
    """Self-attention over ``(batch, tokens, features)`` in which no token looks at a later one."""

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(features, features)
        self.key = nn.Linear(features, features)
        self.value = nn.Linear(features, features)
        self.output = nn.Linear(features, features)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """All tokens at once: the result, and their keys and values ``(batch, heads, tokens, features per head)``."""
        query, key, value = (self._split(project(x)) for project in (self.query, self.key, self.value))
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self._join(mixed), key, value

    def step(
        self, x: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, position: torch.Tensor, seen: torch.Tensor
    ) -> torch.Tensor:
        """One token, ``(batch, 1, features)``: its key and value are written to ``position``, then it looks at all rows
        that are ``seen``, ``(1, max_tokens)``."""
        query, key, value = (self._split(project(x)) for project in (self.query, self.key, self.value))
        keys.index_copy_(2, position, key.to(keys.dtype))
        values.index_copy_(2, position, value.to(values.dtype))
        return self._join(functional.scaled_dot_product_attention(query, keys, values, attn_mask=seen))

    def _join(self, mixed: torch.Tensor) -> torch.Tensor:
        joined: torch.Tensor = self.output(mixed.transpose(1, 2).flatten(-2))
        return joined

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        """``(batch, tokens, features)`` → ``(batch, heads, tokens, features per head)``."""
        # The width is asked of x, so that pruned projections work too.
        return torch.unflatten(x, -1, (self.heads, -1)).transpose(1, 2)


class DecoderLayer(nn.Module):
    """Causal attention and a two-layer perceptron, each normalized before and added after (pre-norm)."""

    def __init__(self, features: int, heads: int, hidden_features: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(features)
        self.attention = CausalAttention(features, heads)
        self.perceptron_norm = nn.LayerNorm(features)
        self.perceptron = nn.Sequential(
            nn.Linear(features, hidden_features), nn.GELU(), nn.Linear(hidden_features, features)
        )

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        mixed, key, value = self.attention(self.attention_norm(x))
        return self._finish(x + mixed), key, value

    def step(
        self, x: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, position: torch.Tensor, seen: torch.Tensor
    ) -> torch.Tensor:
        """One token, as :meth:`CausalAttention.step`."""
        return self._finish(x + self.attention.step(self.attention_norm(x), keys, values, position, seen))

    def _finish(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = x + self.perceptron(self.perceptron_norm(x))
        return y


class Decoder(nn.Module):
    """Tokens ``(batch, tokens)``, at most ``max_tokens`` → logits ``(batch, tokens, vocabulary)`` of each next token.

    :meth:`prefill` and :meth:`decode` compute the same with a cache.
    """

    def __init__(
        self, vocabulary: int, max_tokens: int, features: int, heads: int, hidden_features: int, layers: int
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, features)
        self.position = nn.Parameter(torch.randn(max_tokens, features))
        self.layers = nn.ModuleList(DecoderLayer(features, heads, hidden_features) for _ in range(layers))
        self.norm = nn.LayerNorm(features)
        self.vocabulary = nn.Linear(features, vocabulary)
        scale_weights(self)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embedding(tokens) + self.position[: tokens.shape[1]]
        for layer in self.layers:
            x, _, _ = layer(x)
        logits: torch.Tensor = self.vocabulary(self.norm(x))
        return logits

    def prefill(self, tokens: torch.Tensor) -> tuple[torch.Tensor, Cache]:
        """The prompt at once: logits ``(batch, 1, vocabulary)`` of the token after it, and its cache."""
        x = self.embedding(tokens) + self.position[: tokens.shape[1]]
        rows = [0, 0, 0, self.position.shape[0] - tokens.shape[1]]
        keys, values = [], []
        for layer in self.layers:
            x, key, value = layer(x)
            # One dtype from the first to the last step, whatever an operation computes in.
            keys.append(functional.pad(key.to(self.position.dtype), rows))
            values.append(functional.pad(value.to(self.position.dtype), rows))
        position = torch.full((1,), tokens.shape[1], dtype=torch.int64, device=tokens.device)
        return self.vocabulary(self.norm(x[:, -1:])), (torch.stack(keys), torch.stack(values), position)

    def decode(self, token: torch.Tensor, cache: Cache) -> tuple[torch.Tensor, Cache]:
        """One more token, ``(batch, 1)``: the logits ``(batch, 1, vocabulary)`` after it, and the cache with it.

        Keys and values are written in place at the cache's position. The same call again writes the same.
        """
        keys, values, position = cache
        x = self.embedding(token) + self.position[position]
        seen = torch.arange(self.position.shape[0], device=token.device)[None] <= position
        for number, layer in enumerate(cast("Iterable[DecoderLayer]", self.layers)):
            x = layer.step(x, keys[number], values[number], position, seen)
        return self.vocabulary(self.norm(x)), (keys, values, position + 1)
