"""AOTInductor, on one tiny model: a cold compilation takes most of a minute on a small machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch._inductor
from torch import nn

from paceline.fixtures.counting.footprint import size_bytes
from paceline.fixtures.host.toolchain import cpp_compiler
from paceline.fixtures.preparation.axes import NotAppliedError, Prepared, UnsupportedError
from paceline.fixtures.timing.guards import TimeLimitExceeded
from paceline.suites.layers.wrappers import PackagedModel
from paceline.suites.optimizations.exported import AOTI, _refuse_crash


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
        self.file, self._run = package.file, model


@pytest.mark.slow
@pytest.mark.skipif(cpp_compiler() is None, reason="no C++ compiler")
def test_a_package_is_compiled_runs_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[Path] = []
    load: Any = torch._inductor.aoti_load_package
    monkeypatch.setattr(torch._inductor, "aoti_load_package", lambda path: loaded.append(Path(path)) or load(path))
    torch.manual_seed(0)
    model, x = Tiny().eval().requires_grad_(False), torch.randn(2, 8)
    prepared = AOTI.apply(model, x)
    assert isinstance(prepared, Prepared)
    package = prepared.call
    assert isinstance(package, PackagedModel)
    (path,) = loaded
    assert not path.parent.exists(), "a run that is killed would leave it there"
    with torch.inference_mode():
        torch.testing.assert_close(package(x), model(x))
    assert AOTI.evidence is not None
    assert "1 library, loaded" in AOTI.evidence(model, prepared)
    assert (size_bytes(package) or 0) > os.fstat(package.file.fileno()).st_size > 1000

    with pytest.raises(NotAppliedError, match=r"own Python code still runs: .*forward"):
        AOTI.evidence(model, Prepared(StillEager(package, model), x))
    with pytest.raises(NotAppliedError, match="a Tiny is called, not a package"):
        AOTI.evidence(model, Prepared(model, x))

    file = package.file
    assert not file.closed
    del prepared, package
    assert file.closed


@pytest.mark.parametrize(
    "raised", [KeyboardInterrupt(), TimeLimitExceeded(1), RuntimeError("no such kernel")], ids=repr
)
def test_a_compilation_that_is_cut_leaves_nothing(raised: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []

    def cut(_program: object, package_path: str) -> None:
        written.append(Path(package_path))
        written[0].write_bytes(b"half of it")
        raise raised

    monkeypatch.setattr(torch._inductor, "aoti_compile_and_package", cut)
    expected = UnsupportedError if isinstance(raised, Exception) else type(raised)
    with pytest.raises(expected):
        AOTI.apply(Tiny().eval(), torch.randn(2, 8))
    assert not written[0].parent.exists()


@pytest.mark.parametrize(
    ("last_words", "reason"),
    [
        ("kill -SEGV $$", "a process that loads AOTInductor's package is ended by SIGSEGV"),
        ("echo no such kernel >&2; exit 1", "AOTInductor's package cannot be loaded (no such kernel)"),
    ],
)
def test_a_package_that_cannot_be_loaded_ends_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last_words: str, reason: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{last_words}\n", "utf-8")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(UnsupportedError) as caught:
        _refuse_crash(tmp_path / "model.pt2")
    assert reason in str(caught.value)
