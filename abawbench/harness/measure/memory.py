"""How much memory a network takes for one clip, measured where nothing else is in the way: in a process of its own."""

import copy
import importlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils._pytree import tree_leaves, tree_map_only

from abawbench.harness.measure.timing import device_of


def peak_memory(network: nn.Module, *example: Any, seconds: float | None = None) -> int | None:
    """Return the bytes that building the network and running ``network(*example)`` adds at its peak.

    On a CPU: the peak of a fresh process less what it holds once everything is imported; takes as long as the imports,
    and is None where the network cannot be pickled. Raises TimeoutExpired when it takes longer than ``seconds``. On a
    CUDA device: the peak that torch allocated, less what was there before and belongs neither to the network nor to the
    example.
    """
    device = device_of(example)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        held: int = sum(x.nbytes for x in (*network.parameters(), *network.buffers(), *tree_leaves(example)))
        others = torch.cuda.memory_allocated(device) - held
        with torch.inference_mode():
            network.eval()(*example)
        return int(torch.cuda.max_memory_allocated(device) - others)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.pt"
        try:
            torch.save((_savable(network), tree_map_only(Tensor, lambda x: x.to("meta"), example)), path)
        except (pickle.PicklingError, AttributeError, TypeError, RuntimeError):
            return None
        modules = sorted({type(module).__module__ for module in network.modules()} - {"__main__"})
        task = {"path": str(path), "modules": modules, "threads": torch.get_num_threads()}
        command = [sys.executable, "-P", "-m", "abawbench.harness.measure.memory", json.dumps(task)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment(), timeout=seconds)
    return int(done.stdout.split()[-1]) if done.returncode == 0 else None


def _savable(network: nn.Module) -> nn.Module:
    """Return the network, or a copy with its parametrizations worked out: torch saves no network that has some."""
    if not any(parametrize.is_parametrized(module) for module in network.modules()):
        return network
    network = copy.deepcopy(network)
    for module in [*network.modules()]:
        if isinstance(of := getattr(module, "parametrizations", None), nn.ModuleDict):
            # removing one takes an attribute from the class, which the copy shares with the original
            module.__class__ = type(type(module).__name__, type(module).__bases__, dict(vars(type(module))))
            for name in [*of]:
                parametrize.remove_parametrizations(module, name)
            module._load_state_dict_pre_hooks.clear()  # weight_norm leaves one that cannot be saved
    return network


def _environment() -> dict[str, str]:
    # the child finds whatever this process could import; an empty entry is the working folder
    return os.environ | {"PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in sys.path)}


def _measure(path: str, modules: list[str], threads: int) -> int:
    """Return the bytes that loading and running the network in ``path`` adds to this process at its peak."""
    for module in modules:
        importlib.import_module(module)
    torch.set_num_threads(threads)
    reset_peak()
    idle = peak_bytes()
    network, shapes = torch.load(path, weights_only=False)  # written by the parent a moment ago
    example = tree_map_only(Tensor, lambda x: torch.zeros(x.shape, dtype=x.dtype), shapes)
    with torch.inference_mode():
        network.eval()(*example)
    return peak_bytes() - idle


def peak_bytes(device: torch.device | None = None) -> int:
    """Return the largest resident size of this process so far, or what torch held at most on a CUDA device."""
    if device is not None and device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource  # not on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def reset_peak() -> None:
    """Forget the peak so far, where the system can (Linux)."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.reset_peak_memory_stats()
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


if __name__ == "__main__":
    print(_measure(**json.loads(sys.argv[1])))
