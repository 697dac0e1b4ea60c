from __future__ import annotations

import pytest

from paceline.baselines.text.hints import meant, nearest


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("resnet81", "did you mean 'resnet18'?"),
        ("lpm", "did you mean 'mlp'?"),
        ("transformer", "known: mlp, resnet18"),
        ("", "known: mlp, resnet18"),
    ],
)
def test_the_nearest_name_is_suggested_and_else_all_are_listed(name: str, said: str) -> None:
    assert meant(name, ["mlp", "resnet18"]) == said


def test_however_unlike_one_is_the_nearest_where_it_must_be() -> None:
    assert nearest("zzz", ["main", "nightly"]) is None
    assert nearest("zzz", ["main", "nightly"], likeness=0.0) in ("main", "nightly")
    assert nearest("zzz", []) is None
