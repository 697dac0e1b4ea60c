"""The further optimizations' evidence broken on purpose: what people do write and call by these names."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from paceline.fixtures.counting.footprint import size_bytes
from paceline.fixtures.preparation.axes import NotAppliedError, Optimization, Prepared, UnsupportedError
from paceline.fixtures.preparation.difference import difference
from paceline.fixtures.values.trees import call_with
from paceline.suites.layers.packed import (
    EightBits,
    FourBits,
    Int4Linear,
    Int8Linear,
    Ternary,
    Unpacking,
    replace_layers,
)
from paceline.suites.layers.packing import eight_bits
from paceline.suites.layers.sparse import CsrLinear
from paceline.suites.observe.observation import observe
from paceline.suites.optimizations.exported import EXPORT, JIT_FREEZE
from paceline.suites.optimizations.precision import AUTOCAST_BF16, AUTOCAST_FP16, FP16
from paceline.suites.optimizations.pruning import PRUNE_SENSITIVITY, PRUNE_UNSTRUCTURED, output_sensitivity
from paceline.suites.optimizations.quantization import calibration_inputs
from paceline.suites.optimizations.sharing import LOW_RANK, TIED_WEIGHTS
from paceline.suites.optimizations.sparse import SPARSE_CSR
from paceline.suites.optimizations.weight_only import INT4_WEIGHT_ONLY, INT8_WEIGHT_ONLY, TERNARY

Break = Callable[[nn.Module, torch.Tensor], Prepared]
Layer = Callable[[nn.Module], nn.Module | None]


class Block(nn.Module):
    """Two layers of one shape and different roles."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(64, 64), nn.Linear(64, 64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = x + self.down(self.up(x).relu())
        return y


class Net(nn.Module):
    """A convolution, two blocks of the same shapes, and classes."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.first, self.second = Block(), Block()
        self.classes = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.image(x).flatten(2).sum(1).flatten(1)
        y: torch.Tensor = self.classes(self.second(self.first(x)))
        return y


def build() -> Net:
    torch.manual_seed(0)
    return Net().eval().requires_grad_(False)


def image() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 3, 16, 16)


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


def applied_to_a_copy(optimization: Optimization) -> Break:
    def broken(model: nn.Module, x: torch.Tensor) -> Prepared:
        optimization.apply(copy.deepcopy(model), x)
        return Prepared(model, x)

    return broken


def layers_replaced(make: Layer) -> Break:
    return lambda model, x: Prepared(replace_layers(model, make)[0], x)


# -- precision ---------------------------------------------------------------------------------------------------------


def stored_half_computed_whole(model: nn.Module, x: torch.Tensor) -> Prepared:
    def in_float(inner: nn.Module, x: torch.Tensor) -> torch.Tensor:
        weights = {name: value.float() for name, value in inner.state_dict().items()}
        return torch.func.functional_call(inner, weights, (x.float(),)).half()  # type: ignore[no-any-return]

    return Prepared(Wrapped(model.half(), in_float), x.half())


def bfloat16_called_float16(model: nn.Module, x: torch.Tensor) -> Prepared:
    return Prepared(model.bfloat16(), x.bfloat16())


def autocast_disabled(model: nn.Module, x: torch.Tensor) -> Prepared:
    def call(inner: nn.Module, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=False):
            return inner(x)  # type: ignore[no-any-return]

    return Prepared(Wrapped(model, call), x)


def autocast_of_another_device(model: nn.Module, x: torch.Tensor) -> Prepared:
    def call(inner: nn.Module, x: torch.Tensor) -> torch.Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is no such device
            with torch.autocast("cuda", torch.bfloat16):
                return inner(x)  # type: ignore[no-any-return]

    return Prepared(Wrapped(model, call), x)


def left_before_the_call(model: nn.Module, x: torch.Tensor) -> Prepared:
    with torch.autocast("cpu", torch.bfloat16):
        pass
    return Prepared(model, x)


# -- integers ----------------------------------------------------------------------------------------------------------


def rounded_but_float(steps: int) -> Break:
    def broken(model: nn.Module, x: torch.Tensor) -> Prepared:
        with torch.no_grad():
            for parameter in model.parameters():
                scale = parameter.abs().max() / steps
                parameter.copy_((parameter / scale).round() * scale)
        return Prepared(model, x)

    return broken


class FourBitsInBytes(EightBits):
    """Sixteen values, each in a byte of its own."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__(weight)
        self.integers, self.scales = self.integers // 16, self.scales * 16


class BesideFloats(FourBits):
    """Packed, and corrected by the float weight that was kept."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__(weight)
        self.weight = nn.Parameter(weight, requires_grad=False)

    def unpacked(self) -> torch.Tensor:
        return super().unpacked() * 0 + self.weight


class FourValues(Ternary):
    """Two bits, and all four numbers that they hold."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__(weight)
        self.packed |= 0b11


def of_one_code(packed: type[EightBits | FourBits | Ternary], code: int) -> Break:
    """Integers of the right width and their scales, and every byte of the integers is the same."""

    def broken(model: nn.Module, x: torch.Tensor) -> Prepared:
        made, _ = replace_layers(model, lambda layer: Unpacking(layer, packed))
        _fill_integers(made, code)
        return Prepared(made, x)

    return broken


def _fill_integers(model: nn.Module, code: int) -> None:
    for buffer in model.buffers():
        if not buffer.is_floating_point():
            buffer.fill_(code)


def packed_and_unpacked_at_once(model: nn.Module, x: torch.Tensor) -> Prepared:
    for parameter in model.parameters():
        if parameter.ndim == 2:
            integers, scales = eight_bits(parameter)
            parameter.copy_(integers * scales[:, None])
    return Prepared(model, x)


def floats_kept_in_the_file(model: nn.Module, x: torch.Tensor) -> Prepared:
    packed, _ = replace_layers(model, lambda layer: Unpacking(layer, EightBits))
    packed.original = build()
    return Prepared(packed, x)


def only_the_classes(packed: type[EightBits | FourBits | Ternary]) -> Break:
    def make(layer: nn.Module) -> nn.Module | None:
        return Unpacking(layer, packed) if isinstance(layer, nn.Linear) and layer.out_features == 10 else None

    return layers_replaced(make)


# -- pruning, sparsity -------------------------------------------------------------------------------------------------


def by_magnitude(model: nn.Module, x: torch.Tensor) -> Prepared:
    made = PRUNE_UNSTRUCTURED.apply(model, x)
    return made if isinstance(made, Prepared) else Prepared(made, x)


def most_important_removed(model: nn.Module, x: torch.Tensor) -> Prepared:
    for name, scores in output_sensitivity(model, x).items():
        weight = model.get_parameter(name)
        weight.masked_fill_(scores > scores.flatten().median(), 0)
    return Prepared(model, x)


def whole_layers_removed(model: nn.Module, x: torch.Tensor) -> Prepared:
    """Half of the weights are zero, in other places than half of each."""
    for name in ("image", "first.up", "first.down"):
        model.get_submodule(name).weight.zero_()  # type: ignore[operator, union-attr]
    return Prepared(model, x)


def sparse_at_different_rates(model: nn.Module, x: torch.Tensor) -> Prepared:
    rates = iter((1.0, 1.0, 1.0, 0.6, 0.9))  # 0.9 over all five

    def make(layer: nn.Module) -> nn.Module | None:
        return CsrLinear.from_linear(layer, next(rates)) if isinstance(layer, nn.Linear) else None

    return layers_replaced(make)(model, x)


def densified_again(model: nn.Module, x: torch.Tensor) -> Prepared:
    def call(inner: nn.Module, x: torch.Tensor) -> torch.Tensor:
        dense = copy.deepcopy(inner)
        for name, layer in list(dense.named_modules()):
            if isinstance(layer, CsrLinear):
                weight = layer.weight.to_dense()
                made = nn.Linear(*reversed(weight.shape))
                made.weight, made.bias = nn.Parameter(weight), layer.bias  # type: ignore[assignment]
                dense.set_submodule(name, made)
        return dense(x)  # type: ignore[no-any-return]

    made = SPARSE_CSR.apply(model, x)
    assert isinstance(made, Prepared)
    return Prepared(Wrapped(made.call, call), x)  # type: ignore[arg-type]


def sparse_in_layout_alone(model: nn.Module, x: torch.Tensor) -> Prepared:
    def make(layer: nn.Module) -> nn.Module | None:
        return CsrLinear.from_linear(layer, 1e-6) if isinstance(layer, nn.Linear) else None

    return layers_replaced(make)(model, x)


def sparse_without_zeros(model: nn.Module, x: torch.Tensor) -> Prepared:
    def make(layer: nn.Module) -> nn.Module | None:
        if not isinstance(layer, nn.Linear):
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the layout is in beta state
            return CsrLinear(layer.weight.detach().to_sparse_csr(), layer.bias)

    return layers_replaced(make)(model, x)


def zeros_in_a_dense_layout(model: nn.Module, x: torch.Tensor) -> Prepared:
    for parameter in model.parameters():
        if parameter.ndim == 2:
            parameter.masked_fill_(parameter.abs() < parameter.abs().quantile(0.9), 0)
    return Prepared(model, x)


# -- sharing -----------------------------------------------------------------------------------------------------------


def equal_but_not_shared(model: nn.Module, x: torch.Tensor) -> Prepared:
    model.second.load_state_dict(model.first.state_dict())  # type: ignore[operator, union-attr]
    return Prepared(model, x)


def one_of_two_tied(model: Any, x: torch.Tensor) -> Prepared:
    model.second.up.weight = model.first.up.weight
    return Prepared(model, x)


def of_rank(rank: Callable[[nn.Linear], int]) -> Break:
    def make(layer: nn.Module) -> nn.Module | None:
        if not isinstance(layer, nn.Linear):
            return None
        kept = rank(layer)
        u, s, v = torch.linalg.svd(layer.weight, full_matrices=False)
        first, second = nn.Linear(layer.in_features, kept, bias=False), nn.Linear(kept, layer.out_features)
        first.weight, second.weight = nn.Parameter(s[:kept, None] * v[:kept]), nn.Parameter(u[:, :kept])
        second.bias = layer.bias
        return nn.Sequential(first, second).requires_grad_(False)

    return layers_replaced(make)


def multiplied_together_at_once(model: nn.Module, x: torch.Tensor) -> Prepared:
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            u, s, v = torch.linalg.svd(layer.weight, full_matrices=False)
            layer.weight.copy_(u[:, :8] * s[:8] @ v[:8])
    return Prepared(model, x)


# -- graphs ------------------------------------------------------------------------------------------------------------


def program_beside_the_module(model: nn.Module, x: torch.Tensor) -> Prepared:
    """Exported for the record; what is called is the module."""
    torch.export.export(model, (x,))
    return Prepared(model, x)


def graph_that_calls_the_module(model: nn.Module, x: torch.Tensor) -> Prepared:
    graph: Any = torch.export.export(model, (x,)).module()
    graph.forward = model.forward
    return Prepared(graph, x)


def traced_by_fx(model: nn.Module, x: torch.Tensor) -> Prepared:
    return Prepared(torch.fx.symbolic_trace(model), x)


def traced_and_not_frozen(model: nn.Module, x: torch.Tensor) -> Prepared:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Prepared(torch.jit.trace(model, x), x)


def script_that_ignores_calls_back(model: nn.Module, x: torch.Tensor) -> Prepared:
    """TorchScript around ``torch.jit.ignore``, which leaves the work to Python."""

    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        @torch.jit.ignore
        def work(self, x: torch.Tensor) -> torch.Tensor:
            return model(x)  # type: ignore[no-any-return]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.work(x) * self.scale

    for function in (Around.work, Around.forward):  # TorchScript reads no annotations in quotes
        function.__annotations__ = {"x": torch.Tensor, "return": torch.Tensor}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Prepared(torch.jit.freeze(torch.jit.script(Around().eval())), x)


FAKES: list[tuple[Optimization, Break, str]] = [
    (FP16, untouched, "parameters are float32, not float16 alone"),
    (FP16, applied_to_a_copy(FP16), "parameters are float32"),
    (FP16, bfloat16_called_float16, "parameters are bfloat16"),
    (FP16, stored_half_computed_whole, "computes with float32"),
    (AUTOCAST_BF16, untouched, "0% of the weights run in bfloat16"),
    (AUTOCAST_BF16, left_before_the_call, "0% of the weights run in bfloat16"),
    (AUTOCAST_BF16, autocast_disabled, "0% of the weights run in bfloat16"),
    (AUTOCAST_BF16, autocast_of_another_device, "0% of the weights run in bfloat16"),
    (AUTOCAST_BF16, bfloat16_called_float16, "cast once, not call by call"),
    (AUTOCAST_FP16, AUTOCAST_BF16.apply, "0% of the weights run in float16"),  # type: ignore[list-item]
    (INT8_WEIGHT_ONLY, rounded_but_float(127), "0% of the weights that run are stored as integers"),
    (INT8_WEIGHT_ONLY, packed_and_unpacked_at_once, "0% of the weights that run are stored as integers"),
    (INT8_WEIGHT_ONLY, floats_kept_in_the_file, "serialized size did not fall"),
    (INT8_WEIGHT_ONLY, only_the_classes(EightBits), "of the weights that run are stored as integers"),
    (INT8_WEIGHT_ONLY, applied_to_a_copy(INT8_WEIGHT_ONLY), "0% of the weights"),
    (INT8_WEIGHT_ONLY, of_one_code(EightBits, 0), "differs from the original by 1 of its norm, which 8 bits do not"),
    (INT4_WEIGHT_ONLY, rounded_but_float(7), "0% of the weights that run are stored as integers"),
    (INT4_WEIGHT_ONLY, INT8_WEIGHT_ONLY.apply, "integers of 8.0 bits each, not 4"),  # type: ignore[list-item]
    (INT4_WEIGHT_ONLY, layers_replaced(lambda one: Unpacking(one, FourBitsInBytes)), "of 8.0 bits each, not 4"),
    (INT4_WEIGHT_ONLY, layers_replaced(lambda one: Unpacking(one, BesideFloats)), "bits are stored for each 4-bit"),
    (INT4_WEIGHT_ONLY, only_the_classes(FourBits), "of the weights that run are stored as integers"),
    (INT4_WEIGHT_ONLY, of_one_code(FourBits, 0x00), "of its norm, which 4 bits do not explain"),
    (INT4_WEIGHT_ONLY, of_one_code(FourBits, 0x88), "of its norm, which 4 bits do not explain"),  # each group's middle
    (TERNARY, rounded_but_float(1), "0% of the weights that run are stored as integers"),
    (TERNARY, INT4_WEIGHT_ONLY.apply, "integers of 4.0 bits each, not 2"),  # type: ignore[list-item]
    (TERNARY, layers_replaced(lambda one: Unpacking(one, FourValues)), "other values than"),
    (TERNARY, of_one_code(Ternary, 0b00_00_00_00), "of its norm, which 2 bits do not explain"),  # −s everywhere
    (TERNARY, of_one_code(Ternary, 0b01_01_01_01), "differs from the original by 1 of its norm, which 2 bits do not"),
    (PRUNE_UNSTRUCTURED, whole_layers_removed, "100.0% of a weight of shape (16, 3, 3, 3) are zero, not 50%"),
    (PRUNE_SENSITIVITY, untouched, "0.0% of the weights that run are zero"),
    (PRUNE_SENSITIVITY, applied_to_a_copy(PRUNE_SENSITIVITY), "0.0% of the weights that run are zero"),
    (PRUNE_SENSITIVITY, by_magnitude, "depends on more than on weights that were kept"),
    (PRUNE_SENSITIVITY, most_important_removed, "depends on more than on weights that were kept"),
    (PRUNE_SENSITIVITY, whole_layers_removed, "100.0% of a weight of shape (16, 3, 3, 3) are zero, not 50%"),
    (SPARSE_CSR, zeros_in_a_dense_layout, "0% of the weights that run are laid out as compressed sparse rows"),
    (SPARSE_CSR, densified_again, "0% of the weights that run are laid out as compressed sparse rows"),
    (SPARSE_CSR, sparse_in_layout_alone, "of the sparse weights are stored, not 10%"),
    (SPARSE_CSR, sparse_without_zeros, "100.0% of the sparse weights are stored, not 10%"),
    (SPARSE_CSR, sparse_at_different_rates, "100.0% of a weight of shape (64, 64) are zero, not 90%"),
    (SPARSE_CSR, applied_to_a_copy(SPARSE_CSR), "0% of the weights"),
    (TIED_WEIGHTS, untouched, "run from 2"),
    (TIED_WEIGHTS, equal_but_not_shared, "run from 2 with equal values"),
    (TIED_WEIGHTS, one_of_two_tied, "run from 2"),
    (TIED_WEIGHTS, applied_to_a_copy(TIED_WEIGHTS), "run from 2"),
    (LOW_RANK, untouched, "0 weights were taken apart"),
    (LOW_RANK, of_rank(lambda one: min(one.weight.shape)), "hold as many numbers"),
    (LOW_RANK, of_rank(lambda one: 2), "of a weight's energy, not 75%"),
    (LOW_RANK, multiplied_together_at_once, "hold as many numbers"),
    (EXPORT, untouched, "a Net is called, not the graph"),
    (EXPORT, program_beside_the_module, "a Net is called, not the graph"),
    (EXPORT, graph_that_calls_the_module, "the model's own Python code still runs: "),
    (EXPORT, traced_by_fx, "the model's own Python code still runs: "),
    (JIT_FREEZE, untouched, "a Net is called, not TorchScript"),
    (JIT_FREEZE, traced_and_not_frozen, "was not frozen"),
    (JIT_FREEZE, script_that_ignores_calls_back, "the model's own Python code still runs: "),
]
"""Who claims what, how it is broken, and what the evidence says."""


@pytest.mark.parametrize(
    ("optimization", "broken", "found"), FAKES, ids=[f"{o}-{i}" for i, (o, _, _) in enumerate(FAKES)]
)
def test_a_fake_is_rejected_with_what_was_found(optimization: Optimization, broken: Break, found: str) -> None:
    assert optimization.evidence is not None
    prepared = broken(build(), image())
    with torch.inference_mode():
        call_with(prepared.call, prepared.inputs)  # a fake that cannot be called proves nothing
    with pytest.raises(NotAppliedError) as rejected:
        optimization.evidence(build(), prepared)
    assert found in str(rejected.value)


CLAIMED = sorted({optimization.name: optimization for optimization, _, _ in FAKES}.items())


@pytest.mark.parametrize("optimization", [one for _, one in CLAIMED], ids=[name for name, _ in CLAIMED])
def test_the_real_one_is_proven_on_the_same_model(optimization: Optimization) -> None:
    assert optimization.evidence is not None
    assert optimization.unsupported is not None
    assert optimization.unsupported(build(), image(), "cpu") is None
    made = optimization.apply(build(), image())
    prepared = made if isinstance(made, Prepared) else Prepared(made, image())
    assert optimization.evidence(build(), prepared)
    with torch.inference_mode():
        found = difference(call_with(prepared.call, prepared.inputs), build()(image()))
    assert found <= (optimization.tolerance or 2.0)


SIZES = {
    "fp16": (0.4, 0.6),
    "int8_weight_only": (0.2, 0.5),
    "int4_weight_only": (0.15, 0.45),
    "ternary": (0.05, 0.4),
    "sparse_csr": (0.2, 0.5),
    "tied_weights": (0.5, 0.7),
    "low_rank": (0.5, 0.95),
}


@pytest.mark.parametrize("name", SIZES)
def test_the_footprint_shows_what_was_saved(name: str) -> None:
    class Perceptron(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(nn.Sequential(nn.Linear(192, 192)), nn.ReLU(), nn.Sequential(nn.Linear(192, 192)))

    torch.manual_seed(0)
    made = dict(CLAIMED)[name].apply(Perceptron().eval(), torch.randn(1, 192))
    size = size_bytes(made.call if isinstance(made, Prepared) else made)
    before = size_bytes(Perceptron())
    assert size is not None
    assert before is not None
    least, most = SIZES[name]
    assert least < size / before < most


def test_sensitivity_is_exact_where_the_output_is_linear() -> None:
    """Of one linear layer with one example, removing ``w`` changes the output by ``(w x)²`` exactly."""
    torch.manual_seed(0)
    layer, x = nn.Linear(6, 4, bias=False), torch.full((1, 6), 3.0)
    (scores,) = output_sensitivity(layer, x).values()  # eight variants; a constant has no spread and stays
    torch.testing.assert_close(scores, 8 * (layer.weight.detach() * 3.0).square())
    assert layer.weight.grad is None


def test_sensitivity_harms_less_than_magnitude() -> None:
    found = {}
    for optimization in (PRUNE_SENSITIVITY, PRUNE_UNSTRUCTURED):
        made = optimization.apply(build(), image())
        call = made.call if isinstance(made, Prepared) else made
        with torch.inference_mode():
            found[optimization.name] = difference(call(image()), build()(image()))
    assert found["prune_sensitivity"] < found["prune_unstructured"]


def test_sensitivities_of_weights_in_one_buffer_are_stated_apart() -> None:
    def net() -> nn.Module:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16)).eval().requires_grad_(False)
        layers = [layer for layer in model if isinstance(layer, nn.Linear)]
        buffer = torch.cat([layer.weight.flatten() for layer in layers])  # as cuDNN does with a recurrent layer's
        for place, layer in enumerate(layers):
            layer.weight.data = buffer[256 * place : 256 * (place + 1)].view(16, 16)
        return model

    prepared = PRUNE_SENSITIVITY.apply(net(), torch.randn(4, 16))
    assert isinstance(prepared, Prepared)
    assert "50.0% of the 512 weights" in PRUNE_SENSITIVITY.evidence(net(), prepared)


def test_variants_of_the_inputs_lie_where_the_inputs_do() -> None:
    shown = {"ids": torch.ones(2, 3, dtype=torch.long, device="meta"), "pixels": torch.ones(2, 3, device="meta")}
    variants = list(calibration_inputs(shown))
    assert len(variants) > 1
    assert {tensor.device.type for variant in variants for tensor in variant.values()} == {"meta"}


def test_an_output_without_gradients_is_unsupported_with_the_reason() -> None:
    class Overwriting(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = super().forward(x).sigmoid()
            return y * y.zero_()  # what the gradient of the sigmoid needs

    class Classes(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x).argmax(-1)

    with pytest.raises(
        UnsupportedError, match=r"no gradient with respect to the weights \(RuntimeError: one of the var"
    ):
        PRUNE_SENSITIVITY.apply(Overwriting(4, 3), torch.randn(1, 4))
    with pytest.raises(UnsupportedError, match="does not depend on any weight to first order"):
        PRUNE_SENSITIVITY.apply(Classes(4, 3), torch.randn(1, 4))


@pytest.mark.parametrize(
    ("optimization", "kernel", "bits"), [(INT8_WEIGHT_ONLY, Int8Linear, 8), (INT4_WEIGHT_ONLY, Int4Linear, 4)]
)
def test_what_a_kernel_of_packed_integers_multiplies_by_is_seen(
    optimization: Optimization, kernel: type[Int8Linear | Int4Linear], bits: int
) -> None:
    def net() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(64, 96), nn.Linear(96, 32)).bfloat16().eval().requires_grad_(False)

    x = torch.randn(2, 64, dtype=torch.bfloat16)
    made, layers = replace_layers(net(), kernel)  # type: ignore[arg-type]  # linear layers, all of them
    assert [type(layer) for layer in layers] == [kernel, kernel]
    with torch.inference_mode():
        made(x)
    assert optimization.evidence is not None
    assert "in 2 of 2 matrices (100% of the weights that run)" in optimization.evidence(net(), Prepared(made, x))
    _fill_integers(made, 0)
    with pytest.raises(NotAppliedError, match=f"of its norm, which {bits} bits do not explain"):
        optimization.evidence(net(), Prepared(made, x))


def test_what_is_stored_is_known_of_weights_that_were_moved_into_one_buffer() -> None:
    """As cuDNN's recurrent layers do before a call."""
    library = torch.library.Library("made_up_twice", "FRAGMENT")
    library.define("gather(Tensor(a!)[] weights) -> Tensor")

    def gather(weights: list[torch.Tensor]) -> torch.Tensor:
        buffer = torch.cat([weight.flatten() for weight in weights])
        place = 0
        for weight in weights:
            shape, size = weight.shape, weight.numel()
            weight.set_(buffer.untyped_storage(), place, shape)
            place += size
        return buffer

    library.impl("gather", gather, "CompositeExplicitAutograd")
    integers = [torch.full((4, 4), number, dtype=torch.int8) for number in (2, 3)]

    def call(x: torch.Tensor) -> torch.Tensor:
        weights = [stored.float() for stored in integers]
        torch.ops.made_up_twice.gather(weights)
        return x @ weights[0] @ weights[1]

    try:
        seen = observe(call, torch.ones(1, 4))
    finally:
        library._destroy()
    assert [[int(tensor[0, 0]) for tensor in stored] for stored in seen.stored] == [[2], [3]]
    assert all(tensor.dtype == torch.int8 for stored in seen.stored for tensor in stored)


def test_weights_that_run_as_something_computed_prove_no_sharing() -> None:
    class Doubled(nn.Module):
        """Two layers that could share a weight and run as products of it."""

        def __init__(self) -> None:
            super().__init__()
            self.first = nn.ModuleDict({"up": nn.Linear(16, 16)})
            self.second = nn.ModuleDict({"up": nn.Linear(16, 16)})

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for block in (self.first, self.second):
                x = nn.functional.linear(x, 2 * block.get_parameter("up.weight"))
            return x

    smaller: Any = Doubled()
    smaller.first["up"].bias = None
    assert TIED_WEIGHTS.evidence is not None
    with pytest.raises(NotAppliedError, match="of the weights that could share a storage no two were seen to run"):
        TIED_WEIGHTS.evidence(Doubled(), Prepared(smaller, torch.randn(1, 16)))


def test_a_weight_that_was_sparser_before_stays_so() -> None:
    """Zeros are its smallest weights: no more need be removed, and none is."""

    def net() -> nn.Module:
        torch.manual_seed(0)
        made = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 64), nn.Linear(64, 64))
        made[0].weight.data.mul_(torch.rand(8, 8) < 0.1)
        return made.eval()

    assert PRUNE_UNSTRUCTURED.evidence is not None
    made = PRUNE_UNSTRUCTURED.apply(net(), torch.randn(1, 8))
    assert PRUNE_UNSTRUCTURED.evidence(net(), Prepared(made, torch.randn(1, 8)))  # type: ignore[arg-type]


def test_what_unpacks_says_that_it_saves_no_time() -> None:
    prepared = INT4_WEIGHT_ONLY.apply(build(), image())
    assert isinstance(prepared, Prepared)
    (note,) = prepared.notes
    assert note.startswith("no int4 weight-only kernel that pays here for 6 of 6 layers (Conv2d, Linear)")
    assert "saves stored size and no time" in note


@pytest.mark.parametrize("optimization", [FP16, AUTOCAST_FP16], ids=str)
def test_a_format_without_instructions_is_said_to_be_emulated(
    optimization: Optimization, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = []
    for units in ({"avx512_fp16": False, "amx_fp16": False}, {"avx512_fp16": True, "amx_fp16": False}, {}):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda units=units: units)
        prepared = optimization.apply(build(), image())
        assert isinstance(prepared, Prepared)
        notes.append(prepared.notes)
    said = "this CPU has neither AVX512-FP16 nor AMX-FP16: without instructions that multiply float16, it is emulated"
    assert notes == [(said,), (), ()]


def test_what_has_no_smaller_factors_is_unsupported() -> None:
    thin = nn.Sequential(nn.Linear(64, 2))
    torch.nn.init.orthogonal_(thin[0].weight)
    with pytest.raises(UnsupportedError, match="no layer whose factors hold fewer numbers"):
        LOW_RANK.apply(thin, torch.randn(1, 64))


class Undecided(nn.Module):
    """Its control flow depends on a value."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) if x.sum() > 0 else x


def test_what_cannot_be_exported_is_unsupported_with_torchs_reason() -> None:
    with pytest.raises(UnsupportedError, match=r"torch\.export cannot capture the model"):
        EXPORT.apply(Undecided(), torch.randn(1, 4))


def test_keyword_inputs_are_exported_and_traced_too() -> None:
    class Keyword(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
            return self.layer(first - second)  # type: ignore[no-any-return]

    torch.manual_seed(0)
    model, inputs = Keyword().eval(), {"second": torch.randn(2, 4), "first": torch.randn(2, 4)}
    for optimization in (EXPORT, JIT_FREEZE):
        prepared = optimization.apply(copy.deepcopy(model), inputs)
        assert isinstance(prepared, Prepared)
        assert optimization.evidence is not None
        assert optimization.evidence(model, prepared)
        with torch.inference_mode():
            torch.testing.assert_close(call_with(prepared.call, inputs), model(**inputs))


def test_a_trace_that_decides_by_a_value_still_warns() -> None:
    with pytest.warns(torch.jit.TracerWarning, match="Python boolean"):
        JIT_FREEZE.apply(Undecided().eval(), torch.ones(1, 4))
