"""The commands that a page offers: they name the tests that measured, and survive a shell."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from paceline.baselines.judgement.verdicts import Judgement, Policy, Verdict
from paceline.baselines.records import (
    Case,
    Save,
    metrics,
)
from paceline.baselines.records.progress import Finished, Plan
from paceline.reports.page import commands
from paceline.reports.page.commands import CommandLine
from paceline.reports.page.page import build_page
from tests.builders import make_case, make_comparison, make_measured, make_run
from tests.reports.pages import NOW

ONE = make_case("mlp")
TWO = make_case("mlp", "int8", 8)


LINE = CommandLine(
    ("my suites/", "-k", "mlp"),
    ("--pace-tier=full", "--my-option", "a b"),
    {
        (ONE, "latency_ns"): "my suites/test_x.py::test_latency[mlp-eager-cpu-b1]",
        (ONE, "size_bytes"): "my suites/test_x.py::test_size[$(touch owned) 'x']",
        (TWO, "latency_ns"): "my suites/test_x.py::test_latency[mlp-eager-cpu-b1]",
    },
)


def test_commands_name_the_tests_and_survive_a_shell() -> None:
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
def test_a_path_is_never_taken_for_an_option(name: str) -> None:
    assert shlex.split(commands.rerun([(ONE, "m")], replace(LINE, tests={(ONE, "m"): name})))[1] == f"./{name}"


def test_a_stored_run_tells_its_own_command_line() -> None:
    said = {"args": "'my suites' other", "tier": "full", "models": "a,b", "batch_sizes": "8", "cold": "True",
            "keyword": "a or b", "markers": "fast", "deselected": "3"}  # fmt: skip
    run = make_run(
        make_measured(ONE, 1.0), make_measured(ONE, 1.0, metrics.SIZE), make_measured(TWO, 1.0),
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
    run = make_run(make_measured(ONE, 1.2e6))
    slower = make_comparison(ONE, Verdict.SUSPECT, 1.2, base=1e6)
    gone = replace(make_comparison(TWO, Verdict.GONE, 1.0, base=1e6), new=None, ratio=None)
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
    requested = {(make_case(item.name), "m"): item.nodeid for item in items if "[" in item.name}
    command = commands.rerun(requested, CommandLine(("unused",), ("-p", "no:cacheprovider", "-v"), requested))
    done = subprocess.run(["sh", "-c", command], cwd=pytester.path, capture_output=True, text=True, check=False)
    assert f"{len(hostile_texts)} passed" in done.stdout, done.stdout + done.stderr
    assert "test_other" not in done.stdout
    assert [path.suffix for path in pytester.path.iterdir() if path.is_file()] == [".py"]
