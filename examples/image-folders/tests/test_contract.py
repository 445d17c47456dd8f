"""The promises that abawbench relies on; the same checks as ``abawbench check image-folders --kind dataset``."""

import pytest
from abawbench.testing import Check, checks


@pytest.mark.parametrize("check", checks("dataset"), ids=str)
def test_it_keeps_the_contract(check: Check) -> None:
    check("image-folders")
