"""Does the harness report the latency that a bare loop sees?

Run it alone on the machine:

    .venv/bin/python tests/benchmarks/latency_agreement.py [--device NAME] [MODEL ...]

For each model a bare synchronized loop alternates with the harness's own way to time a case (warm-up, the eager
reference before and after, pytest-benchmark's rounds), both over the same call, after the same kind of warm-up.
Printed is the median over the alternations of the ratio of lower quartiles, harness over bare; it should lie within 1 %
for calls above 1 ms, and the difference within 2 µs for shorter ones.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from inspect import signature

import numpy as np
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from pytest_benchmark.utils import NameWrapper

from paceline.fixtures.devices import get_device
from paceline.fixtures.measurements.paired import pedantic_rounds
from paceline.fixtures.preparation.prepare import Bench, prepare
from paceline.fixtures.timing.guards import garbage_collection_held, thread_count
from paceline.fixtures.timing.ledger import Ledger
from paceline.fixtures.timing.pairing import plan_rounds, time_paired
from paceline.fixtures.timing.warm_up import warm_up
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
    name = nodeid = _nodeid = "latency_agreement"  # the last one is what releases before 5.3 read


def benchmark_fixture(clock: object) -> BenchmarkFixture:
    """pytest-benchmark's fixture outside pytest, with its default options."""
    # Releases before 5.3 have no such options.
    added = {name: None for name in ("precision", "confidence") if name in signature(BenchmarkFixture).parameters}
    return BenchmarkFixture(
        _Node(),
        disable_gc=False,
        timer=NameWrapper(clock),
        min_rounds=5,
        min_time=0.000005,
        max_time=1.0,
        **added,
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


def bare_loop(call: Callable[[], object], rounds: int, synchronize: Callable[[], None] | None) -> list[float]:
    """The loop that somebody would write by hand; ``synchronize`` where the device computes after a call returns."""
    samples = []
    for _ in range(rounds):
        if synchronize:
            synchronize()
        start = time.perf_counter()
        call()
        if synchronize:
            synchronize()
        samples.append(time.perf_counter() - start)
    return samples


def main() -> int:
    """Print a row a model; exit with 1 where a bound is exceeded."""
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*", metavar="MODEL", default=[model.name for model in MODELS])
    parser.add_argument("--device", type=get_device, default=get_device("cpu"))
    options = parser.parse_args()
    device = options.device
    if reason := device.absent():
        parser.error(reason)
    # A subject that is no copy of the reference: the reference has to do real work around it.
    optimization = next(one for one in OPTIMIZATIONS if one.name == "prune_unstructured")
    synchronize = None if device.type == "cpu" else device.synchronize
    worst = 0
    print(f"{'model':<20} {'bare':>12} {'harness':>12} {'ratio':>8} {'difference':>12}  bound")
    for model in (model for model in MODELS if model.name in options.models):
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
            return [s * 1e9 for s in bare_loop(bench.subject, plan_rounds(warmup.call_ns, BLOCK_S), synchronize)]

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
