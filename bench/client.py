"""A small load on one server over raw sockets: prints what it got through as JSON. A process of its own, so that
its work is not counted as the server's."""

from __future__ import annotations

import asyncio
import json
import sys
import time


async def _answer(reader: asyncio.StreamReader) -> None:
    """Read one response to its end, by Content-Length or by chunks. Raises ValueError when it is not a 200."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200"):
        raise ValueError(f"the server answered {head[:60]!r}")
    if b"transfer-encoding: chunked" in head:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readexactly(2)
        return
    length = head.partition(b"content-length:")[2].split(b"\r\n")[0]
    await reader.readexactly(int(length))


async def _user(port: int, request: bytes, until: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    done = 0
    while time.monotonic() < until:
        writer.write(request)
        await _answer(reader)
        done += 1
    writer.close()
    return done


async def _drive(port: int, request: bytes, users: int, seconds: float) -> int:
    until = time.monotonic() + seconds
    return sum(await asyncio.gather(*(_user(port, request, until) for _ in range(users))))


def main() -> None:
    """Read {port, request, users, seconds} from standard input; print {answers}."""
    asked = json.load(sys.stdin)
    answers = asyncio.run(_drive(asked["port"], asked["request"].encode(), asked["users"], asked["seconds"]))
    print(json.dumps({"answers": answers}))


if __name__ == "__main__":
    main()
