"""Writes to one ledger from processes that are killed, or that compete, and tells what does not add up.

`kill FILE TIMES` and `share FILE WRITERS REQUESTS`; prints one JSON object. Run by test_ledger, alone in its process:
it forks, which no process with threads should.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import sys
import time
from pathlib import Path

from mockserver.ledger import Ledger

START = 10**12
HELD, CHARGED = 50, 30


def kill(path: Path, times: int) -> dict[str, object]:
    """A child reserves and settles, and acknowledges each settlement; it dies in the middle of something."""
    draw = random.Random(7)
    book = Ledger(path)
    book.open_account("a", START)
    book.close()
    acknowledged: set[str] = set()
    wrong: list[str] = []
    for round_number in range(times):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            write_for_ever(path, round_number, writing)
        os.close(writing)
        select.select([reading], [], [], 10)
        time.sleep(draw.random() * 0.004)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(reading) as told:
            acknowledged |= {line.strip() for line in told if line.endswith("\n")}
    book = Ledger(path)
    charges = {entry.request_id: entry.nano_usd for entry in book.entries(0, 10**9) if entry.kind == "charge"}
    wrong += [f"lost {name}" for name in acknowledged - charges.keys()]
    wrong += [f"charged {amount} for {name}" for name, amount in charges.items() if amount != CHARGED]
    if len(charges) > len(acknowledged) + times:
        wrong.append(f"{len(charges)} charges, {len(acknowledged)} acknowledged, and {times} may be in between")
    wrong += imbalance(book, sum(charges.values()))
    return {"killed": times, "acknowledged": len(acknowledged), "charges": len(charges), "wrong": wrong}


def write_for_ever(path: Path, round_number: int, writing: int) -> None:
    book = Ledger(path)
    for n in range(10**9):
        name = f"{round_number}-{n}"
        book.reserve(name, "a", HELD)
        if n % 5 == 4:
            book.void(name)
        else:
            book.settle(name, CHARGED)
            os.write(writing, f"{name}\n".encode())


def share(path: Path, writers: int, requests: int) -> dict[str, object]:
    """Writers compete for an account that cannot pay for all, and for request ids: each id is one writer's."""
    book = Ledger(path)
    book.open_account("a", writers * requests * CHARGED // 2)
    start = book.account("a")
    book.close()
    pipes = []
    for writer in range(writers):
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.close(reading)
            os.write(writing, json.dumps(compete(path, writer, requests)).encode())
            os._exit(0)
        os.close(writing)
        pipes.append(reading)
    told = [json.loads(os.fdopen(reading).read()) for reading in pipes]
    for _ in range(writers):
        os.wait()
    book = Ledger(path)
    charges = [entry for entry in book.entries(0, 10**9) if entry.kind == "charge"]
    wrong = imbalance(book, sum(entry.nano_usd for entry in charges), start.available if start else 0)
    if len(charges) != sum(row["settled"] for row in told):
        wrong.append(f"{len(charges)} charges, {sum(row['settled'] for row in told)} settlements")
    return {"refused": sum(row["refused"] for row in told), "settled": len(charges), "wrong": wrong}


def compete(path: Path, writer: int, requests: int) -> dict[str, int]:
    book, settled, refused = Ledger(path), 0, 0
    for n in range(requests):
        name = f"{writer}-{n}"
        if not book.reserve(name, "a", HELD):
            refused += 1
        elif n % 7 == 6:
            book.void(name)
        else:
            settled += book.settle(name, CHARGED)
            settled += book.settle(name, CHARGED)  # the second finds nothing to settle
    with contextlib.suppress(OSError):
        book.close()
    return {"settled": settled, "refused": refused}


def imbalance(book: Ledger, charged: int, start: int = START) -> list[str]:
    """What does not add up once every writer is gone."""
    account, wrong = book.account("a"), []
    assert account is not None
    if book.postings_total():
        wrong.append(f"the postings come to {book.postings_total()}")
    if book.held() or account.reserved:
        wrong.append(f"{book.held()} holds are open, {account.reserved} reserved")
    if account.available != start - charged or account.available < 0:
        wrong.append(f"{account.available} available, expected {start - charged}")
    if account.available != book.bucket("a", "available"):
        wrong.append(f"{account.available} available, the postings say {book.bucket('a', 'available')}")
    return wrong


def main() -> None:
    mode, path, *numbers = sys.argv[1:]
    found = kill(Path(path), int(numbers[0])) if mode == "kill" else share(Path(path), *map(int, numbers))
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
