"""A runtime beside eager execution on the scored split, as whole clips: how far outputs and the metric move."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from abawbench.contracts import Runtime
from abawbench.harness.measure.bench import BATCH, Bench
from abawbench.progress import Progress
from abawbench.records.parity import Parity


def measure_parity(
    bench: Bench, runtime: Runtime, progress: Progress, call: Callable[..., Tensor] | None = None
) -> Parity:
    """Return how far a runtime is from eager execution; ``call`` is the network by the runtime, compiled if absent."""
    if call is None:
        progress.note(f"compile by {runtime.name}, {BATCH} clips a call, {torch.get_num_threads()} threads")
        call = bench.compile(runtime, bench.example(BATCH))
    eager = bench.predict(bench.eager, progress)
    found = bench.predict(call, progress)
    pairs = zip(found, eager, strict=True)
    gaps = np.concatenate([np.abs(one.astype(np.float64) - other).ravel() for one, other in pairs])
    return Parity(
        runtime=runtime.name,
        precision=runtime.precision,
        threads=torch.get_num_threads(),
        largest_difference=float(gaps.max()),
        mean_difference=float(gaps.mean()),
        scores=len(gaps),
        eager_value=bench.value(eager),
        value=bench.value(found),
    )
