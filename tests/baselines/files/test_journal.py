"""The journal: what is appended is there, whatever happens to its writer."""

from __future__ import annotations

import dataclasses
import re
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from paceline.baselines.files.atomic import FormatError, StoreError
from paceline.baselines.files.run_file import Journal, new_run_id, read_run, recover
from paceline.baselines.records import Case, Cause, Measured, NotMeasured
from paceline.baselines.records.metrics import LATENCY
from tests.builders import make_case, make_header, make_measured

HEADER = make_header()
WRITER = """
import sys
from pathlib import Path
from typing import Any
from paceline.baselines.records.metrics import LATENCY
from paceline.baselines.records import Case, Fingerprint, Measured, Run
from paceline.baselines.files.run_file import Journal
header = Run(sys.argv[2], Fingerprint({}), "", False, "2025-11-22T00:00:00Z", {}, False, ())
journal = Journal.start(Path(sys.argv[1]), header)
for size in range(1, 4):
    journal.append(Measured(Case("m", "eager", "cpu", size), LATENCY, (1.0, 2.0)))
print("ready", flush=True)
sys.stdin.read()
"""


def measured(batch_size: int = 1) -> Measured:
    return make_measured(make_case(batch_size=batch_size), (1.0, 2.0))


def start_writer(folder: Path, run_id: str) -> subprocess.Popen[str]:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), run_id], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    return writer


def test_what_is_appended_can_be_read_while_the_run_goes_on(tmp_path: Path) -> None:
    journal = Journal.start(tmp_path, HEADER)
    journal.append(measured())
    assert journal.path.name == "r1.jsonl.part"
    assert read_run(journal.path) == dataclasses.replace(HEADER, outcomes=(measured(),))
    assert journal.finish(True, {"calls": 0.5}, ()) == tmp_path / "r1.jsonl"
    assert [path.name for path in tmp_path.iterdir()] == ["r1.jsonl"]


def test_only_the_run_of_a_killed_writer_is_recovered(tmp_path: Path) -> None:
    writer = start_writer(tmp_path, "alive")
    try:
        assert recover(tmp_path) == ()
        assert (tmp_path / "alive.jsonl.part").exists()
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    assert recover(tmp_path) == (tmp_path / "alive.jsonl",)
    run = read_run(tmp_path / "alive.jsonl")
    assert not run.complete
    assert [outcome.case.batch_size for outcome in run.outcomes] == [1, 2, 3]
    assert recover(tmp_path) == ()


def test_a_closed_journal_is_a_cut_run(tmp_path: Path) -> None:
    journal = Journal.start(tmp_path, HEADER)
    journal.close()
    with pytest.raises(ValueError, match="closed"):
        journal.append(measured())
    (path,) = recover(tmp_path)
    assert not read_run(path).complete


def test_recovering_nothing(tmp_path: Path) -> None:
    assert recover(tmp_path / "missing") == ()
    (tmp_path / "x.jsonl.part").write_bytes(b'{"format":')
    assert recover(tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


def test_recovering_never_overwrites(tmp_path: Path) -> None:
    Journal.start(tmp_path, HEADER).close()
    (tmp_path / "r1.jsonl").write_text("mine")
    with pytest.raises(StoreError, match="is there already"):
        recover(tmp_path)
    assert (tmp_path / "r1.jsonl").read_text() == "mine"


def test_the_second_writer_of_one_run_is_refused(tmp_path: Path) -> None:
    first, second = Journal.start(tmp_path, HEADER), Journal.start(tmp_path, dataclasses.replace(HEADER, id="r2"))
    with pytest.raises(StoreError, match="use a new run id"):
        Journal.start(tmp_path, HEADER)
    for size in range(1, 6):
        first.append(measured(size))
        second.append(measured(10 * size))
    sizes = [
        [outcome.case.batch_size for outcome in read_run(one.finish(True, {}, ())).outcomes] for one in (first, second)
    ]
    assert sizes == [[1, 2, 3, 4, 5], [10, 20, 30, 40, 50]]
    with pytest.raises(StoreError, match="use a new run id"):
        Journal.start(tmp_path, HEADER)


def test_recovering_takes_nothing_from_starting_writers(tmp_path: Path) -> None:
    has_ended = threading.Event()
    taken: list[Path] = []

    def keep_recovering() -> None:
        while not has_ended.is_set():
            taken.extend(recover(tmp_path))

    thread = threading.Thread(target=keep_recovering)
    thread.start()
    try:
        for number in range(40):
            journal = Journal.start(tmp_path, dataclasses.replace(HEADER, id=f"r{number}"))
            journal.append(measured())
            journal.finish(True, {}, ())
    finally:
        has_ended.set()
        thread.join()
    assert taken == []
    assert all(read_run(tmp_path / f"r{number}.jsonl").complete for number in range(40))


def test_what_could_not_be_read_again_is_refused_when_written(tmp_path: Path) -> None:
    journal = Journal.start(tmp_path, HEADER)
    journal.append(measured())
    bad = [
        (dataclasses.replace(measured(2), samples=(float("nan"),)), "cannot be stored"),
        (dataclasses.replace(measured(2), samples=(float("inf"),)), "cannot be stored"),
        (dataclasses.replace(measured(2), samples=(-1.0,)), "nothing takes less than 0 ns"),
        (dataclasses.replace(measured(2), samples=()), "must not be empty"),
        (dataclasses.replace(measured(2), case=Case("x" * 501, "o", "d", 1)), "characters long"),
        (measured(), "measured twice"),
    ]
    for outcome, message in bad:
        with pytest.raises(FormatError) as caught:
            journal.append(outcome)
        assert message in str(caught.value)
    journal.append(measured(2))
    assert read_run(journal.finish(True, {}, ())).outcomes == (measured(), measured(2))


@pytest.mark.parametrize("change", [{"id": "../x"}, {"id": ""}, {"id": ".x"}, {"started": "now"}])
def test_an_unsafe_header_is_refused_before_a_file_is_made(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        Journal.start(tmp_path, dataclasses.replace(HEADER, **change))
    assert list(tmp_path.iterdir()) == []


def test_a_long_or_broken_message_of_an_exception_is_kept(tmp_path: Path) -> None:
    journal = Journal.start(tmp_path, HEADER)
    case = make_case()
    journal.append(NotMeasured(case, LATENCY, Cause.ERRORED, "x" * 300_000))
    journal.append(NotMeasured(dataclasses.replace(case, batch_size=2), LATENCY, Cause.ERRORED, "file \udcff"))
    long, broken = read_run(journal.finish(True, {}, ())).outcomes
    assert isinstance(long, NotMeasured)
    assert long.reason.endswith("x … (shortened from 300000 characters)")
    assert isinstance(broken, NotMeasured)
    assert broken.reason == "file \\udcff"


def test_a_full_disk_leaves_whole_lines_and_the_run_goes_on(tmp_path: Path) -> None:
    journal = Journal.start(tmp_path, HEADER)
    journal.append(measured())
    before = journal.path.read_bytes()
    # A limit on file size refuses a write half way, as a full disk does.
    old_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    old_handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, old_limit[1]))
    try:
        with pytest.raises(StoreError, match=re.escape(f"cannot write {journal.path}: ")):
            journal.append(measured(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old_limit)
        signal.signal(signal.SIGXFSZ, old_handler)
    assert journal.path.read_bytes() == before
    journal.append(measured(2))
    assert len(read_run(journal.finish(True, {}, ())).outcomes) == 2


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(StoreError) as caught:
        Journal.start(tmp_path / "runs", HEADER)
    assert str(caught.value).startswith(f"cannot make {tmp_path / 'runs'}: ")
    assert "a part of that path is a file" in str(caught.value)


def test_run_ids_sort_by_time_and_differ() -> None:
    now = datetime(2025, 11, 22, 5, 50, 12, tzinfo=timezone(timedelta(hours=2)))
    first, second = new_run_id(now), new_run_id(now)
    assert first.startswith("20251122T035012Z-")
    assert first != second
    assert first < new_run_id(now + timedelta(seconds=1))
    with pytest.raises(ValueError, match="zone"):
        new_run_id(datetime(2025, 11, 22))


class InterruptAt:
    """Raises KeyboardInterrupt at the n-th line that the journal's own code runs, as Ctrl-C may."""

    def __init__(self, place: int) -> None:
        self.left = place

    def __call__(self, frame: FrameType, event: str, argument: object) -> InterruptAt | None:
        if not frame.f_code.co_filename.endswith("journal.py") or "test_" in frame.f_code.co_filename:
            return None
        if event == "line":
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self


def interrupted(place: int, call: Callable[[], object]) -> bool:
    """Run it, interrupted at that line; whether there was such a line."""
    tracer = sys.gettrace()
    sys.settrace(InterruptAt(place))
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(tracer)
    return False


def test_ctrl_c_at_any_line_leaves_a_file_that_goes_on(tmp_path: Path) -> None:
    longer = dataclasses.replace(measured(2), samples=tuple(float(number) for number in range(1, 60)))
    place, was_interrupted = 0, True
    while was_interrupted:
        place += 1
        journal = Journal.start(tmp_path, dataclasses.replace(HEADER, id=f"r{place}"))
        journal.append(measured(1))
        was_interrupted = interrupted(place, lambda journal=journal: journal.append(longer))
        journal.append(measured(3))
        journal.finish_test("test_x", "passed")
        found = read_run(journal.finish(False, {}, ()))
        sizes = [outcome.case.batch_size for outcome in found.outcomes]
        assert sizes in ([1, 3], [1, 2, 3])
    assert place > 10
    assert sizes == [1, 2, 3]


def test_ctrl_c_at_any_line_of_finishing_can_be_finished_again(tmp_path: Path) -> None:
    place, was_interrupted = 0, True
    while was_interrupted:
        place += 1
        journal = Journal.start(tmp_path, dataclasses.replace(HEADER, id=f"r{place}"))
        journal.append(measured(1))
        was_interrupted = interrupted(place, lambda journal=journal: journal.finish(True, {}, ()))
        final = tmp_path / f"r{place}.jsonl"
        if was_interrupted and journal.path != final:
            journal.finish(False, {}, ())
        journal.close()
        assert read_run(final).outcomes == (measured(1),)
    assert place > 10
