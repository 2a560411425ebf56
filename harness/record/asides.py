"""What a run learned other than from an exchange: answers of control APIs, random draws, figures of the load.

With exchanges.jsonl it is all that the checks depend on, so that a saved run can be judged again without a network.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from harness.redact import Redactor

FILE = "asides.jsonl"
NOT_AGAIN = "not judged again"  # begins the reason of what a run that is played leaves out
NOT_GENERATED = f"{NOT_AGAIN}: its requests were not generated"
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")  # stands where a secret stood
SECRET = "it takes a look into a secret, and no secret is kept"  # noqa: S105 - a reason, and no secret
ON_WORD = frozenset({NOT_GENERATED, f"{NOT_AGAIN}: {SECRET}"})  # all other reasons are something missing in the tape
STARTED = "when the run started"


class NotOnTape(Exception):
    """A check asks what the saved run did not. Nothing can be said of it then."""


class Memory(Protocol):
    """Writes what was learned, or gives it back when a run is played."""

    plays: bool

    def known(self, who: str, asked: str) -> Any:
        """What was learned in the run that is played; None in one that is not."""

    def note(self, who: str, asked: str, learned: Any) -> None:
        """Keep a JSON value, without its secrets."""

    def close(self) -> None: ...


class Asides:
    """Appends to asides.jsonl, line by line; nothing is kept without a path. Thread-safe."""

    plays = False

    def __init__(self, path: Path | None, redactor: Redactor) -> None:
        self._redactor, self._lock = redactor, threading.Lock()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8") if path is not None else None

    def known(self, who: str, asked: str) -> Any:  # noqa: ARG002 - a run that is made knows nothing before
        return None

    def note(self, who: str, asked: str, learned: Any) -> None:
        if self._file is None:
            return
        row = self._redactor.json({"who": who, "asked": asked, "learned": learned})
        line = json.dumps(row, separators=(",", ":")) + "\n"
        with self._lock:
            self._file.write(line)
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class PlayedAsides:
    """Gives back what was learned: by the same asker in the same order, else by anybody who asked the same."""

    plays = True

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._lock = threading.Lock()
        self._left: dict[tuple[str, str], deque[Any]] = defaultdict(deque)
        self._last: dict[str, Any] = {}
        for row in rows:
            self._left[row["who"], row["asked"]].append(row["learned"])

    def known(self, who: str, asked: str) -> Any:
        with self._lock:
            own = self._left.get((who, asked))
            others = (left for (_, same), left in self._left.items() if same == asked and left)
            found = own or next(others, None)
            if found:
                self._last[asked] = found.popleft()
            return self._last.get(asked)  # who polls once more than in the run meets what it met last

    def note(self, who: str, asked: str, learned: Any) -> None:
        """What is played is not written again."""

    def close(self) -> None:
        """There is no file."""


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file; none where there is no file. Raises ValueError naming file and line."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                if not isinstance(row["who"], str) or not isinstance(row["asked"], str):
                    raise TypeError
                yield {name: row[name] for name in ("who", "asked", "learned")}
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise ValueError(f"{path}:{number}: expected an object with who, asked and learned") from error


class Notes:
    """What one asker learns; `who` names the test or the probe that asks at this moment."""

    def __init__(self, memory: Memory, who: Callable[[], str]) -> None:
        self.memory, self._who = memory, who

    @property
    def plays(self) -> bool:
        return self.memory.plays

    def known(self, asked: str) -> Any:
        return self.memory.known(self._who(), asked)

    def note(self, asked: str, learned: Any) -> None:
        self.memory.note(self._who(), asked, learned)

    def draw(self, size: int) -> bytes:
        """Random bytes that nobody can have seen before; when a run is played, those that it drew."""
        asked = f"{size} random bytes"
        known = self.known(asked)
        drawn = secrets.token_bytes(size) if known is None else bytes.fromhex(known)
        self.note(asked, drawn.hex())
        return drawn
