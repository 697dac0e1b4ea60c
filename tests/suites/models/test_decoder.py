"""The built-in language model: what it computes with a cache is what it computes without one."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch

from paceline.baselines.records import Cause
from paceline.fixtures.devices import get_device
from paceline.fixtures.measurements.generation import prove_generation, sides
from paceline.fixtures.measurements.phases import next_token, prepare_phases
from paceline.fixtures.preparation.axes import Model
from paceline.fixtures.preparation.difference import difference
from paceline.fixtures.preparation.errors import NotMeasuredError
from paceline.fixtures.preparation.prepare import Bench, prepare
from paceline.fixtures.timing.ledger import Ledger
from paceline.suites.models.decoder import MODELS, NEW_TOKENS, PROMPT_TOKENS
from paceline.suites.models.decoder_modules import Decoder
from paceline.suites.optimizations import OPTIMIZATIONS

(TINY_DECODER,) = MODELS


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    torch.manual_seed(7)
    module = TINY_DECODER.build()
    assert isinstance(module, Decoder)
    return module.eval()


def prompt(batch_size: int, seed: int = 1) -> torch.Tensor:
    torch.manual_seed(seed)
    tokens: torch.Tensor = TINY_DECODER.inputs(batch_size)
    return tokens


@torch.inference_mode()
@pytest.mark.parametrize("batch_size", [1, 3])
def test_cached_decoding_equals_the_uncached_forward(decoder: Decoder, batch_size: int) -> None:
    text = prompt(batch_size)
    logits, cache = decoder.prefill(text)
    assert logits.shape == (batch_size, 1, 10_000)
    assert difference(logits[:, -1], decoder(text)[:, -1]) < 1e-5
    for _ in range(NEW_TOKENS):
        token = next_token(logits)
        text = torch.cat([text, token], dim=1)
        logits, cache = decoder.decode(token, cache)
        assert difference(logits[:, -1], decoder(text)[:, -1]) < 1e-5
    assert text.shape == (batch_size, PROMPT_TOKENS + NEW_TOKENS)
    assert len(text[0, PROMPT_TOKENS:].unique()) > NEW_TOKENS // 2, "the text goes round in a circle"


@torch.inference_mode()
def test_a_step_adds_one_row_to_the_cache_and_may_be_repeated(decoder: Decoder) -> None:
    logits, cache = decoder.prefill(prompt(2))
    before = [tensor.clone() for tensor in cache]
    token = next_token(logits)
    first, (keys, values, position) = decoder.decode(token, cache)
    for old, new in ((before[0], keys), (before[1], values)):
        changed = (old != new).flatten(0, 2).any(-1).any(0)
        assert changed.nonzero().flatten().tolist() == [PROMPT_TOKENS]
        assert not old[:, :, :, PROMPT_TOKENS:].any()
    assert position.tolist() == [PROMPT_TOKENS + 1]
    assert cache[2].tolist() == [PROMPT_TOKENS], "the position that was given must stay, or a repeat goes elsewhere"
    again, _ = decoder.decode(token, cache)
    assert torch.equal(first, again)


@torch.inference_mode()
def test_no_token_looks_at_a_later_one(decoder: Decoder) -> None:
    text = prompt(1)
    other = text.clone()
    other[0, 40] = (other[0, 40] + 1) % 10_000
    same, differs = decoder(text)[0] == decoder(other)[0], (decoder(text) - decoder(other)).abs().amax(-1)[0]
    assert bool(same[:40].all())
    assert bool((differs[40:] > 1e-4).all()), "every later token looks at it"


@torch.inference_mode()
def test_rows_that_hold_nothing_yet_are_not_looked_at(decoder: Decoder) -> None:
    logits, (keys, values, position) = decoder.prefill(prompt(1))
    token = next_token(logits)
    expected, _ = decoder.decode(token, (keys.clone(), values.clone(), position))
    keys[..., PROMPT_TOKENS + 1 :, :] = 100
    values[..., PROMPT_TOKENS + 1 :, :] = 100
    assert torch.equal(decoder.decode(token, (keys, values, position))[0], expected)


@torch.inference_mode()
def test_a_step_depends_on_the_cache(decoder: Decoder) -> None:
    logits, cache = decoder.prefill(prompt(1))
    _, other = decoder.prefill(prompt(1, seed=2))
    token = next_token(logits)
    assert difference(decoder.decode(token, other)[0], decoder.decode(token, cache)[0]) > 0.1


PROVEN = ("eager", "export", "jit_freeze", "bf16", "autocast_bf16", "int8_dynamic", "int8_weight_only", "low_rank")
OPTIMIZED = {optimization.name: optimization for optimization in OPTIMIZATIONS}


@pytest.mark.parametrize("name", [*PROVEN, pytest.param("compile", marks=pytest.mark.slow)])
def test_it_generates_under_optimizations_proven_for_both_phases(name: str) -> None:
    optimization = OPTIMIZED[name]

    def prepared(phase: Model) -> Bench:
        return prepare(
            phase, optimization, get_device("cpu"), 1, seed=0, tolerance=optimization.tolerance, ledger=Ledger()
        )

    phases = prepare_phases(TINY_DECODER, prepared)
    for notes in phases.notes:
        assert ("evidence" in [note.code for note in notes]) == (name != "eager")
    sentence = prove_generation(phases, TINY_DECODER, optimization).sentence
    assert sentence.startswith("over 32 tokens of one text the logits differ from eager fp32 by ")
    subject, _ = sides(phases, TINY_DECODER.new_tokens, get_device("cpu").clock)
    with torch.inference_mode(), optimization.watch() if optimization.watch else nullcontext():
        subject()  # nothing is compiled again, whatever the length of the text
        subject()
    assert len(subject.seconds) == 2


@pytest.mark.parametrize(
    ("name", "reason"),
    [("channels_last", "4-D image inputs needed"), ("int8_static", "torch.fx cannot trace the model")],
)
def test_what_cannot_be_is_said_of_the_phase(name: str, reason: str) -> None:
    optimization = OPTIMIZED[name]
    with pytest.raises(NotMeasuredError, match=reason) as caught:
        prepare_phases(
            TINY_DECODER,
            lambda phase: prepare(phase, optimization, get_device("cpu"), 1, seed=0, tolerance=None, ledger=Ledger()),
        )
    assert caught.value.cause is Cause.UNSUPPORTED
