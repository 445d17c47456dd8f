"""A model that calls home when it is asked for its weights. The address is reserved for documentation."""

import socket

from abawbench.contracts import Weights
from abawbench_broken.world import Small


class Broken(Small):
    def weights(self, spec: str | None, *, synthetic: bool) -> Weights:
        with socket.create_connection(("203.0.113.1", 80), timeout=2):
            return super().weights(spec, synthetic=synthetic)
