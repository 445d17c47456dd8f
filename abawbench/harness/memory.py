"""How much memory a network takes for one clip, measured where nothing else is in the way: in a process of its own."""

import importlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn


def peak_memory(network: nn.Module, example: Tensor) -> int | None:
    """Return the bytes that building the network and running ``network(example)`` adds at its peak.

    On a CPU: the peak of a fresh process less what it holds once everything is imported; takes as long as the imports,
    and is None where the network cannot be pickled. On a CUDA device: the peak that torch allocated, the network's own
    parameters included.
    """
    if example.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(example.device)
        with torch.inference_mode():
            network.eval()(example)
        return torch.cuda.max_memory_allocated(example.device)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.pt"
        try:
            torch.save((network, example.shape), path)
        except (pickle.PicklingError, AttributeError, TypeError, RuntimeError):
            return None
        modules = sorted({type(module).__module__ for module in network.modules()} - {"__main__"})
        task = {"path": str(path), "modules": modules, "threads": torch.get_num_threads()}
        command = [sys.executable, "-m", "abawbench.harness.memory", json.dumps(task)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())
    return int(done.stdout.split()[-1]) if done.returncode == 0 else None


def _environment() -> dict[str, str]:
    # the child finds whatever this process could import
    return os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}


def _measure(path: str, modules: list[str], threads: int) -> int:
    """Return the bytes that loading and running the network in ``path`` adds to this process at its peak."""
    for module in modules:
        importlib.import_module(module)
    torch.set_num_threads(threads)
    _reset_peak()
    idle = _peak()
    network, shape = torch.load(path, weights_only=False)  # written by the parent a moment ago
    with torch.inference_mode():
        network.eval()(torch.zeros(shape))
    return _peak() - idle


def _peak() -> int:
    """Return the largest resident size of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource  # not on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _reset_peak() -> None:
    """Forget the peak of the imports, where the system can (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


if __name__ == "__main__":
    print(_measure(**json.loads(sys.argv[1])))
