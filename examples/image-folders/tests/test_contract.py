"""What ``abawbench check image-folders --kind database`` checks."""

import pytest
from abawbench.testing import Check, checks


@pytest.mark.parametrize("check", checks("database"), ids=str)
def test_it_keeps_the_contract(check: Check) -> None:
    check("image-folders")
