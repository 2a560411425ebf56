"""Locust's own users, started as its command line starts them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from generators import Cell, Seen, trusting


@dataclass(frozen=True)
class LocustUser:
    name: str
    user_class: str
    note: str = ""
    peer: str | None = None  # Locust is installed with us

    def command(self, cell: Cell, bin_folder: Path) -> list[str]:
        users = str(cell.users)
        file = str(Path(__file__).with_name("locustfile.py"))
        quiet = ("--headless", "--skip-log", "--only-summary", "--loglevel", "ERROR")
        return [str(bin_folder / "locust"), "-f", file, *quiet, "-u", users, "-r", users, "--host", cell.url]

    def environment(self, cell: Cell) -> Mapping[str, str]:
        shared = {"PYTHONPATH": str(Path(__file__).parents[1]), "USER_CLASS": self.user_class}
        return {**shared, "REQUESTS": str(cell.requests), **trusting(cell.ca)}

    def seen(self, cell: Cell) -> list[Seen]:
        return [Seen(*row) for row in json.loads((cell.folder / "seen.json").read_text())]


LOCUST = (
    LocustUser("Locust HttpUser", "requests"),
    LocustUser("Locust FastHttpUser", "fast"),
    LocustUser("FastHttpUser, readline", "readline", "not shipped: the best that a locustfile can do"),
)
