"""Several generators over locust's own protocol: the one that gathers, and those that load. The generator's alone.

Locust's master leaves half a second after the time is over and loses what streams still in flight would have said;
it gives the users of a lost worker to the others, which would change the load under way. So the workers start their
own parts, hand over what they have as they go, and the master waits for each one's last word, or for its silence.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner

from harness.load.desk import Desk
from harness.load.gathering import Gathering, row
from harness.load.permission import NotAllowed, Permission
from harness.load.runner import GRACE_S, environment, run
from harness.load.scenario import Scenario, read
from harness.redact import Redactor
from harness.wire.exchange import Headers
from harness.wire.exchange import to_json as exchange_to_json
from harness.wire.recording import redacted

PART, DONE, GO, STOP, BYE = "assay-part", "assay-done", "assay-go", "assay-stop", "assay-bye"
TALLY_S = 1.0  # between tallies of a worker: what is lost with it at most, beside its requests in flight
BATCH = 20  # exchanges in one message
SILENT_S = 8.0  # that a worker may miss heartbeats: one that gets no processor for a while has not gone


class NoCrew(RuntimeError):
    """Not all workers came in time."""


def gather(scenario: Scenario, gathering: Gathering, bind: tuple[str, int], workers: int, patience_s: float) -> None:
    """Be the master: wait for the workers, start them together, take in what they say until each is done or lost.

    Raises NoCrew, and RuntimeError with the words of a worker that failed by our own fault.
    """
    master = environment().create_master_runner(*bind)
    done, faults, crew = set[str](), list[str](), list[str]()

    def said(msg: Any, **_: Any) -> None:
        if msg.node_id in crew:  # anybody may speak to this port; an exception here would end all listening
            _take(gathering, msg.node_id, msg.data)

    def ended(msg: Any, **_: Any) -> None:
        done.add(msg.node_id)
        if msg.node_id not in crew or not msg.data:
            return
        if isinstance(msg.data, dict) and "refused" in msg.data:
            gathering.lost[msg.node_id] = f"it refused: {str(msg.data['refused'])[:500]}"
        else:
            faults.append(str(msg.data.get("fault")) if isinstance(msg.data, dict) else str(msg.data))

    master.register_message(PART, said)
    master.register_message(DONE, ended)
    try:
        crew += _assembled(master, workers, patience_s)
        for index, worker in enumerate(crew):
            master.send_message(GO, {"scenario": scenario.text(), "index": index, "of": len(crew)}, worker)
        _until_all(master, crew, done, gathering, scenario.longest_s + 2 * GRACE_S)
    except KeyboardInterrupt:
        master.send_message(STOP)
        _until_all(master, list(master.clients), done, gathering, GRACE_S)
        raise
    finally:
        master.send_message(BYE)
        master.quit()
    if faults:
        raise RuntimeError("; ".join(faults))


def _take(gathering: Gathering, worker: str, part: Any) -> None:
    try:
        gathering.take(worker, part)
    except Exception as error:
        gathering.lost[worker] = f"it said what cannot be read ({type(error).__name__}); what was read before counts"


def _assembled(master: MasterRunner, workers: int, patience_s: float) -> list[str]:
    end = time.monotonic() + patience_s
    while len(master.clients.ready) < workers:
        if time.monotonic() > end:
            raise NoCrew(f"{len(master.clients.ready)} of {workers} workers came within {patience_s:g} s")
        gevent.sleep(0.02)
    return [client.id for client in master.clients.ready][:workers]


def _until_all(master: MasterRunner, crew: list[str], done: set[str], gathering: Gathering, longest_s: float) -> None:
    end, heard = time.monotonic() + longest_s, dict.fromkeys(crew, time.monotonic())
    while missing := set(crew) - done - gathering.lost.keys():
        for worker in missing:
            client, now = master.clients.get(worker), time.monotonic()
            if client is not None and client.state != STATE_MISSING:
                heard[worker] = now
            if now - heard[worker] > SILENT_S:
                gathering.lost[worker] = "it fell silent; what it had handed over by then counts"
            elif now > end:
                gathering.lost[worker] = "it did not end in time; what it had handed over by then counts"
        gevent.sleep(0.02)


def load(
    join: tuple[str, int],
    allowed: Permission | None,
    headers_of: Callable[[Scenario], tuple[Headers, ...]],
    redactor: Redactor,
) -> None:
    """Be a worker: join a master, load as it says, hand everything over, leave when it says so.

    `headers_of` gives the headers of each key, and tells the redactor of the keys. Raises NotAllowed, having told the
    master, when it asks for more than is `allowed` (None: anything).
    """
    worker = environment().create_worker_runner(*join)
    told, bye = Event(), Event()
    orders: list[dict[str, Any]] = []
    desks: list[Desk] = []

    def go(msg: Any, **_: Any) -> None:
        orders.append(msg.data)
        told.set()

    worker.register_message(GO, go)
    worker.register_message(STOP, lambda **_: [desk.over.set() for desk in desks])
    worker.register_message(BYE, lambda **_: bye.set())
    _first(told, bye)
    refused = None
    try:
        if orders:
            scenario = read(orders[0]["scenario"])
            scenario = allowed.within(scenario) if allowed else scenario
            desk = Desk(scenario, *headers_of(scenario), index=orders[0]["index"], of=orders[0]["of"])
            desks.append(desk)
            _work(worker, desk, redactor)
        worker.send_message(DONE, None)
    except NotAllowed as error:
        refused = error
        worker.send_message(DONE, {"refused": str(error)})
    except Exception as error:
        worker.send_message(DONE, {"fault": redactor.text(f"{type(error).__name__}: {error}")})
    bye.wait(GRACE_S * 6)
    worker.quit()
    if refused:
        raise refused


def _first(*events: Event) -> None:
    while not any(event.is_set() for event in events):
        gevent.sleep(0.01)


def _work(worker: WorkerRunner, desk: Desk, redactor: Redactor) -> None:
    last = time.monotonic()

    def hand_over() -> None:
        nonlocal last
        if time.monotonic() - last >= TALLY_S:
            last = time.monotonic()
            worker.send_message(PART, _part(desk, worker.client_id))

    gauge = run(desk, worker, hand_over)
    worker.send_message(PART, {**_part(desk, worker.client_id), "cpu_s": gauge.cpu_s})
    lines = [json.dumps(exchange_to_json(redacted(x, redactor)), separators=(",", ":")) for x in desk.exchanges()]
    for first in range(0, len(lines), BATCH):
        worker.send_message(PART, {"exchanges": lines[first : first + BATCH]})


def _part(desk: Desk, name: str) -> dict[str, Any]:
    tally, rows = desk.handed_over()
    return {"tally": tally.to_json(), "rows": [row(stream, name) for stream in rows]}
