"""Every case without and with each amount of extra work, which only side B does."""

import os
from functools import partial

import pytest
import side
import workloads

from paceline.fixtures import Model, Optimization

EXTRA_PERCENT = [int(text) for text in os.environ["REPORT_CARD_EXTRA_PERCENT"].split(",")]
PLAIN = Optimization("plain", apply=lambda model, inputs: model, is_reference=True)
MODELS = [
    Model(
        f"{one.name}_extra{percent}",
        build=partial(one.build, percent / 100 if side.HAS_EXTRA_WORK else 0.0),
        inputs=one.inputs,
    )
    for one in workloads.WORKLOADS
    for percent in EXTRA_PERCENT
]


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_latency(measure, model, device):
    measure(model, PLAIN, device)
