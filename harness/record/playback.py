"""Plays a saved run: whoever asks the target gets what it answered then. Opens no socket, and invents no answer."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from harness.record import asides, deployment
from harness.record.asides import PLACEHOLDER, NotOnTape, PlayedAsides
from harness.redact import Redactor, printable
from harness.target import Secret, TargetError
from harness.wire import journal
from harness.wire.budget import Budget
from harness.wire.client import Client, Finder
from harness.wire.exchange import Exchange
from harness.wire.pointer import pointed

EDGE = 4096  # bytes of a body; a digest of the whole takes longer than to compare


class Clock:
    """Time that passes as it did in the run: by sleeping and by waiting for answers, at no cost."""

    def __init__(self) -> None:
        self._real = time.monotonic
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        return self._real() + self.ahead_s

    def pass_by(self, seconds: float) -> None:
        self.ahead_s += max(0.0, seconds)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Inside, nobody waits: `time.sleep` moves the clock."""
        with mock.patch.object(time, "sleep", self.pass_by), mock.patch.object(time, "monotonic", self.monotonic):
            yield


CLOCK = Clock()


class Tape:
    """The exchanges and the asides of a saved run; each exchange is given out once. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Raises TargetError where the folder holds no run, or one that nobody can read."""
        self.folder = folder
        self.target = deployment.read(folder)
        try:
            self.exchanges = list(journal.read(folder / "exchanges.jsonl"))
            rows = list(asides.read(folder / asides.FILE))
        except OSError as error:
            raise TargetError(f"the run cannot be played: {error.filename}: {error.strerror}") from error
        except ValueError as error:
            raise TargetError(f"{folder}: the run cannot be played: {error}") from error
        started = next((row["learned"] for row in rows if row["asked"] == asides.STARTED), None)
        if started is None:
            raise TargetError(f"{folder / asides.FILE}: does not say when the run started")
        self.started = _moment(started, folder / asides.FILE)
        self.ended = _ended(folder)
        self.target.moment.append(self.started)
        self.asides = PlayedAsides(rows)
        self._lock = threading.Lock()
        self._used: set[str] = set()
        if twice := [name for name, count in Counter(x.id for x in self.exchanges).items() if count > 1]:
            raise TargetError(f"{folder / 'exchanges.jsonl'}: {printable(twice[0])[:80]} stands there twice")
        self._by_id = {x.id: x for x in self.exchanges}
        self._exact, self._alike = defaultdict[Any, list[Exchange]](list), defaultdict[Any, list[Exchange]](list)
        for x in self.exchanges:
            self._exact[_place(x.request.method, x.request.url, x.request.body, x.key)].append(x)
            self._alike[x.probe, *_alike(x.request.method, x.request.url)].append(x)

    def answer(self, probe: str, method: str, url: str, body: bytes, key: str | None) -> Exchange:
        """What was answered to the same request of the same asker; else of anybody; else to the one most like it.

        What is read again and again is answered as it was last. Raises NotOnTape.
        """
        with self._lock:
            same = [x for x in self._exact[_place(method, url, body, key)] if x.request.body == body]
            alike = self._alike[probe, *_alike(method, url)]
            own = [x for x in same if x.probe == probe]
            found = self._unused(own) or self._unused(same) or self._unused(alike)
            if found is None and method == "GET" and same:
                found = (own or same)[-1]
            if found is None:
                raise NotOnTape(f"the saved run has no answer to {method} {urlsplit(url).path} of {probe}")
            self._used.add(found.id)
            self._tell_time(found)
        return found

    def rest(self, probe: str | None = None) -> list[Exchange]:
        """What nobody has asked for yet, of one asker or of all; it counts as asked for now."""
        with self._lock:
            left = [x for x in self.exchanges if x.id not in self._used and probe in (None, x.probe)]
            self._used |= {x.id for x in left}
        return left

    def take(self, ids: Sequence[str]) -> list[tuple[Exchange, bool]]:
        """These exchanges, in this order, and whether somebody has had each before."""
        with self._lock:
            found = [(self._by_id[name], name in self._used) for name in ids if name in self._by_id]
            self._used |= set(ids)
        return found

    def _unused(self, exchanges: Sequence[Exchange]) -> Exchange | None:
        return next((x for x in exchanges if x.id not in self._used), None)

    def _tell_time(self, found: Exchange) -> None:
        with contextlib.suppress(ValueError, OverflowError):
            ended = datetime.fromisoformat(found.started) + timedelta(microseconds=found.end_ns / 1000)
            self.target.moment.append(ended)
        CLOCK.pass_by(found.end_ns / 1e9)


class Player(Client):
    """Answers from the tape what the wire would have brought, and does everything else as the client does."""

    def __init__(self, tape: Tape, redactor: Redactor, budget: Budget, kept: journal.Journal) -> None:
        super().__init__(tape.target, redactor, budget, kept)
        self.tape = tape

    def exchange(
        self,
        probe: str,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]] = (),  # noqa: ARG002 - what was sent then stands in the exchange
        content: bytes = b"",
        intent: Mapping[str, Any] | None = None,
        abort_after: int | None = None,  # noqa: ARG002 - the answer ends where it was left
        during: Callable[[], None] | None = None,
        at_event: int = 1,
        secrets: Sequence[str] | Finder = (),
        free: bool = False,
    ) -> Exchange:
        self.refuse_when_down()
        reservation = self.budget.reserve(content if method == "POST" and not free else b"")
        try:
            found = self.tape.answer(probe, method, url, content, (intent or {}).get("key", "main"))
        except NotOnTape:
            self.budget.release(reservation)
            raise
        raised: BaseException | None = None
        if during is not None and sum(event.data is not None for event in found.events) >= at_event:
            try:
                during()
            except Exception as error:
                raised = error
        self._learn(found, secrets)
        self.journal.append(found)
        self.budget.settle(reservation, found)
        self._note(found)
        if raised is not None:
            raise raised
        return found

    def _learn(self, found: Exchange, secrets: Sequence[str] | Finder) -> None:
        """What an answer gave away stands in it as a placeholder."""
        if not secrets or not found.complete:
            return
        values = secrets(found) if callable(secrets) else [pointed(found.json, pointer) for pointer in secrets]
        for value in values:
            if isinstance(value, str) and (name := PLACEHOLDER.fullmatch(value)) is not None:
                self.issued[value] = Secret(name[1], value)

    def take(self, ids: Sequence[str]) -> list[Exchange]:
        """Exchanges that were had otherwise than by asking join the journal, each once."""
        return [x if had else self.journal.append(x) for x, had in self.tape.take(ids)]

    def take_rest(self, probe: str | None = None) -> list[Exchange]:
        """Exchanges that nobody asked for join the journal."""
        return [self.journal.append(x) for x in self.tape.rest(probe)]


class Blind(Redactor):
    """For what has no secrets left: placeholders are not secrets, and looking for them takes time."""

    def add(self, name: str, value: str) -> None:
        """Nothing is looked for."""

    def also(self, values: Mapping[str, str]) -> Redactor:  # noqa: ARG002 - none of them is one
        return self


def _moment(text: object, file: Path) -> datetime:
    """Raises TargetError for anything else than a moment with its time zone."""
    try:
        found = datetime.fromisoformat(str(text))
        if found.tzinfo is not None and found.astimezone(UTC):
            return found
    except (ValueError, OverflowError):
        pass
    raise TargetError(f"{file}: expected when the run started, with its time zone: {printable(str(text))[:80]}")


def _ended(folder: Path) -> datetime | None:
    """When the run was over, which waivers are judged by; None for one that was not finished."""
    try:
        return datetime.fromisoformat(
            json.loads((folder / "results.json").read_text(encoding="utf-8"))["run"]["finished"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _place(method: str, url: str, body: bytes, key: str | None) -> tuple[object, ...]:
    """Where a request is looked for; bodies are told apart by how they begin and end, and then compared."""
    return method, url, len(body), body[:EDGE], body[-EDGE:], key


def _alike(method: str, url: str) -> tuple[str, str]:
    return method, urlsplit(url).path
