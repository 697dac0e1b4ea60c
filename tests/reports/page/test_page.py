from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from paceline.baselines.judgement.verdicts import ORDER, Comparison, Judgement, Policy, Verdict
from paceline.baselines.records import (
    Case,
    Cause,
    Difference,
    Fingerprint,
    Measured,
    Metric,
    NotMeasured,
    Outcome,
    Run,
    Save,
    metrics,
)
from paceline.baselines.records.progress import Finished, Plan
from paceline.reports.outputs.terminal import render_terminal
from paceline.reports.page import commands
from paceline.reports.page.commands import CommandLine
from paceline.reports.page.page import Page, build_page
from paceline.reports.wording import words

PageOf = Callable[..., Page]
ONE, TWO = Case("mlp", "eager", "cpu", 1), Case("mlp", "int8", "cpu", 8)
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=timezone.utc)


def make_run(outcomes: list[Outcome], **changes: object) -> Run:
    run = Run("r1", Fingerprint({"cpu_model": "x"}), "abc", False, "2026-03-04T11:55:00Z", {}, True, tuple(outcomes))
    return replace(run, **changes)  # type: ignore[arg-type]


def compared(case: Case, metric: Metric, base: float, ratio: float, verdict: Verdict) -> Comparison:
    return Comparison(case, metric, base, base * ratio, ratio, None, None, None, verdict, "because")


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


LINE = CommandLine(
    ("my suites/", "-k", "mlp"),
    ("--pace-tier=full", "--my-option", "a b"),
    {
        (ONE, "latency_ns"): "my suites/test_x.py::test_latency[mlp-eager-cpu-b1]",
        (ONE, "size_bytes"): "my suites/test_x.py::test_size[$(touch owned) 'x']",
        (TWO, "latency_ns"): "my suites/test_x.py::test_latency[mlp-eager-cpu-b1]",
    },
)


def test_commands_name_the_tests_that_measured_and_survive_a_shell() -> None:
    command = commands.rerun([(ONE, "latency_ns"), (TWO, "latency_ns"), (ONE, "size_bytes")], LINE)
    assert shlex.split(command) == [
        "pytest", "my suites/test_x.py::test_latency[mlp-eager-cpu-b1]",
        "my suites/test_x.py::test_size[$(touch owned) 'x']", "--pace-tier=full", "--my-option", "a b",
    ]  # fmt: skip
    accept = commands.accept([(ONE, "latency_ns")], "main", LINE)
    assert shlex.split(accept) == [
        "pytest", "my suites/test_x.py::test_latency[mlp-eager-cpu-b1]", "--pace-tier=full", "--my-option", "a b",
        "--pace-save", "main", "--pace-reason", "why this change is wanted",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "tests",
    [
        {},
        {(ONE, "size_bytes"): "a.py::test"},
        {(ONE, f"m{number}"): f"a.py::test[{number}]" for number in range(commands.MOST_TESTS + 1)},
        {(ONE, "m1"): "a.py::test[\x1b]"},
    ],
)
def test_where_no_test_can_be_named_the_whole_run_is_repeated(tests: dict[tuple[Case, str], str]) -> None:
    line = replace(LINE, tests=tests)
    wanted = [(ONE, f"m{number}") for number in range(commands.MOST_TESTS + 1)]
    assert commands.rerun(wanted, line) == "pytest 'my suites/' -k mlp --pace-tier=full --my-option 'a b'"


@pytest.mark.parametrize("name", ["-x/test_a.py::test", "@x/test_a.py::test"])
def test_a_path_is_never_taken_for_an_option_or_a_file_of_options(name: str) -> None:
    assert shlex.split(commands.rerun([(ONE, "m")], replace(LINE, tests={(ONE, "m"): name})))[1] == f"./{name}"


def test_a_stored_run_tells_its_own_command_line() -> None:
    said = {"args": "'my suites' other", "tier": "full", "models": "a,b", "batch_sizes": "8", "cold": "True",
            "keyword": "a or b", "markers": "fast", "deselected": "3"}  # fmt: skip
    run = make_run(
        [Measured(ONE, metrics.LATENCY, (1.0,)), Measured(ONE, metrics.SIZE, (1.0,)),
         Measured(TWO, metrics.LATENCY, (1.0,))],
        selection=said,
        plan=Plan((), {"measure_s": "0.7", "threads": "2", "seed": "0"}),
        finished=(Finished("t.py::test_one", "passed", 2), Finished("t.py::test_two", "passed", 1)),
    )  # fmt: skip
    line = commands.command_line_of(run)
    options = "--pace-tier=full --pace-models=a,b --pace-batch-sizes=8 --pace-seconds=0.7 --pace-threads=2 --pace-cold"
    assert commands.rerun([(ONE, "size_bytes"), (TWO, "latency_ns")], line) == (
        f"pytest t.py::test_one t.py::test_two {options}"
    )
    assert commands.whole(line) == f"pytest 'my suites' other -k 'a or b' -m fast {options}"
    named = commands.command_line_of(replace(run, selection={**said, "pyargs": "True"}))
    assert commands.rerun([(ONE, "size_bytes")], named) == commands.whole(named)
    assert "--pyargs" in commands.whole(named)


def test_only_what_saving_would_settle_is_offered_to_be_accepted() -> None:
    line = CommandLine((), (), {(ONE, "latency_ns"): "t.py::one", (TWO, "latency_ns"): "t.py::two"})
    save = Save("abc", False, "2026-03-01T08:10:00Z", "me", "first", ("r",), {})
    run = make_run([Measured(ONE, metrics.LATENCY, (1.2e6,))])
    slower = compared(ONE, metrics.LATENCY, 1e6, 1.2, Verdict.SUSPECT)
    gone = replace(compared(TWO, metrics.LATENCY, 1e6, 1.0, Verdict.GONE), new=None, ratio=None)
    for found, rerun, accept in (
        ((slower, gone), "pytest t.py::one t.py::two", "pytest t.py::one --pace-save ci"),
        ((gone,), "pytest t.py::two", ""),
        ((replace(slower, verdict=Verdict.REFUSED),), "pytest t.py::one", ""),
    ):
        page = build_page(Judgement(found, Policy(), run.fingerprint, "ci", save), run, now=NOW, command_line=line)
        assert page.rerun == rerun
        assert page.accept.partition(" --pace-reason")[0] == accept


def test_pytest_runs_what_is_printed(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, hostile_texts: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    pytester.makepyfile(
        f"""
        import pytest
        IDS = {[text[:500] for text in hostile_texts]!r}
        @pytest.mark.parametrize("case", range(len(IDS)), ids=IDS)
        def test_case(case): pass
        def test_other(): pass
        """
    )
    items, _ = pytester.inline_genitems()
    requested = {(Case(item.name, "eager", "cpu", 1), "m"): item.nodeid for item in items if "[" in item.name}
    command = commands.rerun(requested, CommandLine(("unused",), ("-p", "no:cacheprovider", "-v"), requested))
    done = subprocess.run(["sh", "-c", command], cwd=pytester.path, capture_output=True, text=True, check=False)
    assert f"{len(hostile_texts)} passed" in done.stdout, done.stdout + done.stderr
    assert "test_other" not in done.stdout
    assert [path.suffix for path in pytester.path.iterdir() if path.is_file()] == [".py"]


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
    run = make_run([])
    different = tuple(Difference(name, "old", "new", False) for name in fields)
    page = build_page(Judgement((), Policy(), run.fingerprint, "ci", differences=different), run, now=NOW)
    assert page.baseline is not None
    assert page.baseline.machine == f"same kind of machine; {said}"


def test_values_of_earlier_saves_are_counted() -> None:
    run = make_run([])
    newest = Save("def", True, "2026-03-01T08:10:00Z", "me", "wider", ("r2",), {})
    older = replace(newest, revision="abc", dirty=False, saved="2026-01-01T08:10:00Z")
    found = [
        replace(compared(case, metrics.LATENCY, 1e6, 1.0, Verdict.UNCHANGED), save=save)
        for case, save in ((ONE, older), (TWO, newest))
    ]
    new = compared(Case("rnn", "eager", "cpu", 1), metrics.LATENCY, 1e6, 1.0, Verdict.NO_BASELINE)
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
    sweep = [Measured(Case("mlp", "eager", "cpu", 2**size), metrics.SWEEP_THROUGHPUT, (1e4,)) for size in range(8, 12)]
    run = replace(example.run, outcomes=(*example.run.outcomes, *sweep))
    page = build_page(Judgement((), Policy(), run.fingerprint), run, now=example.now)
    assert page.coverage == example.coverage
    assert len(page.rows) == sum(outcome.metric.rule != "shown" for outcome in run.outcomes)


def test_every_verdict_has_a_mark_in_the_one_order() -> None:
    assert list(words.MARKS) == list(Verdict) == sorted(Verdict, key=lambda verdict: ORDER[verdict])
