"""Writing a run file while the run goes on, and finding those whose writer died."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from paceline.baselines.files import codec, progress_codec
from paceline.baselines.files.atomic import FormatError, StoreError, failed, sync_folder
from paceline.baselines.files.strict_json import Fields, parse_json
from paceline.baselines.records import Key, Note, Outcome, Run
from paceline.baselines.records.progress import Finished, Result

SUFFIX = ".jsonl"
PART_SUFFIX = ".jsonl.part"


class _State(NamedTuple):
    """What of a journal counts: the bytes that are whole lines, the outcomes in them, and how many of these belong to
    tests that have finished."""

    length: int
    outcomes: int
    claimed: int


class Journal:
    """A run file being written. Every line is on the disk before the call that wrote it returns.

    An interrupt may come between any two instructions. What counts is one value that is replaced as a whole, after the
    line is on the disk; what lies behind it in the file is overwritten by the next line.

    The writer holds a lock on the file for as long as it lives, so that :func:`recover` can tell a running writer from
    a dead one, whatever became of its process id. (A child that was forked, not spawned, keeps the lock too.)
    """

    def __init__(self, descriptor: int, path: Path, run_id: str) -> None:
        self._descriptor = descriptor
        self._path = path
        self._run_id = run_id
        self._state = _State(0, 0, 0)
        self._keys: list[Key] = []
        self._places: dict[Key, int] = {}
        self._is_open = True

    @classmethod
    def start(cls, directory: Path, header: Run) -> Journal:
        """Begin the file of a run; ``header`` is the run without outcomes, but with its plan. The directory is made
        where missing.

        Raises
        ------
        FormatError
            The header cannot be stored (its id is no safe file name, a field is too long …).
        StoreError
            The file cannot be written, or a run of this id is there already.
        """
        if header.outcomes:
            raise ValueError("a journal starts with a run that has no outcomes yet")
        line = codec.line_of(codec.header_to_json(header))
        codec.header_from_json(Fields(parse_json(line)))
        if header.plan is not None:
            plan = codec.line_of(progress_codec.plan_to_json(header.plan))
            progress_codec.plan_from_json(Fields(parse_json(plan)))
            line += plan
        path = directory / f"{header.id}{PART_SUFFIX}"
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise failed("make", directory, error) from error
        try:
            if (directory / f"{header.id}{SUFFIX}").exists():
                raise FileExistsError
            descriptor = _create_locked(path)
        except FileExistsError as error:
            raise StoreError(f"cannot start {path}: a run of this id is there already; use a new run id") from error
        except OSError as error:
            raise failed("start", path, error) from error
        journal = cls(descriptor, path, header.id)
        try:
            journal._write(line)
            sync_folder(directory)
        except BaseException:
            path.unlink(missing_ok=True)
            journal.close()
            raise
        return journal

    @property
    def path(self) -> Path:
        """Where the file lies now (:meth:`finish` renames it)."""
        return self._path

    def append(self, outcome: Outcome) -> None:
        """Add an outcome. It is parsed back first: what could not be read again is refused now, not later.

        Raises
        ------
        FormatError
            The outcome cannot be stored (a sample that is not finite, no samples, a negative time, too long a name), or
            its case and metric are in this run already.
        StoreError
            The disk refuses. The file still ends with the last good line.
        """
        self._write(self._line(outcome), [outcome])

    def finish_test(self, test: str, result: Result, reason: str = "") -> Finished | None:
        """Say that a test has ended and that the outcomes since the test before are all of its own; ``None``, and no
        line, where it has none.

        Raises
        ------
        FormatError, StoreError
            As :meth:`append`.
        """
        outcomes = self._state.outcomes - self._state.claimed
        if not outcomes:
            return None
        finished = Finished(codec.storable(test), result, outcomes, codec.storable(reason))
        self._write(codec.line_of(progress_codec.finished_to_json(finished)), claims=True)
        return finished

    def take_over(self, tests: Sequence[tuple[Finished, Sequence[Outcome]]]) -> None:
        """Write the finished tests of a cut run, each with its outcomes, at once.

        Raises
        ------
        FormatError, StoreError
            As :meth:`append`; of the tests, none is here then.
        """
        lines = []
        for finished, outcomes in tests:
            lines += [self._line(outcome) for outcome in outcomes]
            lines.append(codec.line_of(progress_codec.finished_to_json(finished)))
        self._write(b"".join(lines), [outcome for _, outcomes in tests for outcome in outcomes], claims=True)

    def _line(self, outcome: Outcome) -> bytes:
        name = f"{outcome.case} {outcome.metric.name}"[:200]
        if self._holds(outcome.key):
            raise FormatError(
                f"{name} was measured twice in one run: tell the two apart by a parameter of the case, or measure once"
            )
        try:
            line = codec.line_of(codec.outcome_to_json(outcome))
            codec.outcome_from_json(Fields(parse_json(line)))
        except (FormatError, ValueError, TypeError, OverflowError) as error:
            raise FormatError(f"the outcome of {name} cannot be stored: {error}") from error
        return line

    def finish(self, complete: bool, profile_s: Mapping[str, float], notes: Sequence[Note]) -> Path:
        """Write the last line, give the file its final name, and return that. Nothing can be appended after.

        Raises
        ------
        FormatError, StoreError
            As :meth:`append`; the journal stays open.
        """
        line = codec.line_of(codec.footer_to_json(self._state.outcomes, complete, profile_s, notes))
        codec.footer_from_json(Fields(parse_json(line)), self._state.outcomes)
        final = self._path.with_name(f"{self._run_id}{SUFFIX}")
        # An interrupt may have come just after the file got its name.
        is_named = _is_at(self._descriptor, final)
        if final.exists() and not is_named:
            raise StoreError(f"cannot finish {self._path}: {final} is there already; move it away")
        # Not counted before the file has its name: until then finishing can be tried again.
        self._put(line)
        try:
            if not is_named:
                self._path.rename(final)
        except OSError as error:
            os.ftruncate(self._descriptor, self._state.length)
            raise failed("finish", self._path, error) from error
        self._path = final
        self.close()
        try:
            sync_folder(final.parent)
        except OSError as error:
            raise failed("finish", final, error) from error
        return final

    def close(self) -> None:
        """Let go of the file. Without :meth:`finish` before, the run is a cut one that :func:`recover` finds."""
        if self._is_open:
            self._is_open = False
            os.close(self._descriptor)

    def _write(self, line: bytes, outcomes: Sequence[Outcome] = (), *, claims: bool = False) -> None:
        """Put a line there and count it, with the outcomes it holds; all are a finished test's where it ``claims``."""
        self._put(line)
        before = self._state
        del self._keys[before.outcomes :]
        for outcome in outcomes:
            key = outcome.key
            self._places[key] = len(self._keys)
            self._keys.append(key)
        count = len(self._keys)
        self._state = _State(before.length + len(line), count, count if claims else before.claimed)

    def _put(self, line: bytes) -> None:
        """Have the file end with a line, on the disk, after everything that counts."""
        if not self._is_open:
            raise ValueError(f"the journal {self._path} is closed")
        length = self._state.length
        try:
            os.ftruncate(self._descriptor, length)
            written = 0
            while written < len(line):
                written += os.pwrite(self._descriptor, line[written:], length + written)
            os.fsync(self._descriptor)
        except OSError as error:
            # Half a line in the middle of a file would make all of it unreadable.
            os.ftruncate(self._descriptor, length)
            raise failed("write", self._path, error) from error

    def _holds(self, key: Key) -> bool:
        """Whether an outcome of this case and metric counts; one that an interrupt left behind does not."""
        place = self._places.get(key, self._state.outcomes)
        return place < self._state.outcomes and self._keys[place] == key


def _create_locked(path: Path) -> int:
    """A new file, locked. :func:`recover` may take the lock first and remove the empty file: then once more."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_at(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)


def recover(directory: Path) -> tuple[Path, ...]:
    """Give the files of runs whose writer is gone their final name, as cut runs, and return them, oldest id first.

    Files that a living process is writing are left alone. A file whose writer died before its first line was whole
    holds nothing and is removed.

    Raises
    ------
    StoreError
        A file cannot be opened or renamed, or the final name is taken.
    """
    recovered = []
    for path in sorted(directory.glob(f"*{PART_SUFFIX}")):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # its writer has just finished
        except OSError as error:
            raise failed("recover", path, error) from error
        try:
            final = _recover_one(descriptor, path)
        except OSError as error:
            raise error if isinstance(error, StoreError) else failed("recover", path, error) from error
        finally:
            os.close(descriptor)
        if final is not None:
            recovered.append(final)
    return tuple(recovered)


def _recover_one(descriptor: int, path: Path) -> Path | None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    if not _is_at(descriptor, path):
        return None
    if b"\n" not in path.read_bytes():
        path.unlink()
        return None
    final = path.with_name(path.name.removesuffix(".part"))
    if final.exists():
        raise StoreError(f"cannot recover {path}: {final} is there already; delete the one you do not need")
    path.rename(final)
    sync_folder(path.parent)
    return final
