"""The conformance checks that plugin authors run in their own tests; ``abawbench check`` runs the very same.

::

    import pytest
    from abawbench.testing import Check, checks


    @pytest.mark.parametrize("check", checks("model"), ids=str)
    def test_keeps_the_contract(check: Check) -> None:
        check("my-model")
"""

from abawbench.testing.checks import PAGES, Breach, Check, CheckResult, checks

__all__ = ["PAGES", "Breach", "Check", "CheckResult", "checks"]
