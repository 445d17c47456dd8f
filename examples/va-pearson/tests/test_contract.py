"""What ``abawbench check va-pearson --kind task`` checks."""

import pytest
from abawbench.testing import Check, checks


@pytest.mark.parametrize("check", checks("task"), ids=str)
def test_it_keeps_the_contract(check: Check) -> None:
    check("va-pearson")
