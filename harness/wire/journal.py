"""The record of a run: exchanges.jsonl and evidence/. Append-only; what was written is never rewritten."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

from harness.redact import Redactor
from harness.wire.exchange import Exchange, TargetFault, from_json, to_json
from harness.wire.recording import redacted

HELD = 256 * 1024 * 1024  # bytes of answers that a process keeps: ordinary runs keep a hundredth of it
MOST = 4 * HELD  # bytes that a file of exchanges may unpack to: somebody may have made it to fill a memory


class Journal:
    """Redacts exchanges, keeps them in memory and, when a path is given, line by line on disk. Thread-safe.

    `prefix` names the process: ids of parallel workers (gw0, gw1, ...) never meet.
    """

    def __init__(self, path: Path | None = None, redactor: Redactor | None = None, *, prefix: str = "main") -> None:
        self.path = path
        self.exchanges: list[Exchange] = []
        self._redactor = redactor or Redactor()
        self._lock = threading.Lock()
        self._count = 0
        self.room = HELD
        worker = re.sub(r"\D", "", prefix)
        self._worker = int(worker) + 1 if worker else 0
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8") if path else None

    def next_id(self) -> str:
        with self._lock:
            self._count += 1
            return f"x{self._worker}{self._count:05d}"

    def append(self, exchange: Exchange) -> Exchange:
        """Record one exchange without its secrets, and give it back so. The line is with the system on return."""
        kept = redacted(exchange, self._redactor)
        line = json.dumps(to_json(kept), separators=(",", ":")) + "\n" if self._file else ""
        with self._lock:
            self.room = max(0, self.room - weight(kept))
            self.exchanges.append(kept)
            if self._file:
                self._file.write(line)
                self._file.flush()
        return kept

    def evidence(self, name: str, data: bytes) -> Path | None:
        """Save raw evidence bytes under evidence/; None when the journal is not on disk."""
        if self.path is None:
            return None
        path = self.path.parent / "evidence" / (re.sub(r"[^\w.\-]+", "-", name).strip(".-") or "evidence")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return path

    def close(self) -> None:
        if self._file:
            self._file.close()


def weight(exchange: Exchange) -> int:
    """Bytes that the answer takes once it has been read: a packed one as many as it unpacks to."""
    if exchange.header("content-encoding") is not None:
        with contextlib.suppress(TargetFault):
            return len(exchange.body)
    return sum(len(chunk.data) for chunk in exchange.chunks)


def judged(exchange: Exchange) -> bool:
    """Whether the contract's rules apply: reads of the balance and of evidence are the harness's own business."""
    return "role" not in exchange.intent


def read(path: Path) -> Iterator[Exchange]:
    """The exchanges of a file, in order. A last line that was cut off is left out.

    Raises ValueError naming file and line for anything else that is not an exchange.
    """
    unpacked = 0
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                found = from_json(json.loads(line))
                unpacked += len(found.request.body) + weight(found)
                if unpacked > MOST:
                    raise ValueError(f"the file unpacks to more than {MOST} bytes")
                yield found
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                if not line.endswith("\n"):
                    return
                raise ValueError(f"{path}:{number}: not an exchange: {error!r}") from error


def merge(folder: Path, name: str = "exchanges") -> Path:
    """Append the files of parallel workers to the folder's one, in order of the workers."""
    whole = folder / f"{name}.jsonl"
    with whole.open("a", encoding="utf-8") as target:
        for part in sorted(folder.glob(f"{name}-*.jsonl"), key=lambda path: (len(path.name), path.name)):
            # A worker that died may have left half a line: only whole lines are taken over.
            with part.open(encoding="utf-8") as lines:
                target.writelines(line for line in lines if line.endswith("\n"))
            part.unlink()
    return whole
