"""Users of Locust as people write them for streams. USER picks one; each notes its own times, as exactly as it can.

They decode every chunk with the decoder that ours uses, so that what differs is how they read.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import gevent
import msgspec
from locust import FastHttpUser, HttpUser, User, constant, events, task

from generators import BODY

PATH = "/v1/chat/completions"
REQUESTS = int(os.environ["REQUESTS"])
seen: list[tuple[float, float, list[float]]] = []
taken = 0


class Delta(msgspec.Struct):
    choices: list[dict[str, Any]] = []


decode = msgspec.json.Decoder(Delta).decode


class Reading(User):
    abstract = True
    wait_time = constant(0)

    def lines(self) -> Iterable[Any]:
        raise NotImplementedError

    @task
    def read_one(self) -> None:
        global taken
        if taken >= REQUESTS:
            time.sleep(0.1)
            return
        taken += 1
        began, times = time.perf_counter(), list[float]()
        for line in self.lines():
            data = line if isinstance(line, bytes) else line.encode()
            if not data.startswith(b"data: ") or data.startswith(b"data: [DONE]"):
                continue
            choices = decode(data[6:]).choices
            if choices and choices[0]["delta"].get("content"):
                times.append(time.perf_counter())
        gaps = [(b - a) * 1000 for a, b in itertools.pairwise(times)]
        seen.append((began * 1000, (times[0] - began) * 1000, gaps))
        self.environment.events.request.fire(
            request_type="SSE", name=PATH, response_time=(times[-1] - began) * 1000, response_length=0, context={}
        )
        if len(seen) == REQUESTS:
            gevent.spawn_later(0.1, self.environment.runner.quit)  # it waits for every user, and we are one


class Requests(Reading, HttpUser):
    abstract = os.environ["USER_CLASS"] != "requests"

    def lines(self) -> Iterable[Any]:
        trusted = os.environ.get("SSL_CERT_FILE")  # Locust leaves the environment's certificates out
        return self.client.post(PATH, json=BODY, stream=True, verify=trusted).iter_lines()


class Fast(Reading, FastHttpUser):
    abstract = os.environ["USER_CLASS"] != "fast"

    def lines(self) -> Iterable[Any]:
        return self.client.iter_lines(PATH, method="POST", json=BODY)


class FastReadline(Fast):
    """Not shipped: reads to the end of each event instead of waiting for 1,024 bytes."""

    abstract = os.environ["USER_CLASS"] != "readline"

    def lines(self) -> Iterable[Any]:
        read: Callable[[bytes], bytes] = self.client.post(PATH, json=BODY, stream=True)._response.readline
        while event := read(b"\n\n"):
            yield bytes(event)


@events.quitting.add_listener
def write(**_: Any) -> None:
    Path("seen.json").write_bytes(msgspec.json.encode(seen))  # writing it down is no part of what is measured
