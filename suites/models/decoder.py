"""A decoder-only language model with a cache of keys and values: prefill and decode are measured apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paceline.fixtures.preparation.axes import Model

if TYPE_CHECKING:
    import torch

VOCABULARY = 10_000
PROMPT_TOKENS = 64
NEW_TOKENS = 32


def _tiny_decoder() -> torch.nn.Module:
    from paceline.suites.models.decoder_modules import Decoder

    return Decoder(
        VOCABULARY, max_tokens=PROMPT_TOKENS + NEW_TOKENS, features=128, heads=4, hidden_features=512, layers=2
    )


def _prompt(batch_size: int) -> torch.Tensor:
    """Token numbers, ``(batch_size, 64)``, int64."""
    import torch

    return torch.randint(VOCABULARY, (batch_size, PROMPT_TOKENS))


MODELS = (
    Model(
        "tiny_decoder",
        build=_tiny_decoder,
        inputs=_prompt,
        new_tokens=NEW_TOKENS,
        description="Decoder-only language model with a key-value cache: 10,000 tokens, two pre-norm layers (128 wide, "
        "4 heads); a prompt of 64 tokens, 32 new ones. Its plain call gives the logits of the whole prompt.",
    ),
)
