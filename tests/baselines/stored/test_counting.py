"""Counted instructions in stored baselines: a key of their own, several in one file, and what is not deterministic."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from paceline.baselines.files.atomic import FormatError, PromotionError
from paceline.baselines.files.baseline_file import dump_baseline, parse_baseline
from paceline.baselines.judgement.gate import blocks, exit_code
from paceline.baselines.judgement.verdicts import Comparison, Judgement, Policy, Verdict
from paceline.baselines.records import Baseline, Cause, Fingerprint, Line, NotMeasured, Outcome, Place, Profile, Run
from paceline.baselines.records.baseline import counting_label
from paceline.baselines.records.metrics import FLOPS, INSTRUCTIONS_SIMULATED, LATENCY, SIZE
from paceline.baselines.stored.compare import compare
from paceline.baselines.stored.promote import left_out, merge, summarize
from paceline.baselines.stored.store import Store
from tests.builders import make_case, make_measured, make_run

POLICY = Policy()
AVX2 = {"instruction_set": "x86_64 avx2", "valgrind": "3.19.0"}
PLAIN = {"instruction_set": "x86_64", "valgrind": "3.19.0"}
EPYC, XEON = ({"cpu_model": name} for name in ("EPYC", "Xeon"))


def counted(samples: tuple[float, ...] = (1000.0, 1001.0, 1000.0), profile: Profile | None = None) -> Outcome:
    return make_measured("mlp", samples, INSTRUCTIONS_SIMULATED, profile=profile)


def run(*outcomes: Outcome, key: dict[str, str] = EPYC, way: dict[str, str] = AVX2, name: str = "r1") -> Run:
    return make_run(*outcomes, id=name, fingerprint=Fingerprint(key, {}, way))


def saved(*runs: Run, name: str = "main", at: str = "2026-01-02T00:00:00Z") -> Baseline:
    return summarize(runs, name=name, saved=at, by="me", reason="")


def only(judgement: Judgement) -> Comparison:
    (comparison,) = judgement.comparisons
    return comparison


def test_a_percent_more_is_regressed_at_once_on_a_processor_of_another_model() -> None:
    base = saved(run(counted()))
    found = only(compare(base, run(counted((1010.0, 1010.5, 1010.0)), key=XEON), POLICY))
    assert (found.verdict, found.base, found.new) == (Verdict.REGRESSED, 1000.0, 1010.0)
    assert blocks(found, POLICY)


@pytest.mark.parametrize("new", [995.5, 1000.0, 1004.5])
def test_what_moves_less_than_the_tolerance_is_unchanged(new: float) -> None:
    assert only(compare(saved(run(counted())), run(counted((new,))), POLICY)).verdict is Verdict.UNCHANGED


def test_one_other_cpu_model_refuses_times_only() -> None:
    latency, size, flops = (make_measured("mlp", 100.0, metric) for metric in (LATENCY, SIZE, FLOPS))
    base = saved(run(counted(), latency, size, flops))
    judgement = compare(base, run(counted(), latency, size, flops, key=XEON), POLICY)
    verdicts = {one.metric.name: one.verdict for one in judgement.comparisons}
    assert verdicts == {
        "instructions_simulated": Verdict.UNCHANGED,
        "latency_ns": Verdict.REFUSED,
        "size_bytes": Verdict.REFUSED,
        "flops": Verdict.UNCHANGED,
    }
    (refused, _) = (one for one in judgement.comparisons if one.verdict is Verdict.REFUSED)
    assert refused.reason == "the baseline was made on another kind of machine: cpu_model (EPYC → Xeon)"


def test_instructions_counted_in_another_way_are_refused_and_times_are_not() -> None:
    latency = make_measured("mlp", 100.0)
    base = saved(run(counted(), latency), run(counted(), latency, name="r2"))
    judgement = compare(base, run(counted(), latency, way=PLAIN), POLICY)
    verdicts = {one.metric.name: one for one in judgement.comparisons}
    assert verdicts["latency_ns"].verdict is Verdict.NO_CHANGE_SEEN
    assert verdicts["instructions_simulated"].verdict is Verdict.REFUSED
    assert verdicts["instructions_simulated"].reason == (
        "the baseline's instructions were counted in another way: instruction_set (x86_64 avx2 → x86_64)"
    )
    assert exit_code(judgement, POLICY) == 11


def test_one_baseline_holds_counts_of_several_ways() -> None:
    base = merge(saved(run(counted())), saved(run(counted((2000.0,)), key=XEON, way=PLAIN), at="2026-01-03T00:00:00Z"))
    assert sorted(base.counting.values(), key=str) == sorted([AVX2, PLAIN], key=str)
    assert parse_baseline(dump_baseline(base)) == base
    for way, value in ((AVX2, 1000.0), (PLAIN, 2000.0)):
        assert only(compare(base, run(counted((value,)), way=way), POLICY)).verdict is Verdict.UNCHANGED


def test_counts_of_another_machine_leave_the_machine_of_the_times_as_it_was() -> None:
    base = merge(saved(run(make_measured("mlp", 100.0))), saved(run(counted(), key=XEON), at="2026-01-03T00:00:00Z"))
    assert base.fingerprint.key == EPYC
    assert len(base.entries) == 2
    with pytest.raises(PromotionError, match="another kind of machine"):
        merge(base, saved(run(make_measured("mlp", 100.0), key=XEON)))


def test_runs_that_counted_in_different_ways_become_no_baseline() -> None:
    with pytest.raises(PromotionError, match="counted instructions in different ways: instruction_set"):
        saved(run(counted()), run(counted(), way=PLAIN, name="r2"))


def test_what_is_not_deterministic_is_shown_with_its_spread_and_not_judged() -> None:
    restless = counted((1000.0, 1007.0, 1003.0))
    alone = only(compare(None, run(restless), POLICY))
    assert alone.verdict is Verdict.NOT_DETERMINISTIC
    assert alone.reason == (
        "it came out between 1000 and 1007 (0.7 %) within one process, and its tolerance is 0.5 %: a timer, "
        "randomness or a choice made at run time decides how much is done"
    )
    assert not blocks(alone, POLICY)
    known = compare(saved(run(counted())), run(restless), POLICY)
    assert only(known).verdict is Verdict.NOT_DETERMINISTIC
    assert exit_code(known, POLICY) == 11
    assert exit_code(compare(None, run(restless), POLICY), POLICY) == 11


def test_it_has_no_entry_and_is_named() -> None:
    latency = make_measured("mlp", 100.0)
    runs = [run(counted((1000.0, 1007.0)), latency)]
    base = saved(*runs)
    assert [entry.metric for entry in base.entries] == [LATENCY]
    assert base.counting == {}
    assert [key.metric for key in left_out(runs, base)] == ["instructions_simulated"]
    other = [run(counted((1000.0,)), latency), run(counted((1007.0,)), latency, name="r2")]
    assert [key.metric for key in left_out(other, saved(*other))] == ["instructions_simulated"]


def test_a_run_that_could_not_count_blocks_where_the_baseline_has_a_value() -> None:
    missing = NotMeasured(make_case("mlp"), INSTRUCTIONS_SIMULATED, Cause.MISSING_PACKAGE, "valgrind is not installed")
    base = saved(run(counted(), make_measured("mlp", 100.0)))
    judgement = compare(base, run(missing, make_measured("mlp", 100.0), way={}), POLICY)
    found = {one.metric.name: one for one in judgement.comparisons}
    assert found["instructions_simulated"].verdict is Verdict.NOT_MEASURED
    assert blocks(found["instructions_simulated"], POLICY)
    # Its latency is another test's, and that test was run.
    assert found["latency_ns"].verdict is not Verdict.NOT_MEASURED


def test_what_could_not_be_counted_says_nothing_of_the_case_s_times() -> None:
    missing = NotMeasured(make_case("mlp"), INSTRUCTIONS_SIMULATED, Cause.MISSING_PACKAGE, "valgrind is not installed")
    base = saved(run(counted(), make_measured("mlp", 100.0)))
    here = dataclasses.replace(run(missing, way={}), selection={"tier": "default", "args": "test_instructions.py"})
    judgement = compare(base, here, POLICY)
    assert [one.metric.name for one in judgement.comparisons] == ["instructions_simulated"]
    assert judgement.not_selected == 1


def test_times_and_counts_may_have_two_baselines(tmp_path: Path) -> None:
    store = Store(tmp_path)
    latency = make_measured("mlp", 100.0)
    store.promote(saved(run(latency), run(latency, name="r2"), name="times"))
    store.promote(saved(run(counted(), key=XEON), name="counts"))
    here = run(counted((1020.0,)), latency)
    base, counts = store.matching(here.fingerprint), store.counting(here.fingerprint.counting)
    assert base is not None
    assert counts is not None
    judgement = compare(base, here, POLICY, counts)
    assert (judgement.baseline, judgement.counts) == ("times", "counts")
    assert {one.metric.name: one.verdict for one in judgement.comparisons} == {
        "instructions_simulated": Verdict.REGRESSED,
        "latency_ns": Verdict.NO_CHANGE_SEEN,
    }
    assert store.counting(PLAIN) is None
    alone = compare(None, here, POLICY, counts)
    assert alone.baseline == "counts"
    assert {one.metric.name: one.verdict for one in alone.comparisons} == {
        "instructions_simulated": Verdict.REGRESSED,
        "latency_ns": Verdict.NO_BASELINE,
    }


def test_a_conviction_leads_to_what_moved() -> None:
    def profile(loops: int) -> Profile:
        line = Line("net.py", "Net.forward", 7, "for _ in range(ROUNDS): pass", 10 * loops, 0)
        return Profile((Place("_PyEval_EvalFrameDefault", 50.0 * loops), Place("malloc", 9.0)), (), (line,))

    base = saved(run(counted(profile=profile(1))))
    assert parse_baseline(dump_baseline(base)) == base
    found = only(compare(base, run(counted((1020.0,), profile(3))), POLICY))
    assert found.moved is not None
    assert [(one.line.number, one.bytecodes) for one in found.moved.lines] == [(7, 20)]
    assert [(one.name, one.difference) for one in found.moved.functions] == [("_PyEval_EvalFrameDefault", 100.0)]
    assert only(compare(base, run(counted(profile=profile(3))), POLICY)).moved is None


def test_a_way_of_counting_that_was_edited_is_refused() -> None:
    text = dump_baseline(saved(run(counted())))
    with pytest.raises(FormatError, match="was edited: its label no longer belongs to it"):
        parse_baseline(text.replace("3.19.0", "3.20.0"))
    with pytest.raises(FormatError, match="which is not there"):
        parse_baseline(text.replace(f'"counting": "{counting_label(AVX2)}"', '"counting": "00000000"'))
