"""The store: a baseline is found by name or by machine, and of two writers one wins whole."""

from __future__ import annotations

import dataclasses
import os
import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.files.atomic import FormatError, StoreError
from paceline.baselines.files.baseline_file import dump_baseline
from paceline.baselines.records import Baseline
from paceline.baselines.stored.store import Store
from tests.baselines.stored.summaries import run, summary

# -- files ---------------------------------------------------------------------------------------------------------


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
    with pytest.raises(StoreError, match=re.escape("did you mean 'main'?")):
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
    with pytest.raises(FormatError, match=re.escape(f"{tmp_path / 'broken.json'}: not JSON")):
        store.matching(machine)
