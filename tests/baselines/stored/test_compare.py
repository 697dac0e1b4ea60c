"""Comparison with a stored baseline: every case comes out with the one right verdict, and a sentence with numbers."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.judgement.gate import exit_code
from paceline.baselines.judgement.verdicts import Comparison, Judgement, Policy, Verdict
from paceline.baselines.records import (
    Cause,
    Fingerprint,
    Metric,
    NotMeasured,
)
from paceline.baselines.records.metrics import LATENCY, PARAMETERS, PREPARATION, SIZE, THROUGHPUT, TOP1_AGREEMENT
from paceline.baselines.stored.compare import compare
from tests.builders import MACHINE, STEADY, make_baseline, make_case, make_entry, make_measured, make_run

POLICY = Policy()


def only(judgement: Judgement) -> Comparison:
    (comparison,) = judgement.comparisons
    return comparison


@pytest.mark.parametrize(
    ("value", "verdict", "is_worse", "reason"),
    [
        (
            100.5,
            Verdict.NO_CHANGE_SEEN,
            True,
            "+0.5 % (−1.9 … +2.9 %) is what unchanged code does (−3.9 … +4.1 % in 99 of 100 runs); "
            "would have found ≥ 4.9 %",
        ),
        (
            120.0,
            Verdict.SUSPECT,
            True,
            "+20.0 % (+17.2 … +22.9 %) lies beyond the 2 % band and what unchanged code does (−3.9 … +4.1 %); "
            "would have found ≥ 4.9 %; only an A/B in one session can convict",
        ),
        (
            80.0,
            Verdict.SUSPECT,
            False,
            "−20.0 % (−21.9 … −18.1 %) lies beyond the 2 % band and what unchanged code does (−3.9 … +4.1 %); "
            "would have found ≥ 4.9 %; only an A/B in one session can convict",
        ),
    ],
)
def test_timing_is_suspect_or_not_and_never_convicted(
    value: float, verdict: Verdict, is_worse: bool, reason: str
) -> None:
    found = only(compare(make_baseline(make_entry("a")), make_run(make_measured("a", value)), POLICY))
    assert found.verdict is verdict
    assert found.is_worse is is_worse
    assert found.ratio is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.ratio < found.high
    assert found.detectable is not None
    assert 0.02 < found.detectable < 0.1
    assert found.base == pytest.approx(100, rel=1e-3)
    assert found.base_estimates == STEADY
    assert found.reason == reason


def test_of_a_rate_less_is_worse() -> None:
    found = only(
        compare(
            make_baseline(make_entry("a", metric=THROUGHPUT)), make_run(make_measured("a", 80.0, THROUGHPUT)), POLICY
        )
    )
    assert (found.verdict, found.is_worse) == (Verdict.SUSPECT, True)


def test_a_change_within_the_band_of_its_case_is_no_suspect() -> None:
    steady = (100.0, 100.01, 99.99, 100.005, 99.995)
    base, new = make_baseline(make_entry("a", steady)), make_run(make_measured("a", 101.5))
    found = only(compare(base, new, POLICY))
    assert found.verdict is Verdict.NO_CHANGE_SEEN
    assert "more than chance but within the 2 % band" in found.reason
    narrow = Policy(bands={"b-*": 0.5, "a-*": 0.01, "*": 0.5})
    assert only(compare(base, new, narrow)).verdict is Verdict.SUSPECT


def test_a_change_below_the_resolution_is_no_suspect() -> None:
    coarse = Metric("peak", "B", "lower", "sampled", resolution=10.0)
    steady = (100.0, 100.01, 99.99, 100.005, 99.995)
    assert only(
        compare(make_baseline(make_entry("a", steady, coarse)), make_run(make_measured("a", 109.0, coarse)), POLICY)
    ).verdict is (Verdict.NO_CHANGE_SEEN)
    assert only(
        compare(make_baseline(make_entry("a", steady, coarse)), make_run(make_measured("a", 111.0, coarse)), POLICY)
    ).verdict is (Verdict.SUSPECT)


def test_without_a_noise_model_the_command_to_get_one_is_named() -> None:
    found = only(compare(make_baseline(make_entry("a", (100.0,))), make_run(make_measured("a", 300.0)), POLICY))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "--pace-save main saves five" in found.reason
    assert (found.ratio, found.low) == (3.0, None)


def test_cases_lend_each_other_their_noise() -> None:
    restless = [make_entry(f"r{number}", (100.0, 130.0, 80.0, 115.0, 90.0)) for number in range(12)]
    calm = make_entry("calm", (100.0, 100.1, 99.9, 100.0, 100.05))
    alone = only(compare(make_baseline(calm), make_run(make_measured("calm", 103.0)), POLICY))
    among = next(
        one
        for one in compare(make_baseline(calm, *restless), make_run(make_measured("calm", 103.0)), POLICY).comparisons
        if one.case == make_case("calm")
    )
    assert alone.detectable is not None
    assert among.detectable is not None
    assert among.detectable > 2 * alone.detectable


def test_an_estimate_of_zero_has_no_ratio() -> None:
    found = only(compare(make_baseline(make_entry("a", (0.0, 0.0))), make_run(make_measured("a", 5.0)), POLICY))
    assert (found.verdict, found.ratio) == (Verdict.INCONCLUSIVE, None)
    assert "0 ns" in found.reason


@pytest.mark.parametrize(
    ("metric", "base", "new", "verdict", "ratio"),
    [
        (PARAMETERS, 1000.0, 1000.0, Verdict.UNCHANGED, 1.0),
        (PARAMETERS, 1000.0, 1001.0, Verdict.REGRESSED, 1.001),
        (PARAMETERS, 1000.0, 999.0, Verdict.IMPROVED, 0.999),
        (TOP1_AGREEMENT, 1.0, 0.991, Verdict.UNCHANGED, 0.991),
        (TOP1_AGREEMENT, 1.0, 0.99, Verdict.UNCHANGED, 0.99),
        (TOP1_AGREEMENT, 1.0, 0.98, Verdict.REGRESSED, 0.98),
        (TOP1_AGREEMENT, 0.5, 0.6, Verdict.IMPROVED, 1.2),
        (SIZE, 0.0, 0.0, Verdict.UNCHANGED, None),
        (SIZE, 0.0, 1.0, Verdict.REGRESSED, None),
        (TOP1_AGREEMENT, 0.0, 0.1, Verdict.IMPROVED, None),
        (SIZE, 5.0, 0.0, Verdict.IMPROVED, None),
    ],
)
def test_what_does_not_scatter_is_judged_at_once(
    metric: Metric, base: float, new: float, verdict: Verdict, ratio: float | None
) -> None:
    found = only(
        compare(make_baseline(make_entry("a", (base,), metric)), make_run(make_measured("a", new, metric)), POLICY)
    )
    assert found.verdict is verdict
    assert found.ratio == (None if ratio is None else pytest.approx(ratio))
    assert (found.base, found.new) == (base, new)
    assert found.reason


def test_a_metric_that_changed_its_meaning_is_not_compared() -> None:
    in_ms = dataclasses.replace(LATENCY, unit="ms")
    found = only(compare(make_baseline(make_entry("a")), make_run(make_measured("a", 0.1, in_ms)), POLICY))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "sampled in ns, lower is better to sampled in ms" in found.reason
    shown = dataclasses.replace(LATENCY, rule="shown")
    assert (
        only(compare(make_baseline(make_entry("a")), make_run(make_measured("a", 100.0, shown)), POLICY)).ratio is None
    )


def test_a_missing_value_of_a_shown_metric_is_stated() -> None:
    absent = NotMeasured(make_case("b"), PREPARATION, Cause.NO_COMPILER, "no g++")
    found = only(compare(make_baseline(), make_run(make_measured("a", 1.0, PREPARATION), absent), POLICY))
    assert found.verdict is Verdict.NOT_MEASURED
    assert found.reason == "no compiler: no g++"


def test_no_baseline_and_none_of_this_case() -> None:
    new = make_run(make_measured("a", 1.0))
    without = compare(None, new, POLICY)
    assert only(without).verdict is Verdict.NO_BASELINE
    assert (without.baseline, without.save, without.differences) == ("", None, ())
    assert only(compare(make_baseline(), new, POLICY)).verdict is Verdict.NO_BASELINE


def test_each_comparison_knows_the_save_of_its_value() -> None:
    base = make_baseline(
        make_entry("a"), dataclasses.replace(make_entry("b"), save=1), dataclasses.replace(make_entry("c"), save=1)
    )
    base = dataclasses.replace(base, saves=(*base.saves, dataclasses.replace(base.saves[0], revision="second")))
    found = compare(
        base, make_run(make_measured("a", 100.0), make_measured("b", 200.0), make_measured("d", 1.0)), POLICY
    )
    saves = {one.case.model: one.save and one.save.revision for one in found.comparisons}
    assert saves == {"a": "abc", "b": "second", "c": "second", "d": None}


def test_another_machine_is_refused_naming_the_fields() -> None:
    elsewhere = Fingerprint({"cpu": "y", "gpu": "z"}, {"kernel": "7"})
    absent = NotMeasured(make_case("b"), LATENCY, Cause.TIMED_OUT, "60 s")
    found = compare(
        make_baseline(make_entry("a"), make_entry("b")),
        make_run(make_measured("a", 1.0), absent, fingerprint=elsewhere),
        POLICY,
    )
    assert [one.verdict for one in found.comparisons] == [Verdict.NOT_MEASURED, Verdict.REFUSED]
    reason = "the baseline was made on another kind of machine: cpu (x → y), gpu (not recorded → z)"
    assert found.comparisons[1].reason == reason
    assert [one.field for one in found.differences] == ["cpu", "gpu", "kernel"]
    assert exit_code(found, POLICY) == 11


def test_another_kernel_is_stated_and_does_not_refuse() -> None:
    new = make_run(make_measured("a", 100.0), fingerprint=dataclasses.replace(MACHINE, details={"kernel": "7"}))
    found = compare(make_baseline(make_entry("a")), new, POLICY)
    assert only(found).verdict is Verdict.NO_CHANGE_SEEN
    assert [one.field for one in found.differences] == ["kernel"]


def test_the_worst_comes_first() -> None:
    names = ("faster", "fastest", "slower", "slowest", "same", "gone", "b")
    base = make_baseline(make_entry("z", (10.0,), PARAMETERS), *map(make_entry, names))
    new = make_run(
        make_measured("new", 1.0),
        make_measured("same", 100.0),
        make_measured("faster", 50.0),
        make_measured("fastest", 40.0),
        make_measured("slower", 200.0),
        make_measured("slowest", 300.0),
        make_measured("z", 11.0, PARAMETERS),
        make_measured("b", 100.0),
    )
    found = compare(base, new, POLICY).comparisons
    assert [one.case.model for one in found] == [
        *("z", "slowest", "slower", "faster", "fastest", "gone", "b", "same", "new")
    ]


VALUES = st.floats(0, 1e300)
ESTIMATES = st.lists(VALUES, min_size=1, max_size=4).map(tuple)


@given(
    st.dictionaries(st.sampled_from("abcdef"), ESTIMATES),
    st.dictionaries(st.sampled_from("abcdef"), VALUES),
    st.sampled_from([LATENCY, THROUGHPUT, SIZE, TOP1_AGREEMENT]),
)
def test_nothing_is_lost_and_every_number_is_a_number(
    base: dict[str, tuple[float, ...]], new: dict[str, float], metric: Metric
) -> None:
    judgement = compare(
        make_baseline(*(make_entry(name, estimates, metric) for name, estimates in base.items())),
        make_run(*(make_measured(name, value, metric) for name, value in new.items())),
        POLICY,
    )
    assert {one.case.model for one in judgement.comparisons} == base.keys() | new.keys()
    assert len(judgement.comparisons) == len(base.keys() | new.keys())
    for one in judgement.comparisons:
        assert one.reason
        numbers = (one.base, one.new, one.ratio, one.low, one.high, one.detectable)
        assert all(number is None or math.isfinite(number) for number in numbers)
        if metric.rule == "sampled":
            assert one.verdict not in (Verdict.REGRESSED, Verdict.IMPROVED, Verdict.UNCHANGED)
