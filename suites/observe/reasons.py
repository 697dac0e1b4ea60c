"""Reasons why an optimization cannot be, shared by several of them. ``None`` everywhere means: nothing in the way."""

from __future__ import annotations

from paceline.fixtures.preparation.axes import Call


def not_a_module(model: Call) -> str | None:
    """Most transforms change a module's weights; a plain callable has none to be seen."""
    from torch import nn

    if isinstance(model, nn.Module):
        return None
    return f"a torch.nn.Module is needed; this model is a plain callable ({type(model).__name__})"


def no_layers(model: Call) -> str | None:
    """Layers that are Python objects can be exchanged and traced; those of TorchScript are compiled code."""
    import torch

    if (reason := not_a_module(model)) is not None:
        return reason
    assert isinstance(model, torch.nn.Module)
    scripts = [part for part in model.modules() if isinstance(part, torch.jit.ScriptModule)]
    inside = [weight for script in scripts for weight in script.parameters()]
    if scripts and {id(weight) for weight in model.parameters()} <= {id(weight) for weight in inside}:
        return (
            "the layers are TorchScript (torch.jit), which can be neither exchanged nor traced: let build() return the "
            "module that was scripted"
        )
    return None


def no_weights(model: Call) -> str | None:
    """Neither is there anything to change in a module without weights to multiply by."""
    from paceline.suites.observe.weights import multiplied_weights

    reason = not_a_module(model)
    if reason is None and not multiplied_weights(model):  # type: ignore[arg-type]  # a module: just checked
        reason = "no weights as parameters that inputs are multiplied by (no linear, convolution or recurrent layer)"
    return reason


def not_on_cpu(device_type: str) -> str | None:
    """torch.ao's integer kernels exist for one device type."""
    return None if device_type == "cpu" else f"int8 kernels of torch.ao run on CPU only, not on {device_type}"


def in_words(error: BaseException) -> str:
    """An exception as one line of a reason: its type and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
