"""A family that stands in the folder is found; nothing else need be edited."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paceline.suites.optimizations import collect

Families = Callable[..., tuple[str, ...]]
HEAD = """
from paceline.fixtures.preparation.axes import Optimization
from paceline.fixtures.preparation.chains import chain

def made(name, **fields):
    return Optimization(name, apply=lambda model, inputs: model, **fields)

"""
_NUMBERS = itertools.count()


@pytest.fixture
def names_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Families]:
    """Writes a package of modules, ``name="code"``, and collects it."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def collected(**modules: str) -> tuple[str, ...]:
        package = f"families_{next(_NUMBERS)}"  # Python imports a name once
        folder = tmp_path / package
        folder.mkdir()
        (folder / "__init__.py").touch()
        for name, code in modules.items():
            (folder / f"{name}.py").write_text(HEAD + code, "utf-8")
        return tuple(one.name for one in collect(package, [str(folder)]))

    return collected


def test_the_reference_then_by_class_then_by_family(names_in: Families) -> None:
    names = names_in(
        a='A = made("a_lossy"), made("a_near", tolerance=1e-3)\nOPTIMIZATIONS = (chain(*A), *A)',
        b='OPTIMIZATIONS = (made("b_2", tolerance=1e-3), made("b_1", tolerance=1e-3), made("b_lossy"))',
        c='OPTIMIZATIONS = (made("reference", is_reference=True), made("c", fidelity="exact", tolerance=0.0))',
    )
    assert names == ("reference", "c", "a_near", "b_2", "b_1", "a_lossy", "b_lossy", "a_lossy+a_near")


def test_which_is_imported_first_changes_nothing(names_in: Families) -> None:
    code = {"a": 'from {0}.b import OPTIMIZATIONS as B\nOPTIMIZATIONS = (made("a"), chain(made("a"), *B))'}
    package = f"families_{next(_NUMBERS) + 1}"
    assert names_in(a=code["a"].format(package), b='OPTIMIZATIONS = (made("b"),)') == ("a", "b", "a+b")


def test_two_of_one_name_are_an_error_that_names_both(names_in: Families) -> None:
    with pytest.raises(ValueError, match=r"two optimizations 'same', in families_\d+\.a and families_\d+\.b: rename"):
        names_in(a='OPTIMIZATIONS = (made("same"),)', b='OPTIMIZATIONS = (made("same"),)')


@pytest.mark.parametrize("code", ["", 'OPTIMIZATIONS = (made("no comma"))', 'OPTIMIZATIONS = ("a name",)'])
def test_a_module_that_lists_none_is_an_error_and_not_left_out(names_in: Families, code: str) -> None:
    with pytest.raises(ValueError, match=r"families_\d+\.b is no family: give it OPTIMIZATIONS, a tuple of Opt"):
        names_in(a='OPTIMIZATIONS = (made("a"),)', b=code)
