"""The report card's own parts: its store, its judge on made-up epochs, other tools' rules, and one real epoch."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

FOLDER = Path(__file__).parent / "report_card"
PARTS = ("recording", "judge", "pictures", "peers", "record", "whole", "card")


@pytest.fixture(scope="module", autouse=True)
def card_folder() -> Iterator[None]:
    """Its modules import each other by their bare names, as a folder that Python runs does."""
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))
    for name in PARTS:
        sys.modules.pop(name, None)


def part(name: str) -> ModuleType:
    return importlib.import_module(name)


def made_up(store_folder: Path, epochs: int, *, sigma: float = 0.01) -> object:
    """A store of epochs of three cases whose extra work is what it claims to be."""
    recording = part("recording")
    rng = np.random.default_rng(1)
    store = recording.Store(store_folder)
    for number in range(1, epochs + 1):
        records = []
        for workload in ("one", "two", "three"):
            for percent in (0, 3, 5):
                effect = rng.normal(math.log1p(percent / 100), sigma)
                process = rng.normal(0, 0.08)
                base = tuple(float(x) for x in (1e6 * np.exp(process + rng.gamma(1, 0.02, 30))).round())
                new = tuple(float(x) for x in (1e6 * np.exp(process + effect + rng.gamma(1, 0.02, 30))).round())
                records.append(recording.Record(workload, percent, effect, effect, 2.0, (30, 30), (base, new)))
        machine = {"cpu_model": "made up"}
        store.write(recording.RecordedEpoch("quiet", number, "2026-01-01T00:00:00", 9.0, machine, tuple(records)))
    return store


@given(st.lists(st.floats(1, 1e9), min_size=1, max_size=700))
def test_thinned_samples_are_some_of_them_in_order_with_the_smallest(samples: list[float]) -> None:
    recording = part("recording")
    thinned = recording.thin(samples)
    assert len(thinned) == min(len(samples), recording.MOST_SAMPLES)
    rest = iter(samples)
    assert all(one in rest for one in thinned)
    assert min(thinned) == min(samples)


def test_a_recording_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    store = made_up(tmp_path, 2)
    epochs = store.read("quiet")
    assert [epoch.number for epoch in epochs] == [1, 2]
    assert store.next_number("quiet") == 3
    assert made_up(tmp_path, 2).read("quiet") == epochs
    (tmp_path / "quiet" / "epoch-0003.json.partial").write_text("cut")
    assert store.read("quiet") == epochs
    assert store.conditions() == ["quiet"]


def test_a_damaged_epoch_is_named(tmp_path: Path) -> None:
    store = made_up(tmp_path, 2)
    damaged = tmp_path / "quiet" / "epoch-0002.json.gz"
    damaged.write_bytes(damaged.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"epoch-0002.json.gz is no recorded epoch"):
        store.read("quiet")


def test_the_judge_finds_what_is_there_and_nothing_else(tmp_path: Path) -> None:
    judge = part("judge")
    found = judge.series_of(made_up(tmp_path, 20).read("quiet"))
    rule = judge.default_rule()
    still = [one for one in found if not one.extra_percent]
    assert len(still) == 3
    for unrest in judge.UNRESTS:
        assert judge.false_alarms(still, rule, unrest, suspects=20, runs=10).count == 0
    for one in found:
        if one.extra_percent == 5:
            assert judge.power(one, rule).redrawn.value > 0.9
            assert math.expm1(one.calibrated) == pytest.approx(0.05, abs=0.02)
    wild = [judge.Series("wild", 0, np.full(20, 0.1), np.full(20, 0.1), 2.0, 1e6)]
    assert judge.power(wild[0], rule).in_order.value == 1


def test_a_share_knows_how_little_it_knows() -> None:
    judge = part("judge")
    # Clopper and Pearson's exact interval of none in sixty ends at 1 - 0.025^(1/60).
    assert judge.Share(0, 60).interval == pytest.approx((0, 1 - 0.025 ** (1 / 60)))
    assert judge.Share(0, 0).interval == (0, 1)


def test_pytest_benchmark_speaks_for_itself() -> None:
    peers = part("peers")
    calm = tuple(1e6 + place for place in range(30))
    slower = tuple(1.2 * one for one in calm)
    pairs = [peers.Pair(0, calm, calm), peers.Pair(5, calm, slower), peers.Pair(0, slower, calm)]
    _, _, alarms, _ = peers._pytest_benchmark("median:5%")
    assert alarms(pairs) == [False, True, False]


def test_benchstat_takes_any_difference_for_one() -> None:
    peers = part("peers")
    rng = np.random.default_rng(3)
    base, new = (tuple(rng.normal(scale, 1, 60)) for scale in (1000, 1002))
    assert peers._benchstat([peers.Pair(0, base, new), peers.Pair(0, base, base)]) == [True, False]


@pytest.mark.slow
def test_an_epoch_is_recorded_for_real(tmp_path: Path) -> None:
    recording, record = part("recording"), part("record")
    store = recording.Store(tmp_path)
    assert record.record(store, minutes=5, extra_percent="0,30", only="tiny_ops", most=2) == 2
    epochs = store.read("quiet")
    assert [epoch.number for epoch in epochs] == [1, 2]
    slowed = [one for epoch in epochs for one in epoch.records if one.extra_percent == 30]
    assert all(one.effect > 0.05 and one.calls[0] > 10 for one in slowed)
    assert len(epochs[0].records) == 2
