"""Which cut run can be gone on with, what of it is taken over, and when that is refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from paceline.baselines.files.atomic import FormatError
from paceline.baselines.files.resume import ResumeError, check_same, differences, find_run, find_save, parts, taken
from paceline.baselines.files.run_file import Journal, read_run, recover
from paceline.baselines.records import Fingerprint, Measured, Metric, Run
from paceline.baselines.records.metrics import LATENCY, SIZE
from paceline.baselines.records.progress import UNKNOWN, Finished, Part, Plan
from tests.builders import make_header, make_measured

PLAN = Plan(("t.py::a", "t.py::b", "t.py::c"), {"seed": "0"}, {"net.py": "d1"})
HEADER = make_header(dirty=True, selection={"args": "t.py"}, plan=PLAN)


def measured(name: str, metric: Metric = LATENCY) -> Measured:
    return make_measured(name, (1.0, 2.0), metric, reference_samples=(3.0,) if metric is LATENCY else ())


def write(folder: Path, header: Run, tests: str = "", *, complete: bool | None = None, torn: str = "") -> Run:
    """A run file with these finished tests; ``torn`` names a test of which only the first outcome was written. Without
    ``complete`` its writer was killed."""
    journal = Journal.start(folder, header)
    for test in tests:
        journal.append(measured(test))
        journal.append(measured(test, SIZE))
        assert journal.finish_test(f"t.py::{test}", "passed") == Finished(f"t.py::{test}", "passed", 2)
    if torn:
        journal.append(measured(torn))
    if complete is not None:
        return read_run(journal.finish(complete, {}, ()))
    journal.close()
    recover(folder)
    return read_run(folder / f"{header.id}.jsonl")


def test_a_plan_and_finished_tests_come_back_as_they_were(tmp_path: Path) -> None:
    run = write(tmp_path, HEADER, "ab", torn="c")
    assert run.plan == PLAN
    assert run.finished == (Finished("t.py::a", "passed", 2), Finished("t.py::b", "passed", 2))
    assert len(run.outcomes) == 5
    assert [(finished.test, len(outcomes)) for finished, outcomes in taken(run)] == [("t.py::a", 2), ("t.py::b", 2)]
    assert parts(run) == (Part("r1", HEADER.started, 2),)


def test_a_test_without_outcomes_has_no_line(tmp_path: Path) -> None:
    journal = Journal.start(tmp_path, HEADER)
    assert journal.finish_test("t.py::a", "skipped", "no reason") is None
    journal.close()
    assert read_run(journal.path).finished == ()


def test_what_is_taken_over_is_the_new_runs_own(tmp_path: Path) -> None:
    cut = write(tmp_path, HEADER, "ab", torn="c")
    journal = Journal.start(tmp_path, dataclasses.replace(HEADER, id="r2", resumes=parts(cut)))
    journal.take_over(taken(cut))
    with pytest.raises(FormatError, match="measured twice"):
        journal.append(measured("a"))
    journal.append(measured("c"))
    journal.finish_test("t.py::c", "failed", "because")
    run = read_run(journal.finish(True, {}, ()))
    assert run.resumes == (Part("r1", HEADER.started, 2),)
    assert run.outcomes == (*cut.outcomes[:4], measured("c"))
    assert [finished.outcomes for finished in run.finished] == [2, 2, 1]
    assert parts(run) == (*run.resumes, Part("r2", HEADER.started, 1))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda lines: [*lines[:3], *lines[4:]], "ended with 2 outcomes, and 1 are here"),
        (lambda lines: [lines[0], *lines[2:], lines[1]], "second line"),
        (
            lambda lines: [line.replace('"passed"', '"fine"') for line in lines],
            "must be one of passed, failed, skipped",
        ),
        (lambda lines: [line.replace('"tests":[', '"tests":[1,') for line in lines], "must be text"),
    ],
)
def test_damage_is_named(tmp_path: Path, edit: Callable[[list[str]], list[str]], said: str) -> None:
    write(tmp_path, HEADER, "a")
    path = tmp_path / "r1.jsonl"
    path.write_text("\n".join(edit(path.read_text("utf-8").splitlines())) + "\n", "utf-8")
    with pytest.raises(FormatError) as caught:
        read_run(path)
    assert said in str(caught.value)


def test_the_newest_cut_run_is_found_and_a_resumed_one_is_not(tmp_path: Path) -> None:
    write(tmp_path, HEADER, "a")
    write(tmp_path, dataclasses.replace(HEADER, id="r2"), "ab")
    write(tmp_path, dataclasses.replace(HEADER, id="r3"), "abc", complete=True)
    assert find_run(tmp_path, None).id == "r2"
    assert find_run(tmp_path, "r1").id == "r1"
    write(
        tmp_path, dataclasses.replace(HEADER, id="r4", resumes=(Part("r2", HEADER.started, 2),)), "abc", complete=True
    )
    assert find_run(tmp_path, None).id == "r1"
    for run_id, said in (("r2", "resumed already, by r4"), ("r3", "is complete"), ("r9", "there is no run r9")):
        with pytest.raises(ResumeError) as caught:
            find_run(tmp_path, run_id)
        assert said in str(caught.value)


def test_a_part_that_was_killed_while_it_took_over_loses_nothing(tmp_path: Path) -> None:
    write(tmp_path, HEADER, "ab")
    write(tmp_path, dataclasses.replace(HEADER, id="r2", resumes=(Part("r1", HEADER.started, 2),)), "a")
    assert find_run(tmp_path, None).id == "r1"
    assert find_run(tmp_path, "r1").id == "r1"


def test_what_cannot_be_resumed_is_said(tmp_path: Path) -> None:
    with pytest.raises(ResumeError, match="there is no cut run"):
        find_run(tmp_path, None)
    write(tmp_path, dataclasses.replace(HEADER, plan=None))
    with pytest.raises(ResumeError, match="it is an A/B"):
        find_run(tmp_path, None)
    write(tmp_path, dataclasses.replace(HEADER, id="r2", plan=dataclasses.replace(PLAN, save="main@1")))
    with pytest.raises(ResumeError, match="resume it with --pace-save=main"):
        find_run(tmp_path, None)
    journal = Journal.start(tmp_path, dataclasses.replace(HEADER, id="r3"))
    with pytest.raises(ResumeError, match="still being written"):
        find_run(tmp_path, "r3")
    journal.close()


def test_a_save_keeps_its_whole_processes(tmp_path: Path) -> None:
    def process(run_id: str, tag: str, tests: str, complete: bool | None = None) -> None:
        write(
            tmp_path,
            dataclasses.replace(HEADER, id=run_id, plan=dataclasses.replace(PLAN, save=tag)),
            tests,
            complete=complete,
        )

    process("r1", "main@1", "abc", True)
    process("r2", "main@2", "abc", True)
    process("r3", "main@2", "abc", True)
    process("r4", "main@2", "a")
    process("r5", "main@2", "ab")
    process("r6", "other@3", "ab")
    remains = find_save(tmp_path, "main", None, ["r1"])
    assert remains.tag == "main@2"
    assert [run.id for run in remains.whole] == ["r2", "r3"]
    assert remains.cut is not None
    assert remains.cut.id == "r5"
    assert [run.id for run in find_save(tmp_path, "main", "r1", ()).whole] == ["r1"]
    with pytest.raises(ResumeError, match="was finished"):
        find_save(tmp_path, "main", "r1", ["r1"])
    with pytest.raises(ResumeError, match="no cut save as third"):
        find_save(tmp_path, "third", None, ())


def test_each_difference_is_named(tmp_path: Path) -> None:
    cut = write(tmp_path, HEADER, "a")
    assert differences(cut, HEADER) == []
    # Fewer tests are no difference where only those are missing that are done, as with --lf.
    assert differences(cut, dataclasses.replace(HEADER, plan=dataclasses.replace(PLAN, tests=PLAN.tests[1:]))) == []
    changed: list[tuple[Run, str]] = [
        (dataclasses.replace(HEADER, revision="def"), "the revision (abc then, def now"),
        (dataclasses.replace(HEADER, plan=dataclasses.replace(PLAN, changes={})), "net.py (its change was undone"),
        (dataclasses.replace(HEADER, plan=dataclasses.replace(PLAN, changes={"net.py": "2"})), "net.py (changed since"),
        (dataclasses.replace(HEADER, plan=dataclasses.replace(PLAN, settings={"seed": "1"})), "seed (0 then, 1 now)"),
        (dataclasses.replace(HEADER, selection={"args": "u.py"}), "args (t.py then, u.py now)"),
        (dataclasses.replace(HEADER, fingerprint=Fingerprint({"cpu": "x"}, {"kernel": "7"})), "kernel of the machine"),
        (dataclasses.replace(HEADER, plan=dataclasses.replace(PLAN, tests=PLAN.tests[:2])), "1 of its tests are not"),
        (dataclasses.replace(HEADER, plan=dataclasses.replace(PLAN, tests=(*PLAN.tests, "d"))), "1 tests are selected"),
    ]
    for now, said in changed:
        (one,) = differences(cut, now)
        assert said in one
        with pytest.raises(ResumeError, match="Make them as they were, or measure anew"):
            check_same(cut, now)


def test_an_older_run_file_without_a_plan_is_read(tmp_path: Path) -> None:
    run = write(tmp_path, dataclasses.replace(HEADER, plan=None), complete=True)
    lines = [json.loads(line) for line in (tmp_path / "r1.jsonl").read_text("utf-8").splitlines()]
    assert [line["kind"] for line in lines] == ["run", "end"]
    assert (run.plan, run.finished, run.resumes) == (None, (), ())


def test_changes_that_git_did_not_tell_are_no_file() -> None:
    refused = dataclasses.replace(HEADER, revision="", plan=dataclasses.replace(PLAN, changes={UNKNOWN: "refused"}))
    hung = dataclasses.replace(HEADER, revision="", plan=dataclasses.replace(PLAN, changes={UNKNOWN: "hung"}))
    assert differences(refused, hung) == []  # a note says that nobody compared them
    assert differences(refused, HEADER) == [
        "the revision (none then, abc now)",
        "the uncommitted files (git did not tell them then: refused)",
    ]
    nowhere = dataclasses.replace(HEADER, revision="")
    assert differences(nowhere, hung) == ["the uncommitted files (git did not tell them now: hung)"]
