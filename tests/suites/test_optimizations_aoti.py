"""AOTInductor, on one tiny model: a cold compilation takes most of a minute on a small machine."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from paceline.fixtures.axes import NotAppliedError, Prepared
from paceline.fixtures.host.toolchain import cpp_compiler
from paceline.fixtures.measurements.footprint import size_bytes
from paceline.suites.optimizations.exported import AOTI
from paceline.suites.optimizations.packages import PackagedModel


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layer(x).relu()
        return y


class StillEager(PackagedModel):
    """Holds a loaded package and calls the model."""

    def __init__(self, package: PackagedModel, model: nn.Module) -> None:
        nn.Module.__init__(self)
        self.path, self._run = package.path, model


@pytest.mark.skipif(cpp_compiler() is None, reason="no C++ compiler")
def test_a_package_is_compiled_runs_and_goes() -> None:
    torch.manual_seed(0)
    model, x = Tiny().eval().requires_grad_(False), torch.randn(2, 8)
    prepared = AOTI.apply(model, x)
    assert isinstance(prepared, Prepared)
    package = prepared.call
    assert isinstance(package, PackagedModel)
    with torch.inference_mode():
        torch.testing.assert_close(package(x), model(x))
    assert AOTI.evidence is not None
    assert "1 library, loaded" in AOTI.evidence(model, prepared)
    assert (size_bytes(package) or 0) > package.path.stat().st_size

    with pytest.raises(NotAppliedError, match=r"own Python code still runs: .*forward"):
        AOTI.evidence(model, Prepared(StillEager(package, model), x))
    with pytest.raises(NotAppliedError, match="a Tiny is called, not a package"):
        AOTI.evidence(model, Prepared(model, x))

    folder = package.path.parent
    assert folder.exists()
    del prepared, package
    assert not folder.exists()
