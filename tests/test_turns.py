"""The slow tests take turns: every one is in exactly one part, and what a part leaves out is said."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

TESTS = """
import pytest

@pytest.mark.slow
@pytest.mark.parametrize("number", range(30))
def test_slow(number):
    pass

def test_quick():
    pass
"""


@pytest.fixture
def checkout(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder with this project's conftest and some tests."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    shutil.copy(Path(__file__).parents[1] / "conftest.py", pytester.path)
    (pytester.path / "tests").mkdir()
    (pytester.path / "tests" / "test_some.py").write_text(TESTS)
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\naddopts = ["--import-mode=importlib"]')
    return pytester


def chosen(checkout: pytest.Pytester, *arguments: str) -> tuple[list[str], str]:
    """Tests that would run, and the output."""
    output = checkout.runpytest_inprocess("--collect-only", *arguments).stdout.str()
    return re.findall(r"<Function (.*)>", output), output


def test_every_slow_test_is_in_exactly_one_part(checkout: pytest.Pytester) -> None:
    everything, output = chosen(checkout, "-m", "slow")
    assert len(everything) == 30
    assert "left out" not in output
    parts = []
    for number in (1, 2, 3):
        part, output = chosen(checkout, "-m", "slow", f"--part={number}/3")
        assert f"slow tests, part {number} of 3: the other parts' {30 - len(part)} tests are left out" in output
        assert part
        parts += part
    assert sorted(parts) == sorted(everything)


def test_without_the_marker_no_slow_test_runs(checkout: pytest.Pytester) -> None:
    found, _ = chosen(checkout)
    assert found == ["test_quick"]


@pytest.mark.parametrize("part", ["0/3", "4/3", "x", "1"])
def test_a_part_that_is_none_is_refused(checkout: pytest.Pytester, part: str) -> None:
    done = checkout.runpytest_inprocess("-m", "slow", f"--part={part}")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "--part" in done.stderr.str()
