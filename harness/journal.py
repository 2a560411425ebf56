"""The record of a run: exchanges.jsonl and evidence/. Append-only; what was written is never rewritten."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

from harness.exchange import Exchange, from_json, to_json


class Journal:
    """Keeps redacted exchanges in memory and, when a folder is given, line by line on disk. Thread-safe.

    `worker` keeps the ids of parallel processes apart, and names their files.
    """

    def __init__(self, folder: Path | None = None, *, worker: int = 0) -> None:
        self.folder = folder
        self.exchanges: list[Exchange] = []
        self._worker = worker
        self._count = 0
        self._lock = threading.Lock()
        self.path = folder / (f"exchanges.{worker}.jsonl" if worker else "exchanges.jsonl") if folder else None
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a", encoding="utf-8") if self.path else None

    def next_id(self) -> str:
        with self._lock:
            self._count += 1
            return f"x{self._worker}{self._count:05d}"

    def append(self, exchange: Exchange) -> None:
        """Record one exchange; the line is on its way to the disk when this returns."""
        line = json.dumps(to_json(exchange), separators=(",", ":")) + "\n" if self._file else ""
        with self._lock:
            self.exchanges.append(exchange)
            if self._file:
                self._file.write(line)
                self._file.flush()

    def evidence(self, name: str, data: bytes) -> Path | None:
        """Save raw evidence bytes under evidence/; None when the journal has no folder."""
        if self.folder is None:
            return None
        path = self.folder / "evidence" / (re.sub(r"[^\w.\-]+", "-", name).strip(".-") or "evidence")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return path

    def close(self) -> None:
        if self._file:
            self._file.close()


def judged(exchange: Exchange) -> bool:
    """Whether the contract's rules apply: reads of the balance and of evidence are the harness's own business."""
    return "role" not in exchange.intent


def read(path: Path) -> Iterator[Exchange]:
    """The exchanges of a file, in order. A last line that was cut off is left out.

    Raises ValueError naming file and line for anything else that is not an exchange.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield from_json(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                if not line.endswith("\n"):
                    return
                raise ValueError(f"{path}:{number}: not an exchange: {error!r}") from error
