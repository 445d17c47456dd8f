"""The promises that abawbench relies on; the same checks as ``abawbench check bf16-autocast --kind runtime``."""

import pytest
from abawbench.testing import Check, checks


@pytest.mark.parametrize("check", checks("runtime"), ids=str)
def test_it_keeps_the_contract(check: Check) -> None:
    check("bf16-autocast")
