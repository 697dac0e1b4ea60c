"""``python -m paceline.reports`` over real run and baseline files."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from paceline.baselines.files.journal import Journal
from paceline.baselines.records import Cause, Fingerprint, NotMeasured, Outcome, metrics
from paceline.baselines.stored.store import Store, summarize
from paceline.reports.__main__ import main
from paceline.reports.outputs import OUTPUTS, Output
from tests.builders import make_case, make_header, make_measured

Make = Callable[..., Path]
CASE = make_case("mlp")


@pytest.fixture
def store_run(tmp_path: Path) -> Make:
    """Writes a run file with one size and one latency, and returns its path."""

    def make(
        run_id: str, *, size: float = 1000.0, slower: float = 1.0, complete: bool = True, cpu: str = "Xeon"
    ) -> Path:
        header = make_header(
            id=run_id, revision="abc123", fingerprint=Fingerprint({"cpu_model": cpu}), selection={"tier": "smoke"}
        )
        level = 1e6 * slower * (1 + int(run_id[-1]) / 1000)
        outcomes: list[Outcome] = [
            make_measured(CASE, size, metrics.SIZE),
            make_measured(CASE, (level * (1 + step / 1000) for step in range(40))),
            NotMeasured(make_case("mlp", "int8"), metrics.LATENCY, Cause.UNSUPPORTED, "no int8 here"),
        ]
        journal = Journal.start(tmp_path / "runs", header)
        for outcome in outcomes:
            journal.append(outcome)
        return journal.finish(complete, {"calls": 1.0}, ())

    return make


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_render_writes_every_output(store_run: Make, inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = store_run("run-1")
    code = main(
        ["render", str(run), "--html", "out/a.html", "--markdown", "a.md", "--json", "a.json", "--junit", "a.xml"]
    )
    out = capsys.readouterr().out
    assert code == 0
    assert out.startswith("Nothing to compare with: 1 case measured, 1 not")
    assert "no int8 here" in out
    assert "</html>" in (inside / "out/a.html").read_text("utf-8")
    assert "no int8 here" in (inside / "a.md").read_text("utf-8")
    assert json.loads((inside / "a.json").read_text("utf-8"))["state"] == "nothing"
    assert ElementTree.parse(inside / "a.xml").getroot().tag == "testsuites"  # noqa: S314 (our own)


def test_an_entry_of_the_table_is_an_option_and_a_known_setting(
    store_run: Make, inside: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    heading = Output("heading", "Heading", "the heading alone", lambda page: page.heading)
    monkeypatch.setitem(cast(dict[str, Output], OUTPUTS), "heading", heading)
    (inside / "pyproject.toml").write_text('[tool.paceline]\nheading = "elsewhere.txt"\n', encoding="utf-8")
    base = [str(store_run(f"base-{number}")) for number in range(1, 6)]
    assert main(["compare", *base, str(store_run("same-3")), "--heading", "a.txt"]) == 0
    assert "heading: a.txt\n" in capsys.readouterr().out
    assert (inside / "a.txt").read_text("utf-8").startswith("Passed")
    assert not (inside / "elsewhere.txt").exists()
    assert main(["render", base[0], "--heading", "b.txt"]) == 0
    assert (inside / "b.txt").read_text("utf-8").startswith("Nothing to compare with")


def test_compare_with_run_files(store_run: Make, inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = [str(store_run(f"base-{number}")) for number in range(1, 6)]
    assert main(["compare", *base, str(store_run("same-3"))]) == 0
    assert "Passed" in capsys.readouterr().out
    assert main(["compare", *base, str(store_run("grown-3", size=1100.0)), "--json", "j.json"]) == 10
    out = capsys.readouterr().out
    assert "Blocked: 1 of 2 cases larger" in out
    assert "Measure these again" in out
    assert "--pace-save" not in out
    document = json.loads((inside / "j.json").read_text("utf-8"))
    regressed = [one for one in document["comparisons"] if one["verdict"] == "regressed"]
    assert [(one["metric"]["name"], one["ratio"]) for one in regressed] == [("size_bytes", pytest.approx(1.1))]


def test_compare_with_a_stored_baseline_by_name_and_by_file(
    store_run: Make, inside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from paceline.baselines.files.run_file import read_run

    (inside / "pyproject.toml").write_text('[tool.paceline]\nbaselines = "kept"\n', encoding="utf-8")
    runs = [read_run(store_run(f"base-{number}")) for number in range(1, 6)]
    baseline = summarize(runs, name="ci", saved="2026-03-01T09:00:00Z", by="me", reason="first")
    path = Store(inside / "kept").save(baseline)
    grown = str(store_run("grown-3", size=1100.0))
    assert main(["compare", "ci", grown]) == 10
    by_name = capsys.readouterr().out
    assert "--pace-save ci" in by_name
    assert main(["compare", str(path), grown]) == 10
    assert capsys.readouterr().out == by_name
    assert main(["list", "--runs", "runs"]) == 0
    listed = capsys.readouterr().out
    assert "ci: 2 measurements, saved 2026-03-01T09:00:00Z at abc123; cpu_model Xeon" in listed
    assert "runs/grown-3.jsonl: 2 measurements at abc123" in listed
    refused = store_run("other-3", cpu="Epyc")
    assert main(["compare", "ci", str(refused)]) == 11
    assert "cpu_model was Xeon, is Epyc" in capsys.readouterr().out.replace("\n    ", " ")


@pytest.mark.parametrize(
    ("settings", "arguments", "code"),
    [
        ("", [], 11),
        ("band = 0.3", [], 0),
        ("band = 0.3", ["--band", "2%"], 11),
        ('[[tool.paceline.case]]\nmatch = "mlp-eager-*"\nband = 0.3', [], 0),
        ('[[tool.paceline.case]]\nmatch = "resnet18-*"\nband = 0.3', [], 11),
        ('blocks = ["regressed"]', [], 0),
    ],
)
def test_compare_judges_as_the_project_here_has_set(
    store_run: Make, inside: Path, settings: str, arguments: list[str], code: int
) -> None:
    (inside / "pyproject.toml").write_text(f"[tool.paceline]\n{settings}\n", encoding="utf-8")
    base = [str(store_run(f"base-{number}")) for number in range(1, 6)]
    assert main(["compare", *arguments, *base, str(store_run("slow-3", slower=1.2))]) == code


def test_frame_writes_csv(store_run: Make, inside: Path) -> None:
    run = str(store_run("run-1"))
    assert main(["frame", run, "--csv", "run.csv"]) == 0
    with (inside / "run.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["metric"], row["measured"]) for row in rows] == [
        ("size_bytes", "True"),
        ("latency_ns", "True"),
        ("latency_ns", "False"),
    ]
    assert main(["frame", run, "--samples", "--csv", "samples.csv"]) == 0
    assert len((inside / "samples.csv").read_text("utf-8").splitlines()) == 42


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["render", "missing.jsonl"], "missing.jsonl"),
        (["render", "broken.jsonl"], "broken.jsonl"),
        (["compare", "no_such_name", "RUN"], "no baseline 'no_such_name'"),
        (["compare", "broken.json", "RUN"], "broken.json"),
        (["compare", "RUN", "RUN", "RUN"], "a run is given twice"),
        (["compare", "CUT", "RUN"], "a cut run never becomes a baseline"),
        (["frame", "RUN", "--csv", "folder"], "folder"),
        (["render", "RUN", "--html", "broken.json/x.html"], "broken.json"),
    ],
)
def test_bad_input_is_one_line_that_names_it(
    store_run: Make, inside: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    names = {"RUN": str(store_run("run-1")), "CUT": str(store_run("cut-1", complete=False))}
    (inside / "broken.jsonl").write_text("{nonsense\n", encoding="utf-8")
    (inside / "broken.json").write_text("{}", encoding="utf-8")
    (inside / "folder").mkdir()
    assert main([names.get(one, one) for one in arguments]) == 4
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "text", ["not toml [", "[tool.paceline]\nbaselines = 3\n", "[tool.paceline]\nbnad = 1\n", "[tool]\npaceline = 1"]
)
def test_a_broken_project_file_is_named(
    store_run: Make, inside: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (inside / "pyproject.toml").write_text(text, encoding="utf-8")
    assert main(["compare", "ci", str(store_run("run-1"))]) == 4
    assert "pyproject.toml" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["nothing"], ["compare", "one"], ["compare", "a", "b", "--band", "2"], ["render"]]
)
def test_bad_arguments_are_usage_errors(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 4
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize("command", ["render", "compare", "list", "frame"])
def test_help_is_complete(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main([command, "--help"])
    assert raised.value.code == 0
    assert "--" in capsys.readouterr().out


def test_a_terminal_without_utf8_gets_ascii(store_run: Make) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "paceline.reports", "render", str(store_run("run-1"))],
        capture_output=True, env={"PYTHONIOENCODING": "ascii", "PATH": ""}, check=True,
    )  # fmt: skip
    assert done.stdout.isascii()
    assert b"Nothing to compare with" in done.stdout


def test_a_cut_run_is_rendered_as_one(store_run: Make, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(store_run("cut-1", complete=False))]) == 0
    assert capsys.readouterr().out.startswith("Cut short. ")
