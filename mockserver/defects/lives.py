"""Defects of what is made, that show in a sequence of calls or in two calls at once and in no single one."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace

from mockserver.call import Call, Reply
from mockserver.defects import defect
from mockserver.gateway import Gateway, Handler
from mockserver.refusal import Refusal

MEETING_S = 0.04  # how long a request is at work, for another one to meet it
Key = tuple[str, ...]


def _around(gateway: Gateway, around: Callable[[Call, Handler], Awaitable[Reply]]) -> Gateway:
    """Every handler inside another one."""

    async def wrap(call: Call) -> None:
        honest = call.handler
        assert honest is not None
        call.handler = lambda each: around(each, honest)

    return replace(gateway, steps=(*gateway.steps, wrap))


def _is_of_one(call: Call) -> bool:
    """Whether the path names one thing."""
    return bool(call.params) and call.path.endswith(tuple(call.params.values()))


def _shorter(call: Call, value: str) -> str:
    """The last parameter of a path without its last letter; other ones as they are."""
    return value[:-1] if call.path.endswith(value) else value


def _in_capitals(body: bytes) -> bytes:
    document = json.loads(body)
    for rows in document.values() if isinstance(document, dict) else [document]:
        for row in rows if isinstance(rows, list) else ():
            texts = (
                name
                for name, value in row.items()
                if name != "id" and isinstance(value, str) and value != value.upper()
            )
            if (name := next(texts, None)) is not None:
                row[name] = row[name].upper()
    return json.dumps(document).encode()


def _copied(reply: Reply) -> Reply:
    return Reply(reply.status, reply.body, list(reply.headers), reply.frames)


@defect(breaks="FZ-010")
def loses_what_was_read_often(gateway: Gateway) -> Gateway:
    """Does not find a thing any more once it has been read three times."""
    reads: Counter[str] = Counter()

    async def around(call: Call, honest: Handler) -> Reply:
        reply = await honest(call)
        if call.method == "GET" and _is_of_one(call) and reply.status == 200:
            reads[call.path] += 1
            if reads[call.path] > 3:
                raise gateway.refuse_path(call)
        return reply

    return _around(gateway, around)


@defect(breaks="FZ-010")
def overlooks_the_end_of_an_id(gateway: Gateway) -> Gateway:
    """Reads a thing under an id with a letter too many."""

    async def around(call: Call, honest: Handler) -> Reply:
        try:
            return await honest(call)
        except Refusal as refused:
            if call.method != "GET" or not _is_of_one(call) or refused.status != 404:
                raise
            call.params = {name: _shorter(call, value) for name, value in call.params.items()}
            return await honest(call)

    return _around(gateway, around)


@defect(breaks="FZ-011")
def takes_a_refused_deletion_for_done(gateway: Gateway) -> Gateway:
    """Remembers by path that a deletion was asked for, whoever asked, and does nothing when it is asked for again."""
    asked: set[str] = set()

    async def around(call: Call, honest: Handler) -> Reply:
        if call.method != "DELETE":
            return await honest(call)
        if call.path in asked:
            return Reply(204, b"", [])
        asked.add(call.path)
        return await honest(call)

    return _around(gateway, around)


@defect(breaks="FZ-012", contracts=("vultr-inference",))
def reads_often_read_things_from_a_cache(gateway: Gateway) -> Gateway:
    """Keeps the answer of the second reading, and does not forget it when the thing is changed."""
    reads: Counter[Key] = Counter()
    kept: dict[Key, Reply] = {}

    async def around(call: Call, honest: Handler) -> Reply:
        key = gateway.account_of(call), call.path
        if call.method == "DELETE":
            kept.pop(key, None)
        reply = await honest(call)
        if call.method == "GET" and _is_of_one(call) and reply.status == 200:
            reads[key] += 1
            if reads[key] == 2:
                kept[key] = _copied(reply)
            return _copied(kept.get(key, reply))
        return reply

    return _around(gateway, around)


@defect(breaks="FZ-013")
def caches_readings_by_path_alone(gateway: Gateway) -> Gateway:
    """Gives the answer of one tenant's reading to whoever asks for the same path next."""
    kept: dict[str, Reply] = {}

    async def around(call: Call, honest: Handler) -> Reply:
        if call.method != "GET" or not call.params:
            kept.clear()
            return await honest(call)
        if call.path in kept:
            return _copied(kept[call.path])
        reply = await honest(call)
        kept[call.path] = _copied(reply)
        return reply

    return _around(gateway, around)


@defect(breaks="FZ-014")
def lists_what_there_was_before(gateway: Gateway) -> Gateway:
    """Answers a list of things with what it was when it was last asked for."""
    before: dict[Key, Reply] = {}

    async def around(call: Call, honest: Handler) -> Reply:
        reply = await honest(call)
        makes = call.method == "GET" and "POST" in (
            found.routes if (found := call.state.router.match(call.path)) else ()
        )
        if not makes or reply.status != 200:
            return reply
        key = gateway.account_of(call), call.path
        last, before[key] = before.get(key, reply), _copied(reply)
        return _copied(last)

    return _around(gateway, around)


@defect(breaks="FZ-014")
def lists_names_in_capitals(gateway: Gateway) -> Gateway:
    """Tells the first text of a thing in capitals where things are listed, and as it is where one is read."""

    async def around(call: Call, honest: Handler) -> Reply:
        reply = await honest(call)
        makes = call.method == "GET" and "POST" in (
            found.routes if (found := call.state.router.match(call.path)) else ()
        )
        if makes and reply.status == 200:
            reply.body = _in_capitals(reply.body)
        return reply

    return _around(gateway, around)


@defect(breaks=("FZ-060", "FZ-061"))
def answers_equal_requests_once(gateway: Gateway) -> Gateway:
    """Gives requests of one account that are on their way at once, and equally long, one answer."""
    flying: dict[Key, asyncio.Future[Reply]] = {}

    async def around(call: Call, honest: Handler) -> Reply:
        key = gateway.account_of(call), call.path, call.headers.get("content-length", "")
        if call.method != "POST" or call.path.endswith("search"):
            return await honest(call)
        if key in flying:
            return _copied(await asyncio.shield(flying[key]))
        flying[key] = asyncio.get_running_loop().create_future()
        try:
            reply = await honest(call)
            if reply.frames is None:
                await asyncio.sleep(MEETING_S)
                flying[key].set_result(reply)
            return reply
        finally:
            flying.pop(key).cancel()

    return _around(gateway, around)


@defect(breaks="FZ-060")
def counts_the_prompt_that_came_last(gateway: Gateway) -> Gateway:
    """Keeps the count of a prompt where the next request finds it."""
    last = [0]

    def count(call: Call) -> int:
        last[0] = gateway.prompt_tokens(call)
        return last[0]

    def reported(call: Call, usage: dict[str, int]) -> dict[str, object] | None:
        honest = gateway.reported_usage(call, usage)
        if honest is None:
            return None
        other = last[0] - call.prompt_tokens
        prompt, total = honest["prompt_tokens"] + other, honest["total_tokens"] + other
        return {**honest, "prompt_tokens": prompt, "total_tokens": total}

    return replace(gateway, prompt_tokens=count, reported_usage=reported)


def _failing_where_they_meet(gateway: Gateway, method: str) -> Gateway:
    """Ends in an internal error when two requests of a method are on their way to one path."""
    flying: set[str] = set()

    async def around(call: Call, honest: Handler) -> Reply:
        if call.method != method:
            return await honest(call)
        if call.path in flying:
            raise gateway.refuse_internal(call)
        flying.add(call.path)
        try:
            await asyncio.sleep(MEETING_S)
            return await honest(call)
        finally:
            flying.discard(call.path)

    return _around(gateway, around)


@defect(breaks="FZ-062", contracts=("vultr-inference",))
def breaks_where_two_changes_meet(gateway: Gateway) -> Gateway:
    """Ends in an internal error when a thing is changed by two at once."""
    return _failing_where_they_meet(gateway, "PATCH")


@defect(breaks="FZ-063")
def breaks_where_two_deletions_meet(gateway: Gateway) -> Gateway:
    """Ends in an internal error when a thing is deleted by two at once."""
    return _failing_where_they_meet(gateway, "DELETE")


@defect(breaks="FZ-064")
def adds_up_for_all_who_are_there(gateway: Gateway) -> Gateway:
    """Tells a total of tokens to which those count that another request at the same time asked for."""
    flying = [0]

    async def around(call: Call, honest: Handler) -> Reply:
        if not call.path.endswith("/chat/completions"):
            return await honest(call)
        flying[0] += 1
        try:
            await asyncio.sleep(MEETING_S)
            return await honest(call)
        finally:
            flying[0] -= 1

    def reported(call: Call, usage: dict[str, int]) -> dict[str, object] | None:
        found = gateway.reported_usage(call, usage)
        return None if found is None else {**found, "total_tokens": found["total_tokens"] + flying[0] - 1}

    return _around(replace(gateway, reported_usage=reported), around)


@defect(breaks="OC-171", contracts=("vultr-inference",))
def confirms_changes_that_it_does_not_make(gateway: Gateway) -> Gateway:
    """Answers with success where a change of a thing that is there is invalid."""

    async def around(call: Call, honest: Handler) -> Reply:
        try:
            return await honest(call)
        except Refusal as refused:
            if call.method != "PATCH" or refused.status not in {400, 422}:
                raise
            return Reply(204, b"", [])

    return _around(gateway, around)
