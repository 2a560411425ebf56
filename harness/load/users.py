"""The locust user that reads streams. Imported by the generator's process alone."""

from __future__ import annotations

from typing import ClassVar

from locust import User, constant, task
from locust.exception import StopUser

from harness.load.desk import Desk
from harness.load.figures import ANSWERED, Stream
from harness.load.reader import Connection, Place


class Reader(User):
    """Takes a request from the desk, reads its stream to the end, takes the next one."""

    abstract = True
    wait_time = constant(0)
    desk: ClassVar[Desk]
    connect: ClassVar[staticmethod[[], Connection]]

    def on_start(self) -> None:
        self.connection = self.connect()

    def on_stop(self) -> None:
        self.connection.close()

    @task
    def read_one(self) -> None:
        number = self.desk.take()
        if number is None:
            raise StopUser
        try:
            stream = self.desk.put(number, self.connection.ask(self.desk.scenario.bodies[number].encode()))
            self._tell_locust(stream)
        except Exception as error:  # locust would log it and go on
            self.desk.crashed(error)
            raise StopUser from error

    def _tell_locust(self, stream: Stream) -> None:
        """Once a stream, never once a chunk: locust's own statistics cost more than reading does."""
        self.environment.events.request.fire(
            request_type="SSE",
            name="chat/completions",
            response_time=stream.end_ns / 1e6,
            response_length=stream.outputs,
            exception=None if stream.outcome == ANSWERED else stream.outcome,
            context={},
        )


def reader_of(desk: Desk) -> type[Reader]:
    """The user class bound to one desk."""
    scenario, place = desk.scenario, Place(desk.scenario)
    connect = staticmethod(lambda: Connection(scenario, desk.headers, place))
    return type("BoundReader", (Reader,), {"desk": desk, "connect": connect, "abstract": False})
