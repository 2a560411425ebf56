"""The one timer of thousands: what fails for one is nothing to the others."""

from __future__ import annotations

import asyncio
from typing import Any

from mockserver.upstream.ticker import Ticker


def test_one_that_fails_holds_nobody_up() -> None:
    told: list[Any] = []
    called: list[str] = []

    def fail() -> None:
        raise ZeroDivisionError

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
        ticker = Ticker(loop)
        due = ticker.now() + 0.002
        ticker.at(due, lambda: called.append("before"))
        ticker.at(due, fail)
        ticker.at(due, lambda: called.append("after"))
        ticker.at(due + 0.002, lambda: called.append("later"))
        await asyncio.sleep(0.02)
        ticker.at(ticker.now(), lambda: called.append("armed since"))
        await asyncio.sleep(0.02)

    asyncio.run(scenario())
    assert called == ["before", "after", "later", "armed since"]
    assert [type(error) for error in told] == [ZeroDivisionError]
