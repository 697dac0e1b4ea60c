"""Run and baseline files that somebody means ill with, or that something has damaged."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from paceline.baselines.files.acknowledgement_file import Acknowledgement, dump_entry, load_acknowledgements
from paceline.baselines.files.atomic import BaselineError, FormatError, StoreError
from paceline.baselines.files.baseline_file import dump_baseline, load_baseline
from paceline.baselines.files.run_file import Journal, read_run
from paceline.baselines.judgement.verdicts import Policy, Verdict
from paceline.baselines.records import Baseline, Case, Entry, Fingerprint, Level, Measured, Note, Run, Save
from paceline.baselines.records.metrics import LATENCY
from paceline.baselines.stored.compare import compare
from paceline.baselines.stored.store import Store
from paceline.reports.__main__ import main

STARTED = "2026-01-02T03:04:05+00:00"
HUGE = 100 * 1024 * 1024
STEERING = "\x1b]0;owned\x07\x1b[2J\u202e\x9b"
MARKUP = "<script>document.title='owned'</script>]]></a>&{{7*7}}"
TRAVERSAL = "../../../../tmp/owned\x00"


def make_run(*names: str, run_id: str = "r1", key: str = "here") -> Run:
    outcomes = tuple(
        Measured(Case(name, "eager", "cpu", 1), LATENCY, (1000.0, 1001.0), notes=(Note(Level.INFO, "evidence", name),))
        for name in names
    )
    return Run(run_id, Fingerprint({"cpu_model": key}), "abc", False, STARTED, {"tier": "full"}, True, outcomes)


def store(folder: Path, run: Run) -> Path:
    header = Run(run.id, run.fingerprint, run.revision, run.dirty, run.started, run.selection, False, ())
    journal = Journal.start(folder, header)
    for outcome in run.outcomes:
        journal.append(outcome)
    return journal.finish(run.complete, {}, ())


def make_baseline(key: str = "here", value: float = 1000.0) -> Baseline:
    save = Save("abc", False, STARTED, "me", "a test", ("r0",), {"tier": "full"})
    entry = Entry(Case("net", "eager", "cpu", 1), LATENCY, (value, value + 1, value + 2), 0)
    return Baseline("main", Fingerprint({"cpu_model": key}), (save,), (entry,))


def lines_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def write_lines(path: Path, lines: list[Any]) -> None:
    path.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))


def strings_in(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Places of all texts, and of all keys as ``(…, ("key", name))``."""
    found: list[tuple[Any, ...]] = []
    if isinstance(value, str):
        return [place]
    if isinstance(value, dict):
        for name, inner in value.items():
            found += [(*place, ("key", name)), *strings_in(inner, (*place, name))]
    if isinstance(value, list):
        for index, inner in enumerate(value):
            found += strings_in(inner, (*place, index))
    return found


def put(value: Any, place: tuple[Any, ...], text: str) -> None:
    *parents, last = place
    for step in parents:
        value = value[step]
    if isinstance(last, tuple):
        value[text] = value.pop(last[1])
    else:
        value[last] = text


def refused(read: Callable[[Path], object], path: Path) -> str:
    """The message, which must name the file and stay short whatever the file holds."""
    with pytest.raises((FormatError, StoreError)) as caught:
        read(path)
    message = str(caught.value)
    assert str(path) in message
    assert len(message) < 2000 + len(str(path))
    return message


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    return store(tmp_path / "runs", make_run("net"))


@pytest.fixture
def baseline_file(tmp_path: Path) -> Path:
    return Store(tmp_path / "baselines").save(make_baseline())


def test_a_long_text_in_any_place_of_a_run_is_refused_briefly(run_file: Path) -> None:
    original = run_file.read_bytes()
    tried = 0
    for number, line in enumerate(lines_of(run_file)):
        for place in strings_in(line):
            lines = [json.loads(one) for one in original.splitlines()]
            put(lines[number], place, "x" * 200_000)
            write_lines(run_file, lines)
            assert f"line {number + 1}" in refused(read_run, run_file)
            tried += 1
    assert tried > 30


def test_a_long_text_in_any_place_of_a_baseline_is_refused(baseline_file: Path) -> None:
    original = baseline_file.read_bytes()
    places = strings_in(json.loads(original))
    for place in places:
        value = json.loads(original)
        put(value, place, "x" * 200_000)
        baseline_file.write_text(json.dumps(value), "utf-8")
        refused(load_baseline, baseline_file)
    assert len(places) > 25


def test_a_text_of_100_megabytes_is_refused(run_file: Path, baseline_file: Path) -> None:
    huge = b'"' + b"x" * HUGE + b'"'
    run_file.write_bytes(run_file.read_bytes().replace(b'"net"', huge, 1))
    assert f"{HUGE} characters long" in refused(read_run, run_file)
    baseline_file.write_bytes(baseline_file.read_bytes().replace(b'"a test"', huge, 1))
    assert f"{HUGE} characters long" in refused(load_baseline, baseline_file)


@pytest.mark.parametrize("depth", [100, 400, 700, 900, 960, 985, 994, 5_000, 500_000])
@pytest.mark.parametrize("field", ["format", "kind", "name", "entries", "anything"])
def test_deep_nesting_is_refused_wherever_it_is(baseline_file: Path, run_file: Path, depth: int, field: str) -> None:
    nested = "[" * depth + "]" * depth
    text = baseline_file.read_text("utf-8")
    value = json.loads(text)
    value[field] = "HERE"
    baseline_file.write_text(json.dumps(value).replace('"HERE"', nested), "utf-8")
    refused(load_baseline, baseline_file)
    header, *rest = run_file.read_bytes().split(b"\n")
    value = json.loads(header)
    value["id" if field == "name" else field] = "HERE"
    header = json.dumps(value).replace('"HERE"', nested).encode()
    run_file.write_bytes(b"\n".join([header, *rest]))
    refused(read_run, run_file)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1", "-0.5", "1" * 400, "null", '"fast"'])
def test_numbers_that_are_none_are_refused(baseline_file: Path, run_file: Path, number: str) -> None:
    baseline_file.write_text(baseline_file.read_text("utf-8").replace("1001", number), "utf-8")
    refused(load_baseline, baseline_file)
    run_file.write_text(run_file.read_text("utf-8").replace("1001", number), "utf-8")
    assert "line 2" in refused(read_run, run_file)


def test_cases_that_occur_twice_are_refused(baseline_file: Path, run_file: Path) -> None:
    value = json.loads(baseline_file.read_bytes())
    value["entries"] *= 2
    baseline_file.write_text(json.dumps(value), "utf-8")
    assert "occurs twice" in refused(load_baseline, baseline_file)
    header, outcome, end = lines_of(run_file)
    write_lines(run_file, [header, outcome, outcome, end])
    assert "occurs twice" in refused(read_run, run_file)


@pytest.mark.parametrize(("version", "said"), [(2, "upgrade"), (10**18, "upgrade"), (0, "unknown"), ("2", "unknown")])
def test_another_or_a_newer_format_is_refused(baseline_file: Path, run_file: Path, version: object, said: str) -> None:
    value = json.loads(baseline_file.read_bytes())
    value["format"] = version
    value["something"] = "that only the newer version knows"
    baseline_file.write_text(json.dumps(value), "utf-8")
    assert said in refused(load_baseline, baseline_file)
    header, *rest = lines_of(run_file)
    write_lines(run_file, [header | {"format": version, "something": 1}, *rest])
    assert said in refused(read_run, run_file)


def test_a_baseline_cut_at_any_byte_is_refused(baseline_file: Path) -> None:
    whole = baseline_file.read_bytes()
    for length in range(len(whole) - 1):  # its last byte is a line end that no JSON needs
        baseline_file.write_bytes(whole[:length])
        refused(load_baseline, baseline_file)


@pytest.mark.parametrize(
    "name", ["../main", "/etc/passwd", "a/b", "..", ".", "-x", "", "x\x00", "con\n", "ä", "x" * 101]
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "main.json").write_text(dump_baseline(make_baseline()), "utf-8")
    inner = Store(tmp_path / "inner")
    with pytest.raises(FormatError, match="cannot be a baseline name"):
        inner.load(name)
    baseline = make_baseline()
    with pytest.raises(FormatError, match="cannot be"):
        inner.save(Baseline(name, baseline.fingerprint, baseline.saves, baseline.entries))
    assert not inner.directory.exists()


def test_a_run_that_says_it_lies_elsewhere_is_refused(baseline_file: Path) -> None:
    value = json.loads(baseline_file.read_bytes())
    value["saves"][STARTED]["runs"] = ["../../secret"]
    baseline_file.write_text(json.dumps(value), "utf-8")
    assert "cannot be a run id" in refused(load_baseline, baseline_file)


def test_hostile_names_reach_no_output_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = (MARKUP, STEERING, TRAVERSAL, "x" * 500, "a\nb\r\tc")
    path = store(tmp_path / "runs", make_run(*names))
    written = {kind: tmp_path / f"out.{kind}" for kind in ("html", "markdown", "json", "junit")}
    assert main(["render", str(path), *(f"--{kind}={target}" for kind, target in written.items())]) == 0
    shown = capsys.readouterr().out
    for text in (shown, *(target.read_text("utf-8") for target in written.values())):
        assert not set("\x1b\x07\x9b\x00\u202e") & set(text)
    assert "<script>document.title" not in written["html"].read_text("utf-8")
    assert "<script>" not in written["markdown"].read_text("utf-8")
    xml.etree.ElementTree.fromstring(written["junit"].read_text("utf-8"))  # noqa: S314 - our own
    json.loads(written["json"].read_text("utf-8"))
    assert {entry.name for entry in tmp_path.iterdir()} == {"runs", *(target.name for target in written.values())}


def test_another_machines_baseline_is_refused_with_what_differs(tmp_path: Path) -> None:
    judgement = compare(make_baseline(key="there"), make_run("net", key="here"), Policy())
    assert {found.verdict for found in judgement.comparisons} == {Verdict.REFUSED}
    assert all("cpu_model" in found.reason for found in judgement.comparisons)


def test_one_broken_baseline_is_named_and_the_others_can_be_read(tmp_path: Path) -> None:
    folder = Store(tmp_path)
    folder.save(make_baseline())
    (tmp_path / "broken.json").write_text('{"format": 1', "utf-8")
    (tmp_path / "folder.json").mkdir()
    assert folder.load("main").name == "main"
    for name in ("broken", "folder"):
        with pytest.raises(BaselineError, match=f"{name}.json"):
            folder.load(name)


def test_a_broken_run_file_does_not_hide_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, broken = (store(tmp_path / "runs", make_run("net", run_id=name)) for name in ("b-good", "a-broken"))
    broken.write_bytes(broken.read_bytes()[:-20] + b"\n")
    code = main(["list", f"--runs={good.parent}", f"--baselines={tmp_path / 'baselines'}"])
    said = capsys.readouterr()
    assert str(good) in said.out
    assert str(broken) in said.out + said.err
    assert code == 4


@pytest.mark.parametrize("content", [b"", b"\x00" * 1000, b"[" * 100_000, b'{"format": 99}\n', b'{"kind": "run", "id'])
def test_a_hostile_file_on_the_command_line_is_one_line(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(content)
    for arguments in (
        ["render", str(bad)],
        ["compare", str(bad), str(bad)],
        ["frame", str(bad), f"--csv={tmp_path}/x"],
    ):
        assert main(arguments) == 4
        (line,) = capsys.readouterr().err.splitlines()
        assert str(bad) in line


def calls_of(action: Callable[[], object]) -> int:
    """How many functions a call runs, Python's and C's, however long each takes."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(before)
    return count


def unknown_fields(folder: Path, count: int) -> Callable[[], object]:
    path = folder / f"{count}.json"
    path.write_text("{" + ",".join(f'"{n}": []' for n in range(count)) + "}", "utf-8")
    return lambda: refused(load_baseline, path)


def a_baseline(folder: Path, count: int) -> Callable[[], object]:
    """Of as many saves, all at one moment, as entries."""
    made = make_baseline()
    cases = [replace(made.entries[0].case, model=f"net{n}") for n in range(count)]
    entries = tuple(replace(made.entries[0], case=case, save=n) for n, case in enumerate(cases))
    path = folder / f"{count}.json"
    path.write_text(dump_baseline(replace(made, saves=made.saves * count, entries=entries)), "utf-8")
    return lambda: load_baseline(path)


def writing_a_baseline(folder: Path, count: int) -> Callable[[], object]:
    a_baseline(folder, count)
    made = load_baseline(folder / f"{count}.json")
    return lambda: dump_baseline(made)


def a_run(folder: Path, count: int) -> Callable[[], object]:
    path = store(folder, make_run(*(f"net{n}" for n in range(count)), run_id=f"r{count}"))
    return lambda: read_run(path)


def acknowledgements(folder: Path, count: int) -> Callable[[], object]:
    one = Acknowledgement("net-eager-cpu-b1", LATENCY.name, 0.03, 0.09, "abc", "wider", "me", date(2026, 3, 31))
    path = folder / f"{count}.toml"
    path.write_text("".join(dump_entry(replace(one, case=f"net{n}-eager-cpu-b1")) for n in range(count)), "utf-8")
    return lambda: load_acknowledgements(path)


@pytest.mark.parametrize("prepare", [unknown_fields, a_baseline, writing_a_baseline, a_run, acknowledgements])
def test_ten_times_the_file_takes_at_most_ten_times_the_calls(
    tmp_path: Path, prepare: Callable[[Path, int], Callable[[], object]]
) -> None:
    """Nothing quadratic; ``tests/benchmarks/reading_growth.py`` shows the seconds."""
    prepare(tmp_path, 10)()  # imports and caches
    short, long = (calls_of(prepare(tmp_path, count)) for count in (100, 1000))
    assert short > 50
    assert long <= 10 * short
