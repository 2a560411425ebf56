"""What the collector touches of the machine it runs in: files below a root, one ioctl, NVML, time. Nothing else."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Files:
    """The guest's files below one root. Paths are absolute, as the guest knows them."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def at(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    def exists(self, path: str) -> bool:
        return self.at(path).exists()

    def make_folder(self, path: str) -> None:
        self.at(path).mkdir()

    def remove_folder(self, path: str) -> None:
        self.at(path).rmdir()

    def read(self, path: str, limit: int) -> bytes:
        """At most `limit` bytes. Raises OSError."""
        with self.at(path).open("rb", buffering=0) as file:
            pieces, left = [], limit
            while left and (piece := file.read(left)):
                pieces.append(piece)
                left -= len(piece)
        return b"".join(pieces)

    def write_once(self, path: str, data: bytes) -> None:
        """One write(2): the kernel takes each write as a whole value. Raises OSError."""
        descriptor = os.open(self.at(path), os.O_WRONLY)
        try:
            if os.write(descriptor, data) != len(data):
                raise OSError(f"{path}: a part of the value was taken")
        finally:
            os.close(descriptor)


def ioctl(path: Path, request: int, buffer: bytearray) -> None:
    """One ioctl that writes its answer into `buffer`. Raises OSError."""
    from fcntl import ioctl as call  # only where there are such devices: `assay` also runs on Windows

    descriptor = os.open(path, os.O_RDWR)
    try:
        call(descriptor, request, buffer)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Guest:
    files: Files = field(default_factory=Files)
    ioctl: Callable[[Path, int, bytearray], None] = ioctl
    nvml: Callable[[], Any] = lambda: importlib.import_module("pynvml")  # raises ImportError
    wait: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
