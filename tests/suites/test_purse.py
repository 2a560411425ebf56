"""An account that others spend from meanwhile says nothing about what one call costs."""

from __future__ import annotations

from dataclasses import replace

import pytest

import specs
from harness.model import NotObserved
from harness.running.session import Options, Session
from harness.target import BalancePoint
from suites.purse import open_purse
from tests.harness.conftest import a_target

TARGET = replace(a_target("http://127.0.0.1:9/v1"), balance=BalancePoint("http://127.0.0.1:9/balance", "/balance"))


@pytest.mark.parametrize("workers", [1, 2])
def test_the_main_account_is_a_purse_only_while_nobody_else_spends(workers: int) -> None:
    run = Session(specs.load("voltagegpu-confidential"), TARGET, Options(), workers=workers)
    try:
        assert open_purse(run.ask).key == "main"
        assert workers == 1
    except NotObserved:
        assert workers == 2
    finally:
        run.close()
