"""A made-up run of the full matrix: 18 models under 28 optimizations in five suites, with what cannot be and one fault.

About 500 cells, 5,500 outcomes with the points of the sweeps, and a baseline of three processes to hold it against.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from paceline.baselines import metrics
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
)

MODELS = (
    *("mlp", "mlp_narrow", "logistic", "digit_cnn", "simple_cnn", "compressed_cnn", "lstm_classifier"),
    *("rnn_classifier", "text_transformer", "speech_conformer", "tiny_decoder", "resnet18", "resnet50"),
    *("mobilenet_v3_small", "efficientnet_b0", "vit_b_16", "ssdlite320_mobilenet_v3_large", "convnext_tiny"),
)
OPTIMIZATIONS: dict[str, tuple[float, float, float]] = {
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
    "tf32": (1.0, 1.0, 0.0),
    "int8_dynamic": (1.6, 0.27, 0.02),
    "int8_static": (4.1, 0.25, 0.031),
    "int8_weight_only": (0.9, 0.26, 0.006),
    "int4_weight_only": (0.8, 0.15, 0.08),
    "ternary": (0.97, 0.07, 0.61),
    "prune_unstructured": (1.0, 1.0, 0.6),
    "prune_sensitivity": (1.0, 1.0, 0.41),
    "prune_structured": (2.6, 0.31, 0.97),
    "sparse_csr": (1.3, 0.2, 0.88),
    "sparse_2_4": (1.0, 0.56, 0.3),
    "tied_weights": (1.01, 0.72, 0.5),
    "low_rank": (1.4, 0.55, 0.12),
    "onnxruntime": (2.0, 1.0, 4e-7),
    "openvino": (2.2, 1.0, 5e-7),
    "prune_structured+int8_static": (6.8, 0.09, 0.98),
    "low_rank+int8_weight_only": (1.2, 0.15, 0.13),
}
"""Speed-up, size and difference of each, about."""
SAMPLES = 100
PROCESSES = 3
_HERE_NOT = {
    "tf32": (Cause.UNSUPPORTED, "TF32 exists on NVIDIA GPUs only, not on cpu"),
    "sparse_2_4": (Cause.UNSUPPORTED, "2:4 sparsity has kernels on CUDA only, not on cpu"),
    "openvino": (Cause.MISSING_PACKAGE, "needs the package openvino: pip install 'paceline[openvino]'"),
}
_FOR_IMAGES = frozenset({"channels_last", "fuse_conv_bn"})
_NO_IMAGES = frozenset(MODELS[:3] + MODELS[6:11])


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
    suites = ((case, metrics.LATENCY), (sweep, metrics.THROUGHPUT), (case, metrics.PEAK_RSS), (case, metrics.SIZE),
              (case, metrics.DIFFERENCE))  # fmt: skip
    why_not = _HERE_NOT.get(case.optimization)
    if case.optimization in _FOR_IMAGES and case.model in _NO_IMAGES:
        why_not = (Cause.UNSUPPORTED, f"{case.optimization} needs images, four-dimensional inputs")
    if changed and (case.model, case.optimization) == ("tiny_decoder", "jit_freeze"):
        why_not = (Cause.ERRORED, "RuntimeError: the cache's length is no tensor")
    if why_not is not None:
        yield from (NotMeasured(of, metric, *why_not) for of, metric in suites)
        return
    speedup, size, difference = OPTIMIZATIONS[case.optimization]
    speedup *= 1 + (hash_of(case) % 40 - 20) / 100 if case.optimization != "eager" else 1
    eager_ns = 1.7e4 * 2.1**place
    level = eager_ns / speedup * slower * (1 + rng.gauss(0, 0.004))
    reference = () if case.optimization == "eager" else _scatter(rng, eager_ns)
    grown = 1.02 if changed and (case.model, case.optimization) == ("resnet18", "bf16") else 1
    weights = 8e3 * 2.3**place
    notes = (
        Note(Level.INFO, "evidence", f"all {20 + place} matrix products of the model ran as {case.optimization}"),
        Note(Level.INFO, "difference", f"the output differs from eager fp32 by {difference:.3g} of its norm"),
    )
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
    for power in range(7):
        yield Measured(replace(case, batch_size=2**power), metrics.SWEEP_THROUGHPUT, (2e9 * 1.3**power / level,))
    yield from (
        Measured(case, metric, (value,))
        for metric, value in (
            (metrics.PEAK_RSS, 3e6 + weights * 8 * (1 + rng.gauss(0, 0.01))),
            (metrics.SIZE, float(round(weights * 4 * size * grown))),
            (metrics.PARAMETERS, float(round(weights))),
            (metrics.FLOPS, float(round(weights * 2))),
        )
    )
    if case.optimization == "eager":
        yield NotMeasured(case, metrics.DIFFERENCE, Cause.UNSUPPORTED, "this is the reference itself")
    else:
        yield Measured(case, metrics.DIFFERENCE, (difference * (1 + place / 20),))
        yield Measured(case, metrics.TOP1_AGREEMENT, (1 - difference / 2,))


def hash_of(case: Case) -> int:
    """A number that is the same in every process."""
    return sum(map(ord, f"{case.model}{case.optimization}"))


def _scatter(rng: random.Random, level: float) -> tuple[float, ...]:
    return tuple(level * (1 + rng.expovariate(50)) for _ in range(SAMPLES))
