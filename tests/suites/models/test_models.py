from __future__ import annotations

import copy
import functools
import subprocess
import sys
from typing import Any

import pytest
import torch
import torchvision  # type: ignore[import-untyped]

from paceline.fixtures.counting.footprint import parameters, size_bytes
from paceline.fixtures.counting.multiply_adds import flops
from paceline.fixtures.preparation.axes import Model
from paceline.fixtures.preparation.difference import difference
from paceline.fixtures.values import trees
from paceline.suites.models import MODELS
from paceline.suites.models.cifar import compressed_cnn, simple_cnn

SENTENCES = ("lstm_classifier", "rnn_classifier", "text_transformer", "tiny_decoder")
TORCHVISION = (
    *("resnet18", "resnet50", "mobilenet_v3_small", "efficientnet_b0", "vit_b_16", "convnext_tiny"),
    *("ssdlite320_mobilenet_v3_large", "lraspp_mobilenet_v3_large"),
)
NAMES = ("mlp", "mlp_narrow", "logistic", "digit_cnn", "simple_cnn", "compressed_cnn", *SENTENCES, *TORCHVISION)
SHAPES: dict[str, Any] = {
    **dict.fromkeys(NAMES, (10,)),
    **dict.fromkeys(SENTENCES, (4,)),
    **dict.fromkeys(TORCHVISION, (1000,)),
    "tiny_decoder": (64, 10_000),
    "ssdlite320_mobilenet_v3_large": {"bbox_regression": (3234, 4), "cls_logits": (3234, 91)},
    "lraspp_mobilenet_v3_large": {"out": (21, 520, 520)},
}
"""Of the output for one sample."""
BY_NAME = {model.name: model for model in MODELS}
every_model = pytest.mark.parametrize("name", NAMES)


def seeded(model: Model) -> torch.nn.Module:
    torch.manual_seed(7)
    module = model.build()
    assert isinstance(module, torch.nn.Module)
    return module.eval()


@functools.cache
def built(name: str) -> torch.nn.Module:
    """Shared by tests that only look."""
    return seeded(BY_NAME[name])


def run(module: torch.nn.Module, inputs: Any) -> Any:
    with torch.inference_mode():
        return trees.call_with(module, inputs)


def test_the_models_are_those_promised_and_each_says_what_it_is() -> None:
    assert tuple(model.name for model in MODELS) == NAMES
    assert all(model.description.endswith(".") for model in MODELS)


def test_listing_them_imports_no_torch() -> None:
    code = (
        "import sys; from paceline.suites.models import MODELS; assert MODELS; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'torchvision', 'numpy', 'pandas')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@every_model
def test_outputs_are_finite_and_depend_on_their_own_sample_alone(name: str) -> None:
    torch.manual_seed(2)
    inputs = BY_NAME[name].inputs(3)
    outputs = run(built(name), inputs)
    assert trees.map_tensors(lambda scores: tuple(scores.shape[1:]), outputs) == SHAPES[name]
    for scores in trees.tensors(outputs):
        assert scores.shape[0] == inputs.shape[0] == 3
        assert bool(scores.isfinite().all())
        assert 0.05 < float(scores.std()) < 10
        assert float(scores.std(0).mean()) > 0.02 * float(scores.std())
    last = trees.map_tensors(lambda scores: scores[2:], outputs)
    assert difference(run(built(name), inputs[2:]), last) < 1e-5


@every_model
def test_two_builds_under_one_seed_are_identical(name: str) -> None:
    first, second = built(name).state_dict(), seeded(BY_NAME[name]).state_dict()
    assert list(first) == list(second)
    assert all(torch.equal(first[key], second[key]) for key in first)


@every_model
def test_inputs_are_deterministic_and_random(name: str) -> None:
    model = BY_NAME[name]
    torch.manual_seed(3)
    first, other = model.inputs(2), model.inputs(2)
    torch.manual_seed(3)
    again = model.inputs(2)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])


@every_model
def test_images_are_standard_normal_and_tokens_integer(name: str) -> None:
    torch.manual_seed(4)
    inputs = BY_NAME[name].inputs(16)
    if name in SENTENCES:
        assert inputs.dtype == torch.int64
        assert inputs.min() >= 0
        return
    assert inputs.dtype == torch.float32
    assert float(inputs.mean()) == pytest.approx(0, abs=0.05)
    assert float(inputs.std()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mlp", 784 * 128 + 128 + 128 * 10 + 10),
        ("mlp_narrow", 784 * 64 + 64 + 64 * 10 + 10),
        ("logistic", 784 * 10 + 10),
        ("digit_cnn", 32 * 9 + 32 + 32 * 14**2 * 10 + 10),
        (
            "simple_cnn",
            (3 * 9 + 1) * 64 + (64 * 9 + 1) * 128 + (128 * 16**2 + 1) * 1024 + 1025 * 512 + 513 * 10,
        ),
        ("compressed_cnn", (3 * 9 + 1) * 64 + (64 * 9 + 1) * 128 + (128 * 16**2 + 1) * 512 + 513 * 10),
        ("lstm_classifier", 10_000 * 128 + 4 * 128 * (128 + 128 + 2) + 129 * 4),
        ("rnn_classifier", 10_000 * 128 + 128 * (128 + 128 + 2) + 129 * 4),
        (
            "text_transformer",
            10_064 * 128 + 2 * (4 * 129 * 128 + 129 * 512 + 513 * 128 + 4 * 128) + 2 * 128 + 129 * 4,
        ),
        (
            "tiny_decoder",
            10_096 * 128 + 2 * (4 * 129 * 128 + 129 * 512 + 513 * 128 + 4 * 128) + 2 * 128 + 129 * 10_000,
        ),
    ],
)
def test_shapes_are_those_of_the_table(name: str, expected: int) -> None:
    assert parameters(built(name)) == expected


@pytest.mark.parametrize("pixels", [8, 33, 96])
@pytest.mark.parametrize("make", [simple_cnn, compressed_cnn])
def test_the_cifar_pair_takes_other_sizes(make: Any, pixels: int) -> None:
    model = make(pixels)
    assert model.name == f"{make.__name__}_{pixels}px"
    assert run(seeded(model), model.inputs(2)).shape == (2, 10)


def test_the_first_linear_layer_is_capped() -> None:
    with torch.device("meta"):
        large, standard = simple_cnn(224).build(), simple_cnn().build()
    assert parameters(large) == parameters(standard)
    assert size_bytes(built("simple_cnn")) == pytest.approx(4 * 34_161_034, rel=0.001)


def test_an_image_too_small_to_pool_is_an_error() -> None:
    with pytest.raises(ValueError, match="simple_cnn: image_pixels is 1"):
        simple_cnn(1)


def without_work(name: str) -> torch.nn.Module:
    """Batch norms and parameters that no layer holds as torchvision draws them: the identity, nothing."""
    module = copy.deepcopy(built(name))
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            assert float(layer.running_var.min()) > 0  # type: ignore[union-attr]
            assert layer.momentum is not None
            layer.reset_running_stats()
            layer.reset_parameters()
    for path, parameter in module.named_parameters():
        if path.rpartition(".")[2] in ("layer_scale", "class_token", "pos_embedding"):
            parameter.data.zero_()
    return module


@pytest.mark.parametrize("name", TORCHVISION)
def test_batch_norms_and_bare_parameters_have_work_to_do(name: str) -> None:
    torch.manual_seed(6)
    images = BY_NAME[name].inputs(1)
    assert difference(run(without_work(name), images), run(built(name), images)) > 0.5


@pytest.mark.parametrize("name", SENTENCES)
def test_the_order_of_tokens_matters(name: str) -> None:
    torch.manual_seed(5)
    tokens = BY_NAME[name].inputs(1)
    assert difference(run(built(name), tokens.flip(1)), run(built(name), tokens)) > 0.01


@pytest.mark.parametrize("name", TORCHVISION)
def test_parameters_and_flops_are_those_that_torchvision_states(name: str) -> None:
    """``_ops`` are billions of multiply-adds at the size the weights were made for. The detector's too are all in ours:
    what decodes boxes and picks some, behind the heads where ours ends, has neither weights nor products."""
    meta = torchvision.models.get_model_weights(name).DEFAULT.meta
    assert parameters(built(name)) == meta["num_params"]
    assert flops(built(name), BY_NAME[name].inputs(1)) == pytest.approx(2e9 * meta["_ops"], rel=0.02)
