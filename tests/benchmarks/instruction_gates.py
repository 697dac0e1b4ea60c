"""How often is a gate on instruction counts wrong, and does it find one percent more work?

    .venv/bin/python tests/benchmarks/instruction_gates.py FILE [--unchanged 20] [--more 4] [--busy] [--models A,B]

Each gate is a whole run of pytest in a copy of the benchmark below, against a baseline that was saved once from another
copy: in a folder whose path has another length, with another environment, and with another inert edit. ``--more`` have
one layer, addition or round of a loop more in a hundred. ``--busy`` keeps a process busy on each processor meanwhile.
The outcome of every gate is added to FILE, a line of JSON each, so that recordings can be made in parts; what FILE has
in all is printed. Two gates run at once, each with its own process under valgrind.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from paceline.baselines.files.run_file import read_run
from paceline.baselines.records import Measured
from paceline.fixtures.host.machine import cpu_model

DEPTH, MORE = 100, 101
BENCHMARK = """
import pytest, torch
from paceline.fixtures import Model

DEPTH = 100
ONLY = None


def deep(width, rows):
    def build():
        return torch.nn.Sequential(*[torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.ReLU()) for _ in range(DEPTH)])
    return Model(f"deep_{width}_{rows}", build=build, inputs=lambda batch_size: torch.randn(rows * batch_size, width))


class Stream(torch.nn.Module):
    def forward(self, x):
        for _ in range(DEPTH):
            x = x + 1.0
        return x


class Calls(torch.nn.Module):
    def forward(self, x):
        n = 0
        for i in range(DEPTH * 200):
            n += i & 7
        return x + n


MODELS = [
    deep(256, 8),
    deep(64, 1),
    deep(768, 2),
    Model("stream", build=Stream, inputs=lambda batch_size: torch.randn(batch_size, 100_000)),
    Model("calls", build=Calls, inputs=lambda batch_size: torch.randn(batch_size, 8)),
]


@pytest.mark.parametrize("model", [model for model in MODELS if ONLY is None or model.name in ONLY], ids=str)
def test_instructions(measure_instructions, model, optimization, device, batch_size):
    measure_instructions(model, optimization, device, batch_size)
"""  # noqa: E501 - a model of the repository whose true cost is known
AT_ONCE = 2


def inert(text: str, draw: random.Random) -> str:
    """``text`` with an edit that changes nothing of what it does."""
    edits = (
        lambda: f"# {draw.choice(string.ascii_letters) * draw.randrange(1, 2000)}\n{text}",
        lambda: text.replace("class Stream", "\n" * draw.randrange(1, 40) + "class Stream"),
        lambda: text + f"\n\nUNUSED = {[draw.random() for _ in range(draw.randrange(1, 300))]}\n",
        lambda: text.replace("    n = 0", f"    # {'a comment ' * draw.randrange(1, 30)}\n        n = 0"),
        lambda: text.replace("build()", "make()").replace("build=build", "build=make"),
        lambda: text,
    )
    return draw.choice(edits)()


def make_copy(parent: Path, draw: random.Random, depth: int, models: str, *, edited: bool) -> Path:
    """A folder with the benchmark, at a path of a length of its own."""
    folder = parent / ("".join(draw.choices(string.ascii_lowercase, k=draw.randrange(4, 90)))) / "bench"
    folder.mkdir(parents=True)
    only = repr(set(models.split(","))) if models else "None"
    text = BENCHMARK.replace("DEPTH = 100", f"DEPTH = {depth}").replace("ONLY = None", f"ONLY = {only}")
    (folder / "test_instructions.py").write_text(inert(text, draw) if edited else text)
    (folder / "pyproject.toml").write_text("[tool.paceline]\nprocesses = 1\n")
    return folder


def run_pytest(folder: Path, draw: random.Random, *arguments: str) -> tuple[int, str]:
    """The exit code and output of pytest there, in an environment of another size."""
    environment = dict(os.environ) | {f"UNRELATED_{n}": "x" * draw.randrange(3000) for n in range(draw.randrange(4))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_instructions.py"]
    command += ["--pace-optimizations=eager", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def counts(folder: Path) -> dict[str, list[float]]:
    """The samples of each model in the one run that was stored there."""
    (path,) = (folder / ".paceline" / "runs").glob("*.jsonl")
    found = (one for one in read_run(path).outcomes if one.metric.name == "instructions_simulated")
    return {one.case.model: list(one.samples) for one in found if isinstance(one, Measured)}


def gate(parent: Path, baseline: Path, seed: int, depth: int, options: argparse.Namespace) -> dict[str, Any]:
    """One gate, as a record."""
    draw = random.Random(seed)
    folder = make_copy(parent, draw, depth, options.models, edited=True)
    shutil.copytree(baseline / ".paceline" / "baselines", folder / ".paceline" / "baselines")
    began = time.monotonic()
    code, said = run_pytest(folder, draw, "--pace-baseline=counts", "--pace-gate")
    record = {
        "kind": "unchanged" if depth == DEPTH else "more",
        "busy": options.busy,
        "seed": seed,
        "machine": cpu_model(),
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
        "code": code,
        "seconds": round(time.monotonic() - began),
        "base": options.base,
        "counts": counts(folder) if code in (0, 10, 11) else said[-2000:],
    }
    shutil.rmtree(folder.parent)
    return record


@contextlib.contextmanager
def neighbours(busy: bool) -> Iterator[None]:
    """A process that is busy on each processor, where asked for."""
    cores = sorted(os.sched_getaffinity(0)) if busy else []
    loops = [subprocess.Popen(["taskset", "-c", str(core), sys.executable, "-c", "while True: pass"]) for core in cores]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def report(records: Sequence[dict[str, Any]]) -> None:
    """What all recorded gates say."""
    for busy in (False, True):
        for kind in ("unchanged", "more"):
            of_it = [one for one in records if (one["kind"], one["busy"]) == (kind, busy)]
            if not of_it:
                continue
            codes = {code: sum(one["code"] == code for one in of_it) for code in sorted({one["code"] for one in of_it})}
            print(f"{kind}{', busy' if busy else ''}: {len(of_it)} gates, by exit code {codes}")
            changes: dict[str, list[float]] = {}
            for one in of_it:
                for model, samples in one["counts"].items() if isinstance(one["counts"], dict) else ():
                    middle = sorted(samples)[len(samples) // 2]
                    changes.setdefault(model, []).append(middle / one["base"][model] - 1)
            for model, found in changes.items():
                print(f"  {model}: {100 * min(found):+.3f} … {100 * max(found):+.3f} % of the baseline")


def main(arguments: Sequence[str]) -> int:
    """Record what is asked for, then print what the file has."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--unchanged", type=int, default=0)
    parser.add_argument("--more", type=int, default=0)
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--models", default="", help="only these, by name")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**9)
    options = parser.parse_args(arguments)
    depths = [DEPTH] * options.unchanged + [MORE] * options.more
    if depths:
        with tempfile.TemporaryDirectory(prefix="gates-") as parent:
            draw = random.Random(options.seed)
            first = make_copy(Path(parent), draw, DEPTH, options.models, edited=False)
            code, said = run_pytest(first, draw, "--pace-save=counts", "--pace-reason=the base")
            if code:
                raise SystemExit(said)
            options.base = {model: sorted(found)[len(found) // 2] for model, found in counts(first).items()}
            jobs = [(options.seed + place, depth) for place, depth in enumerate(depths, 1)]
            with neighbours(options.busy), ThreadPoolExecutor(AT_ONCE) as pool:
                made = pool.map(lambda job: gate(Path(parent), first, *job, options), jobs)
                for record in made:
                    with options.file.open("a") as file:
                        file.write(json.dumps(record) + "\n")
                    print(record["kind"], record["code"], f"{record['seconds']} s", flush=True)
    report([json.loads(line) for line in options.file.read_text().splitlines()])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
