"""Packed integers come back as they were, and the stored weights are as near as their bits allow."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from paceline.fixtures.counting.footprint import size_bytes
from paceline.suites.layers.packed import (
    EightBits,
    FourBits,
    Int4Linear,
    Int8Linear,
    PackedWeight,
    Ternary,
    Unpacking,
)
from paceline.suites.layers.packing import GROUP, eight_bits, four_bits, pack, ternary, unpack
from paceline.suites.layers.replacement import replace_layers
from paceline.suites.optimizations.weight_only import most_error


@settings(max_examples=60, deadline=None)
@given(bits=st.sampled_from([1, 2, 4, 8]), numbers=st.lists(st.integers(0, 255), max_size=40))
def test_what_is_packed_is_unpacked(bits: int, numbers: list[int]) -> None:
    values = torch.tensor([number % 2**bits for number in numbers], dtype=torch.uint8)
    packed = pack(values, bits)
    assert packed.dtype == torch.uint8
    assert packed.numel() == -(-values.numel() * bits // 8)
    assert torch.equal(unpack(packed, bits, values.numel()), values)


def test_the_first_number_is_the_lowest() -> None:
    assert pack(torch.tensor([1, 2, 3]), 4).tolist() == [0x21, 0x03]
    assert pack(torch.tensor([1, 2, 0, 3]), 2).tolist() == [0b11_00_10_01]


@pytest.mark.parametrize(
    ("values", "bits", "message"),
    [
        ([16], 4, "values from 16 to 16 do not fit in 4 bits"),
        ([-1], 4, "values from -1 to -1 do not fit in 4 bits"),
        ([0], 3, "3 bits do not divide a byte"),
    ],
)
def test_what_does_not_fit_is_refused(values: list[int], bits: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pack(torch.tensor(values), bits)


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 5), columns=st.integers(1, 80), seed=st.integers(0, 9))
def test_no_weight_is_further_than_half_a_step(rows: int, columns: int, seed: int) -> None:
    weight = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    integers, scales = eight_bits(weight)
    assert ((integers * scales[:, None] - weight).abs() <= scales[:, None] * 0.501).all()
    numbers, steps, offsets = four_bits(weight)
    assert numbers.shape == weight.shape
    step, offset = (each.repeat_interleave(GROUP, 1)[:, :columns] for each in (steps, offsets))
    assert (((numbers.float() - 8) * step + offset - weight).abs() <= step * 0.501 + 1e-6).all()


DRAWS: dict[str, Callable[[torch.Size], torch.Tensor]] = {
    "normal": torch.randn,
    "uniform": lambda shape: torch.rand(shape) - 0.5,
    "heavy tails": lambda shape: torch.randn(shape) / torch.rand(shape),
    "half zeros": lambda shape: torch.randn(shape) * (torch.rand(shape) < 0.5),
    "far from zero": lambda shape: 3 + torch.randn(shape) / 100,
    "one value": lambda shape: torch.full(shape, 0.3),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("packed", "bits"), [(EightBits, 8), (FourBits, 4), (Ternary, 2)])
@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 200)), draw=st.sampled_from(list(DRAWS)), seed=st.integers(0, 9)
)
def test_what_is_packed_is_as_near_as_evidence_asks(
    packed: type[PackedWeight], bits: int, dtype: torch.dtype, shape: tuple[int, int], draw: str, seed: int
) -> None:
    torch.manual_seed(seed)
    weight = DRAWS[draw](torch.Size(shape)).to(dtype)
    assert (packed(weight).unpacked().float() - weight.float()).norm() <= most_error(weight, bits)


def test_how_near_that_is() -> None:
    """Of normal weights; three levels leave 0.44 of the norm at best (Max, "Quantizing for minimum distortion", 1960).
    What is all zeros leaves 1."""
    torch.manual_seed(0)
    weight = torch.randn(64, 1024)
    found = {bits: most_error(weight, bits) / float(weight.norm()) for bits in (8, 4, 2)}
    assert found == pytest.approx({8: 0.02, 4: 0.24, 2: 0.445}, rel=0.1)


def test_zeros_and_constants_survive() -> None:
    for weight in (torch.zeros(2, 5), torch.full((2, 5), 3.0)):
        for packed in (EightBits(weight), FourBits(weight), Ternary(weight)):
            torch.testing.assert_close(packed.unpacked(), weight, rtol=0.01, atol=1e-6)


def test_ternary_rows_have_three_values() -> None:
    torch.manual_seed(0)
    weight = torch.randn(4, 100)
    numbers, scales = ternary(weight)
    assert set(numbers.unique().tolist()) == {0, 1, 2}
    whole = (numbers.float() - 1) * scales[:, None]
    tried = [
        (weight.sign() * (weight.abs() > threshold) * scale - weight).square().sum(1)
        for threshold in torch.linspace(0.1, 1.5, 15)
        for scale in torch.linspace(0.5, 2.0, 31)
    ]
    assert ((whole - weight).square().sum(1) <= torch.stack(tried).amin(0) * 1.1).all()


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (nn.Linear(40, 7), torch.randn(2, 40)),
        (nn.Linear(64, 32, bias=False), torch.randn(2, 3, 64)),
        (nn.Conv2d(3, 8, 3, padding=1, groups=1), torch.randn(1, 3, 5, 5)),
        (nn.LSTM(8, 6, batch_first=True, bidirectional=True), torch.randn(2, 5, 8)),
        (nn.GRU(8, 6, 2), torch.randn(5, 2, 8)),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("packed", [EightBits, FourBits, Ternary])
def test_a_layer_computes_with_its_unpacked_weights(
    layer: nn.Module, x: torch.Tensor, packed: type[PackedWeight]
) -> None:
    original = copy.deepcopy(layer)
    unpacking = Unpacking(copy.deepcopy(layer), packed)
    with torch.no_grad():
        for name, weight in unpacking.packed.items():
            assert isinstance(weight, PackedWeight)
            original.get_parameter(name).copy_(weight.unpacked())
        for _ in range(2):
            got, expected = unpacking(x), original(x)
            got, expected = (got[0], expected[0]) if isinstance(got, tuple) else (got, expected)
            torch.testing.assert_close(got, expected)
    assert not any(parameter.ndim >= 2 for parameter in unpacking.parameters()), "a float weight stayed"
    assert all(getattr(unpacking.layer, name) is None for name in unpacking.packed), "an unpacked weight stayed"


def test_a_recurrent_layer_keeps_no_buffer_of_moved_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """As cuDNN does, when the layer is made and whenever its weights are others."""

    def gather(layer: nn.LSTM) -> None:
        weights = [weight for weight in layer._flat_weights if isinstance(weight, torch.Tensor)]
        with torch.no_grad():
            buffer = torch.cat([weight.flatten() for weight in weights])
            places = itertools.accumulate((weight.numel() for weight in weights), initial=0)
            for weight, place in zip(weights, places, strict=False):
                weight.set_(buffer.untyped_storage(), place, weight.shape)
        gathered.append(len(weights))

    gathered: list[int] = []
    monkeypatch.setattr(nn.LSTM, "flatten_parameters", gather)
    layer, x = nn.LSTM(64, 64), torch.randn(3, 1, 64)
    before, expected = size_bytes(layer), layer(x)[0]
    unpacking = Unpacking(layer, EightBits)
    with torch.inference_mode():
        got = unpacking(x)[0]
    assert gathered[-1] == 4
    assert (got - expected).norm() < 0.02 * expected.norm()
    after = size_bytes(unpacking)
    assert before is not None
    assert after is not None
    assert after < 0.4 * before


@pytest.mark.parametrize(("kernel", "closeness"), [(Int8Linear, 1e-4), (Int4Linear, 1e-4)])
@pytest.mark.parametrize("shape", [(3, 64), (2, 5, 64), (64,)])
def test_the_kernels_compute_what_is_stored(
    kernel: type[Int8Linear | Int4Linear], closeness: float, shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    linear, x = nn.Linear(64, 32), torch.randn(*shape)
    with torch.inference_mode():
        layer = kernel(linear)
        (weight,) = layer.unpacked_weights()
        torch.testing.assert_close(
            layer(x), nn.functional.linear(x, weight, linear.bias), rtol=closeness, atol=closeness
        )
        assert (weight - linear.weight).norm() < 0.1 * linear.weight.norm()


@pytest.mark.parametrize(
    ("layer", "takes"), [(nn.Linear(64, 32), True), (nn.Linear(64, 10), False), (nn.Linear(40, 32), False)]
)
def test_the_four_bit_kernel_takes_what_it_says(layer: nn.Linear, takes: bool) -> None:
    assert not Int4Linear.takes(layer), "float32 is slower there than unpacked"
    assert Int4Linear.takes(layer.bfloat16()) == takes
    assert Int8Linear.takes(layer)


@pytest.mark.parametrize("kernel", [Int8Linear, Int4Linear, lambda layer: Unpacking(layer, FourBits)])
def test_a_transposed_weight_is_stored_as_any_other(kernel: Callable[[nn.Linear], nn.Module]) -> None:
    torch.manual_seed(0)
    plain, transposed, x = nn.Linear(64, 32), nn.Linear(64, 32), torch.randn(2, 64)
    transposed.weight, transposed.bias = nn.Parameter(plain.weight.detach().T.contiguous().T), plain.bias
    assert not transposed.weight.is_contiguous()
    with torch.inference_mode():
        torch.testing.assert_close(kernel(transposed)(x), kernel(plain)(x))


def test_a_layer_in_two_places_is_replaced_once_in_both() -> None:
    shared = nn.Linear(4, 4)
    model, made = replace_layers(nn.Sequential(shared, nn.ReLU(), shared), lambda layer: Unpacking(layer, EightBits))
    assert len(made) == 1
    assert isinstance(model, nn.Sequential)
    assert model[0] is model[2] is made[0]


def test_a_model_that_is_a_layer_is_replaced_itself() -> None:
    model, made = replace_layers(nn.Linear(4, 4), lambda layer: Unpacking(layer, EightBits))
    assert [model] == made
