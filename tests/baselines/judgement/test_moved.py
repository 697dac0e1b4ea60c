"""What differs between two profiles: found by name and by text, the largest first."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.baselines.judgement.moved import BYTECODES_OF_AN_OPERATOR, Change, LineChange, Moved, moved
from paceline.baselines.records.profile import Line, Place, Profile

NAMES = st.sampled_from([f"f{number}" for number in range(30)])
PLACES = st.lists(st.builds(Place, NAMES, st.integers(1, 5).map(float)), unique_by=lambda place: place.name)
LINES = st.lists(
    st.builds(
        Line,
        st.sampled_from(["suites/a.py", "torch/nn/b.py"]),
        st.sampled_from(["f", "g"]),
        st.integers(1, 50),
        st.sampled_from(["x = 1", "return x", "pass"]),
        st.integers(0, 300),
        st.integers(0, 3),
    ),
    unique_by=lambda line: (line.file, line.function, line.number),
)
PROFILES = st.builds(Profile, PLACES.map(tuple), PLACES.map(tuple), LINES.map(tuple))


def line(
    text: str = "x = f(x)",
    bytecodes: int = 10,
    operators: int = 0,
    number: int = 7,
    file: str = "suites/a.py",
    function: str = "f",
) -> Line:
    return Line(file, function, number, text, bytecodes, operators)


def line_changes(base: list[Line], new: list[Line]) -> tuple[LineChange, ...]:
    return moved(Profile(lines=tuple(base)), Profile(lines=tuple(new))).lines


def test_functions_and_operators_are_matched_by_name() -> None:
    base = Profile((Place("a", 10.0), Place("b", 5.0), Place("gone", 100.0)), (Place("linear", 7.0),))
    new = Profile((Place("b", 5.0), Place("a", 40.0), Place("come", 1.0)), (Place("linear", 6.5),))
    found = moved(base, new)
    assert found.functions == (Change("gone", 100.0, None), Change("a", 10.0, 40.0), Change("come", None, 1.0))
    assert [change.difference for change in found.functions] == [-100, 30, 1]
    assert found.operators == (Change("linear", 7.0, 6.5),)
    assert found.lines == ()


def test_a_line_that_moved_did_not_change() -> None:
    assert line_changes([line(number=7)], [line(number=70)]) == ()


def test_a_line_that_changed_is_found_wherever_it_stands() -> None:
    before, after = line(number=7), line(number=70, bytecodes=30, operators=1)
    (change,) = line_changes([before], [after])
    assert (change.before, change.after, change.line) == (before, after, after)
    assert (change.bytecodes, change.operators) == (20, 1)


def test_lines_of_one_text_are_taken_in_their_order() -> None:
    base = [line(number=20, bytecodes=2), line(number=10, bytecodes=1)]
    new = [line(number=31, bytecodes=5), line(number=11, bytecodes=1), line(number=21, bytecodes=2)]
    assert line_changes(base, new) == (LineChange(None, new[0]),)


@pytest.mark.parametrize("other", [{"file": "suites/b.py"}, {"function": "g"}, {"text": "y = f(y)"}])
def test_another_place_is_another_line(other: dict[str, str]) -> None:
    before, after = line(), dataclasses.replace(line(), **other)  # type: ignore[arg-type]
    assert set(line_changes([before], [after])) == {LineChange(before, None), LineChange(None, after)}


def test_an_operator_weighs_many_bytecodes() -> None:
    few, many = line("a", 0, 1), line("b", BYTECODES_OF_AN_OPERATOR + 1)
    small = line("c", BYTECODES_OF_AN_OPERATOR - 1)
    assert [change.line for change in line_changes([], [small, few, many])] == [many, few, small]
    assert [change.line for change in line_changes([few, many, small], [])] == [many, few, small]


@pytest.mark.parametrize("theirs", ["torch/nn/modules/linear.py", "functools.py", "<eval_with_key>.1", "numpy/a.py"])
def test_of_equal_changes_the_projects_own_come_first(theirs: str) -> None:
    own, library = line(file="zoo/model.py"), line(file=theirs)
    assert [change.line for change in line_changes([], [library, own])] == [own, library]
    larger = dataclasses.replace(library, bytecodes=11)
    assert [change.line for change in line_changes([], [own, larger])] == [larger, own]


def test_other_libraries_can_be_named() -> None:
    own, library = line(file="zoo/model.py"), line(file="lightning/model.py")
    found = moved(Profile(), Profile(lines=(library, own)), libraries=("lightning",))
    assert [change.line for change in found.lines] == [own, library]


@given(PROFILES)
def test_a_profile_does_not_differ_from_itself(profile: Profile) -> None:
    assert moved(profile, profile) == Moved()


@given(PROFILES, PROFILES, st.integers(0, 20))
def test_the_first_are_those_of_all(base: Profile, new: Profile, most: int) -> None:
    whole, part = moved(base, new, most=10**6), moved(base, new, most=most)
    for field in ("functions", "operators", "lines"):
        assert getattr(part, field) == getattr(whole, field)[:most]


@given(PROFILES, PROFILES)
def test_nothing_is_lost_and_the_largest_come_first(base: Profile, new: Profile) -> None:
    found = moved(base, new, most=10**6)
    for changes, before, after in (
        (found.functions, base.functions, new.functions),
        (found.operators, base.operators, new.operators),
    ):
        total = sum(place.instructions for place in after) - sum(place.instructions for place in before)
        assert sum(change.difference for change in changes) == total
        sizes = [abs(change.difference) for change in changes]
        assert sizes == sorted(sizes, reverse=True)
        assert 0 not in sizes
    for name in ("bytecodes", "operators"):
        total = sum(getattr(line, name) for line in new.lines) - sum(getattr(line, name) for line in base.lines)
        assert sum(getattr(change, name) for change in found.lines) == total
    weights = [abs(one.bytecodes) + BYTECODES_OF_AN_OPERATOR * abs(one.operators) for one in found.lines]
    assert weights == sorted(weights, reverse=True)
    assert 0 not in weights


@given(PROFILES, PROFILES)
def test_the_way_back_is_the_way_there(base: Profile, new: Profile) -> None:
    there, back = moved(base, new, most=10**6), moved(new, base, most=10**6)
    assert {Change(one.name, one.after, one.before) for one in there.functions} == set(back.functions)
    assert {LineChange(one.after, one.before) for one in there.lines} == set(back.lines)


def test_what_a_cut_profile_lacks_may_be_as_large_as_its_smallest() -> None:
    base = Profile((Place("a", 10.0), Place("b", 5.0)))
    new = Profile((Place("a", 10.0), Place("c", 5.0), Place("d", 6.0)))
    found = moved(base, new, are_cut=True)
    assert found.functions == (Change("d", None, 6.0),)
