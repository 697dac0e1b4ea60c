"""Does the harness report the latency that a bare loop sees?

Run it alone on the machine:

    .venv/bin/python tests/benchmarks/latency_agreement.py [MODEL ...]

For each model a bare synchronized loop alternates with the harness's own way to time a case (warm-up, the eager
reference before and after, pytest-benchmark's rounds), both over the same call, after the same kind of warm-up.
Printed is the median over the alternations of the ratio of lower quartiles, harness over bare; it should lie within 1 %
for calls above 1 ms, and the difference within 2 µs for shorter ones.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import numpy as np
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from pytest_benchmark.utils import NameWrapper

from paceline.fixtures.devices import get_device
from paceline.fixtures.guards import garbage_collection_held, thread_count
from paceline.fixtures.ledger import Ledger
from paceline.fixtures.measurements.latency import pedantic_rounds
from paceline.fixtures.measurements.timing import plan_rounds, time_paired
from paceline.fixtures.measurements.warmup import warm_up
from paceline.fixtures.prepare import Bench, prepare
from paceline.suites.models import MODELS
from paceline.suites.optimizations import OPTIMIZATIONS

BLOCKS = 20
BLOCK_S = 0.3
LONG_NS = 1e6


class _Quiet:
    def debug(self, *args: object, **kwargs: object) -> None:
        """pytest-benchmark's progress is of no interest here."""

    info = warning = error = debug


class _Node:
    name = nodeid = "latency_agreement"


def benchmark_fixture(clock: object) -> BenchmarkFixture:
    """pytest-benchmark's fixture outside pytest, with its default options."""
    return BenchmarkFixture(
        _Node(),
        disable_gc=False,
        timer=NameWrapper(clock),
        min_rounds=5,
        min_time=0.000005,
        max_time=1.0,
        precision=None,
        confidence=None,
        warmup=False,
        warmup_iterations=100_000,
        calibration_precision=10,
        add_stats=lambda stats: None,
        logger=_Quiet(),
        warner=None,
        disabled=False,
        cprofile=None,
        cprofile_loops=None,
        cprofile_dump=None,
    )


def bare_loop(call: object, rounds: int) -> list[float]:
    """The loop that somebody would write by hand."""
    samples = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()  # type: ignore[operator]
        samples.append(time.perf_counter() - start)
    return samples


def main() -> int:
    """Print a row a model; exit with 1 where a bound is exceeded."""
    device = get_device("cpu")
    # A subject that is no copy of the reference: the reference has to do real work around it.
    optimization = next(one for one in OPTIMIZATIONS if one.name == "prune_unstructured")
    asked = sys.argv[1:] or [model.name for model in MODELS]
    worst = 0
    print(f"{'model':<20} {'bare':>12} {'harness':>12} {'ratio':>8} {'difference':>12}  bound")
    for model in (model for model in MODELS if model.name in asked):
        bench = prepare(model, optimization, device, 1, seed=0, tolerance=None, ledger=Ledger())

        def harness(bench: Bench = bench) -> Sequence[float]:
            fixture = benchmark_fixture(device.clock)
            return time_paired(
                bench.subject,
                bench.reference,
                device.clock,
                measure_s=BLOCK_S,
                warmup_limit_s=3.0,
                run_rounds=pedantic_rounds(fixture),
            ).samples_ns

        def bare(bench: Bench = bench) -> Sequence[float]:
            warmup = warm_up(bench.subject, device.clock, limit_s=3.0)
            return [s * 1e9 for s in bare_loop(bench.subject, plan_rounds(warmup.call_ns, BLOCK_S))]

        quartiles: dict[str, list[float]] = {"bare": [], "harness": []}
        with thread_count(1), torch.inference_mode(), garbage_collection_held():
            for block in range(BLOCKS):
                sides = [("bare", bare), ("harness", harness)]
                for side, run in sides if block % 2 else reversed(sides):
                    quartiles[side].append(float(np.quantile(run(), 0.25)))
        bare_ns, ours_ns = np.asarray(quartiles["bare"]), np.asarray(quartiles["harness"])
        ratio = float(np.median(ours_ns / bare_ns))
        difference = float(np.median(ours_ns - bare_ns))
        holds = abs(ratio - 1) <= 0.01 if np.median(bare_ns) > LONG_NS else abs(difference) <= 2000
        worst |= not holds
        print(
            f"{model.name:<20} {np.median(bare_ns) / 1e3:>9.1f} µs {np.median(ours_ns) / 1e3:>9.1f} µs {ratio:>8.4f} "
            f"{difference / 1e3:>9.2f} µs  {'holds' if holds else 'EXCEEDED'}",
            flush=True,
        )
    return worst


if __name__ == "__main__":
    sys.exit(main())
