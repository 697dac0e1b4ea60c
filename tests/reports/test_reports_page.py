from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from paceline.baselines import metrics
from paceline.baselines.records import Case, Cause, Fingerprint, Measured, Metric, NotMeasured
from paceline.baselines.verdicts import Judgement, Policy, Verdict
from paceline.reports import commands, words
from paceline.reports.page import Page, build_page

PageOf = Callable[..., Page]
ONE, TWO = Case("mlp", "eager", "cpu", 1), Case("mlp", "int8", "cpu", 8)


def test_the_first_screen_says_what_broke_by_how_much_how_sure_and_what_to_do(example: Page) -> None:
    assert example.heading == "Blocked: 1 of 37 cases larger, 2 suspected slower, 1 undecided, 1 gone"
    assert [row.verdict for row in example.blocking] == [
        "regressed",
        "suspect, slower",
        "suspect, slower",
        "inconclusive",
        "gone",
    ]
    suspect = example.blocking[1]
    assert (suspect.before, suspect.after, suspect.change) == ("119.6 µs", "131.0 µs", "+9.5 %")
    assert suspect.interval == "+7.5 … +11.5 %"
    assert suspect.evidence == "5 processes before; 1 process, 200 samples now"
    assert "would have found" in suspect.reason
    assert example.exit_code == 10
    assert example.baseline is not None
    assert (example.baseline.name, example.baseline.age, example.baseline.same_machine) == (
        "ci-2core",
        "3 days ago",
        True,
    )
    assert example.coverage.sentence == "35 of 36 cases measured; 1 not, or not in full"


def test_verdicts_are_counted_apart_and_none_is_lost(example: Page) -> None:
    counts = {one.verdict: (one.number, one.blocking) for one in example.counts}
    assert counts[Verdict.SUSPECT] == (3, 2)
    assert counts[Verdict.NOT_MEASURED] == (1, 0)
    assert sum(number for number, _ in counts.values()) == len(example.rows)
    assert sum(len(group.rows) for group in example.groups) == len(example.rows)


def test_every_verdict_has_a_mark_of_its_own() -> None:
    assert set(words.MARKS) == set(Verdict)
    assert len({mark.sign for mark in words.MARKS.values()}) == len(Verdict)


@pytest.mark.parametrize(
    ("rows", "heading"),
    [
        ([(ONE, metrics.LATENCY, 1.0, Verdict.NO_CHANGE_SEEN)], "Passed: none of 1 case worse"),
        (
            [(ONE, metrics.LATENCY, 1.2, Verdict.REGRESSED), (TWO, metrics.LATENCY, 0.8, Verdict.IMPROVED)],
            "Blocked: 1 of 2 cases slower",
        ),
        ([(ONE, metrics.THROUGHPUT, 0.8, Verdict.REGRESSED)], "Blocked: 1 of 1 case slower"),
        ([(ONE, metrics.SIZE, 1.1, Verdict.REGRESSED)], "Blocked: 1 of 1 case larger"),
        ([(ONE, metrics.TOP1_AGREEMENT, 0.9, Verdict.REGRESSED)], "Blocked: 1 of 1 case worse"),
        (
            [(ONE, metrics.LATENCY, 1.2, Verdict.REGRESSED), (ONE, metrics.THROUGHPUT, 0.8, Verdict.REGRESSED)],
            "Blocked: 1 of 1 case slower",
        ),
        ([(ONE, metrics.LATENCY, 0.8, Verdict.SUSPECT)], "Passed: none of 1 case worse; 1 suspected faster"),
        ([(ONE, metrics.LATENCY, 1.1, Verdict.REFUSED)], "Blocked: 1 of 1 case refused"),
        ([(ONE, metrics.LATENCY, 1.0, Verdict.NO_BASELINE)], "Nothing to compare with: 1 case measured"),
        (
            [(ONE, metrics.LATENCY, 1.0, Verdict.UNCHANGED), (TWO, metrics.LATENCY, 1.0, Verdict.NO_BASELINE)],
            "Passed: none of 1 case worse; 1 new",
        ),
    ],
)
def test_the_heading_says_it_in_words(page_of: PageOf, rows: list[object], heading: str) -> None:
    assert page_of(*rows).heading == heading


def test_what_the_policy_lets_pass_is_still_said(page_of: PageOf) -> None:
    lenient = Policy(blocks=frozenset())
    page = page_of((ONE, metrics.LATENCY, 1.2, Verdict.REGRESSED), policy=lenient)
    assert (page.state, page.heading) == ("passed", "Passed: 1 case compared; 1 slower")
    assert not page.rerun


def test_a_cut_run_says_so_first(page_of: PageOf) -> None:
    page = page_of((ONE, metrics.LATENCY, 1.0, Verdict.UNCHANGED), complete=False)
    assert page.heading == "Cut short. Passed: none of 1 case worse"


def test_outcomes_that_the_judgement_forgot_are_shown(example: Page) -> None:
    page = build_page(Judgement((), Policy(), example.run.fingerprint), example.run, now=example.now)
    judged = [outcome for outcome in example.run.outcomes if outcome.metric.rule != "shown"]
    assert len(page.rows) == len(judged)
    assert {row.comparison.verdict for row in page.rows} == {Verdict.NO_BASELINE, Verdict.NOT_MEASURED}
    assert (page.state, page.exit_code, page.baseline) == ("nothing", 11, None)


def test_a_run_without_a_value_measured_nothing(example: Page) -> None:
    only = NotMeasured(ONE, metrics.LATENCY, Cause.TIMED_OUT, "still running after 300 s")
    page = build_page(
        Judgement((), Policy(), Fingerprint({})), replace(example.run, outcomes=(only,)), now=example.now
    )  # fmt: skip
    assert page.heading == "Nothing measured: 1 case, each with its reason"
    assert (page.exit_code, page.exit_meaning) == (12, "nothing was measured")
    assert page.coverage.gaps[0].reason == "still running after 300 s"


def test_other_machines_are_named_by_their_fields(hostile: Page) -> None:
    assert hostile.baseline is not None
    assert not hostile.baseline.same_machine
    assert hostile.baseline.machine.startswith("another kind of machine: ")


def test_ages_need_a_time_zone(example: Page) -> None:
    with pytest.raises(ValueError, match="time zone"):
        build_page(Judgement((), Policy(), example.run.fingerprint), example.run, now=datetime(2026, 1, 1))


def test_bands_come_from_the_metric_the_case_or_the_policy(page_of: PageOf) -> None:
    page = page_of(policy=Policy(band=0.02, bands={"*-int8-*": 0.1, "mlp-*": 0.05}))
    assert page.band_of(TWO, metrics.LATENCY) == 0.1
    assert page.band_of(ONE, metrics.LATENCY) == 0.05
    assert page.band_of(Case("rnn", "eager", "cpu", 1), metrics.LATENCY) == 0.02
    assert page.band_of(ONE, metrics.TOP1_AGREEMENT) == 0.01


def test_the_heat_map_has_a_number_or_a_reason_in_every_cell(example: Page) -> None:
    heat_map = example.heat_maps[0]
    assert heat_map.title == "cpu, batch size 1"
    assert heat_map.optimizations[0] == "eager"
    cells = {
        (model, optimization): cell
        for model, row in zip(heat_map.models, heat_map.cells, strict=True)
        for optimization, cell in zip(heat_map.optimizations, row, strict=True)
    }
    assert len(cells) == 36
    assert cells["mlp", "eager"].kind == "reference"
    assert cells["mlp", "int8_dynamic"].speedup == pytest.approx(2.37, rel=0.03)
    assert cells["lstm_classifier", "channels_last"].cause == "unsupported"
    assert "four-dimensional" in cells["lstm_classifier", "channels_last"].why
    assert cells["simple_cnn", "prune"].kind == "not asked"
    assert all(cell.value is not None or cell.why for cell in cells.values())


def test_details_hold_both_sides_and_what_is_only_shown(example: Page) -> None:
    detail = next(one for one in example.details if one.case == Case("mlp", "bf16", "cpu", 1))
    assert [side.kind for side in detail.distributions[0].sides] == ["base", "new"]
    assert [one.metric.name for one in detail.shown] == ["preparation_ns", "first_call_ns", "warmup_calls"]
    new = detail.distributions[0].sides[-1].percentiles
    assert new["min"] <= new["p25"] <= new["p50"] <= new["max"]


def test_without_base_runs_the_baselines_estimates_stand_in(example: Page) -> None:
    judgement = Judgement(tuple(row.comparison for row in example.rows), Policy(), example.run.fingerprint, "ci")
    page = build_page(judgement, example.run, now=example.now)
    detail = next(one for one in page.details if one.case == Case("mlp", "bf16", "cpu", 1))
    assert [side.kind for side in detail.distributions[0].sides] == ["estimates", "reference", "new"]


def test_a_note_is_listed_once_with_its_cases(example: Page) -> None:
    assert [(one.note.code, len(one.cases)) for one in example.case_notes] == [("bimodal", 1)]


def test_commands_survive_a_shell_and_select_at_least_the_cases() -> None:
    command = commands.rerun([ONE, TWO])
    assert command == "pytest suites/ -k 'mlp-eager-cpu-b1 or mlp-int8-cpu-b8'"
    accept = commands.accept([ONE], "my base; rm -rf", "pytest 'my suites/'")
    assert shlex.split(accept) == [
        "pytest", "my suites/", "-k", "mlp-eager-cpu-b1", "--pace-save", "my base; rm -rf",
        "--pace-reason", "why this change is wanted",
    ]  # fmt: skip


def test_names_that_a_keyword_cannot_hold_are_matched_by_their_parts() -> None:
    odd = Case("a $(b) 'c' and not", "int8", "cpu", 1)
    assert commands.keyword(odd) == "a and b and c and not-int8-cpu-b1"
    assert commands.rerun([odd, ONE]).startswith("pytest suites/ -k '(a and b and c and not-int8-cpu-b1) or mlp")
    assert commands.rerun([Case("(", "*", "!", None)]) == "pytest suites/ -k -"


def test_too_many_cases_run_the_whole_suite() -> None:
    assert commands.rerun([Case(f"m{index}", "eager", "cpu", 1) for index in range(40)]) == "pytest suites/"


def test_pytest_understands_the_keywords(pytester: pytest.Pytester, hostile_texts: tuple[str, ...]) -> None:
    cases = [ONE, TWO, *(Case(text, "int8", "cpu", 1) for text in hostile_texts)]
    pytester.makepyfile(
        f"""
        import pytest
        IDS = {[case.id for case in cases]!r}
        @pytest.mark.parametrize("case", range(len(IDS)), ids=IDS)
        def test_case(case): pass
        def test_other(): pass
        """
    )
    for case in cases:
        arguments = shlex.split(commands.rerun([case, ONE], "pytest"))[1:]
        if arguments:
            result = pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)
            assert result.parseoutcomes().get("passed", 0) >= len({case, ONE}), arguments


def test_a_metric_of_ones_own_is_said_by_its_direction(page_of: PageOf) -> None:
    mine = Metric("tokens_per_joule", "tok/J", "higher", "exact")
    page = page_of((ONE, mine, 0.5, Verdict.REGRESSED))
    assert page.heading == "Blocked: 1 of 1 case worse"
    assert page.rows[0].change == "\u221250.0 %"


def test_points_of_a_sweep_are_no_cases_of_their_own(example: Page) -> None:
    sweep = [Measured(Case("mlp", "eager", "cpu", 2**size), metrics.SWEEP_THROUGHPUT, (1e4,)) for size in range(8, 12)]
    run = replace(example.run, outcomes=(*example.run.outcomes, *sweep))
    page = build_page(Judgement((), Policy(), run.fingerprint), run, now=example.now)
    assert page.coverage == example.coverage
    assert len(page.rows) == sum(outcome.metric.rule != "shown" for outcome in run.outcomes)
