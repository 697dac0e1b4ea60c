"""What ``build`` may return: TorchScript, what was there before the case, modules that record or keep themselves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

# pytester forgets modules that an inner run loads first; C extensions do not survive being loaded twice.
import torch.ao.quantization.quantize_fx  # noqa: F401

from paceline.baselines.records import Measured, NotMeasured, Outcome, Run

Inside = Callable[..., pytest.RunResult]
OnlyRun = Callable[[], Run]

CASES = """
import io
from torch import nn
from paceline.suites.optimizations import OPTIMIZATIONS

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)
    def forward(self, x):
        return self.second(torch.relu(self.first(x)))

class Around(nn.Module):
    def __init__(self):
        super().__init__()
        self.inside = torch.jit.script(Net())
    def forward(self, x):
        return self.inside(x)

class Recorded(Net):
    def forward(self, x):
        with torch.profiler.record_function("mine"):
            return super().forward(x)

def loaded():
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(Net()), file)
    file.seek(0)
    return torch.jit.load(file)

def double(x):
    return 2 * x

class Called:
    def __call__(self, x):
        return 2 * x

SHARED, CALLED, KEPT = Net(), Called(), []

class Kept(Net):
    def __init__(self):
        super().__init__()
        KEPT.append(self)

MODEL = Model("net", build=lambda: BUILD, inputs=lambda n: torch.randn(n, 8))
ASKED = "NAMES".split()

@pytest.mark.parametrize("optimization", [one for one in OPTIMIZATIONS if one.name in ASKED], ids=str)
@pytest.mark.parametrize("model", [MODEL], ids=str)
def test_latency(measure, model, optimization, device, batch_size):
    measure(model, optimization, device, batch_size)
"""


def body(build: str, names: str) -> str:
    return CASES.replace("BUILD", build, 1).replace("NAMES", names)


def outcomes(run: Run) -> dict[str, Outcome]:
    return {one.case.optimization: one for one in run.outcomes if one.metric.name == "latency_ns"}


PARAMETERS_ALONE = "eager bf16 autocast_bf16 prune_unstructured jit_freeze"
LAYERS = (
    "compile export channels_last fuse_conv_bn int8_dynamic int8_static int8_weight_only prune_sensitivity "
    "prune_structured sparse_csr tied_weights low_rank"
)


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize("build", ["torch.jit.script(Net())", "loaded()", "Around()"])
def test_torchscript_is_measured_as_far_as_no_layer_is_needed(inside: Inside, only_run: OnlyRun, build: str) -> None:
    inside(body(build, f"{PARAMETERS_ALONE} {LAYERS}"))
    found = outcomes(only_run())
    assert {name for name, one in found.items() if isinstance(one, Measured)} == set(PARAMETERS_ALONE.split())
    reasons = {one.reason for one in found.values() if isinstance(one, NotMeasured)}
    assert set(found) == set(PARAMETERS_ALONE.split()) | set(LAYERS.split())
    assert reasons == {
        "the layers are TorchScript (torch.jit), which can be neither exchanged nor traced: let build() return the "
        "module that was scripted"
    }


@pytest.mark.parametrize("build", ["nn.DataParallel(Net())", "Recorded()"])
def test_operations_on_other_objects_are_let_through(inside: Inside, only_run: OnlyRun, build: str) -> None:
    inside(body(build, "eager bf16 prune_unstructured prune_sensitivity")).assert_outcomes(passed=4)
    assert {type(one) for one in outcomes(only_run()).values()} == {Measured}


@pytest.mark.parametrize("build", ["double", "nn.functional.relu", "CALLED", "SHARED", "nn.Sequential(SHARED)"])
def test_what_was_there_before_the_case_is_no_leak(inside: Inside, only_run: OnlyRun, build: str) -> None:
    inside(body(build, "eager bf16"))
    found = outcomes(only_run())
    assert isinstance(found["eager"], Measured)
    assert not {note.code for one in found.values() if isinstance(one, Measured) for note in one.notes} & {"leaked"}


def test_one_module_for_all_builds_that_cannot_be_copied_says_so(inside: Inside, only_run: OnlyRun) -> None:
    inside(body("SHARED", "eager bf16") + LOCKED)
    outcome = outcomes(only_run())["bf16"]
    assert isinstance(outcome, NotMeasured)
    assert "model 'net': build() returns the same module or weights each time, and they cannot be copied" in (
        outcome.reason
    )


LOCKED = """
import threading
SHARED.lock = threading.Lock()
"""


@pytest.mark.parametrize("build", ["Kept()", "KEPT.append(double_of := lambda x: 2 * x) or double_of"])
def test_what_a_case_made_and_left_is_one(inside: Inside, only_run: OnlyRun, build: str) -> None:
    inside(body(build, "eager")).assert_outcomes(passed=1)
    outcome = outcomes(only_run())["eager"]
    assert isinstance(outcome, Measured)
    (leaked,) = (note for note in outcome.notes if note.code == "leaked")
    assert leaked.sentence.startswith("still in memory after the case: the model net")


@pytest.mark.parametrize("build", ["SHARED", "nn.Sequential(SHARED)"])
def test_no_optimization_changes_the_one_module_of_all_builds(inside: Inside, only_run: OnlyRun, build: str) -> None:
    check = "\ndef test_untouched():\n    assert {one.dtype for one in SHARED.parameters()} == {torch.float32}\n"
    inside(body(build, "eager bf16 prune_unstructured") + check).assert_outcomes(passed=4)
    found = outcomes(only_run())
    for name in ("bf16", "prune_unstructured"):
        outcome = found[name]
        assert isinstance(outcome, Measured)
        said = {note.code: note.sentence for note in outcome.notes}
        assert "differs from eager fp32 by 0 of" not in said["difference"], "the reference was changed along with it"
        assert "build() returns the same module or weights each time, so a copy of it was optimized" in {
            note.sentence for note in outcome.notes
        }
