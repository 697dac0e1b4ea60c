"""How much is known of a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.report_card.checks.made_up import part, scattering, series


def test_a_share_knows_how_little_it_knows() -> None:
    figures = part("figures")
    # Clopper and Pearson's exact interval of none in sixty ends at 1 - 0.025^(1/60).
    assert figures.Share(0, 60).interval == pytest.approx((0, 1 - 0.025 ** (1 / 60)))
    assert figures.Share(0, 0).interval == (0, 1)


def test_only_trials_in_order_can_prove_a_goal() -> None:
    figures = part("figures")
    goal = figures.Goal("≥ 80 %", 0.8)
    assert goal.stated(figures.Share(400, 400)) == "≥ 80 %: yes"
    assert goal.stated(figures.Share(4, 4)) == "≥ 80 %: yes, but so few trials cannot prove it"
    assert goal.stated(figures.Share(0, 40)) == "≥ 80 %: no"
    assert goal.stated(figures.Share(0, 0)) == "≥ 80 %: not recorded"
    redrawn = figures.Redrawn(0.9, 0.85, 0.95, 40)
    assert goal.stated(redrawn) == "≥ 80 %: yes, as far as 40 recorded epochs tell"
    assert goal.stated(figures.Redrawn(0.9, 0.7, 0.95, 40)) == (
        "≥ 80 %: yes, but the interval holds both, as far as 40 recorded epochs tell"
    )
    assert figures.Goal("≤ 1 %", high=0.01).stated(figures.Simulated(0, 400, 40)) == (
        "≤ 1 %: yes, as far as 40 recorded epochs tell"
    )
    # An interval around a goal that has two ends proves nothing.
    assert figures.Goal("middle", 0.92, 0.98).stated(figures.Share(95, 100)).endswith("cannot prove it")


def test_redrawing_knows_no_more_than_its_epochs() -> None:
    drawn = part("series").redrawn
    share = part("figures").Share

    def positive(cases: Sequence[Any], positions: np.ndarray) -> Any:
        return share.over(bool(one.effects[place] > 0) for one in cases for place in positions)

    few, many = (drawn(positive, scattering(1.0, epochs=epochs), 400) for epochs in (20, 320))
    assert few.high - few.low > 2 * (many.high - many.low) > 0
    # Twice the repetitions do not narrow it.
    again = drawn(positive, scattering(1.0, epochs=20), 800)
    assert again.high - again.low == pytest.approx(few.high - few.low, rel=0.2)
    alike = drawn(positive, scattering(0.0, effect=1.0), 20)
    assert str(alike) == "100.0 % (no interval: all alike)"


def test_blocks_keep_what_follows_each_other_together() -> None:
    drawn = part("series")
    positions = drawn.blocks(60, 24, np.random.default_rng(1))
    for start in range(0, 24, drawn.BLOCK):
        block = positions[start : start + drawn.BLOCK]
        assert ((block[1:] - block[:-1]) % 60 == 1).all()
    run = drawn.drawn_run(scattering(1.0, cases=3), 7, 24, np.random.default_rng(1))
    # Three cases meet the same epochs, their copies others.
    assert len({one.workload for one, _ in run[:3]}) == 3
    assert all((places == run[0][1]).all() for _, places in run[:3])
    assert not (run[3][1] == run[0][1]).any()


def test_a_recording_tells_how_much_its_epochs_are_alike() -> None:
    cases = scattering(0.01, cases=6, epochs=200)
    shock = np.random.default_rng(2).normal(0, 0.01, 200)
    shaken = tuple(series(one.effects + shock) for one in cases)
    slow = tuple(series(np.repeat(one.effects[:50], 4)) for one in cases)
    assert part("series").mutual(cases)[0] == pytest.approx(0, abs=0.1)
    assert part("series").mutual(shaken)[0] == pytest.approx(0.5, abs=0.15)
    assert part("series").serial(cases)[0] == pytest.approx(0, abs=0.1)
    assert part("series").serial(slow)[0] > 0.6
