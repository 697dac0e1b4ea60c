"""A page: what stands on it, in which words, and what it lets pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from paceline.baselines.judgement.verdicts import Judgement, Policy, Verdict
from paceline.baselines.records import (
    Cause,
    Difference,
    Fingerprint,
    Metric,
    NotMeasured,
    Save,
    metrics,
)
from paceline.reports.outputs.terminal import render_terminal
from paceline.reports.page.page import Page, build_page
from tests.builders import make_case, make_comparison, make_measured, make_run
from tests.reports.pages import NOW

PageOf = Callable[..., Page]

ONE = make_case("mlp")
TWO = make_case("mlp", "int8", 8)


def test_the_first_screen_says_what_broke_and_the_way_out(example: Page) -> None:
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
    assert page.band_of(make_case("rnn"), metrics.LATENCY) == 0.02
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
    detail = next(one for one in example.details if one.case == make_case("mlp", "bf16"))
    assert [side.kind for side in detail.distributions[0].sides] == ["base", "new"]
    assert [one.metric.name for one in detail.shown] == ["preparation_ns", "first_call_ns", "warmup_calls"]
    new = detail.distributions[0].sides[-1].percentiles
    assert new["min"] <= new["p25"] <= new["p50"] <= new["max"]


def test_without_base_runs_the_baselines_estimates_stand_in(example: Page) -> None:
    judgement = Judgement(tuple(row.comparison for row in example.rows), Policy(), example.run.fingerprint, "ci")
    page = build_page(judgement, example.run, now=example.now)
    detail = next(one for one in page.details if one.case == make_case("mlp", "bf16"))
    assert [side.kind for side in detail.distributions[0].sides] == ["estimates", "reference", "new"]


def test_a_note_is_listed_once_with_its_cases(example: Page) -> None:
    assert [(one.note.code, len(one.cases)) for one in example.case_notes] == [("bimodal", 1)]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (["kernel"], "kernel differs"),
        (["governor", "kernel"], "governor and kernel differ"),
        (["governor", "kernel", "python"], "governor, kernel and python differ"),
        (["a", "b", "c", "d"], "a, b, c and 1 more recorded detail differ"),
        (["a", "b", "c", "d", "e"], "a, b, c and 2 more recorded details differ"),
    ],
)
def test_details_that_differ_are_named(fields: list[str], said: str) -> None:
    run = make_run()
    different = tuple(Difference(name, "old", "new", False) for name in fields)
    page = build_page(Judgement((), Policy(), run.fingerprint, "ci", differences=different), run, now=NOW)
    assert page.baseline is not None
    assert page.baseline.machine == f"same kind of machine; {said}"


def test_values_of_earlier_saves_are_counted() -> None:
    run = make_run()
    newest = Save("def", True, "2026-03-01T08:10:00Z", "me", "wider", ("r2",), {})
    older = replace(newest, revision="abc", dirty=False, saved="2026-01-01T08:10:00Z")
    found = [
        replace(make_comparison(case, Verdict.UNCHANGED, 1.0, base=1e6), save=save)
        for case, save in ((ONE, older), (TWO, newest))
    ]
    new = make_comparison(make_case("rnn"), Verdict.NO_BASELINE, 1.0, base=1e6)
    page = build_page(Judgement((*found, new), Policy(), run.fingerprint, "ci", newest), run, now=NOW)
    assert page.baseline is not None
    assert page.baseline.age == "3 days ago (1 of 2 values in earlier saves)"
    first = "".join(render_terminal(page, width=400, colour=False, unicode=True)[1])
    assert "revision def, from a changed tree, which cannot be rebuilt, saved 3 days ago (1 of 2 values" in first


def test_a_metric_of_ones_own_is_said_by_its_direction(page_of: PageOf) -> None:
    mine = Metric("tokens_per_joule", "tok/J", "higher", "exact")
    page = page_of((ONE, mine, 0.5, Verdict.REGRESSED))
    assert page.heading == "Blocked: 1 of 1 case worse"
    assert page.rows[0].change == "\u221250.0 %"


def test_points_of_a_sweep_are_no_cases_of_their_own(example: Page) -> None:
    sweep = [make_measured(make_case(batch_size=2**size), 1e4, metrics.SWEEP_THROUGHPUT) for size in range(8, 12)]
    run = replace(example.run, outcomes=(*example.run.outcomes, *sweep))
    page = build_page(Judgement((), Policy(), run.fingerprint), run, now=example.now)
    assert page.coverage == example.coverage
    assert len(page.rows) == sum(outcome.metric.rule != "shown" for outcome in run.outcomes)
