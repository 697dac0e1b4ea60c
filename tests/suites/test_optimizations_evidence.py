"""Each evidence broken on purpose: things people do write that look optimized and are not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.ao import quantization
from torch.ao.quantization import quantize_fx
from torch.nn.utils import prune

from paceline.fixtures.preparation.axes import NotAppliedError, Optimization, Prepared, UnsupportedError
from paceline.suites.optimizations.layout import CHANNELS_LAST, FUSE_CONV_BN
from paceline.suites.optimizations.precision import BF16
from paceline.suites.optimizations.pruning import PRUNE_STRUCTURED, PRUNE_UNSTRUCTURED
from paceline.suites.optimizations.quantization import INT8_DYNAMIC, INT8_STATIC, quantization_engine

Break = Callable[[nn.Module, torch.Tensor], Prepared]


class Net(nn.Module):
    """Two convolutions with batch norms and a linear layer that holds most of the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU())
        self.hidden = nn.Linear(16 * 64, 64)
        self.classes = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.second(self.first(x)).flatten(1)
        return self.classes(self.hidden(x).relu())  # type: ignore[no-any-return]


def build() -> nn.Module:
    torch.manual_seed(0)
    net = Net()
    for module in net.modules():  # a fresh batch norm is the identity
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.running_mean, std=0.1)  # type: ignore[arg-type]
    return net.eval()


def image() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(1, 3, 8, 8)


class Wrapped(nn.Module):
    """Calls a module through a function of one's own."""

    def __init__(self, inner: nn.Module, call: Callable[[nn.Module, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.inner = inner
        self.call = call

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.call(self.inner, x)


def untouched(model: nn.Module, x: torch.Tensor) -> Prepared:
    return Prepared(model, x)


def only_the_input_channels_last(model: nn.Module, x: torch.Tensor) -> Prepared:
    return Prepared(model, x.contiguous(memory_format=torch.channels_last))


def only_the_weights_channels_last(model: nn.Module, x: torch.Tensor) -> Prepared:
    return Prepared(_channels_last(model), x)


def channels_last_undone_inside(model: nn.Module, x: torch.Tensor) -> Prepared:
    for module in list(model.modules()):
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(lambda _module, args: (args[0].contiguous(),))
            module.register_forward_hook(lambda _module, _args, result: result.contiguous())
    return Prepared(_channels_last(model), x.contiguous(memory_format=torch.channels_last))


def _channels_last(model: nn.Module) -> nn.Module:
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return, unused-ignore]


def batch_norms_dropped(model: nn.Module, x: torch.Tensor) -> Prepared:
    for name in ("first.1", "second.1"):
        model.set_submodule(name, nn.Identity())
    return Prepared(model, x)


def one_batch_norm_folded(model: nn.Module, x: torch.Tensor) -> Prepared:
    first: Any = model.first
    first[0], first[1] = nn.utils.fusion.fuse_conv_bn_eval(first[0], first[1]), nn.Identity()
    return Prepared(model, x)


def upcast_inside(model: nn.Module, x: torch.Tensor) -> Prepared:
    """Stores bfloat16, computes in float32: its parameters' types are right."""

    def in_float(inner: nn.Module, x: torch.Tensor) -> torch.Tensor:
        weights = {name: value.float() for name, value in inner.state_dict().items()}
        return torch.func.functional_call(inner, weights, (x.float(),)).bfloat16()  # type: ignore[no-any-return]

    return Prepared(Wrapped(model.bfloat16(), in_float), x.bfloat16())


def one_layer_left_float(model: nn.Module, x: torch.Tensor) -> Prepared:
    model.bfloat16().get_submodule("classes").float()
    model.get_submodule("hidden").register_forward_hook(lambda _module, _args, result: result.float())
    return Prepared(model, x.bfloat16())


def converted_a_copy(model: nn.Module, x: torch.Tensor) -> Prepared:
    copy.deepcopy(model).bfloat16()
    return Prepared(model, x)


def rounded_but_float(model: nn.Module, x: torch.Tensor) -> Prepared:
    with torch.no_grad():
        for parameter in model.parameters():
            scale = parameter.abs().max() / 127
            parameter.copy_((parameter / scale).round() * scale)
    return Prepared(model, x)


def only_the_last_layer_quantized(model: nn.Module, x: torch.Tensor) -> Prepared:
    specification = {"classes": quantization.default_dynamic_qconfig}
    return Prepared(quantization.quantize_dynamic(model, specification), x)  # type: ignore[no-untyped-call]


def integers_kept_beside_floats(model: nn.Module, x: torch.Tensor) -> Prepared:
    """Runs integer weights, and still carries the float ones along in its state."""
    quantized = quantization.quantize_dynamic(model)  # type: ignore[no-untyped-call]
    quantized.original = build()
    return Prepared(quantized, x)


def dynamic_called_static(model: nn.Module, x: torch.Tensor) -> Prepared:
    return Prepared(quantization.quantize_dynamic(model), x)  # type: ignore[no-untyped-call]


def still_observing(model: nn.Module, x: torch.Tensor) -> Prepared:
    observed = quantize_fx.prepare_fx(model, quantization.get_default_qconfig_mapping("x86"), (x,))
    observed(x)
    return Prepared(observed, x)


def _mask(weight: torch.Tensor, share: float = 0.5) -> torch.Tensor:
    return weight.abs() > weight.abs().flatten().kthvalue(int(share * weight.numel())).values


def _weights(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.ndim >= 2]


def masked_copies(model: nn.Module, x: torch.Tensor) -> Prepared:
    for weight in _weights(model):
        _ = weight.detach().clone().mul_(_mask(weight))
    return Prepared(model, x)


def inverted_mask(model: nn.Module, x: torch.Tensor) -> Prepared:
    for weight in _weights(model):
        weight.data.mul_(~_mask(weight))
    return Prepared(model, x)


def a_tenth_pruned(model: nn.Module, x: torch.Tensor) -> Prepared:
    for weight in _weights(model):
        weight.data.mul_(_mask(weight, 0.1))
    return Prepared(model, x)


def pruned_and_scaled(model: nn.Module, x: torch.Tensor) -> Prepared:
    for weight in _weights(model):
        weight.data.mul_(_mask(weight)).mul_(2)
    return Prepared(model, x)


def restored_when_called(model: nn.Module, x: torch.Tensor) -> Prepared:
    """Its stored weights are half zeros; the ones it computes with are not."""
    dense = copy.deepcopy(model.state_dict())
    for weight in _weights(model):
        weight.data.mul_(_mask(weight))
    return Prepared(Wrapped(model, lambda inner, x: torch.func.functional_call(inner, dense, (x,))), x)


def channels_only_zeroed(model: nn.Module, x: torch.Tensor) -> Prepared:
    for weight in _weights(model):
        weight.data[: weight.shape[0] // 2] = 0
    return Prepared(model, x)


def one_channel_removed(model: nn.Module, x: torch.Tensor) -> Prepared:
    model.hidden, model.classes = nn.Linear(16 * 64, 63), nn.Linear(63, 10)
    return Prepared(model, x)


def smaller_layers_drawn_anew(model: nn.Module, x: torch.Tensor) -> Prepared:
    model.hidden, model.classes = nn.Linear(16 * 64, 32), nn.Linear(32, 10)
    return Prepared(model, x)


def channels_averaged(model: Any, x: torch.Tensor) -> Prepared:
    """Pairs of channels merged into one: half of them, of the right shapes, and none of the original's."""
    for name, dim in (("hidden", 0), ("classes", 1)):
        weight = model.get_submodule(name).weight
        model.get_submodule(name).weight = nn.Parameter(weight.unflatten(dim, (32, 2)).mean(dim + 1))
    model.hidden.bias = nn.Parameter(model.hidden.bias.view(32, 2).mean(1))
    return Prepared(model, x)


def values_changed_in_a_whole_layer(model: nn.Module, x: torch.Tensor) -> Prepared:
    pruned: Any = PRUNE_STRUCTURED.apply(model, x)
    pruned.classes.weight.data.mul_(2)
    return Prepared(pruned, x)


BROKEN: list[tuple[Optimization, Break, str]] = [
    (CHANNELS_LAST, untouched, "input is still laid out channels first"),
    (CHANNELS_LAST, only_the_input_channels_last, "a weight of aten.conv2d that runs is still"),
    (CHANNELS_LAST, only_the_weights_channels_last, "input is still laid out channels first"),
    (CHANNELS_LAST, channels_last_undone_inside, "only 0 of 2 convolutions"),
    (FUSE_CONV_BN, untouched, "2 of 2 batch norms still run"),
    (FUSE_CONV_BN, batch_norms_dropped, "only 0 of 2 convolutions have taken up"),
    (FUSE_CONV_BN, one_batch_norm_folded, "1 of 2 batch norms still run"),
    (BF16, untouched, "parameters are float32"),
    (BF16, converted_a_copy, "parameters are float32"),
    (BF16, upcast_inside, "aten.conv2d computes with float32"),
    (BF16, one_layer_left_float, "parameters are bfloat16 and float32"),
    (INT8_DYNAMIC, untouched, "0% of the weights that run are integers"),
    (INT8_DYNAMIC, rounded_but_float, r"0% of the weights that run are integers \(float32 seen\)"),
    (INT8_DYNAMIC, only_the_last_layer_quantized, "1% of the weights that run are integers"),
    (INT8_DYNAMIC, integers_kept_beside_floats, "serialized size did not fall"),
    (INT8_STATIC, rounded_but_float, r"0% of the weights that run are integers \(float32 seen\)"),
    (INT8_STATIC, still_observing, r"0% of the weights that run are integers \(float32 seen\)"),
    (INT8_STATIC, dynamic_called_static, "0 of 2 int8 layers read integer activations"),
    (PRUNE_UNSTRUCTURED, untouched, "0.0% of the weights that run are zero"),
    (PRUNE_UNSTRUCTURED, masked_copies, "0.0% of the weights that run are zero"),
    (PRUNE_UNSTRUCTURED, inverted_mask, "larger weights were removed and smaller ones kept"),
    (PRUNE_UNSTRUCTURED, a_tenth_pruned, r"(9|10).\d% of the weights that run are zero, not 50%"),
    (PRUNE_UNSTRUCTURED, pruned_and_scaled, "have other values than before"),
    (PRUNE_UNSTRUCTURED, restored_when_called, "0.0% of the weights that run are zero"),
    (PRUNE_STRUCTURED, untouched, "as many channels as before"),
    (PRUNE_STRUCTURED, channels_only_zeroed, "as many channels as before"),
    (PRUNE_STRUCTURED, one_channel_removed, "63 of 64 channels are left"),
    (PRUNE_STRUCTURED, smaller_layers_drawn_anew, r"the \(32, 1024\) weight that runs is no part of the \(64, 1024\)"),
    (PRUNE_STRUCTURED, channels_averaged, r"the \(32, 1024\) weight that runs is no part of the \(64, 1024\)"),
    (
        PRUNE_STRUCTURED,
        values_changed_in_a_whole_layer,
        r"the \(10, 32\) weight that runs is no part of the \(10, 64\)",
    ),
]


@pytest.mark.filterwarnings("ignore")  # torch.ao's own, which the optimizations silence and these fakes need not
@pytest.mark.parametrize(
    ("optimization", "fake", "says"),
    BROKEN,
    ids=[f"{optimization}-{fake.__name__}" for optimization, fake, _ in BROKEN],
)
def test_evidence_rejects(optimization: Optimization, fake: Break, says: str) -> None:
    prepared = fake(build(), image())
    with torch.inference_mode():
        prepared.call(prepared.inputs)  # it works, which is what makes it dangerous
    assert optimization.evidence is not None
    with pytest.raises(NotAppliedError, match=says):
        optimization.evidence(build(), prepared)


@pytest.mark.parametrize("optimization", sorted({o.name: o for o, _, _ in BROKEN}.values(), key=str), ids=str)
def test_the_same_evidence_accepts_the_real_thing(optimization: Optimization) -> None:
    assert optimization.unsupported is not None
    assert optimization.evidence is not None
    assert optimization.unsupported(build(), image(), "cpu") is None
    made = optimization.apply(build(), image())
    assert optimization.evidence(build(), made if isinstance(made, Prepared) else Prepared(made, image()))


def test_a_mask_that_is_applied_at_every_call_counts() -> None:
    """Zeros need not be stored: ``torch.nn.utils.prune`` keeps weight and mask and multiplies at every call."""
    model = build()
    for module in list(model.modules()):
        if isinstance(module, nn.Conv2d | nn.Linear):
            prune.l1_unstructured(module, "weight", 0.5)  # type: ignore[no-untyped-call]
    assert PRUNE_UNSTRUCTURED.evidence is not None
    assert PRUNE_UNSTRUCTURED.evidence(build(), Prepared(model, image())).startswith("50.0% of the")


def test_a_batch_norm_whose_convolution_is_used_elsewhere_stays() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.conv(x)
            return self.norm(y) + y  # type: ignore[no-any-return]

    assert FUSE_CONV_BN.unsupported is not None
    reason = FUSE_CONV_BN.unsupported(Shared().eval(), image(), "cpu")
    assert reason == "no convolution followed by a batch norm (and by nothing else)"


def test_what_torch_fx_cannot_trace_is_refused_with_its_reason() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.norm(self.conv(x)) if x.sum() > 0 else x

    for optimization in (FUSE_CONV_BN, INT8_STATIC):
        assert optimization.unsupported is not None
        assert "torch.fx cannot trace the model" in (optimization.unsupported(Branching(), image(), "cpu") or "")


class Encoder(nn.Module):
    """``nn.TransformerEncoder``, whose fused kernel reads the weights of its linear layers."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(32, 4, 128, batch_first=True)
        self.embedding, self.encoder = nn.Embedding(50, 32), nn.TransformerEncoder(layer, 2)
        self.classes = nn.Linear(32, 4)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.encoder(self.embedding(tokens), src_key_padding_mask=tokens == 0)
        return self.classes(x.mean(1))  # type: ignore[no-any-return]


@pytest.mark.parametrize("optimization", [INT8_DYNAMIC, BF16, PRUNE_UNSTRUCTURED, PRUNE_STRUCTURED], ids=str)
def test_the_fused_encoder_of_torch(optimization: Optimization) -> None:
    torch.manual_seed(0)
    encoder = Encoder().eval()
    tokens = torch.randint(1, 50, (2, 7))
    tokens[1, 5:] = 0  # padding: the fused kernel of the whole encoder comes into play
    assert optimization.unsupported is not None
    assert optimization.evidence is not None
    assert optimization.unsupported(encoder, tokens, "cpu") is None
    made = optimization.apply(copy.deepcopy(encoder), tokens)
    prepared = made if isinstance(made, Prepared) else Prepared(made, tokens)
    assert optimization.evidence(encoder, prepared)
    with torch.inference_mode():
        assert prepared.call(prepared.inputs).shape == (2, 4)


def test_heads_keep_their_channels() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.out = nn.Linear(32, 96), nn.Linear(32, 32)
            self.hidden, self.classes = nn.Linear(32, 64), nn.Linear(64, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            q, k, v = self.qkv(x).unflatten(-1, (3, 4, 8)).permute(2, 0, 3, 1, 4)
            mixed = torch.softmax(q @ k.mT, -1) @ v
            return self.classes(self.hidden(self.out(mixed.transpose(1, 2).flatten(2))).relu())  # type: ignore[no-any-return]

    pruned: Any = PRUNE_STRUCTURED.apply(Attention().eval(), torch.randn(2, 6, 32))
    assert pruned.qkv.out_features == 96
    assert pruned.hidden.out_features == 32
    assert pruned.classes.out_features == 5


def test_a_model_whose_code_fixes_a_width_is_unsupported_with_the_reason() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.classes = nn.Linear(8, 32), nn.Linear(32, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.classes(self.hidden(x).reshape(-1, 32))  # type: ignore[no-any-return]

    with pytest.raises(UnsupportedError, match="torch-pruning cannot remove channels from this model"):
        PRUNE_STRUCTURED.apply(Fixed().eval(), torch.randn(2, 8))


def test_the_quantization_engine_is_put_back_after_an_error() -> None:
    former = torch.backends.quantized.engine
    with quantization_engine() as chosen:
        pass
    other = next(name for name in torch.backends.quantized.supported_engines if name not in (chosen, "none"))
    torch.backends.quantized.engine = other
    try:
        with pytest.raises(RuntimeError, match="prepare failed"), quantization_engine() as engine:
            _fail_under(engine)
        assert torch.backends.quantized.engine == other
    finally:
        torch.backends.quantized.engine = former


def _fail_under(engine: str) -> None:
    assert torch.backends.quantized.engine == engine
    raise RuntimeError("prepare failed")


def test_calibration_is_the_same_each_time() -> None:
    """Whatever the state of the global random numbers: the variants of the inputs have a seed of their own."""
    outputs = []
    for seed in (1, 2):
        model, x = build(), image()
        torch.manual_seed(seed)
        prepared = INT8_STATIC.apply(model, x)
        assert isinstance(prepared, Prepared)
        outputs.append(prepared.call(x))
    assert torch.equal(*outputs)
