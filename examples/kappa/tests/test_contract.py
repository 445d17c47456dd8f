"""What ``abawbench check kappa --kind metric`` checks."""

import pytest
from abawbench.testing import Check, checks


@pytest.mark.parametrize("check", checks("metric"), ids=str)
def test_it_keeps_the_contract(check: Check) -> None:
    check("kappa")
