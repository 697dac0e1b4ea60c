"""Known regressions on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from paceline.baselines.files.baseline_file import dump_baseline
from paceline.baselines.files.journal import Journal
from paceline.baselines.records import metrics
from paceline.reports.__main__ import main
from tests.builders import make_baseline, make_entry, make_header, make_measured
from tests.reports.pages import filled

# -- the entries that are offered --------------------------------------------------------------------------------------


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A baseline called main of one size, and a run that is 10 % larger."""
    monkeypatch.chdir(tmp_path)
    baseline = make_baseline(make_entry("mlp", (1000.0,), metrics.SIZE))
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "main.json").write_text(dump_baseline(baseline), "utf-8")
    (tmp_path / "pyproject.toml").write_text('[tool.paceline]\nbaselines = "base"\n', "utf-8")
    journal = Journal.start(tmp_path / "runs", make_header())
    journal.append(make_measured("mlp", 1100.0, metrics.SIZE))
    return journal.finish(True, {}, ())


@pytest.mark.parametrize("where", ["beside", "setting", "option"])
def test_compare_takes_known_regressions_into_account(
    stored: Path, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "main", str(stored)]) == 10
    offered = capsys.readouterr().out.partition("saying who and why:\n")[2]
    file = Path("base/acknowledged.toml" if where == "beside" else "known.toml")
    file.write_text(filled(offered), "utf-8")
    if where == "setting":
        with Path("pyproject.toml").open("a") as project:
            project.write('acknowledged = "known.toml"\n')
    option = ["--acknowledged=known.toml"] if where == "option" else []
    assert main(["compare", "main", str(stored), *option]) == 0
    assert "; 1 acknowledged" in capsys.readouterr().out


def test_compare_refuses_a_file_that_is_not_there_or_broken(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "main", str(stored), "--acknowledged", "none.toml"]) == 4
    assert "none.toml: there is no such file" in capsys.readouterr().err
    Path("base/acknowledged.toml").write_text("[[acknowledged]]\ncsae = 1\n", "utf-8")
    assert main(["compare", "main", str(stored)]) == 4
    assert "did you mean 'case'?" in capsys.readouterr().err
