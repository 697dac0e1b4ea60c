"""What other tools' rules say of the same recordings.

pytest-benchmark speaks through its own command line: recorded samples are played back as a benchmark's rounds. asv's
rule is its own statistics module and the factor of ``asv continuous``. benchstat's is the Mann-Whitney test at 0.05
that its manual names, here from scipy.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from recording import RecordedEpoch
from scipy.stats import mannwhitneyu

Samples = tuple[float, ...]
ASV_FACTOR = 1.1
BENCHSTAT_LEVEL = 0.05
PYTEST_BENCHMARK = ("min:5%", "median:5%", "mean:5%")
SEED = 21

PLAYER = '''
import json, pytest

with open("pairs.json", encoding="utf-8") as file:
    PAIRS = json.load(file)

class Player:
    """A clock that lets each round take as long as the next recorded sample."""
    def __init__(self, samples):
        self.samples, self.now, self.is_running = iter(samples), 0.0, False
    def __call__(self):
        if self.is_running:
            self.now += next(self.samples) / 1e9
        self.is_running = not self.is_running
        return self.now

@pytest.mark.parametrize("place", range(len(PAIRS)))
def test_pair(benchmark, place):
    samples = PAIRS[place]
    benchmark._timer = Player(samples)
    benchmark.pedantic(lambda: None, rounds=len(samples), iterations=1)
'''


@dataclass(frozen=True)
class Pair:
    """A stored result and a later one, of processes that did not run at the same time."""

    extra_percent: int
    base: Samples
    new: Samples


@dataclass(frozen=True)
class PeerRule:
    """``alarms`` says of each pair whether the rule, at its own setting, calls it slower. ``statistic`` is what it
    compares, as log(new / base), for the curve over all its settings."""

    name: str
    setting: str
    alarms: Callable[[Sequence[Pair]], list[bool]]
    statistic: Callable[[Samples], float]


def pairs_of(epochs: Sequence[RecordedEpoch], *, processes: int, count: int) -> list[Pair]:
    """Side A of some epochs against side B of as many others, each epoch's samples in one heap: what a tool sees that
    runs the old and the new code one after the other, with ``processes`` fresh processes a result.

    ``count`` draws of epochs, each giving one pair a case.
    """
    rng = np.random.default_rng([SEED, processes])
    found = []
    for _ in range(count):
        drawn = rng.permutation(len(epochs))[: 2 * processes]
        base, new = (_pooled([epochs[place] for place in half]) for half in np.split(drawn, 2))
        found += [Pair(key[1], base[key][0], new[key][1]) for key in sorted(base)]
    return found


def _pooled(epochs: Sequence[RecordedEpoch]) -> dict[tuple[str, int], tuple[Samples, Samples]]:
    pooled: dict[tuple[str, int], tuple[Samples, Samples]] = {}
    for epoch in epochs:
        for one in epoch.records:
            base, new = pooled.get((one.workload, one.extra_percent), ((), ()))
            pooled[one.workload, one.extra_percent] = (base + one.samples[0], new + one.samples[1])
    return pooled


def peer_rules(site: Path) -> list[PeerRule]:
    """The rules; ``site`` is a folder that asv is installed in."""
    if str(site) not in sys.path:
        sys.path.append(str(site))
    from asv import _stats
    from asv_runner.statistics import compute_stats

    def asv(pairs: Sequence[Pair]) -> list[bool]:
        found = []
        for pair in pairs:
            base, new = (compute_stats(list(samples), 1) for samples in (pair.base, pair.new))
            differs = _stats.is_different(pair.base, pair.new, base[1], new[1])
            found.append(bool(differs and base[0] < new[0] / ASV_FACTOR))
        return found

    rules = [PeerRule(*_pytest_benchmark(expression)) for expression in PYTEST_BENCHMARK]
    return [
        *rules,
        PeerRule("asv continuous", f"factor {ASV_FACTOR}, p < 0.002", asv, np.median),
        PeerRule("benchstat", f"p < {BENCHSTAT_LEVEL}", _benchstat, np.median),
    ]


def _benchstat(pairs: Sequence[Pair]) -> list[bool]:
    return [
        bool(mannwhitneyu(pair.base, pair.new).pvalue < BENCHSTAT_LEVEL and np.median(pair.new) > np.median(pair.base))
        for pair in pairs
    ]


def _pytest_benchmark(
    expression: str,
) -> tuple[str, str, Callable[[Sequence[Pair]], list[bool]], Callable[[Samples], float]]:
    statistic = {"min": np.min, "median": np.median, "mean": np.mean}[expression.split(":")[0]]
    return ("pytest-benchmark", f"compare-fail {expression}", lambda pairs: _played(pairs, expression), statistic)


def _played(pairs: Sequence[Pair], expression: str) -> list[bool]:
    """Play the base results, store them, play the new ones, and read what the tool's comparison fails."""
    with tempfile.TemporaryDirectory(prefix="paceline-player-") as name:
        folder = Path(name)
        (folder / "test_player.py").write_text(PLAYER)
        _play(folder, [pair.base for pair in pairs], "--benchmark-save=base")
        output = _play(
            folder, [pair.new for pair in pairs], "--benchmark-compare=0001", f"--benchmark-compare-fail={expression}"
        )
    failed = {int(place) for place in re.findall(r"^\ttest_pair\[(\d+)\]", output, re.MULTILINE)}
    if bool(failed) != ("has regressed" in output):
        raise RuntimeError(f"pytest-benchmark's comparison cannot be read:\n{output[-2000:]}")
    return [place in failed for place in range(len(pairs))]


def _play(folder: Path, samples: Sequence[Samples], *options: str) -> str:
    (folder / "pairs.json").write_text(json.dumps(samples))
    plugins = ["-p", "no:cacheprovider", "-p", "no:paceline.fixtures.plugin", "-p", "no:paceline.suites.plugin"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, "--benchmark-disable-gc", "--benchmark-columns=min", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    progress = [line for line in done.stdout.splitlines() if re.search(r"\[ *\d+%\]$", line)]
    # A regression is reported by an exception that swallows pytest's own summary.
    if "[100%]" not in done.stdout or any(set(line.split()[0]) != {"."} for line in progress):
        raise RuntimeError(f"the recorded samples could not be played:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout + done.stderr
