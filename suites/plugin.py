"""Registers the built-in models and optimizations: the first implementation of paceline's own hooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from paceline.fixtures.preparation.axes import Model, Optimization

SUITES = Path(__file__).parent


def pytest_paceline_models(config: pytest.Config) -> Sequence[Model]:
    from paceline.suites.models import MODELS

    return MODELS


def pytest_paceline_optimizations(config: pytest.Config) -> Sequence[Optimization]:
    from paceline.suites.optimizations import OPTIMIZATIONS

    return OPTIMIZATIONS


def pytest_paceline_pairs(config: pytest.Config, tier: str, suite: str, path: Path) -> Mapping[str, Sequence[str]]:
    from paceline.suites.models import MODELS
    from paceline.suites.tiers import pairs

    if path.parent.resolve() == SUITES.resolve():
        return pairs(tier, suite)
    # Elsewhere a user's own models are the subject; the built-in ones run when asked for by name.
    return {model.name: () for model in MODELS}
