"""Outputs of every kind: each is a case of a real run, proven by the values that it holds or refused in plain words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from paceline.baselines.records import Cause, Measured, NotMeasured, Outcome, Run

Inside = Callable[..., pytest.RunResult]
OnlyRun = Callable[[], Run]

CASES = """
import collections, dataclasses
from paceline.fixtures.preparation.chains import chain
import numpy as np
import torch.utils._pytree as pytree
from paceline.suites.optimizations import OPTIMIZATIONS

BF16 = next(one for one in OPTIMIZATIONS if one.name == "bf16")

class Cache:
    def __init__(self, *layers):
        self.layers = layers

class Registered(Cache):
    pass

pytree.register_pytree_node(Registered, lambda one: (list(one.layers), None), lambda parts, _: Registered(*parts))

class ModelOutput(collections.OrderedDict):
    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        object.__setattr__(self, key, value)

@dataclasses.dataclass
class Answer:
    logits: object
    cache: object = None

class Spoiler(torch.nn.Module):
    \"\"\"What an optimization that spoils the output makes: three times as much of everything.\"\"\"
    def __init__(self, model):
        super().__init__()
        self.model = model
    def forward(self, x):
        return self.model(3 * x)

SPOIL = Optimization(
    "spoil", apply=lambda model, inputs: Spoiler(model), tolerance=0.1, evidence=lambda model, prepared: "tripled"
)

CHAIN = chain(COPY, dataclasses.replace(COPY, name="again"))

def forward(layer, x):
    y = layer(x) - layer.bias  # what is three times as large at the entrance is so at the exit
    return {output}

@pytest.mark.parametrize("optimization", [EAGER, CHAIN, BF16, SPOIL], ids=str)
@pytest.mark.parametrize("model", [model_of(forward)], ids=str)
def test_latency(measure, model, optimization, device, batch_size):
    measure(model, optimization, device, batch_size)
"""


def outcomes(run: Run) -> dict[str, Outcome]:
    return {one.case.optimization: one for one in run.outcomes if one.metric.name == "latency_ns"}


@pytest.mark.parametrize(
    "output",
    [
        "y.to_sparse()",
        "y.to_sparse_csr()",
        "y.to_sparse_csc()",
        "y.to_sparse_bsr((1, 2))",
        "torch.nested.nested_tensor([y[0, :3], y[0]])",
        "torch.nested.nested_tensor([y[0, :3], y[0]], layout=torch.jagged)",
        "y.float().numpy()",
        "float(y.float().norm())",
        "np.float32(y.float().norm())",
        "(y, None, 'a name', b'bytes', True, 2**70)",
        "(torch.ones(1, dtype=torch.int64), Registered(y, y[:, :2]))",
        "ModelOutput(logits=y, cache=Registered(y))",
        "Answer(y, cache=(Registered(y),))",
        "collections.deque([y])",
    ],
)
def test_what_holds_values_is_compared_by_them(inside: Inside, only_run: OnlyRun, output: str) -> None:
    inside(CASES.replace("{output}", output)).assert_outcomes(passed=3, failed=1)
    found = outcomes(only_run())
    assert {name for name, one in found.items() if isinstance(one, Measured)} == {"plain", "copy+again", "bf16"}
    spoiled = found["spoil"]
    assert isinstance(spoiled, NotMeasured)
    assert spoiled.reason == "the output differs from eager fp32 by 2 of its norm; spoil is allowed at most 0.1"


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("y[:0]", "the output has no elements, so nothing can be compared"),
        ("None", "the output has no elements, so nothing can be compared"),
        ("{'boxes': y[:0], 'names': []}", "the output has no elements, so nothing can be compared"),
        ("(y, Cache(y))", "output[1]: an object of type Cache holds no values that could be compared: pass tensors"),
        ("Cache(y)", "torch.utils._pytree.register_pytree_node(Cache, …)"),
        ("np.array(['a', 'b'])", "output: an array of <U1 holds no values that could be compared: return array.tolist"),
        ("{1, 2}", "an object of type set holds no values that could be compared"),
    ],
)
def test_an_output_that_holds_none_proves_no_optimization(
    inside: Inside, only_run: OnlyRun, output: str, said: str
) -> None:
    inside(CASES.replace("{output}", output)).assert_outcomes(passed=1, failed=3)
    found = outcomes(only_run())
    assert isinstance(found["plain"], Measured)
    for name in ("copy+again", "bf16", "spoil"):
        outcome = found[name]
        assert isinstance(outcome, NotMeasured)
        assert outcome.cause is Cause.UNFAITHFUL
        assert said in outcome.reason


@pytest.mark.parametrize(
    ("inputs", "change"),
    [
        ("torch.eye(8).to_sparse_csr()", "x.values().add_(1)"),
        ("torch.eye(8).to_sparse()", "x._values().add_(1)"),
        ("torch.nested.nested_tensor([torch.ones(1, 8)])", "x.unbind()[0].add_(1)"),
        ("np.ones((1, 8), np.float32)", "x += 1"),
        ("([torch.ones(1, 8), 0],)", "x[1] += 1"),
        ("Registered(torch.ones(1, 8))", "x.layers[0].add_(1)"),
    ],
)
def test_an_input_of_any_kind_that_a_call_changes_is_seen(
    inside: Inside, only_run: OnlyRun, inputs: str, change: str
) -> None:
    body = CASES.replace("{output}", f"CHANGE\n    {change}\n    return layer.weight")
    body = body.replace("y = layer(x) - layer.bias", "y = None").replace("return CHANGE\n    ", "")
    changed = f"[Model('net', build=model_of(forward).build, inputs=lambda n: {inputs})]"
    inside(body.replace("[model_of(forward)]", changed).replace("CHAIN, BF16, SPOIL", "COPY"))
    for outcome in outcomes(only_run()).values():
        assert isinstance(outcome, NotMeasured)
        assert outcome.reason.startswith("one call changes its inputs in place (input")
