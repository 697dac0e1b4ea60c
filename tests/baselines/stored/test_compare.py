"""Comparison, gate and notes: every case comes out with the one right verdict, and a sentence with numbers."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.judgement.gate import blocks, exit_code
from paceline.baselines.judgement.notes import analyse, analyse_measured
from paceline.baselines.judgement.verdicts import Comparison, Judgement, Policy, Verdict
from paceline.baselines.records import (
    Baseline,
    Case,
    Cause,
    Entry,
    Fingerprint,
    Level,
    Measured,
    Metric,
    Note,
    NotMeasured,
    Outcome,
    Run,
    Save,
)
from paceline.baselines.records.metrics import LATENCY, PARAMETERS, PREPARATION, SIZE, THROUGHPUT, TOP1_AGREEMENT
from paceline.baselines.stored.compare import compare

MACHINE = Fingerprint({"cpu": "x"}, {"kernel": "6"})
SELECTION = {"tier": "default"}
POLICY = Policy()
STEADY = (100.0, 101.0, 99.0, 100.5, 99.5)


def case(name: str) -> Case:
    return Case(name, "eager", "cpu", 1)


def run(*outcomes: Outcome, **changes: Any) -> Run:
    whole = Run("r9", MACHINE, "def", False, "2025-11-23T00:00:00Z", SELECTION, True, outcomes)
    return dataclasses.replace(whole, **changes)


def baseline(*entries: Entry, selection: dict[str, str] = SELECTION) -> Baseline:
    save = Save("abc", False, "2025-11-22T00:00:00Z", "me", "first", ("r1",), selection)
    return Baseline("main", MACHINE, (save,), entries)


def measured(name: str, value: float, metric: Metric = LATENCY) -> Measured:
    return Measured(case(name), metric, (value,))


def entry(name: str, estimates: tuple[float, ...] = STEADY, metric: Metric = LATENCY) -> Entry:
    return Entry(case(name), metric, estimates, 0)


def only(judgement: Judgement) -> Comparison:
    (comparison,) = judgement.comparisons
    return comparison


@pytest.mark.parametrize(
    ("value", "verdict", "is_worse", "words"),
    [
        (100.5, Verdict.NO_CHANGE_SEEN, True, r"is what unchanged code does .* in 99 of 100 runs.*would have found ≥ "),
        (120.0, Verdict.SUSPECT, True, r"^\+20\.0 % \(\+17\.\d … \+22\.\d %\) lies beyond the 2 % band.*A/B"),
        (80.0, Verdict.SUSPECT, False, r"^−20\.0 % \(−2\d\.\d … −1\d\.\d %\) lies beyond"),
    ],
)
def test_timing_is_suspect_or_not_and_never_convicted(
    value: float, verdict: Verdict, is_worse: bool, words: str
) -> None:
    found = only(compare(baseline(entry("a")), run(measured("a", value)), POLICY))
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
    assert re.search(words, found.reason), found.reason


def test_of_a_rate_less_is_worse() -> None:
    found = only(compare(baseline(entry("a", metric=THROUGHPUT)), run(measured("a", 80.0, THROUGHPUT)), POLICY))
    assert (found.verdict, found.is_worse) == (Verdict.SUSPECT, True)


def test_a_change_within_the_band_is_no_suspect_and_bands_can_be_set_by_case() -> None:
    steady = (100.0, 100.01, 99.99, 100.005, 99.995)
    base, new = baseline(entry("a", steady)), run(measured("a", 101.5))
    found = only(compare(base, new, POLICY))
    assert found.verdict is Verdict.NO_CHANGE_SEEN
    assert "more than chance but within the 2 % band" in found.reason
    narrow = Policy(bands={"b-*": 0.5, "a-*": 0.01, "*": 0.5})
    assert only(compare(base, new, narrow)).verdict is Verdict.SUSPECT


def test_a_change_below_the_resolution_is_no_suspect() -> None:
    coarse = Metric("peak", "B", "lower", "sampled", resolution=10.0)
    steady = (100.0, 100.01, 99.99, 100.005, 99.995)
    assert only(compare(baseline(entry("a", steady, coarse)), run(measured("a", 109.0, coarse)), POLICY)).verdict is (
        Verdict.NO_CHANGE_SEEN
    )
    assert only(compare(baseline(entry("a", steady, coarse)), run(measured("a", 111.0, coarse)), POLICY)).verdict is (
        Verdict.SUSPECT
    )


def test_without_a_noise_model_nothing_is_decided_and_the_command_is_named() -> None:
    found = only(compare(baseline(entry("a", (100.0,))), run(measured("a", 300.0)), POLICY))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "--pace-save main saves five" in found.reason
    assert (found.ratio, found.low) == (3.0, None)


def test_cases_lend_each_other_their_noise() -> None:
    restless = [entry(f"r{number}", (100.0, 130.0, 80.0, 115.0, 90.0)) for number in range(12)]
    calm = entry("calm", (100.0, 100.1, 99.9, 100.0, 100.05))
    alone = only(compare(baseline(calm), run(measured("calm", 103.0)), POLICY))
    among = next(
        one
        for one in compare(baseline(calm, *restless), run(measured("calm", 103.0)), POLICY).comparisons
        if one.case == case("calm")
    )
    assert alone.detectable is not None
    assert among.detectable is not None
    assert among.detectable > 2 * alone.detectable


def test_an_estimate_of_zero_has_no_ratio() -> None:
    found = only(compare(baseline(entry("a", (0.0, 0.0))), run(measured("a", 5.0)), POLICY))
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
    found = only(compare(baseline(entry("a", (base,), metric)), run(measured("a", new, metric)), POLICY))
    assert found.verdict is verdict
    assert found.ratio == (None if ratio is None else pytest.approx(ratio))
    assert (found.base, found.new) == (base, new)
    assert found.reason


def test_a_metric_that_changed_its_meaning_is_not_compared() -> None:
    in_ms = dataclasses.replace(LATENCY, unit="ms")
    found = only(compare(baseline(entry("a")), run(measured("a", 0.1, in_ms)), POLICY))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "sampled in ns, lower is better to sampled in ms" in found.reason
    shown = dataclasses.replace(LATENCY, rule="shown")
    assert only(compare(baseline(entry("a")), run(measured("a", 100.0, shown)), POLICY)).ratio is None


def test_what_is_only_shown_is_not_compared_but_what_is_missing_is_always_said() -> None:
    absent = NotMeasured(case("b"), PREPARATION, Cause.NO_COMPILER, "no g++")
    found = only(compare(baseline(), run(measured("a", 1.0, PREPARATION), absent), POLICY))
    assert found.verdict is Verdict.NOT_MEASURED
    assert found.reason == "no compiler: no g++"


def test_no_baseline_and_none_of_this_case() -> None:
    new = run(measured("a", 1.0))
    without = compare(None, new, POLICY)
    assert only(without).verdict is Verdict.NO_BASELINE
    assert (without.baseline, without.save, without.differences) == ("", None, ())
    assert only(compare(baseline(), new, POLICY)).verdict is Verdict.NO_BASELINE


def test_gone_needs_the_same_selection_and_a_whole_run() -> None:
    base = baseline(entry("a"), entry("b"))
    whole = compare(base, run(measured("a", 100.0)), POLICY)
    assert (whole.comparisons[0].case, whole.comparisons[0].verdict) == (case("b"), Verdict.GONE)
    assert whole.not_selected == 0
    narrow = compare(base, run(measured("a", 100.0), selection={"-k": "a"}), POLICY)
    assert [one.case.model for one in narrow.comparisons] == ["a"]
    assert narrow.not_selected == 1
    cut = compare(base, run(measured("a", 100.0), complete=False), POLICY)
    absent = next(one for one in cut.comparisons if one.case == case("b"))
    assert (absent.verdict, absent.reason) == (Verdict.NOT_MEASURED, "the run was cut before it came to this")
    assert absent.base is not None


@pytest.mark.parametrize(
    ("saved", "requested", "is_requested"),
    [
        ({"args": "suites"}, {"args": "suites"}, True),
        ({"args": "suites/test_a.py::test[x]"}, {"args": "suites"}, True),
        ({"args": "suites/test_a.py::test[x]"}, {"args": "."}, True),
        ({"args": "suites/test_a.py::test[x]"}, {"args": "suites/test_a.py::test"}, True),
        ({"args": "'suites/test_a.py::test[a b]'"}, {"args": "'suites/test_a.py::test[a b]' other"}, True),
        ({"args": "suites"}, {"args": "suites/test_a.py"}, False),
        ({"args": "suites_2"}, {"args": "suites"}, False),
        ({"args": "suites.py"}, {"args": "suites"}, False),
        ({"args": "../elsewhere"}, {"args": "."}, False),
        ({"args": "suites other"}, {"args": "suites"}, False),
        ({"args": "pkg.suites.test_a::test", "pyargs": "True"}, {"args": "pkg.suites", "pyargs": "True"}, True),
        ({"args": "pkg.suites.test_a::test", "pyargs": "True"}, {"args": "pkg.suites"}, False),
        ({"args": "suites", "keyword": "a"}, {"args": "suites"}, True),
        ({"args": "suites", "markers": "fast"}, {"args": "suites", "markers": "fast"}, True),
        ({"args": "suites"}, {"args": "suites", "keyword": "a"}, False),
        ({"args": "suites", "keyword": "a"}, {"args": "suites", "keyword": "b"}, False),
        ({"args": "suites", "tier": "full"}, {"args": "suites"}, False),
        ({"args": "suites", "models": "a"}, {"args": "suites"}, False),
        ({"args": "suites"}, {"args": "suites", "deselected": "4"}, False),
        ({"args": "suites", "deselected": "4"}, {"args": "suites", "deselected": "4"}, True),
        ({"args": "suites", "deselected": "4"}, {"args": "suites"}, True),
        ({"args": "it's", "keyword": "a"}, {"args": "it's"}, True),
    ],
)
def test_gone_is_what_a_run_was_requested_for_by_name_or_by_more(
    saved: dict[str, str], requested: dict[str, str], is_requested: bool
) -> None:
    base = baseline(entry("a"), entry("b"), selection={**SELECTION, **saved})
    found = compare(base, run(measured("a", 100.0), selection={**SELECTION, **requested}), POLICY)
    assert found.not_selected == (not is_requested)
    assert [one.case.model for one in found.comparisons if one.verdict is Verdict.GONE] == ["b"] * is_requested


def test_what_was_accepted_apart_is_gone_as_what_was_saved_first() -> None:
    """Though a run that always leaves out as many tests was asked for more than the second save."""
    first = {**SELECTION, "args": "suites", "markers": "fast", "deselected": "4"}
    later = {**SELECTION, "args": "suites/test_a.py::test[b]", "markers": "fast"}
    base = baseline(entry("a"), dataclasses.replace(entry("b"), save=1), selection=first)
    base = dataclasses.replace(base, saves=(*base.saves, dataclasses.replace(base.saves[0], selection=later)))
    found = compare(base, run(measured("a", 100.0), selection=first), POLICY)
    assert [one.case.model for one in found.comparisons if one.verdict is Verdict.GONE] == ["b"]


def test_each_comparison_knows_the_save_of_its_value() -> None:
    base = baseline(entry("a"), dataclasses.replace(entry("b"), save=1), dataclasses.replace(entry("c"), save=1))
    base = dataclasses.replace(base, saves=(*base.saves, dataclasses.replace(base.saves[0], revision="second")))
    found = compare(base, run(measured("a", 100.0), measured("b", 200.0), measured("d", 1.0)), POLICY)
    saves = {one.case.model: one.save and one.save.revision for one in found.comparisons}
    assert saves == {"a": "abc", "b": "second", "c": "second", "d": None}


def test_a_case_that_could_not_be_measured_is_not_called_gone() -> None:
    base = baseline(entry("a"), entry("a", (10.0,), PARAMETERS))
    absent = NotMeasured(case("a"), LATENCY, Cause.OUT_OF_MEMORY, "8 GiB")
    found = compare(base, run(absent), POLICY).comparisons
    assert [one.verdict for one in found] == [Verdict.NOT_MEASURED] * 2
    assert found[1].reason == "out of memory (with latency_ns): 8 GiB"


def test_another_machine_is_refused_naming_the_fields() -> None:
    elsewhere = Fingerprint({"cpu": "y", "gpu": "z"}, {"kernel": "7"})
    absent = NotMeasured(case("b"), LATENCY, Cause.TIMED_OUT, "60 s")
    found = compare(baseline(entry("a"), entry("b")), run(measured("a", 1.0), absent, fingerprint=elsewhere), POLICY)
    assert [one.verdict for one in found.comparisons] == [Verdict.NOT_MEASURED, Verdict.REFUSED]
    reason = "the baseline was made on another kind of machine: cpu (x → y), gpu (not recorded → z)"
    assert found.comparisons[1].reason == reason
    assert [one.field for one in found.differences] == ["cpu", "gpu", "kernel"]
    assert exit_code(found, POLICY) == 11


def test_another_kernel_is_stated_and_does_not_refuse() -> None:
    new = run(measured("a", 100.0), fingerprint=dataclasses.replace(MACHINE, details={"kernel": "7"}))
    found = compare(baseline(entry("a")), new, POLICY)
    assert only(found).verdict is Verdict.NO_CHANGE_SEEN
    assert [one.field for one in found.differences] == ["kernel"]


def test_the_worst_comes_first() -> None:
    base = baseline(
        entry("z", (10.0,), PARAMETERS), entry("faster"), entry("fastest"), entry("slower"), entry("slowest"),
        entry("same"), entry("gone"), entry("b"),
    )  # fmt: skip
    new = run(
        measured("new", 1.0),
        measured("same", 100.0),
        measured("faster", 50.0),
        measured("fastest", 40.0),
        measured("slower", 200.0),
        measured("slowest", 300.0),
        measured("z", 11.0, PARAMETERS),
        measured("b", 100.0),
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
        baseline(*(entry(name, estimates, metric) for name, estimates in base.items())),
        run(*(measured(name, value, metric) for name, value in new.items())),
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


# -- gate ----------------------------------------------------------------------------------------------------------


def comparison(
    verdict: Verdict, *, base: float | None = 1.0, new: float | None = 1.0, ratio: float = 1.1
) -> Comparison:
    return Comparison(case("a"), LATENCY, base, new, ratio, None, None, None, verdict, "")


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([comparison(Verdict.REGRESSED), comparison(Verdict.SUSPECT)], 10),
        ([comparison(Verdict.SUSPECT)], 11),
        ([comparison(Verdict.SUSPECT, ratio=0.5)], 0),
        ([comparison(Verdict.INCONCLUSIVE)], 11),
        ([comparison(Verdict.GONE, new=None), comparison(Verdict.UNCHANGED)], 11),
        ([comparison(Verdict.REFUSED, base=None)], 11),
        ([comparison(Verdict.NOT_MEASURED, new=None), comparison(Verdict.UNCHANGED)], 11),
        ([comparison(Verdict.NOT_MEASURED, base=None, new=None), comparison(Verdict.UNCHANGED)], 0),
        ([comparison(Verdict.NOT_MEASURED, new=None)], 12),
        ([comparison(Verdict.NOT_MEASURED, base=None, new=None)], 12),
        ([comparison(Verdict.NOT_MEASURED, new=None), comparison(Verdict.GONE, new=None)], 11),
        ([], 12),
        ([comparison(Verdict.NO_BASELINE, base=None), comparison(Verdict.IMPROVED)], 0),
        ([comparison(Verdict.NO_CHANGE_SEEN), comparison(Verdict.UNCHANGED)], 0),
    ],
)
def test_exit_codes(found: list[Comparison], code: int) -> None:
    assert exit_code(Judgement(tuple(found), POLICY, MACHINE, baseline="main"), POLICY) == code


def test_a_gate_without_a_baseline_decides_nothing() -> None:
    new = comparison(Verdict.NO_BASELINE, base=None)
    assert exit_code(Judgement((new,), POLICY, MACHINE), POLICY) == 11
    assert exit_code(Judgement((new,), POLICY, MACHINE, baseline="main"), POLICY) == 0


def test_the_policy_says_what_blocks() -> None:
    strict, mild = Policy(blocks=frozenset(Verdict)), Policy(blocks=frozenset())
    assert blocks(comparison(Verdict.NO_BASELINE), strict)
    assert not blocks(comparison(Verdict.REGRESSED), mild)
    assert exit_code(Judgement((comparison(Verdict.NO_BASELINE),), strict, MACHINE), strict) == 11


# -- notes ---------------------------------------------------------------------------------------------------------


def codes(notes: tuple[Note, ...]) -> list[str]:
    return [note.code for note in notes]


def test_a_whole_run_that_moved_points_to_the_machine() -> None:
    names = [f"m{number}" for number in range(9)]
    base = baseline(*(entry(name) for name in names))
    moved = compare(base, run(*(measured(name, 112.0 + number / 10) for number, name in enumerate(names))), POLICY)
    (note,) = moved.notes
    assert (note.level, note.code) == (Level.WARNING, "common_shift")
    assert note.sentence.startswith("9 of 9 cases are worse in latency_ns, by +12.4 % in the middle")
    one_moved = compare(base, run(*(measured(name, 112.0 if name == "m1" else 100.0) for name in names)), POLICY)
    assert one_moved.notes == ()
    few = compare(baseline(*(entry(name) for name in names[:3])), run(*(measured(n, 112.0) for n in names[:3])), POLICY)
    assert few.notes == ()


def test_comparisons_carry_the_notes_of_what_was_measured() -> None:
    note = Note(Level.INFO, "x", "y")
    new = run(dataclasses.replace(measured("a", 100.0), notes=(note,)))
    assert only(compare(baseline(entry("a")), new, POLICY)).notes == (note,)


@pytest.mark.parametrize(
    ("samples", "reference", "expected"),
    [
        ([100.0, 101.0] * 15 + [100.5], [], []),
        ([1000.0, 2000.0] * 15, [], ["clock_too_coarse"]),
        ([1000.0] * 30, [], ["clock_too_coarse"]),
        ([0.0] * 30, [], ["clock_too_coarse"]),
        ([100.0, 101.0, 102.0], [], ["few_samples"]),
        ([100.0, 101.0] * 15, [80.0, 81.0] * 15, ["slower_than_eager"]),
        ([100.0, 101.0] * 15, [100.0, 101.0] * 15, []),
        ([100.0, 101.0] * 15, [200.0, 201.0] * 15, []),
    ],
)
def test_notes_on_one_measurement(samples: list[float], reference: list[float], expected: list[str]) -> None:
    assert codes(analyse_measured(Measured(case("a"), LATENCY, tuple(samples), tuple(reference)))) == expected


def test_notes_on_a_run() -> None:
    good = measured("a", 1.0)
    assert analyse(run(good)) == ()
    assert codes(analyse(run(good, complete=False, dirty=True))) == ["cut_run", "dirty_tree"]
    assert codes(analyse(run())) == ["nothing_measured"]
    faults = analyse(run(good, NotMeasured(case("b"), LATENCY, Cause.CRASHED, "x")))
    assert [note.sentence for note in faults] == ["1 measurements failed: 1 crashed"]
    references = [
        Measured(Case("m", f"o{number}", "cpu", 1), LATENCY, (1.0,), (100.0 * (1 + 0.2 * number),))
        for number in range(2)
    ]
    assert codes(analyse(run(*references))) == ["restless_machine"]
