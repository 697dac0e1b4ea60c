"""What the baseline has and the run has not: gone, not selected, or not measured."""

from __future__ import annotations

import dataclasses

import pytest

from paceline.baselines.judgement.verdicts import Policy, Verdict
from paceline.baselines.records import (
    Cause,
    NotMeasured,
)
from paceline.baselines.records.metrics import LATENCY, PARAMETERS
from paceline.baselines.stored.compare import compare
from tests.builders import SELECTION, make_baseline, make_case, make_entry, make_measured, make_run, make_save

POLICY = Policy()


def test_gone_needs_the_same_selection_and_a_whole_run() -> None:
    base = make_baseline(make_entry("a"), make_entry("b"))
    whole = compare(base, make_run(make_measured("a", 100.0)), POLICY)
    assert (whole.comparisons[0].case, whole.comparisons[0].verdict) == (make_case("b"), Verdict.GONE)
    assert whole.not_selected == 0
    narrow = compare(base, make_run(make_measured("a", 100.0), selection={"-k": "a"}), POLICY)
    assert [one.case.model for one in narrow.comparisons] == ["a"]
    assert narrow.not_selected == 1
    cut = compare(base, make_run(make_measured("a", 100.0), complete=False), POLICY)
    absent = next(one for one in cut.comparisons if one.case == make_case("b"))
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
    base = make_baseline(make_entry("a"), make_entry("b"), saves=(make_save(selection={**SELECTION, **saved}),))
    found = compare(base, make_run(make_measured("a", 100.0), selection={**SELECTION, **requested}), POLICY)
    assert found.not_selected == (not is_requested)
    assert [one.case.model for one in found.comparisons if one.verdict is Verdict.GONE] == ["b"] * is_requested


def test_what_was_accepted_apart_is_gone_as_what_was_saved_first() -> None:
    """Though a run that always leaves out as many tests was asked for more than the second save."""
    first = {**SELECTION, "args": "suites", "markers": "fast", "deselected": "4"}
    later = {**SELECTION, "args": "suites/test_a.py::test[b]", "markers": "fast"}
    base = make_baseline(
        make_entry("a"), dataclasses.replace(make_entry("b"), save=1), saves=(make_save(selection=first),)
    )
    base = dataclasses.replace(base, saves=(*base.saves, dataclasses.replace(base.saves[0], selection=later)))
    found = compare(base, make_run(make_measured("a", 100.0), selection=first), POLICY)
    assert [one.case.model for one in found.comparisons if one.verdict is Verdict.GONE] == ["b"]


def test_a_case_that_could_not_be_measured_is_not_called_gone() -> None:
    base = make_baseline(make_entry("a"), make_entry("a", (10.0,), PARAMETERS))
    absent = NotMeasured(make_case("a"), LATENCY, Cause.OUT_OF_MEMORY, "8 GiB")
    found = compare(base, make_run(absent), POLICY).comparisons
    assert [one.verdict for one in found] == [Verdict.NOT_MEASURED] * 2
    assert found[1].reason == "out of memory (with latency_ns): 8 GiB"
