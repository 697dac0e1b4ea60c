"""The project in the working directory: its settings, and the folders that it keeps baselines and runs in."""

from __future__ import annotations

import argparse
from pathlib import Path

from paceline.baselines.settings import Settings, load_settings
from paceline.reports.outputs import OUTPUTS


def project_settings() -> Settings:
    """``[tool.paceline]`` of ``./pyproject.toml``. Raises what :func:`load_settings` raises."""
    return load_settings(Path(), OUTPUTS)


def add_folder(parser: argparse.ArgumentParser, name: str) -> None:
    """Add the option that says where ``name`` ("baselines", "runs") are stored."""
    parser.add_argument(
        f"--{name}",
        metavar="FOLDER",
        help=f"where {name} are stored (default: {name!r} in [tool.paceline] of ./pyproject.toml, or .paceline/{name})",
    )


def folder_of(options: argparse.Namespace, name: str) -> Path:
    """Where ``name`` ("baselines", "runs") are stored: as said, or as the project here has set it, or the default."""
    said: str | None = getattr(options, name)
    return Path(getattr(project_settings(), name) if said is None else said)
