"""A run as a file, which is also its journal: JSON Lines, written as the outcomes come.

The first line says what the run is, the second what it set out to do, then one line an outcome and one after the last
outcome of a test, then one line that says how it ended. While it is being
written the file is called ``<run id>.jsonl.part`` and locked by its writer; a run that ends renames it to ``<run
id>.jsonl``. A run that was cut off (a crash, a power failure) has no last line; it is read as incomplete, and at most
its last, torn outcome is lost.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import NoReturn

from paceline.baselines.files import codec, progress_codec
from paceline.baselines.files.atomic import FormatError, NewerFormatError, StoreError, read_bytes
from paceline.baselines.files.journal import Journal, recover
from paceline.baselines.files.strict_json import Fields, NotJsonError, parse_json
from paceline.baselines.records import Key, Outcome, Run
from paceline.baselines.records.progress import Finished

__all__ = ["FormatError", "Journal", "StoreError", "new_run_id", "read_run", "recover"]

_REPAIR = "the file was damaged or edited: take it from a backup, or delete it and measure again"


def new_run_id(now: datetime) -> str:
    """A fresh id that sorts by time and is safe as a file name: ``20251122T035012Z-3f9a2c4e``.

    ``now`` must know its time zone (:class:`ValueError` otherwise).
    """
    if now.tzinfo is None:
        raise ValueError("new_run_id needs a time with its zone, such as datetime.now(timezone.utc)")
    return f"{now.astimezone(timezone.utc):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def read_run(path: Path) -> Run:
    """The run that a file holds. Without its last line, or with a torn one, it is a cut run: ``complete`` is false.

    Raises
    ------
    FormatError
        The content is not a run that this version can read; names the file, the line and the way out.
    StoreError
        The file cannot be read at all.
    """
    lines = read_bytes(path).split(b"\n")
    has_torn_line = lines[-1] != b""
    if not has_torn_line:
        lines.pop()
    if not lines:
        raise FormatError(f"{path} is empty: its run was cut off before it began; delete it")
    values: list[object] = []
    for number, line in enumerate(lines, 1):
        is_last = number == len(lines)
        try:
            values.append(parse_json(line))
        except NotJsonError as error:
            if not (is_last and has_torn_line):
                _raise(path, number, error, line)
            if number == 1:
                raise FormatError(f"{path} was cut off within its first line: it holds no result; delete it") from error
        except FormatError as error:
            _raise(path, number, error, line)
    return _assemble(path, values)


def _assemble(path: Path, values: Sequence[object]) -> Run:
    number = 1  # of the line that an error is about
    try:
        run = codec.header_from_json(Fields(values[0]))
        outcomes: list[Outcome] = []
        finished: list[Finished] = []
        claimed = 0
        seen: set[Key] = set()
        has_ended = False
        for value in values[1:]:
            number += 1
            if has_ended:
                raise FormatError("there is a line after the one that ends the run")
            fields = Fields(value)
            if isinstance(value, dict) and value.get("kind") == "end":
                complete, profile_s, notes = codec.footer_from_json(fields, len(outcomes))
                run = dataclasses.replace(run, complete=complete, profile_s=profile_s, notes=notes)
                has_ended = True
                continue
            if isinstance(value, dict) and value.get("kind") == "plan":
                if number != 2:
                    raise FormatError("a plan stands in the second line or nowhere")
                run = dataclasses.replace(run, plan=progress_codec.plan_from_json(fields))
                continue
            if isinstance(value, dict) and value.get("kind") == "finished":
                finished.append(progress_codec.finished_from_json(fields, len(outcomes) - claimed))
                claimed = len(outcomes)
                continue
            outcome = codec.outcome_from_json(fields)
            if outcome.key in seen:
                raise FormatError(f"{outcome.key} occurs twice")
            seen.add(outcome.key)
            outcomes.append(outcome)
    except FormatError as error:
        _raise(path, number, error)
    return dataclasses.replace(run, outcomes=tuple(outcomes), finished=tuple(finished))


def _raise(path: Path, number: int, error: FormatError, line: bytes = b"") -> NoReturn:
    if line.startswith((b"<<<<<<<", b"=======", b">>>>>>>")):
        raise FormatError(f"{path}, line {number}: an unresolved merge conflict; resolve it") from error
    if isinstance(error, NewerFormatError):
        raise NewerFormatError(f"{path}, line {number}: {error}") from error
    raise FormatError(f"{path}, line {number}: {error}; {_REPAIR}") from error
