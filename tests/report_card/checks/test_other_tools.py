"""Other tools' rules on the same recordings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.report_card.checks.made_up import FOLDER, made_up, part


def pair(*, base: Sequence[Sequence[float]], new: Sequence[Sequence[float]], run: int = 0) -> Any:
    return part("peers").Pair("one", 0, run, (0, 1), tuple(map(tuple, base)), tuple(map(tuple, new)))


def test_a_stored_result_is_older_than_the_later_one(tmp_path: Path) -> None:
    peers = part("peers")
    epochs = made_up(tmp_path, 12).read("quiet")
    pairs = peers.pairs_of(epochs, processes=3, most=4)
    assert sorted({one.epochs[0] for one in pairs}) == [0, 2, 4, 6]
    for one in pairs:
        assert one.epochs == tuple(range(one.epochs[0], one.epochs[0] + 6))
        recorded = [
            record.samples
            for place in one.epochs
            for record in epochs[place].records
            if (record.workload, record.extra_percent) == (one.workload, one.extra_percent)
        ]
        assert one.base == tuple(base for base, _ in recorded[:3])
        assert one.new == tuple(new for _, new in recorded[3:])
    assert peers.pairs_of(epochs, processes=7, most=4) == []


def test_pytest_benchmark_speaks_for_itself() -> None:
    peers = part("peers")
    calm = [1e6 + place for place in range(30)]
    slower = [1.2 * one for one in calm]
    interrupted = [*calm[:-1], 3e6]
    pairs = [pair(base=[calm], new=[one]) for one in (calm, slower, interrupted)] + [pair(base=[slower], new=[calm])]
    for expression, alarms in (("min:5%", [1]), ("median:5%", [1]), ("mean:5%", [1, 2])):
        rule = peers.pytest_benchmark(expression)
        assert rule.alarms(pairs) == [place in alarms for place in range(4)]
        assert [rule.score(one) > rule.threshold for one in pairs] == rule.alarms(pairs)


def test_benchstat_takes_one_value_a_process() -> None:
    rule = part("peers").benchstat()
    rng = np.random.default_rng(3)
    old, new = rng.normal(1000, 1, (2, 10, 50))
    # Each process is another mean; within it the samples hardly scatter, and that counts for nothing.
    layout = rng.normal(0, 30, (2, 10, 1))
    assert rule.alarms([pair(base=old + layout[0], new=new + layout[1] + 2)]) == [False]
    assert rule.alarms([pair(base=old, new=new + 20), pair(base=old, new=old)]) == [True, False]
    assert rule.alarms([pair(base=old[:1], new=new[:1] + 100)]) == [False]


def test_asv_asks_for_a_factor_and_a_p(tmp_path: Path) -> None:
    rule = part("peers").asv_continuous(FOLDER.parents[1] / ".paceline" / "peers")
    if rule is None:
        pytest.skip("asv is not installed: make .paceline/peers/.installed")
    rng = np.random.default_rng(3)
    old, new = rng.normal(1000, 5, (2, 2, 50))
    scattered = rng.normal(1000, 400, (2, 50)) ** 2
    pairs = [pair(base=old, new=1.2 * new), pair(base=old, new=1.05 * new), pair(base=scattered, new=1.2 * scattered)]
    assert rule.alarms(pairs) == [True, False, False]
    assert rule.score(pairs[2]) == -math.inf


def test_the_slow_down_needed_follows_from_the_threshold() -> None:
    peers = part("peers")
    rule = peers.pytest_benchmark("median:5%")
    moves = [0.0, 0.01, -0.02, 0.03, 0.2]
    pairs = [pair(base=[[1e6] * 5], new=[[1e6 * math.exp(one)] * 5], run=run) for run, one in enumerate(moves)]
    threshold, needed = peers.slow_down_needed(rule, pairs, 0.0)
    assert threshold == pytest.approx(0.2)
    assert not any(rule.score(one) > threshold for one in pairs)
    # Of five pairs four are found once the second slowest to be found is, which moved by 0.
    assert math.log1p(needed) == pytest.approx(0.2, abs=0.001)
    # At a rate of one run in five the worst may alarm.
    assert peers.threshold_at(rule, pairs, 0.2) == pytest.approx(0.03)
    assert peers.alarmed_runs(pairs, [False, True, False, False, True]) == (2, 5)
    assert peers.over_cases(pairs, [True, False, False, False, False], 20).value == pytest.approx(0.2)
