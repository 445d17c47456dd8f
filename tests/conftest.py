"""Settings that all tests share."""

import os

from hypothesis import HealthCheck, settings

# how long an example takes says more about the machine than about the code
settings.register_profile("abawbench", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("abawbench")

os.environ.setdefault("HF_HUB_OFFLINE", "1")
