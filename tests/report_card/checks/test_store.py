"""The store of recorded epochs: written, cut, damaged, of several machines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report_card.checks.made_up import ELSEWHERE, made_up, part


@given(st.lists(st.floats(1, 1e9), min_size=1, max_size=700))
def test_thinned_samples_are_in_order_and_have_the_smallest(samples: list[float]) -> None:
    recording = part("recording")
    thinned = recording.thin(samples)
    assert len(thinned) == min(len(samples), recording.MOST_SAMPLES)
    rest = iter(samples)
    assert all(one in rest for one in thinned)
    assert min(thinned) == min(samples)


def test_a_recording_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    store = made_up(tmp_path, 2)
    epochs = store.read("quiet")
    assert [epoch.number for epoch in epochs] == [1, 2]
    assert store.next_number("quiet") == 3
    (tmp_path / "quiet" / "epoch-0003.json.partial").write_text("cut")
    assert store.read("quiet") == epochs
    assert store.conditions() == ["quiet"]


def test_a_damaged_epoch_is_named(tmp_path: Path) -> None:
    store = made_up(tmp_path, 2)
    damaged = tmp_path / "quiet" / "epoch-0002.json.gz"
    damaged.write_bytes(damaged.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"epoch-0002.json.gz is no recorded epoch"):
        store.read("quiet")


def test_epochs_of_two_machines_are_never_pooled(tmp_path: Path) -> None:
    made_up(tmp_path, 2, machine=ELSEWHERE)
    made_up(tmp_path, 3)
    store = made_up(tmp_path, 2, condition="loaded-2", machine=ELSEWHERE)
    made_up(tmp_path, 4, extra=(0,))
    found = part("series").recordings(store)
    numbers = [[epoch.number for epoch in one.epochs] for one in found["quiet"]]
    assert numbers == [[3, 4, 5], [1, 2], [6, 7, 8, 9]]
    assert [one.machine for one in found["loaded-2"]] == ["cpu_model another"]


def test_a_calibration_is_of_its_machine_alone(tmp_path: Path) -> None:
    made_up(tmp_path, 4, condition="calibration", machine=ELSEWHERE)
    made_up(tmp_path, 3, condition="calibration", extra=(5,))
    made_up(tmp_path, 2, machine=ELSEWHERE)
    (here, elsewhere) = part("series").recordings(made_up(tmp_path, 3))["quiet"]
    assert {one.extra_percent: len(one.calibration) for one in here.cases} == {0: 0, 3: 0, 5: 3}
    assert {one.extra_percent: len(one.calibration) for one in elsewhere.cases} == {0: 0, 3: 4, 5: 4}


def test_each_recording_knows_its_command(tmp_path: Path) -> None:
    made_up(tmp_path, 1, condition="loaded-2", extra=(0, 10))
    made_up(tmp_path, 1, condition="calibration", extra=(4,))
    found = part("series").recordings(made_up(tmp_path, 1, extra=(0, 4)))
    commands = {name: part("inventory").command_of(one) for name, (one,) in found.items()}
    only = "--only compiled_sin,copy,tiny_ops"
    assert commands == {
        "quiet": f"python tests/report_card record {only}",
        "loaded-2": f"python tests/report_card record --neighbours 2 --extra-percent 0,10 {only}",
        "calibration": f"python tests/report_card record --condition calibration --extra-percent 4 {only}",
    }


def test_nothing_recorded_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no epoch of a quiet machine: python tests/report_card record"):
        part("series").recordings(part("recording").Store(tmp_path))
