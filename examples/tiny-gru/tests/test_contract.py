"""The promises that abawbench relies on; the same checks as ``abawbench check tiny-gru --kind model``."""

import pytest
from abawbench.testing import Check, checks


@pytest.mark.parametrize("check", checks("model"), ids=str)
def test_it_keeps_the_contract(check: Check) -> None:
    check("tiny-gru")
