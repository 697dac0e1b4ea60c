"""The models and optimizations of the small benchmarks."""

import net
import torch

from paceline.fixtures import Model, Optimization, Prepared

PLAIN = Optimization("plain", apply=lambda model, inputs: model, is_reference=True)
COPY = Optimization(
    "copy",
    apply=lambda model, inputs: Prepared(model, inputs, notes=("a copy of the model",)),
    tolerance=1e-6,
    evidence=lambda model, prepared: "another object",
    unsupported=lambda model, inputs, device_type: "nothing is copied any more" if net.REFUSES_COPY else None,
)
HALF = Optimization("half", apply=lambda model, inputs: model.bfloat16())
MODELS = [Model(name, build=net.build, inputs=net.inputs) for name in net.MODELS]
NET = MODELS[0]
SPEAKER = Model("speaker", build=net.Speaker, inputs=lambda n: torch.randint(50, (n, 6)), new_tokens=4)
