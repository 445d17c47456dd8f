"""What a runtime keeps: it answers as the network does and leaves it as it was."""

import pickle
from typing import Any
from unittest import SkipTest

from abawbench.contracts import Runtime, UsageError
from abawbench.testing.checks import Subject, expect
from abawbench.testing.probes import seed_inside

TOLERANCE = {"fp32": 1e-3, "bf16": 0.05, "int8": 0.15}
"""Precision -> largest difference from eager, as a share of the largest output."""


def runtime_of(subject: Subject) -> Runtime:
    """Return the runtime. Raises Breach when the builder gives something else."""
    runtime = subject.build()
    expect(isinstance(runtime, Runtime), "a builder that returns an abawbench.contracts.Runtime", type(runtime))
    return runtime  # type: ignore[no-any-return]


def check_declaration(subject: Subject) -> None:
    """Its name is that of the declaration, its precision is known."""
    runtime = runtime_of(subject)
    expect(runtime.name == subject.plugin.name, f"the name '{subject.plugin.name}'", repr(runtime.name))
    expect(runtime.precision in TOLERANCE, f"a precision of {', '.join(TOLERANCE)}", repr(runtime.precision))
    pickle.loads(pickle.dumps(runtime))


def build_network() -> Any:
    """Return a small convolutional network over clips [B, 4, 3, 32, 32], logits [B, 3]; to be called seeded."""
    from torch import nn

    return nn.Sequential(
        nn.Flatten(1, 2),
        nn.Conv2d(12, 16, 3, stride=2, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 3),
    ).eval()


def check_answers(subject: Subject) -> None:
    """What it compiles gives the logits of the network for other clips than the example, and the same ones twice.

    Raises SkipTest where the runtime says that this machine cannot execute it.
    """
    import torch

    runtime = runtime_of(subject)
    with seed_inside(0):
        module = build_network()
        before = {name: value.clone() for name, value in module.state_dict().items()}
        batches = [torch.randn(2, 4, 3, 32, 32) for _ in range(4)]
        calibration = [(clips,) for clips in batches] if runtime.calibrates else ()
        try:
            compiled = runtime.compile(module, (batches[0],), calibration)
        except UsageError as error:
            raise SkipTest(str(error)) from error
        for clips in batches[1:]:
            with torch.inference_mode():
                wanted = module(clips)
            came = compiled(clips)
            expect(
                isinstance(came, torch.Tensor) and came.dtype == torch.float32 and came.shape == wanted.shape,
                f"logits float32 {list(wanted.shape)}",
                f"{getattr(came, 'dtype', type(came).__name__)} {list(getattr(came, 'shape', []))}",
            )
            most = TOLERANCE[runtime.precision] * float(wanted.abs().max())
            off = float((came - wanted).abs().max())
            expect(off <= most, f"logits of the network within {most:.2g} at {runtime.precision}", f"{off:.2g} off")
            expect(torch.equal(came, compiled(clips)), "the same logits twice", "others the second time")
    for name, value in module.state_dict().items():
        expect(torch.equal(value, before[name]), "a network that is left as it was", f"another {name}")


CHECKS = (
    ("described", "its name and its precision are known, and it can be sent to another process", check_declaration),
    ("faithful", "it answers as the network does, and leaves it as it was", check_answers),
)
