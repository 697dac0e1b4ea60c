"""The store: written whole or not at all, found by name or by machine, promoted only from whole runs of one code."""

from __future__ import annotations

import dataclasses
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.files.atomic import FormatError, StoreError, write_atomically
from paceline.baselines.files.baseline_file import dump_baseline
from paceline.baselines.records import Baseline, Case, Cause, Fingerprint, Measured, Metric, NotMeasured, Outcome, Run
from paceline.baselines.records.metrics import LATENCY, PARAMETERS, PREPARATION
from paceline.baselines.stored.store import PromotionError, Store, merge, summarize

MLP = Case("mlp", "eager", "cpu", 1)
CNN = Case("cnn", "eager", "cpu", 1)


def outcomes(latency_ns: float, *, parameters: float = 1000.0, case: Case = MLP) -> tuple[Outcome, ...]:
    return (
        Measured(case, LATENCY, (latency_ns, 2 * latency_ns, 3 * latency_ns)),
        Measured(case, PARAMETERS, (parameters,)),
        Measured(case, PREPARATION, (5.0,)),
    )


def run(number: int, *of: Outcome, **changes: Any) -> Run:
    whole = Run(
        f"r{number}",
        Fingerprint({"cpu": "x", "threads": "1"}, {"kernel": "6"}),
        "abc",
        False,
        "2025-11-22T00:00:00Z",
        {"tier": "default"},
        True,
        of or outcomes(100.0 + number),
    )
    return dataclasses.replace(whole, **changes)


def summary(*runs: Run, name: str = "main", saved: str = "2025-11-22T00:00:00Z") -> Baseline:
    return summarize(runs, name=name, saved=saved, by="me", reason="first")


# -- files ---------------------------------------------------------------------------------------------------------


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.txt"
    write_atomically(path, "one")
    path.chmod(0o640)
    write_atomically(path, "two ü")
    assert path.read_text("utf-8") == "two ü"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in path.parent.iterdir()] == ["x.txt"]


def test_a_new_file_may_be_read_by_whom_the_umask_says(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_atomically(tmp_path / "x", "")
    finally:
        os.umask(old)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


def test_a_symbolic_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    write_atomically(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [("folder", "", "cannot write .*folder"), ("file/x", "", "is a file"), ("x", "\ud800", "escape it first")],
)
def test_a_failed_write_names_the_path_and_leaves_nothing(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "file").write_text("old")
    with pytest.raises(StoreError, match=message):
        write_atomically(tmp_path / name, text)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "old"


def test_of_two_writers_at_once_one_wins_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    candidates = [summary(run(number)) for number in range(4)]
    texts = {dump_baseline(one) for one in candidates}
    seen = set()

    def save_often(baseline: Baseline) -> None:
        for _ in range(15):
            store.save(baseline)

    store.save(candidates[0])
    threads = [threading.Thread(target=save_often, args=(one,)) for one in candidates]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        seen.add(dump_baseline(store.load("main")))
    assert seen <= texts
    assert [one.name for one in tmp_path.iterdir()] == ["main.json"]


# -- store ---------------------------------------------------------------------------------------------------------


def test_what_is_saved_is_found_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    assert store.names() == ()
    baseline = summary(run(1), run(2))
    assert store.save(baseline) == tmp_path / "data" / "main.json"
    (tmp_path / "data" / ".hidden.json").write_text("")
    assert store.names() == ("main",)
    assert store.load("main") == baseline


def test_saving_the_same_again_does_not_touch_the_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.save(summary(run(1)))
    os.utime(path, ns=(0, 0))
    store.save(summary(run(1)))
    assert path.stat().st_mtime_ns == 0


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".x", "../x", "a/b", "/etc/passwd", "a\\b", "x" * 101, "a\n", "ü", "-x", "a\x00"]
)
def test_unsafe_names_are_refused(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / "data")
    for use in (store.load, store.path, lambda unsafe: store.save(dataclasses.replace(summary(run(1)), name=unsafe))):
        with pytest.raises(FormatError, match="baseline"):
            use(name)
    assert list(tmp_path.iterdir()) == []


@given(st.text(max_size=110))
def test_a_name_is_refused_or_stays_in_the_folder(name: str) -> None:
    store = Store(Path("/data"))
    try:
        path = store.path(name)
    except FormatError:
        return
    assert os.path.normpath(path) == str(path)
    assert path.parent == Path("/data")


def test_an_unknown_name_suggests_the_nearest(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(StoreError, match="--pace-save mian"):
        store.load("mian")
    for name in ("main", "nightly"):
        store.save(summary(run(1), name=name))
    with pytest.raises(StoreError, match=r"did you mean 'main'\?"):
        store.load("mian")


def test_a_file_that_says_it_is_another_baseline_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save(summary(run(1))).rename(tmp_path / "other.json")
    with pytest.raises(FormatError, match="says that it is the baseline 'main'"):
        store.load("other")


def test_the_newest_baseline_of_the_same_machine_matches(tmp_path: Path) -> None:
    store = Store(tmp_path)
    machine = run(1).fingerprint
    assert store.matching(machine) is None
    elsewhere = dataclasses.replace(machine, key={"cpu": "y"})
    # In order of time, not of spelling: a zone and fractions are written in more than one way.
    store.save(summary(run(1), name="b-old", saved="2025-11-22T00:00:00+00:00"))
    store.save(summary(run(1), name="a-new", saved="2025-11-22T00:00:00.500000Z"))
    store.save(summary(run(1, fingerprint=elsewhere), name="elsewhere", saved="2026-01-01T00:00:00Z"))
    found = store.matching(dataclasses.replace(machine, details={"kernel": "7"}))
    assert found is not None
    assert found.name == "a-new"
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(FormatError, match=r"broken\.json"):
        store.matching(machine)


# -- summarize -----------------------------------------------------------------------------------------------------


def test_a_baseline_keeps_one_estimate_a_process_of_every_judged_metric() -> None:
    baseline = summary(run(1), run(2), run(3))
    assert [(entry.metric.name, entry.estimates) for entry in baseline.entries] == [
        ("latency_ns", (151.5, 153.0, 154.5)),
        ("parameters", (1000.0,) * 3),
    ]
    assert baseline.saves[0].runs == ("r1", "r2", "r3")


def test_a_case_that_no_run_can_measure_is_left_out() -> None:
    absent = NotMeasured(CNN, LATENCY, Cause.NO_COMPILER, "no g++")
    baseline = summary(run(1, *outcomes(1.0), absent), run(2, *outcomes(1.0), absent))
    assert {entry.case for entry in baseline.entries} == {MLP}


ABSENT = NotMeasured(MLP, LATENCY, Cause.UNSUPPORTED, "no")


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "no run"),
        ([run(1), run(2, complete=False)], "cut run never becomes a baseline: r2"),
        ([run(1), run(1)], "twice"),
        ([run(1, NotMeasured(MLP, LATENCY, Cause.CRASHED, "x"))], r"failed run never.*mlp-eager-cpu-b1 \(crashed\)"),
        ([run(1), run(2, fingerprint=Fingerprint({"cpu": "y", "threads": "1"}))], "same machine: cpu"),
        ([run(1), run(2, revision="def")], "r1 and r2 are not of the same revision"),
        ([run(1), run(2, dirty=True)], "same revision"),
        ([run(1), run(2, selection={"tier": "full"})], "selections differ"),
        ([run(1), run(2, *outcomes(1.0), *outcomes(1.0, case=CNN))], r"cnn-.* has no value in r1"),
        ([run(1), run(2, ABSENT, *outcomes(1.0)[1:])], "mlp-.*latency_ns has no value in r2"),
        ([run(1), run(2, *outcomes(1.0, parameters=1001.0))], "parameters should be exact.*1000 … 1001"),
        ([run(1, ABSENT)], "nothing was measured"),
        (
            [run(1), run(2, Measured(MLP, dataclasses.replace(LATENCY, unit="ms"), (1.0,)), outcomes(1.0)[1])],
            "not the same metric",
        ),
    ],
)
def test_what_never_becomes_a_baseline(runs: list[Run], message: str) -> None:
    with pytest.raises(PromotionError, match=message):
        summary(*runs)


def test_an_exact_metric_may_differ_within_its_tolerance() -> None:
    metric = Metric("agreement", "fraction", "higher", "exact", tolerance=0.01)
    runs = [run(number, Measured(MLP, metric, (value,))) for number, value in ((1, 0.9871234567), (2, 0.99))]
    assert summary(*runs).entries[0].estimates == (0.9871234567, 0.99)


# -- merge ---------------------------------------------------------------------------------------------------------


def test_a_partial_promotion_replaces_what_it_has_and_keeps_the_rest() -> None:
    old = summary(run(1, *outcomes(100.0), *outcomes(100.0, case=CNN)))
    new = summary(run(2, *outcomes(90.0), revision="def"), name="other", saved="2025-11-23T00:00:00Z")
    merged = merge(old, new)
    assert merged.name == "main"
    found = {(entry.case, entry.metric.name): merged.saves[entry.save].runs for entry in merged.entries}
    assert found == {
        (MLP, "latency_ns"): ("r2",),
        (MLP, "parameters"): ("r1",),  # its number did not change, so its line does not
        (CNN, "latency_ns"): ("r1",),
        (CNN, "parameters"): ("r1",),
    }
    before, after = (set(dump_baseline(one).splitlines()) for one in (old, merged))
    assert len([line for line in before - after if '"estimates"' in line]) == 1


def test_saves_that_nothing_uses_any_more_are_dropped() -> None:
    merged = merge(summary(run(1, outcomes(100.0)[0])), summary(run(2, outcomes(90.0)[0])))
    assert [save.runs for save in merged.saves] == [("r2",)]
    assert [entry.save for entry in merged.entries] == [0]


def test_promoting_what_is_there_already_changes_nothing() -> None:
    old = summary(run(1))
    new = dataclasses.replace(summary(run(1)), fingerprint=Fingerprint(run(1).fingerprint.key, {"kernel": "7"}))
    assert merge(old, new) == old


def test_another_machine_is_never_merged() -> None:
    with pytest.raises(PromotionError, match=r"another kind of machine .cpu, threads differ"):
        merge(summary(run(1)), summary(run(2, fingerprint=Fingerprint({"cpu": "y"}))))
