"""A run that is ended while its second test measures: by an interrupt or by a kill, as ``END`` says."""

import os
import signal

import axes
import pytest

from paceline.fixtures import Model


def end():
    """Like the machine's user, or its kernel."""
    if os.environ.get("END") == "interrupt":
        raise KeyboardInterrupt
    if os.environ.get("END") == "kill":
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("name", ["first", "second", "third"])
def test_footprint(measure_footprint, name, device):
    measure_footprint(Model(name, build=axes.net.build, inputs=axes.net.inputs), axes.PLAIN, device)
    if name == "second":
        end()


def test_latency(measure, device):
    measure(axes.NET, axes.HALF, device)
