"""The code that the small benchmarks measure. ``make_data.py`` changes the constants between two revisions."""

import torch

WIDTH = 256
MODELS = ("net", "older")
REFUSES_COPY = False


def build():
    layers = [layer for _ in range(3) for layer in (torch.nn.Linear(WIDTH, WIDTH), torch.nn.ReLU())]
    return torch.nn.Sequential(*layers)


def inputs(batch_size):
    return torch.randn(16 * batch_size, WIDTH)


class Speaker(torch.nn.Module):
    """The mean of all embeddings so far decides the next token."""

    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(50, WIDTH)
        self.head = torch.nn.Linear(WIDTH, 50)

    def forward(self, tokens):
        return self.prefill(tokens)[0]

    def prefill(self, tokens):
        seen = self.embedding(tokens)
        return self.head(seen.mean(1)), seen

    def decode(self, token, cache):
        seen = torch.cat([cache, self.embedding(token)], dim=1)
        return self.head(seen.mean(1)), seen
