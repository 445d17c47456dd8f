"""What ``abawbench check colour-ridge --kind model`` checks."""

import pytest
from abawbench.testing import Check, checks


@pytest.mark.parametrize("check", checks("model"), ids=str)
def test_it_keeps_the_contract(check: Check) -> None:
    check("colour-ridge")
