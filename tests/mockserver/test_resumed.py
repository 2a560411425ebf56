"""A request that is served at once, until it waits: what it waited for may fail, and that is its own to handle."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from mockserver.protocol import resumed


@pytest.mark.parametrize("ends", ["well", "with an error", "cancelled"])
def test_work_that_was_begun_hears_how_its_waiting_ended(ends: str) -> None:
    said: list[str] = []

    async def wait(future: asyncio.Future[str]) -> None:
        try:
            said.append(await future)
        except ValueError as error:
            said.append(str(error))
        except asyncio.CancelledError:
            said.append("cancelled")

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        first, second = loop.create_future(), loop.create_future()

        async def work() -> None:
            await wait(first)
            await wait(second)

        begun = work()
        task = loop.create_task(resumed(begun, begun.send(None)))
        for future in (first, second):
            await asyncio.sleep(0)
            if ends == "well":
                future.set_result("well")
            elif ends == "cancelled":
                task.cancel()
            else:
                future.set_exception(ValueError("with an error"))
            await asyncio.sleep(0)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert said == [ends, ends]
