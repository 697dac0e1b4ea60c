"""Fuzz the readers of run files, baselines and acknowledgements, guided by coverage.

.. code:: sh

    make .neighbours/.installed
    PYTHONPATH=.neighbours .venv/bin/python tests/faults/fuzz_readers.py -max_total_time=120

Whatever the bytes are, a reader may do one of two things: raise ``FormatError`` with a short message, or return a
record that is written and read again as the same. Everything else prints the input that did it and ends the fuzzer
with an exit code other than 0. ``-seed=1`` tries the same inputs again, another seed others.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import random
import shutil
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

try:
    import atheris
except ImportError:
    sys.exit("atheris is not installed: make .neighbours/.installed, then set PYTHONPATH=.neighbours")

with atheris.instrument_imports(include=["paceline.baselines"]):
    from paceline.baselines.files import codec
    from paceline.baselines.files import strict_json as parsing
    from paceline.baselines.files.acknowledgement_file import Acknowledgement, dump_entry, load_acknowledgements
    from paceline.baselines.files.atomic import FormatError
    from paceline.baselines.files.baseline_file import dump_baseline, parse_baseline
    from paceline.baselines.files.run_file import Journal, read_run
    from paceline.baselines.records import (
        Baseline,
        Case,
        Cause,
        Conditions,
        Entry,
        Fingerprint,
        Level,
        Measured,
        Note,
        NotMeasured,
        Save,
    )
    from paceline.baselines.records import Run as RunRecord
    from paceline.baselines.records.metrics import LATENCY
    from paceline.baselines.records.progress import Finished, Part, Plan

STARTED = "2026-01-02T03:04:05+00:00"
LONGEST_MESSAGE = 4000
FOLDER = Path(tempfile.mkdtemp(prefix="paceline-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))  # noqa: S108
SCRATCH = FOLDER / "scratch.jsonl"
ODD_VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    1e308,
    2**53,
    10**400,
    "",
    "x",
    "\ud800",
    "../x",
    [],
    {},
    [[]],
    {"a": {}},
]
ODD_TOML = ["nan", "2027-02-30", "2027-01-31T00:00:00", '["+1 %", "-1 %"]', '["3 %", "+9 %"]', '["-100 %", "+1e3 %"]']
"""What JSON has no word for, and ranges that are none."""


def example_run() -> RunRecord:
    case = Case("net", "int8", "cpu", 1, (("width", "8"),))
    note = Note(Level.WARNING, "few_samples", "only two")
    conditions = Conditions(0.5, 0.25, 2, 0.5, 0.0, 1, 2, 3000.0, 2900.5, 0, 4)
    return RunRecord(
        id="r1",
        fingerprint=Fingerprint({"cpu_model": "x"}, {"kernel": "6"}),
        revision="abc",
        dirty=True,
        started=STARTED,
        selection={"tier": "full"},
        complete=True,
        outcomes=(
            Measured(case, LATENCY, (1.5, 2.0), (1.0,), (note,), conditions),
            NotMeasured(Case("net", "bf16", "cpu", None), LATENCY, Cause.TIMED_OUT, "slow"),
            Measured(Case("net", "eager", "cpu", 1), LATENCY, (2.5,)),
        ),
        profile_s={"calls": 1.0},
        notes=(note,),
        resumes=(Part("r0", STARTED, 1),),
        plan=Plan(("test_x[a]", "test_x[b]"), {"tier": '"full"'}, {"x.py": "1a2b"}, "main@1"),
        finished=(Finished("test_x[a]", "passed", 1), Finished("test_x[b]", "failed", 1, "too slow")),
    )


def written(run: RunRecord, folder: Path) -> Path:
    """The run as a file; each finished test claims its outcomes, and the last ones belong to none."""
    header = dataclasses.replace(run, outcomes=(), complete=False, profile_s={}, notes=(), finished=())
    journal = Journal.start(folder, header)
    outcomes = iter(run.outcomes)
    for finished in run.finished:
        for outcome in itertools.islice(outcomes, finished.outcomes):
            journal.append(outcome)
        journal.finish_test(finished.test, finished.result, finished.reason)
    for outcome in outcomes:
        journal.append(outcome)
    return journal.finish(run.complete, run.profile_s, run.notes)


def example_baseline() -> Baseline:
    save = Save("abc", False, STARTED, "me", "why", ("r1", "r2"), {"tier": "full"})
    entries = tuple(Entry(Case(name, "eager", "cpu", 1), LATENCY, (1.0, 2.0), 0) for name in ("a", "b"))
    return Baseline("main", Fingerprint({"cpu_model": "x"}, {"kernel": "6"}), (save,), entries)


def example_acknowledgements() -> str:
    entry = Acknowledgement("net-int8-cpu-b1", "latency_ns", -0.01, 0.09, "0123abc", "why", "me", date(2027, 1, 31))
    return dump_entry(entry) + "\n" + dump_entry(dataclasses.replace(entry, metric="size_bytes", low=0.0))


def check_message(error: FormatError) -> None:
    """A message may quote a file, but not be one."""
    if len(str(error)) > LONGEST_MESSAGE:
        raise RuntimeError(f"a message of {len(str(error))} characters")


def try_run(data: bytes) -> None:
    """Read ``data`` as a run file; write and read again what came out."""
    SCRATCH.write_bytes(data)
    try:
        run = read_run(SCRATCH)
    except FormatError as error:
        check_message(error)
        return
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        assert read_run(written(run, Path(folder))) == run
    json.dumps([codec.outcome_to_json(outcome) for outcome in run.outcomes], allow_nan=False)


def try_baseline(data: bytes) -> None:
    """Read ``data`` as a baseline; write and read again what came out."""
    try:
        baseline = parse_baseline(data.decode("utf-8", "surrogateescape"))
    except FormatError as error:
        check_message(error)
        return
    text = dump_baseline(baseline)
    assert dump_baseline(parse_baseline(text)) == text


def try_acknowledgements(data: bytes) -> None:
    """Read ``data`` as a file of acknowledgements; write and read again what came out."""
    SCRATCH.write_bytes(data)
    try:
        found = load_acknowledgements(SCRATCH)
    except FormatError as error:
        check_message(error)
        return
    SCRATCH.write_text("\n".join(map(dump_entry, found.entries)), "utf-8")
    assert load_acknowledgements(SCRATCH) == found


READERS = {b"R": try_run, b"B": try_baseline, b"A": try_acknowledgements}
"""By the first byte of an input, which says what the rest is."""


def try_one(data: bytes) -> None:
    """The fuzzer's entry."""
    try:
        READERS.get(data[:1], try_run)(data[1:])
    except BaseException:
        sys.stderr.write(f"the input was {data!r}\n")
        raise


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Every other time change bytes blindly; else put an odd value or a stranger into one place of the JSON, or of one
    line of the TOML."""
    rng = random.Random(seed)
    kind = data[:1]
    lines = [data[1:]] if kind == b"B" else data[1:].split(b"\n")
    number = rng.randrange(len(lines))
    if kind == b"A" and rng.random() < 0.5:
        name, equals, _ = lines[number].partition(b" = ")
        odd = rng.choice([*map(json.dumps, ODD_VALUES), *ODD_TOML])
        lines[number] = name + equals + odd.encode("utf-8", "surrogatepass") if equals else rng.choice(lines)
        return (kind + b"\n".join(lines))[:max_size]
    try:
        value = parsing.parse_json(lines[number])
    except (FormatError, RecursionError):
        value = None
    if value is None or rng.random() < 0.5:
        return bytes(atheris.Mutate(data, max_size))
    places = _places(value)
    if not places:
        return bytes(atheris.Mutate(data, max_size))
    container, key = rng.choice(places)
    if rng.random() < 0.3 and isinstance(container, dict):
        del container[key]
    else:
        container[key] = rng.choice([*ODD_VALUES, rng.choice(places)[0]])
    with contextlib.suppress(ValueError, RecursionError):  # a value that holds itself
        lines[number] = json.dumps(value).encode()
    return (data[:1] + b"\n".join(lines))[:max_size]


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting and len(found) < 500:
        one = waiting.pop()
        inner = list(one.items()) if isinstance(one, dict) else list(enumerate(one)) if isinstance(one, list) else []
        found += [(one, key) for key, _ in inner]
        waiting += [part for _, part in inner]
    return found


def main() -> None:
    """Run libFuzzer on its arguments, beginning with one file of each kind; in a fork, since it ends its process."""
    if pid := os.fork():
        _, status = os.waitpid(pid, 0)
        shutil.rmtree(FOLDER)
        sys.exit(os.waitstatus_to_exitcode(status))
    seeds = FOLDER / "seeds"
    seeds.mkdir()
    (seeds / "run").write_bytes(b"R" + written(example_run(), FOLDER / "example").read_bytes())
    (seeds / "baseline").write_bytes(b"B" + dump_baseline(example_baseline()).encode())
    (seeds / "acknowledgements").write_bytes(b"A" + example_acknowledgements().encode())
    atheris.Setup([*sys.argv, "-max_len=20000", str(seeds)], try_one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
