"""A made-up run of the full tier: every built-in model under every built-in optimization and a few chains of one's own,
in all six suites, with what cannot be and one fault.

Over 500 cells, some 8,000 outcomes with the points of the sweeps, and a baseline of three processes to hold it against.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import replace

from paceline.baselines.records import (
    Case,
    Cause,
    Fingerprint,
    Level,
    Measured,
    Note,
    NotMeasured,
    Outcome,
    Run,
    metrics,
)
from paceline.suites import models, optimizations

MODELS = tuple(model.name for model in models.MODELS)
OWN_CHAINS = ("channels_last+bf16", "prune_structured+bf16", "low_rank+int8_dynamic")
OPTIMIZATIONS = (*(one.name for one in optimizations.OPTIMIZATIONS), *OWN_CHAINS)
EFFECTS: dict[str, tuple[float, float, float]] = {
    "eager": (1.0, 1.0, 0.0),
    "compile": (1.31, 1.0, 2e-7),
    "aoti": (1.35, 1.0, 2e-7),
    "export": (1.02, 1.0, 0.0),
    "jit_freeze": (1.12, 1.0, 1e-7),
    "channels_last": (1.22, 1.0, 3e-7),
    "fuse_conv_bn": (1.17, 0.999, 5e-7),
    "bf16": (0.61, 0.5, 4e-3),
    "fp16": (0.55, 0.5, 6e-4),
    "autocast_bf16": (0.7, 1.0, 3e-3),
    "autocast_fp16": (0.64, 1.0, 5e-4),
    "int8_dynamic": (1.6, 0.27, 0.02),
    "int8_static": (4.1, 0.25, 0.031),
    "int8_weight_only": (0.9, 0.26, 0.006),
    "int4_weight_only": (0.8, 0.15, 0.08),
    "ternary": (0.97, 0.07, 0.61),
    "prune_unstructured": (1.0, 1.0, 0.6),
    "prune_sensitivity": (1.0, 1.0, 0.41),
    "prune_structured": (2.6, 0.31, 0.97),
    "sparse_csr": (1.3, 0.2, 0.88),
    "tied_weights": (1.01, 0.72, 0.5),
    "low_rank": (1.4, 0.55, 0.12),
}
"""Speed-up, size and difference of each, about; links of a chain multiply. One that is not here changes nothing."""
SAMPLES = 100
PROCESSES = 3
_GENERATES = frozenset(model.name for model in models.MODELS if model.new_tokens)
_NO_IMAGES = _GENERATES | {
    *("mlp", "mlp_narrow", "logistic", "lstm_classifier", "rnn_classifier", "text_transformer"),
}
_IMAGES_ONLY = {
    "channels_last": "4-D image inputs needed",
    "fuse_conv_bn": "no convolution followed by a batch norm",
}


def make_full_run(name: str = "new", shift: float = 1.0) -> Run:
    """The run. ``shift`` makes one cell in forty slower by that factor, one larger, and one a fault."""
    outcomes: list[Outcome] = []
    rng = random.Random(name)
    for place, model in enumerate(MODELS):
        for index, optimization in enumerate(OPTIMIZATIONS):
            slower = shift if (place * len(OPTIMIZATIONS) + index) % 40 == 7 else 1.0
            outcomes += _cell(rng, Case(model, optimization, "cpu", 1), place, slower, changed=shift > 1)
    fingerprint = Fingerprint({"cpu_model": "some CPU", "cores": "2"}, {"kernel": "6.8", "torch_version": "2.14"})
    selection = {"tier": "full", "args": "suites"}
    return Run(name, fingerprint, "0123abc", False, "2026-01-02T03:04:05Z", selection, True, tuple(outcomes))


def _cell(rng: random.Random, case: Case, place: int, slower: float, *, changed: bool) -> Iterator[Outcome]:
    sweep = replace(case, batch_size=None)
    suites = [(case, metrics.LATENCY), (sweep, metrics.THROUGHPUT), (case, metrics.PEAK_RSS), (case, metrics.SIZE),
              (case, metrics.DIFFERENCE)]  # fmt: skip
    if case.model in _GENERATES:
        suites.append((case, metrics.TIME_TO_FIRST_TOKEN))
    why_not = _why_not(case, changed=changed)
    if why_not is not None:
        yield from (NotMeasured(of, metric, *why_not) for of, metric in suites)
        return
    speedup, size, difference = _effect(case.optimization)
    speedup *= 1 + (hash_of(case) % 40 - 20) / 100 if case.optimization != "eager" else 1
    eager_ns = 1.7e4 * 2.1**place
    level = eager_ns / speedup * slower * (1 + rng.gauss(0, 0.004))
    reference = () if case.optimization == "eager" else _scatter(rng, eager_ns)
    grown = 1.02 if changed and (case.model, case.optimization) == ("resnet18", "bf16") else 1
    weights = 8e3 * 2.3**place
    notes = () if case.optimization == "eager" else (
        Note(Level.INFO, "evidence", f"all {20 + place} matrix products of the model ran as {case.optimization}"),
        Note(Level.INFO, "difference", f"the output differs from eager fp32 by {difference:.3g} of its norm"),
    )  # fmt: skip
    yield Measured(case, metrics.LATENCY, _scatter(rng, level), reference, notes)
    yield from (
        Measured(case, metric, (value,))
        for metric, value in (
            (metrics.FIRST_CALL, level * 7),
            (metrics.WARMUP_CALLS, 31.0),
            (metrics.PREPARATION, 3e7),
            (metrics.INFERENCE_PEAK_RSS, 2e6),
            (metrics.COMPRESSION_RATE, 1 / size),
        )
    )
    rates = tuple(4e9 / one for one in _scatter(rng, level))
    yield Measured(sweep, metrics.THROUGHPUT, rates, tuple(4e9 / one for one in reference), notes[:1])
    yield Measured(sweep, metrics.SATURATION_BATCH_SIZE, (32.0,))
    for power in range(max(8 - place // 2, 3)):  # a large model saturates, or takes a second, soon
        yield Measured(replace(case, batch_size=2**power), metrics.SWEEP_THROUGHPUT, (2e9 * 1.3**power / level,))
    yield from (
        Measured(case, metric, (value,))
        for metric, value in (
            (metrics.PEAK_RSS, 3e6 + weights * 8 * (1 + rng.gauss(0, 0.01))),
            (metrics.PARAMETERS, float(round(weights))),
            (metrics.FLOPS, float(round(weights * 2))),
        )
    )
    yield Measured(case, metrics.SIZE, (float(round(weights * 4 * size * grown)),), notes=notes)
    if case.model in _GENERATES:
        yield from _generation(rng, case, eager_ns, level, notes)
    if case.optimization == "eager":
        yield NotMeasured(case, metrics.DIFFERENCE, Cause.UNSUPPORTED, "this is the reference itself")
    else:
        yield Measured(case, metrics.DIFFERENCE, (difference * (1 + place / 20),), notes=notes)
        yield Measured(case, metrics.TOP1_AGREEMENT, (1 - difference / 2,))


def _generation(
    rng: random.Random, case: Case, eager_ns: float, level: float, notes: tuple[Note, ...]
) -> Iterator[Outcome]:
    for metric, share in ((metrics.TIME_TO_FIRST_TOKEN, 1.0), (metrics.TIME_PER_OUTPUT_TOKEN, 0.2)):
        reference = _scatter(rng, share * eager_ns) if notes else ()
        yield Measured(case, metric, _scatter(rng, share * level), reference, notes)
    yield Measured(case, metrics.OUTPUT_TOKENS, (4e9 / level,))


def _why_not(case: Case, *, changed: bool) -> tuple[Cause, str] | None:
    if changed and (case.model, case.optimization) == ("tiny_decoder", "jit_freeze"):
        return Cause.ERRORED, "RuntimeError: the cache's length is no tensor"
    for link in case.optimization.split("+"):
        if link == "prune_structured":
            return Cause.MISSING_PACKAGE, "needs the package torch_pruning: pip install 'paceline[prune]'"
        if link in _IMAGES_ONLY and case.model in _NO_IMAGES:
            return Cause.UNSUPPORTED, _IMAGES_ONLY[link]
    return None


def _effect(optimization: str) -> tuple[float, float, float]:
    speedups, sizes, differences = zip(
        *(EFFECTS.get(link, (1.0, 1.0, 0.0)) for link in optimization.split("+")), strict=True
    )
    return math.prod(speedups), math.prod(sizes), sum(differences)


def hash_of(case: Case) -> int:
    """A number that is the same in every process."""
    return sum(map(ord, f"{case.model}{case.optimization}"))


def _scatter(rng: random.Random, level: float) -> tuple[float, ...]:
    return tuple(level * (1 + rng.expovariate(50)) for _ in range(SAMPLES))
