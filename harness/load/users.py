"""The locust users: one that reads stream after stream, and one that sends what is due. The generator's alone."""

from __future__ import annotations

from typing import ClassVar

import gevent
from locust import User, constant, task
from locust.exception import StopUser

from harness.load.desk import Desk
from harness.load.place import Place
from harness.load.reader import Connection
from harness.load.stream import ANSWERED, Stream
from harness.load.workload import Message, continued

NAME = "chat/completions"


class Reader(User):
    """Both kinds of users: conversations over connections that are kept."""

    abstract = True
    wait_time = constant(0)
    desk: ClassVar[Desk]
    place: ClassVar[Place]

    def connection(self) -> Connection:
        return Connection(self.desk.scenario, self.desk.headers[0], self.place, *self.desk.headers[1:])

    def converse(self, connection: Connection, number: int, due_ns: int | None = None) -> None:
        """All turns of one conversation; one that goes wrong ends there."""
        desk, history = self.desk, list[Message]()
        try:
            for turn in range(desk.scenario.turns):
                asked = desk.scenario.asked(number, turn, history)
                answer = connection.ask(asked.body, desk.key_of(number), asked.abort_after)
                stream = desk.put(number, answer, asked, turn, None if turn else due_ns)
                if self.environment.web_ui is not None:  # nobody else reads locust's own statistics
                    self.tell_locust(stream)
                if stream.outcome != ANSWERED or turn + 1 == desk.scenario.turns:
                    break
                history = continued(asked.body, answer.said())
        except Exception as error:  # locust would log it and go on
            desk.crashed(error)
            raise StopUser from error
        finally:
            desk.finish()

    def tell_locust(self, stream: Stream) -> None:
        """Once a stream and metric, never once a chunk: locust's own statistics cost more than reading does."""
        failed = None if stream.outcome == ANSWERED else stream.outcome
        told = [("SSE" if stream.asked_stream else "JSON", stream.end_ns, failed)]
        if failed is None:
            told += [(name.upper(), values[0], None) for name, values in stream.durations().items() if name in TOLD]
        for kind, value_ns, exception in told:
            self.environment.events.request.fire(
                request_type=kind,
                name=stream.model or NAME,
                response_time=value_ns / 1e6,
                response_length=stream.outputs,
                exception=exception,
                context={},
            )


TOLD = {"ttft", "tpot", "queue"}


class ClosedLoop(Reader):
    """Takes a request from the desk, reads its stream to the end, takes the next one."""

    abstract = True
    begun: ClassVar[int] = 0

    def on_start(self) -> None:
        self.kept = self.connection()
        count, scenario = type(self).begun, self.desk.scenario
        type(self).begun += 1
        if scenario.ramp_s:
            gevent.sleep(scenario.ramp_s * (count * self.desk.of + self.desk.index) / scenario.users)

    def on_stop(self) -> None:
        self.kept.close()

    @task
    def read_all(self) -> None:
        """One task and not one for each request: what locust does between tasks nobody here asks for."""
        while (number := self.desk.take()) is not None:
            self.converse(self.kept, number)
        raise StopUser


class OpenLoop(Reader):
    """Sends each request when it is due, however many are still on their way. One of it sends all of a generator's."""

    abstract = True

    def on_start(self) -> None:
        self.idle: list[Connection] = []

    def on_stop(self) -> None:
        for connection in self.idle:
            connection.close()

    @task
    def send_all(self) -> None:
        desk = self.desk
        desk.begin()
        for number, due_ns in desk.plan():
            if (early := due_ns - desk.since_start()) > 0:
                gevent.sleep(early / 1e9)
            if desk.over.is_set():
                break
            if desk.admit(due_ns):
                gevent.spawn(self.serve, number, due_ns)
        desk.close()
        desk.over.wait()
        raise StopUser

    def serve(self, number: int, due_ns: int) -> None:
        connection = self.idle.pop() if self.idle else self.connection()
        try:
            self.converse(connection, number, due_ns)
        except StopUser:
            return
        self.idle.append(connection)


def user_of(desk: Desk) -> type[Reader]:
    """The user class bound to one desk."""
    kind = OpenLoop if desk.scenario.arrivals else ClosedLoop
    bound = {"desk": desk, "place": Place(desk.scenario), "abstract": False, "begun": 0}
    return type("BoundReader", (kind,), bound)


def users_of(desk: Desk) -> int:
    """How many of them this generator runs."""
    if desk.scenario.arrivals is not None:
        return 1
    return desk.scenario.users // desk.of + (desk.index < desk.scenario.users % desk.of)
