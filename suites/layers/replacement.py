"""Other layers in the place of a model's own. This imports torch."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from paceline.suites.layers.packed import PACKABLE


def replace_layers(
    model: nn.Module, make: Callable[[nn.Module], nn.Module | None]
) -> tuple[nn.Module, list[nn.Module]]:
    """Puts ``make(layer)`` in the place of every packable layer, the model itself included; ``None`` leaves it.

    Returns the model and the new layers. A layer that stands in several places is made once.
    """
    made: dict[nn.Module, nn.Module] = {}
    for layer in list(model.modules()):
        if type(layer) in PACKABLE and (new := make(layer)) is not None:
            made[layer] = new
    for name, layer in list(model.named_modules(remove_duplicate=False)):
        if name and layer in made:
            model.set_submodule(name, made[layer])
    return made.get(model, model), list(made.values())


def leave_fast_path(model: nn.Module) -> tuple[str, ...]:
    """Makes encoder layers call their linear layers, and says so.

    ``TransformerEncoderLayer`` hands ``linear1.weight`` to one fused float kernel. On a quantized layer that is a
    method, and the call dies; an activation the kernel does not know is one of the reasons the layer itself has to
    call its parts one by one. It is set on these layers alone, not through ``torch.backends.mha``, which is global.
    """
    layers = [module for module in model.modules() if isinstance(module, nn.TransformerEncoderLayer)]
    for layer in layers:
        layer.activation_relu_or_gelu = 0
    for module in model.modules():
        if isinstance(module, nn.TransformerEncoder):
            module.use_nested_tensor = False
    if not layers:
        return ()
    return (
        f"{len(layers)} encoder layer(s) run part by part: the fused float kernel cannot take integer weights; their "
        "attention stays float (its projections are bare parameters of no linear layer)",
    )
