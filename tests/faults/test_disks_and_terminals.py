"""Disks that are full or read-only, two writers at once, and terminals that show little."""

from __future__ import annotations

import dataclasses
import errno
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from paceline.baselines.files.atomic import StoreError, write_atomically
from paceline.baselines.files.run_file import Journal, new_run_id, read_run, recover
from paceline.baselines.records import Case, Fingerprint, Measured, Run
from paceline.baselines.records.metrics import LATENCY
from paceline.baselines.settings import Settings
from paceline.baselines.stored.store import Store, merge, summarize
from paceline.fixtures.run.session import Session

STARTED = "2026-01-02T03:04:05+00:00"
HEADER = Run("r1", Fingerprint({"cpu_model": "x"}), "abc", False, STARTED, {}, False, ())
ODD_NAME = "ein Ordner – Überschrift 測試 'quoted' \U0001f600"


def outcome(number: int, samples: int = 1000) -> Measured:
    return Measured(Case("net", "eager", "cpu", number), LATENCY, tuple(1000.5 + n for n in range(samples)))


def run_of(name: str, model: str, level: float = 1000.0, saved: str = STARTED) -> Run:
    measured = Measured(Case(model, "eager", "cpu", 1), LATENCY, (level,))
    return dataclasses.replace(HEADER, id=name, complete=True, outcomes=(measured,), started=saved)


# -- disks -------------------------------------------------------------------------------------------------------------


def append_until_full(journal: Journal) -> None:
    for number in range(1, 1000):
        journal.append(outcome(number))


def test_a_full_disk_cuts_the_run_and_keeps_what_was_written(small_disk: Path) -> None:
    journal = Journal.start(small_disk, HEADER)
    with pytest.raises(StoreError, match="the disk is full") as caught:
        append_until_full(journal)
    assert str(journal.path) in str(caught.value)
    written = len(read_run(journal.path).outcomes)
    journal.close()
    assert written > 5
    (path,) = recover(small_disk)
    run = read_run(path)
    assert not run.complete
    assert run.outcomes == tuple(outcome(number) for number in range(1, written + 1))


def test_a_disk_with_no_room_left_but_for_the_journal_is_named(small_disk: Path) -> None:
    """The file that keeps runs out of git is written last: it must neither end pytest nor stay there empty."""
    first = Session(small_disk, Settings(), 0.1)
    first.start()
    (journal,) = first.runs.glob("*.part")
    room, ignored = journal.stat().st_blocks * 512, first.runs / ".gitignore"
    first.close()
    for path in (journal, ignored):
        path.unlink()
    ignored.touch()  # as a run that was killed, or found the disk full, once left it
    (small_disk / "ballast").write_bytes(b"x" * (os.statvfs(small_disk).f_bavail * 4096 - room))
    second = Session(small_disk, Settings(), 0.1)
    with pytest.raises(StoreError, match=r"cannot write .*\.gitignore: .*the disk is full: free some space"):
        second.start()
    second.close()
    (small_disk / "ballast").unlink()
    third = Session(small_disk, Settings(), 0.1)
    third.start()
    third.close()
    assert ignored.read_text("utf-8").endswith("*\n")


def test_after_room_is_made_the_run_goes_on(small_disk: Path) -> None:
    padding = small_disk / "ballast"
    padding.write_bytes(b"x" * 200_000)
    journal = Journal.start(small_disk, HEADER)
    with pytest.raises(StoreError, match="the disk is full"):
        append_until_full(journal)
    number = len(read_run(journal.path).outcomes) + 1
    padding.unlink()
    journal.append(outcome(number))
    run = read_run(journal.finish(True, {}, ()))
    assert run.complete
    assert len(run.outcomes) == number


def test_a_full_disk_leaves_the_old_baseline_and_the_old_report(small_disk: Path) -> None:
    store = Store(small_disk)
    store.save(summarize([run_of("r1", "net")], name="main", saved=STARTED, by="me", reason="x"))
    report = small_disk / "report.html"
    write_atomically(report, "the old report")
    before = {path.name: path.read_bytes() for path in small_disk.iterdir()}
    new = summarize([run_of("r2", "other")], name="main", saved=STARTED, by="me", reason="y" * 90_000)
    (small_disk / "ballast").write_bytes(b"x" * (os.statvfs(small_disk).f_bavail * 4096 - 8192))
    with pytest.raises(StoreError, match=r"cannot write .*main\.json: .*the disk is full: free some space"):
        store.save(merge(store.load("main"), new))
    with pytest.raises(StoreError, match=r"report\.html.*the disk is full"):
        write_atomically(report, "x" * 100_000)
    (small_disk / "ballast").unlink()
    assert {path.name: path.read_bytes() for path in small_disk.iterdir()} == before


def test_a_read_only_disk_is_named(read_only_disk: Path) -> None:
    for target in (read_only_disk / "report.html", read_only_disk / "new folder" / "report.html"):
        with pytest.raises(StoreError, match="the file system is read-only: choose another folder") as caught:
            write_atomically(target, "x")
        assert str(target) in str(caught.value)
    with pytest.raises(StoreError, match="read-only"):
        Journal.start(read_only_disk, HEADER)
    assert recover(read_only_disk) == ()
    assert Store(read_only_disk / "there is none").names() == ()


AS_ANOTHER_USER = """
from paceline.baselines.files.atomic import StoreError, write_atomically
import os, pathlib, sys
if os.geteuid() == 0:  # root may write anywhere
    os.setgid(65534)
    os.setuid(65534)
try:
    write_atomically(pathlib.Path(sys.argv[1]), "x")
except StoreError as error:
    print(error)
"""


def test_a_folder_of_somebody_else_is_named() -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        target = Path(name) / "main.json"
        done = subprocess.run(
            [sys.executable, "-c", AS_ANOTHER_USER, target], capture_output=True, text=True, check=False
        )
        assert f"cannot write {target}: Permission denied; choose a folder that you may write to" in done.stdout
        assert list(Path(name).iterdir()) == []


def test_odd_paths_hold_runs_baselines_and_reports(tmp_path: Path) -> None:
    folder = tmp_path / ODD_NAME
    journal = Journal.start(folder / "runs", HEADER)
    journal.append(outcome(1))
    journal.close()
    (path,) = recover(folder / "runs")
    assert read_run(path).outcomes == (outcome(1),)
    store = Store(folder / "baselines")
    store.save(summarize([run_of("r1", "net")], name="main", saved=STARTED, by="Ünï", reason="weil – \U0001f600"))
    assert store.load("main").saves[0].reason == "weil – \U0001f600"
    done = _reports(["render", path, "--html", folder / "report.html"], {"PYTHONIOENCODING": "utf-8"})
    assert done.returncode == 0, done.stderr
    assert (folder / "report.html").exists()


# -- two at once, and clocks -------------------------------------------------------------------------------------------


def _save_many(folder: Path, model: str, times: int) -> None:
    session = Session(folder, Settings(), 0.1)
    for turn in range(times):
        session.save("main", [run_of(f"{model}-{turn}", f"{model}-{turn}")], by=model, reason="at once")


def test_two_saves_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    """Two processes add twenty cases each, one at a time, to the same baseline: at the end all are there."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_save_many, args=(tmp_path, model, 20)) for model in ("first", "second")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
        assert process.exitcode == 0
    entries = Store(tmp_path / ".paceline" / "baselines").load("main").entries
    expected = {f"{model}-{turn}" for model in ("first", "second") for turn in range(20)}
    assert {entry.case.model for entry in entries} == expected


def test_two_starts_at_once_recover_a_cut_run_once(tmp_path: Path) -> None:
    for number in range(10):
        journal = Journal.start(tmp_path, dataclasses.replace(HEADER, id=f"cut-{number}"))
        journal.append(outcome(1))
        journal.close()
    found: list[Sequence[Path]] = []
    threads = [threading.Thread(target=lambda: found.append(recover(tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert sorted(path.name for paths in found for path in paths) == [f"cut-{number}.jsonl" for number in range(10)]


def test_a_clock_that_goes_backwards_loses_nothing(tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)
    earlier = now - timedelta(days=400)
    ids = [new_run_id(now), new_run_id(earlier), new_run_id(now)]
    assert len(set(ids)) == 3
    store = Store(tmp_path)
    for moment, model in ((now, "one"), (earlier, "two"), (now, "three")):
        saved = moment.isoformat(timespec="seconds")
        new = summarize([run_of(new_run_id(moment), model, saved=saved)], name="main", saved=saved, by="", reason=model)
        store.save(merge(store.load("main"), new) if "main" in store.names() else new)
    baseline = store.load("main")
    assert {entry.case.model: baseline.saves[entry.save].reason for entry in baseline.entries} == {
        "one": "one",
        "two": "two",
        "three": "three",
    }


# -- terminals ---------------------------------------------------------------------------------------------------------


def _reports(arguments: Sequence[object], env: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "paceline.reports", *map(str, arguments)],
        capture_output=True,
        env={"PATH": os.environ["PATH"], **env},
        check=False,
    )


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    journal = Journal.start(tmp_path / "läufe", HEADER)
    for number in range(1, 30):
        journal.append(outcome(number, 20))
    return journal.finish(True, {}, ())


@pytest.mark.parametrize(
    "env",
    [
        {"COLUMNS": "40", "NO_COLOR": "1", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
        {"COLUMNS": "1", "TERM": "dumb", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["ascii", "posix"],
)
def test_a_narrow_terminal_without_utf8_and_colour(stored: Path, env: dict[str, str]) -> None:
    for arguments in (["render", stored], ["list", "--runs", stored.parent]):
        done = _reports(arguments, env)
        assert done.returncode == 0, done.stderr
        assert done.stdout.isascii()
        assert b"\x1b" not in done.stdout
        assert b"Traceback" not in done.stderr
    lines = _reports(["render", stored], env).stdout.decode("ascii").splitlines()
    wide = [line for line in lines if len(line) > 40 and not re.match(r"\s+\S+$|  \S", line)]
    assert not wide


@pytest.mark.parametrize("command", ["render", "list"])
def test_a_reader_that_leaves_early_is_no_error(stored: Path, command: str) -> None:
    where = [str(stored)] if command == "render" else ["--runs", str(stored.parent)]
    read, write = os.pipe()
    os.close(read)  # closed before the first byte
    try:
        done = subprocess.run(
            [sys.executable, "-m", "paceline.reports", command, *where],
            stdout=write,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(write)
    assert done.stderr == b""
    assert done.returncode == 0


def test_a_full_standard_output_is_named(stored: Path) -> None:
    """``/dev/full`` answers every write with "no space left"."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    with full.open("wb") as output:
        done = subprocess.run(
            [sys.executable, "-m", "paceline.reports", "render", str(stored)],
            stdout=output,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode != 0
    assert os.strerror(errno.ENOSPC).encode() in done.stderr
    assert b"Traceback" not in done.stderr
