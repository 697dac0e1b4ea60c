"""The gate: which verdicts block, and the exit code."""

from __future__ import annotations

import pytest

from paceline.baselines.judgement.gate import blocks, exit_code
from paceline.baselines.judgement.verdicts import Comparison, Policy, Verdict
from tests.builders import make_comparison, make_judgement

POLICY = Policy()


def comparison(
    verdict: Verdict, *, base: float | None = 1.0, new: float | None = 1.0, ratio: float = 1.1
) -> Comparison:
    return make_comparison("a", verdict, ratio, base=base, new=new)


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
    assert exit_code(make_judgement(*found), POLICY) == code


def test_a_gate_without_a_baseline_decides_nothing() -> None:
    new = comparison(Verdict.NO_BASELINE, base=None)
    assert exit_code(make_judgement(new, baseline=""), POLICY) == 11
    assert exit_code(make_judgement(new), POLICY) == 0


def test_the_policy_says_what_blocks() -> None:
    strict, mild = Policy(blocks=frozenset(Verdict)), Policy(blocks=frozenset())
    assert blocks(comparison(Verdict.NO_BASELINE), strict)
    assert not blocks(comparison(Verdict.REGRESSED), mild)
    assert exit_code(make_judgement(comparison(Verdict.NO_BASELINE), policy=strict, baseline=""), strict) == 11
