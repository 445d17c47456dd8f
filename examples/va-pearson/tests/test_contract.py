"""The promises that abawbench relies on; the same checks as ``abawbench check va-pearson --kind task``."""

import pytest
from abawbench.testing import Check, checks


@pytest.mark.parametrize("check", checks("task"), ids=str)
def test_it_keeps_the_contract(check: Check) -> None:
    check("va-pearson")
