"""Which pairs of model and optimization each tier measures, by suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Pairs = Mapping[str, Sequence[str]]

SMOKE: Mapping[str, Pairs] = {
    "latency": {
        "mlp": ("eager", "int8_dynamic", "prune_structured"),
        "simple_cnn": ("eager", "channels_last", "int8_static"),
        "lstm_classifier": ("eager", "int8_dynamic", "fuse_conv_bn"),
    },
    "throughput": {"mlp": ("eager",)},
    "memory": {"mlp": ("eager", "int8_dynamic")},
    "footprint": {"mlp": ("eager", "int8_dynamic"), "simple_cnn": ("eager", "prune_structured")},
    "fidelity": {"mlp": ("int8_dynamic",), "simple_cnn": ("int8_static",)},
}
"""A minute: whether the harness works here."""

DEFAULT: Mapping[str, Pairs] = {
    "latency": {
        "mlp": ("eager", "compile", "bf16", "int8_dynamic", "prune_unstructured", "prune_structured"),
        "mlp_narrow": ("eager", "int8_dynamic"),
        "logistic": ("eager", "bf16", "int8_dynamic"),
        "simple_cnn": ("eager", "channels_last", "int8_static", "prune_structured"),
        "compressed_cnn": ("eager", "channels_last", "int8_static"),
        "digit_cnn": ("eager", "prune_unstructured", "prune_structured"),
        "lstm_classifier": ("eager", "bf16", "int8_dynamic"),
        "text_transformer": ("eager", "bf16", "int8_dynamic"),
        "resnet18": (
            "eager",
            "compile",
            "channels_last",
            "fuse_conv_bn",
            "int8_static",
            "prune_unstructured",
            "prune_structured",
        ),
        "mobilenet_v3_small": ("eager", "channels_last", "fuse_conv_bn", "bf16", "int8_static", "prune_structured"),
    },
    "throughput": {
        "mlp": ("eager", "int8_dynamic"),
        "simple_cnn": ("eager",),
        "lstm_classifier": ("eager",),
    },
    "generation": {"tiny_decoder": ("eager", "int8_dynamic")},
    "memory": {
        "mlp": ("eager", "int8_dynamic"),
        "simple_cnn": ("eager", "prune_structured"),
        "resnet18": ("eager", "int8_static", "prune_structured"),
    },
    "footprint": {
        "mlp": ("eager", "int8_dynamic", "prune_structured"),
        "simple_cnn": ("eager", "int8_static"),
        "compressed_cnn": ("eager",),
        "lstm_classifier": ("eager", "int8_dynamic"),
        "text_transformer": ("eager",),
        "resnet18": ("eager", "int8_static", "prune_unstructured", "prune_structured"),
        "mobilenet_v3_small": ("eager", "prune_structured"),
    },
    "fidelity": {
        "mlp": ("bf16", "int8_dynamic"),
        "simple_cnn": ("channels_last", "int8_static"),
        "lstm_classifier": ("int8_dynamic",),
        "text_transformer": ("bf16",),
        "mobilenet_v3_small": ("fuse_conv_bn", "int8_static"),
    },
}
"""A desk run of minutes: named pairs, few of them compiled, since a cold compilation takes up to half a minute. Large
models in half precision are left to the full tier: a CPU without instructions for it takes seconds a call."""

_LEFT_TO_FULL = frozenset({"resnet18"})
"""A call takes more than a minute under valgrind, where vector code is emulated."""

NAMED = {"smoke": SMOKE, "default": DEFAULT}


def pairs(tier: str, suite: str) -> Pairs:
    """The pairs of a tier; ``full`` is every model under every optimization.

    A built-in model that a tier leaves out is there with no optimization: it runs when asked for by name.
    """
    from paceline.suites.models import MODELS
    from paceline.suites.optimizations import OPTIMIZATIONS

    if tier == "full":
        every = tuple(optimization.name for optimization in OPTIMIZATIONS)
        return {model.name: every for model in MODELS}
    named = NAMED[tier].get(suite, {})
    if suite == "instructions":
        named = {model: every for model, every in NAMED[tier]["latency"].items() if model not in _LEFT_TO_FULL}
    return {model.name: named.get(model.name, ()) for model in MODELS}
