"""Every kind of measurement once."""

import axes
import pytest

net = pytest.mark.parametrize("model", [axes.NET], ids=str)
plain = pytest.mark.parametrize("optimization", [axes.PLAIN], ids=str)


@plain
@pytest.mark.parametrize("model", axes.MODELS, ids=str)
def test_latency(measure, model, optimization, device):
    measure(model, optimization, device)


@net
@pytest.mark.parametrize("optimization", [axes.COPY], ids=str)
@pytest.mark.parametrize("rounds", [3])
def test_latency_with_a_parameter(measure, model, optimization, device, rounds):
    measure(model, optimization, device)


@net
@plain
def test_throughput(measure_throughput, model, optimization, device):
    measure_throughput(model, optimization, device)


@plain
@pytest.mark.parametrize("model", [axes.SPEAKER], ids=str)
def test_generation(measure_generation, model, optimization, device, batch_size):
    measure_generation(model, optimization, device, batch_size)


@net
@plain
def test_memory(measure_memory, model, optimization, device, batch_size):
    measure_memory(model, optimization, device, batch_size)


@net
@plain
def test_footprint(measure_footprint, model, optimization, device, batch_size):
    measure_footprint(model, optimization, device, batch_size)


@net
@pytest.mark.parametrize("optimization", [axes.HALF], ids=str)
def test_fidelity(measure_fidelity, model, optimization, device):
    measure_fidelity(model, optimization, device)
