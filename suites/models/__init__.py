"""The built-in models. Importing this needs no torch: each one imports what it needs when it is built.

No weights are downloaded. They are drawn from torch's global random state, which the instrument seeds before every
build, and initialized so that outputs are of order one and batch norms have work to do.
"""

from __future__ import annotations

from paceline.fixtures.preparation.axes import Model
from paceline.suites.models import cifar, classic, decoder, scene, sequence, vision

MODELS: tuple[Model, ...] = (
    *classic.MODELS,
    *cifar.MODELS,
    *sequence.MODELS,
    *decoder.MODELS,
    *vision.MODELS,
    *scene.MODELS,
)
