"""The state of the process in which networks are trained, scored and timed."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


@contextmanager
def make_repeatable(seed: int) -> Iterator[None]:
    """Seed Python, torch and numpy and let torch choose only operators that repeat; the process is left as it was.

    Denormal numbers are flushed to zero inside: they make training on a CPU crawl. New tensors are not filled with NaN,
    as torch does in this mode: it costs networks 3 to 9% of their time here.
    """
    deterministic = torch.are_deterministic_algorithms_enabled()
    memory: Any = torch.utils.deterministic  # its type has no such attribute
    filled = memory.fill_uninitialized_memory
    of_python, dtype, threads = random.getstate(), torch.get_default_dtype(), torch.get_num_threads()
    random.seed(seed)
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    torch.use_deterministic_algorithms(True, warn_only=True)
    memory.fill_uninitialized_memory = False
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        random.setstate(of_python)
        torch.set_default_dtype(dtype)  # a plugin may have changed these
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
        memory.fill_uninitialized_memory = filled
        torch.set_flush_denormal(False)
