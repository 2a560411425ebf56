"""DuckDB with bounds: so much memory, so many threads, and a folder of its own for what does not fit.

Queries are files in sql/; their $names are filled in here. Nothing is read over a network, and no extension is loaded.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import duckdb

from harness.reconcile.fault import BadInput

Row = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """Bounds of the engine. Memory as DuckDB writes it, such as 1GB; a folder for the rest, or the system's own."""

    memory: str = "1GB"
    threads: int = 2
    folder: Path | None = None


class Engine:
    """One database that lives as long as a reconciliation."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        try:
            self.db = duckdb.connect(
                str(folder / "work.duckdb"),
                config={
                    "memory_limit": settings.memory,
                    "threads": settings.threads,
                    "temp_directory": str(folder / "spill"),
                    "autoinstall_known_extensions": False,
                    "preserve_insertion_order": False,
                },
            )
        except duckdb.Error as error:
            said = str(error).splitlines()[0].partition(": ")[2]
            raise BadInput(f"--memory {settings.memory}: expected a size such as 1GB: {said}") from error
        self.db.execute("SET TimeZone = 'UTC'")
        self.db.execute(_text("macros"))

    def run(self, name: str, **values: object) -> list[Row]:
        """One of our queries, with its $names filled in; its rows by column name."""
        done = self.db.execute(Template(_text(name)).substitute(values))
        columns = [column[0] for column in done.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in done.fetchall()]

    def number(self, name: str, **values: object) -> Any:
        """The single value that a query yields."""
        return next(iter(self.run(name, **values)[0].values()))


@contextmanager
def opened(settings: Settings) -> Iterator[Engine]:
    """An engine whose files are gone afterwards. Raises BadInput when it runs out of room."""
    with tempfile.TemporaryDirectory(prefix="assay-reconcile-", dir=settings.folder) as folder:
        engine = Engine(Path(folder), settings)
        try:
            yield engine
        except duckdb.OutOfMemoryException as error:
            said = str(error).splitlines()[0]
            raise BadInput(f"{settings.memory} of memory and the disk are not enough: {said}; see --memory") from error
        finally:
            engine.db.close()


@functools.cache
def _text(name: str) -> str:
    return (resources.files("harness.reconcile") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
