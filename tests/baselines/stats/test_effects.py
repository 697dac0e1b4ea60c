"""The effect of one epoch."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.records import Build, Epoch, Metric, Turn
from paceline.baselines.records.metrics import LATENCY, SIZE, THROUGHPUT
from paceline.baselines.stats.effects import epoch_effect
from paceline.baselines.stats.samples import estimate
from tests.builders import make_case, make_epoch

CASE = make_case("mlp", "bf16")
SAMPLE = st.floats(1e-3, 1e12)
SAMPLES = st.lists(SAMPLE, min_size=1, max_size=6).map(tuple)
TURNS = st.lists(st.builds(Turn, SAMPLES, SAMPLES), min_size=1, max_size=6).map(tuple)


def epoch(turns: tuple[Turn, ...], metric: Metric = LATENCY) -> Epoch:
    return make_epoch(CASE, turns, metric=metric)


def test_the_effect_of_an_epoch_worked_out() -> None:
    turns = (
        Turn((100.0, 104.0, 108.0, 112.0, 300.0), (110.0, 114.4, 118.8, 123.2, 110.0)),  # 104 → 110
        Turn((100.0,), (120.0,)),
        Turn((100.0,), (90.0,)),
    )
    assert epoch_effect(epoch(turns)) == pytest.approx(math.log(110 / 104))
    assert epoch_effect(epoch(turns[1:])) == pytest.approx((math.log(1.2) + math.log(0.9)) / 2)


def test_builds_count_alike_however_many_turns_they_have() -> None:
    short = Build((Turn((100.0,), (120.0,)),))
    long = Build(tuple(Turn((100.0,), (new,)) for new in (90.0, 90.0, 300.0, 80.0, 110.0)))
    both = Epoch(CASE, LATENCY, 1, (short, long))
    assert epoch_effect(both) == pytest.approx((math.log(1.2) + math.log(0.9)) / 2)


@given(st.lists(TURNS, min_size=1, max_size=4))
def test_the_effect_of_an_epoch_is_the_mean_of_its_builds(builds: list[tuple[Turn, ...]]) -> None:
    alone = [epoch_effect(epoch(turns)) for turns in builds]
    together = Epoch(CASE, LATENCY, 1, tuple(Build(turns) for turns in builds))
    assert epoch_effect(together) == pytest.approx(math.fsum(alone) / len(alone))


def test_of_a_rate_the_upper_quartile_counts() -> None:
    turns = (Turn((1.0, 2.0, 3.0, 4.0, 5.0), (2.0, 4.0, 6.0, 8.0, 10.0)),)
    assert epoch_effect(epoch(turns, THROUGHPUT)) == pytest.approx(math.log(2))
    assert estimate(THROUGHPUT, turns[0].base) == 4


@given(TURNS, st.sampled_from([LATENCY, THROUGHPUT, SIZE]), st.floats(1e-3, 1e3))
def test_the_unit_changes_no_effect_and_swapped_sides_negate_it(
    turns: tuple[Turn, ...], metric: Metric, factor: float
) -> None:
    effect = epoch_effect(epoch(turns, metric))
    scaled = tuple(Turn(*(tuple(factor * one for one in side) for side in (turn.base, turn.new))) for turn in turns)
    assert epoch_effect(epoch(scaled, metric)) == pytest.approx(effect, abs=1e-9)
    assert epoch_effect(epoch(tuple(Turn(turn.new, turn.base) for turn in turns), metric)) == -effect


@given(TURNS, st.randoms(use_true_random=False))
def test_the_order_of_turns_does_not_matter(turns: tuple[Turn, ...], random: object) -> None:
    shuffled = list(turns)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert epoch_effect(epoch(tuple(shuffled))) == pytest.approx(epoch_effect(epoch(turns)))


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_without_a_ratio_the_place_is_named(value: float) -> None:
    message = f"mlp-bf16-cpu-b1 latency_ns, epoch 1: an estimate is {value:g} ns, so that there is no ratio"
    with pytest.raises(ValueError, match=message):
        epoch_effect(epoch((Turn((1.0,), (2.0,)), Turn((1.0,), (value,)))))


@pytest.mark.parametrize("turns", [(), (Turn((), (1.0,)),), (Turn((1.0,), (1.0,)), Turn((1.0,), ()))])
def test_an_epoch_without_samples_is_refused(turns: tuple[Turn, ...]) -> None:
    with pytest.raises(ValueError, match="mlp-bf16-cpu-b1 latency_ns, epoch 1: an epoch needs turns"):
        epoch_effect(epoch(turns))
    with pytest.raises(ValueError, match="epoch 1: an epoch needs turns"):
        epoch_effect(Epoch(CASE, LATENCY, 1, (Build((Turn((1.0,), (1.0,)),)), Build(turns))))


def test_an_epoch_without_builds_is_refused() -> None:
    with pytest.raises(ValueError, match="epoch 1: an epoch needs turns"):
        epoch_effect(Epoch(CASE, LATENCY, 1, ()))
