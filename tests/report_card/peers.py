"""What other tools' rules say of the same recordings.

pytest-benchmark speaks through its own command line: recorded samples are played back as a benchmark's rounds. asv's
rule is its own statistics module and the factor of ``asv continuous``. benchstat's is the Mann-Whitney test at 0.05
that its manual names, here from scipy. Each gets what it would have taken itself: pytest-benchmark all kept samples,
asv five means a process, benchstat one mean a process.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from figures import Redrawn
from recording import RecordedEpoch
from scipy.stats import mannwhitneyu

Samples = tuple[float, ...]
ASV_FACTOR = 1.1
ASV_REPEATS = 5
"""Samples that asv takes in each of several processes, of at least :data:`ASV_SAMPLE_NS` (asv_runner's defaults)."""
ASV_SAMPLE_NS = 10e6
BENCHSTAT_LEVEL = 0.05
STATISTICS = {"min": np.min, "median": np.median, "mean": np.mean}
PYTEST_BENCHMARK = tuple(f"{name}:5%" for name in STATISTICS)
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
    """A case's stored result and a later one, made one after the other: each process's samples in order. ``epochs`` are
    the places of the recorded epochs that it is made of; ``run`` numbers what was stored and measured together."""

    workload: str
    extra_percent: int
    run: int
    epochs: tuple[int, ...]
    base: tuple[Samples, ...]
    new: tuple[Samples, ...]

    def slowed(self, by: float) -> Pair:
        """The later result ``by`` so much slower; a natural logarithm."""
        factor = math.exp(by)
        return replace(self, new=tuple(tuple(factor * one for one in samples) for samples in self.new))


@dataclass(frozen=True)
class PeerRule:
    """A rule alarms where its ``score`` of a pair exceeds ``threshold``, ``setting`` in words; ``processes`` a result
    are what its users run. ``words`` tells of another threshold. ``ask`` is the tool itself, where it can be asked."""

    name: str
    setting: str
    processes: int
    threshold: float
    score: Callable[[Pair], float]
    words: Callable[[float], str]
    ask: Callable[[Sequence[Pair]], list[bool]] | None = None

    def alarms(self, pairs: Sequence[Pair]) -> list[bool]:
        return self.ask(pairs) if self.ask else [self.score(pair) > self.threshold for pair in pairs]

    def slow_down_found(self, pair: Pair, threshold: float) -> float:
        """The slow-down (a natural logarithm, to 0.0005) from which on the pair's score exceeds ``threshold``."""
        low, high = 0.0, 0.1
        if self.score(pair) > threshold:
            return 0.0
        while self.score(pair.slowed(high)) <= threshold:
            low, high = high, 2 * high
            if high > 10:
                return math.inf
        while high - low > 0.0005:
            middle = (low + high) / 2
            low, high = (low, middle) if self.score(pair.slowed(middle)) > threshold else (middle, high)
        return high


def pairs_of(epochs: Sequence[RecordedEpoch], *, processes: int, most: int) -> list[Pair]:
    """Side A of ``processes`` epochs in a row against side B of the next ones, at ``most`` so many places evenly over
    the recording: what a tool sees that runs the old code first and the new code afterwards. A pair a case and place.
    """
    last = len(epochs) - 2 * processes
    starts = sorted({round(place * last / max(1, most - 1)) for place in range(most)}) if last >= 0 else []
    found = []
    for run, start in enumerate(starts):
        places = tuple(range(start, start + 2 * processes))
        base, new = (_samples([epochs[place] for place in half]) for half in np.split(np.array(places), 2))
        found += [Pair(*key, run, places, tuple(base[key][0]), tuple(new[key][1])) for key in sorted(base)]
    return found


def _samples(epochs: Sequence[RecordedEpoch]) -> dict[tuple[str, int], tuple[list[Samples], list[Samples]]]:
    found: dict[tuple[str, int], tuple[list[Samples], list[Samples]]] = {}
    for epoch in epochs:
        for one in epoch.records:
            base, new = found.setdefault((one.workload, one.extra_percent), ([], []))
            base.append(one.samples[0])
            new.append(one.samples[1])
    return found


def over_cases(pairs: Sequence[Pair], alarmed: Sequence[bool], times: int) -> Redrawn:
    """The share of alarms, and what it is for 95 % of workloads drawn anew. Pairs share epochs, so that their number
    says little."""
    rng = np.random.default_rng(SEED)
    shares: dict[str, list[bool]] = {}
    for pair, alarm in zip(pairs, alarmed, strict=True):
        shares.setdefault(pair.workload, []).append(alarm)
    epochs = len({place for pair in pairs for place in pair.epochs})
    means = np.array([np.mean(found) for found in shares.values()])
    if not len(means):
        return Redrawn(math.nan, math.nan, math.nan, epochs)
    drawn = means[rng.integers(len(means), size=(times, len(means)))].mean(axis=1)
    low, high = (float(end) for end in np.quantile(drawn, [0.025, 0.975]))
    return Redrawn(float(np.mean(alarmed)), low, high, epochs)


def alarmed_runs(pairs: Sequence[Pair], alarmed: Sequence[bool]) -> tuple[int, int]:
    """How many runs had an alarm, and how many there are."""
    runs = {pair.run for pair in pairs}
    return len({pair.run for pair, alarm in zip(pairs, alarmed, strict=True) if alarm}), len(runs)


def threshold_at(rule: PeerRule, still: Sequence[Pair], rate: float) -> float:
    """The lowest threshold at which no larger a share of runs than ``rate`` has an alarm: chosen in hindsight, by these
    very runs."""
    highest: dict[int, float] = {}
    for pair in still:
        highest[pair.run] = max(rule.score(pair), highest.get(pair.run, -math.inf))
    scores = sorted(highest.values())
    return scores[max(0, math.ceil((1 - rate) * len(scores)) - 1)]


def slow_down_needed(rule: PeerRule, still: Sequence[Pair], rate: float, *, share: float = 0.8) -> tuple[float, float]:
    """The threshold at our false-alarm ``rate`` of runs, and the slow-down (a fraction) that is found there in
    ``share`` of pairs of the same code whose later result is slowed by it."""
    threshold = threshold_at(rule, still, rate)
    found = sorted(rule.slow_down_found(pair, threshold) for pair in still)
    return threshold, math.expm1(found[math.ceil(share * len(found)) - 1])


# -- the rules ---------------------------------------------------------------------------------------------------------


def pytest_benchmark(expression: str) -> PeerRule:
    """pytest-benchmark's ``--benchmark-compare-fail``, one of :data:`PYTEST_BENCHMARK`."""
    name, _, limit = expression.partition(":")

    def score(pair: Pair) -> float:
        base, new = (float(STATISTICS[name](np.concatenate(side))) for side in (pair.base, pair.new))
        return math.log(new / base)

    def ask(pairs: Sequence[Pair]) -> list[bool]:
        failed = _played(tuple(pairs))[name]
        return [place in failed for place in range(len(pairs))]

    threshold = math.log1p(float(limit.rstrip("%")) / 100)
    return PeerRule("pytest-benchmark", f"compare-fail {expression}", 1, threshold, score, _as_change, ask)


def _as_change(threshold: float) -> str:
    return f"+{100 * math.expm1(threshold):.1f} %" if math.isfinite(threshold) else "whatever is significant"


def asv_continuous(site: Path) -> PeerRule | None:
    """The rule of ``asv continuous``, whose significance is part of the score; ``None`` where asv is not installed in
    ``site`` nor elsewhere."""
    if str(site) not in sys.path:
        sys.path.append(str(site))
    try:
        from asv import _stats
        from asv_runner.statistics import compute_stats
    except ModuleNotFoundError as error:
        if error.name not in ("asv", "asv_runner"):
            raise
        return None

    def score(pair: Pair) -> float:
        samples = [[one for process in side for one in _asv_samples(process)] for side in (pair.base, pair.new)]
        (base, base_stats), (new, new_stats) = (compute_stats(side, 1) for side in samples)
        if not _stats.is_different(*samples, base_stats, new_stats):
            return -math.inf
        return math.log(new / base)

    return PeerRule("asv continuous", f"factor {ASV_FACTOR}, p < 0.002", 2, math.log(ASV_FACTOR), score, _as_change)


def _asv_samples(process: Samples) -> list[float]:
    """What asv would keep of a process: five samples, each the mean of as many calls as take ten milliseconds."""
    parts = [part for part in np.array_split(np.array(process), ASV_REPEATS) if len(part)]
    is_slow = float(np.median(process)) >= ASV_SAMPLE_NS
    return [float(part[0] if is_slow else part.mean()) for part in parts]


def benchstat() -> PeerRule:
    """benchstat's test of one value a process, as each is of one run of a Go benchmark."""

    def score(pair: Pair) -> float:
        base, new = ([float(np.mean(process)) for process in side] for side in (pair.base, pair.new))
        if np.median(new) <= np.median(base):
            return 0.0
        p = float(mannwhitneyu(base, new).pvalue)
        return -math.log10(p) if p else math.inf

    return PeerRule(
        "benchstat", f"p < {BENCHSTAT_LEVEL}", 10, -math.log10(BENCHSTAT_LEVEL), score, lambda t: f"p < {10**-t:.1g}"
    )


def peer_rules(site: Path) -> list[PeerRule]:
    """All rules that can be asked; ``site`` is a folder that asv may be installed in."""
    asv = asv_continuous(site)
    return [*map(pytest_benchmark, PYTEST_BENCHMARK), *([asv] if asv else []), benchstat()]


@lru_cache(maxsize=1)
def _played(pairs: tuple[Pair, ...]) -> Mapping[str, frozenset[int]]:
    """Play the base results, store them, play the new ones, and read which of them the tool's comparison fails, by the
    statistic that it compares: all rules at once, since starting it takes longer than playing."""
    with tempfile.TemporaryDirectory(prefix="paceline-player-") as name:
        folder = Path(name)
        (folder / "test_player.py").write_text(PLAYER)
        _play(folder, [pair.base for pair in pairs], "--benchmark-save=base")
        new = [pair.new for pair in pairs]
        output = _play(folder, new, "--benchmark-compare=0001", "--benchmark-compare-fail", *PYTEST_BENCHMARK)
    found = re.findall(r"^\ttest_pair\[(\d+)\].* - Field '(\w+)' has failed", output, re.MULTILINE)
    if bool(found) != ("has regressed" in output):
        raise RuntimeError(f"pytest-benchmark's comparison cannot be read:\n{output[-2000:]}")
    return {
        statistic: frozenset(int(place) for place, failed in found if failed == statistic) for statistic in STATISTICS
    }


def _play(folder: Path, results: Sequence[tuple[Samples, ...]], *options: str) -> str:
    samples = [[one for process in result for one in process] for result in results]
    (folder / "pairs.json").write_text(json.dumps(samples))
    plugins = ["-p", "no:cacheprovider", "-p", "pytest_benchmark.plugin"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, "--benchmark-disable-gc", "--benchmark-columns=min", *options],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    progress = [line for line in done.stdout.splitlines() if re.search(r"\[ *\d+%\]$", line)]
    # A regression is reported by an exception that swallows pytest's own summary.
    if "[100%]" not in done.stdout or any(set(line.split()[0]) != {"."} for line in progress):
        raise RuntimeError(f"the recorded samples could not be played:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout + done.stderr
