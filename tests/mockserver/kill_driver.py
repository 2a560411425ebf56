"""Writes to one ledger from processes that are killed, or that compete, and tells what does not add up.

`kill FILE TIMES`, `share FILE WRITERS REQUESTS` and `start FILE WRITERS`; prints one JSON object. Run by test_ledger,
alone in its process: it forks, which no process with threads should.
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
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from mockserver.ledger import FileLedger

START = 10**12
HELD, CHARGED = 50, 30


def kill(path: Path, times: int) -> dict[str, object]:
    """A child reserves, settles and refunds, and acknowledges each; it dies in the middle of something."""
    draw = random.Random(7)
    book = FileLedger(path)
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
        if round_number % 3:  # otherwise it may die while it opens the file, or before
            select.select([reading], [], [], 10)
        time.sleep(draw.random() * 0.004)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(reading) as told:
            acknowledged |= {line.strip() for line in told if line.endswith("\n")}
    book = FileLedger(path)
    done = [entry for entry in book.entries(0, 10**9) if entry.kind in ("charge", "refund")]
    names = [f"{entry.kind} {entry.request_id}" for entry in done]
    wrong += [f"lost {name}" for name in acknowledged.difference(names)]
    wrong += [f"{name} twice" for name, times_seen in Counter(names).items() if times_seen > 1]
    wrong += [f"{entry.nano_usd} for {entry}" for entry in done if entry.nano_usd != CHARGED]
    if len(done) > len(acknowledged) + times:
        wrong.append(f"{len(done)} transfers, {len(acknowledged)} acknowledged, and {times} may be in between")
    wrong += imbalance(book, sum(entry.nano_usd * (1 if entry.kind == "charge" else -1) for entry in done))
    book.close()
    wrong += [f"{name} is left" for name in path.parent.iterdir() if name != path]
    return {"killed": times, "acknowledged": len(acknowledged), "transfers": len(done), "wrong": wrong}


def write_for_ever(path: Path, round_number: int, writing: int) -> None:
    book = FileLedger(path)
    for n in range(10**9):
        name = f"{round_number}-{n}"
        book.reserve(name, "a", HELD)
        if n % 5 == 4:
            book.void(name)
        else:
            book.settle(name, CHARGED)
            os.write(writing, f"charge {name}\n".encode())
        if n % 5 == 1:
            book.refund(name, CHARGED)
            os.write(writing, f"refund {name}\n".encode())


def start(path: Path, writers: int) -> dict[str, object]:
    """Writers open one new file at the same moment, each for a share of what there is."""
    together, wrong = time.monotonic() + 0.01, []
    children = [os.fork() or open_and_pay(path, together, writers) for _ in range(writers)]
    failed = [child for child in children if os.waitpid(child, 0)[1]]
    book = FileLedger(path)
    wrong += [f"{len(failed)} could not open it"] if failed else []
    wrong += imbalance(book, writers * CHARGED, writers * CHARGED)
    return {"wrong": wrong}


def open_and_pay(path: Path, together: float, writers: int) -> NoReturn:
    while time.monotonic() < together:
        pass
    book, name = FileLedger(path), str(os.getpid())
    book.open_account("a", writers * CHARGED)
    paid = book.reserve(name, "a", CHARGED) and book.settle(name, CHARGED)
    book.close()
    os._exit(0 if paid else 1)


def share(path: Path, writers: int, requests: int) -> dict[str, object]:
    """Writers compete for an account that cannot pay for all, and for request ids: each id is one writer's."""
    book = FileLedger(path)
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
    book = FileLedger(path)
    charges = [entry for entry in book.entries(0, 10**9) if entry.kind == "charge"]
    wrong = imbalance(book, sum(entry.nano_usd for entry in charges), start.available if start else 0)
    if len(charges) != sum(row["settled"] for row in told):
        wrong.append(f"{len(charges)} charges, {sum(row['settled'] for row in told)} settlements")
    return {"refused": sum(row["refused"] for row in told), "settled": len(charges), "wrong": wrong}


def compete(path: Path, writer: int, requests: int) -> dict[str, int]:
    book, settled, refused = FileLedger(path), 0, 0
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


def imbalance(book: FileLedger, charged: int, start: int = START) -> list[str]:
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
    modes: dict[str, Callable[..., dict[str, object]]] = {"kill": kill, "share": share, "start": start}
    print(json.dumps(modes[mode](Path(path), *map(int, numbers))))  # noqa: T201


if __name__ == "__main__":
    main()
