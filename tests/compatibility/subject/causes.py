"""Each cause why there is no value, once; and one value."""

import os
import time

import axes
import pytest
import torch

from paceline.fixtures import NotAppliedError, Optimization, UnsupportedError


def raises(error):
    def apply(model, inputs):
        raise error

    return apply


def refuses(model, prepared):
    raise NotAppliedError("the weights are still float32")


def doubled(model, inputs):
    return lambda x: 2 * model(x)


def slow(model, inputs):
    time.sleep(60)


WAYS = [
    Optimization("unsupported", apply=raises(UnsupportedError("recurrent layers are not traced"))),
    Optimization("missing_package", apply=doubled, requires={"a_module_that_is_not_there": "extra"}),
    Optimization("no_compiler", apply=doubled, needs_compiler=True),
    Optimization("not_applied", apply=lambda model, inputs: model, evidence=refuses, tolerance=0.1),
    Optimization("unfaithful", apply=doubled, tolerance=0.1, evidence=lambda model, prepared: "doubled"),
    Optimization("out_of_memory", apply=raises(torch.OutOfMemoryError("tried to allocate 2 TiB"))),
    Optimization("timed_out", apply=slow),
    Optimization("errored", apply=raises(RuntimeError("a made-up fault"))),
]


@pytest.mark.parametrize("optimization", [axes.PLAIN, *WAYS], ids=str)
@pytest.mark.parametrize("model", [axes.NET], ids=str)
def test_latency(measure, model, optimization, device):
    measure(model, optimization, device)


@pytest.mark.parametrize("model", [axes.NET], ids=str)
def test_memory(measure_memory, model, device):
    def apply(model, inputs):
        os.abort()

    measure_memory(model, Optimization("crashed", apply=apply), device)
