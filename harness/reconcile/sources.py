"""A file of rows, whatever it is written in: JSON lines, a JSON array, CSV or Parquet, plain or gzipped.

It knows the names and types of the columns, and where the first row with a given value stands. It converts nothing.
"""

from __future__ import annotations

import gzip
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import duckdb

from harness.reconcile.columns import Field, literal
from harness.reconcile.fault import BadInput

SAMPLE: Final = 100  # rows whose keys say what a JSON file holds
LINE: Final = 16 * 1024 * 1024  # bytes of the longest row that is read
KINDS: Final = {".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json"}
_GLOB = re.compile(r"[*?\[\]{}']")


@dataclass(frozen=True)
class Source:
    """An opened file. `columns` maps names to types; those of JSON are names seen in its first rows."""

    path: Path
    kind: str
    columns: Mapping[str, str]
    alias: Path  # a name without characters that mean something to the engine

    @property
    def is_json(self) -> bool:
        return self.kind in {"json", "jsonl"}

    def field(self, name: str) -> Field | None:
        """A column, or with dots a value inside one. A JSON row may lack any; other files have it or have not."""
        head, _, rest = name.partition(".")
        if self.is_json:
            return Field(_inner(_quoted(head), rest) if rest else _quoted(head), "JSON", name)
        if name in self.columns:
            return Field(_quoted(name), self.columns[name], name)
        if head not in self.columns or not rest:
            return None
        kind = self.columns[head]
        nested = f"to_json({_quoted(head)})" if kind.startswith(("STRUCT", "MAP")) else _quoted(head)
        return Field(_inner(nested, rest), "JSON", name)

    def relation(self, names: Iterable[str]) -> str:
        """What to select from, with at least the columns of these names."""
        where = literal(str(self.alias))
        if self.kind == "parquet":
            return f"read_parquet({where})"
        if self.kind == "csv":
            return f"read_csv({where}, header = true, all_varchar = true, sample_size = 1000, max_line_size = {LINE})"
        heads = sorted({name.partition(".")[0] for name in names})
        columns = ", ".join(
            f"{literal(head)}: 'JSON'" if head in self._nested else f"{literal(head)}: 'VARCHAR'" for head in heads
        )
        form = "newline_delimited" if self.kind == "jsonl" else "array"
        return f"read_json({where}, format = '{form}', columns = {{{columns}}}, maximum_object_size = {LINE})"

    def not_json(self) -> str | None:
        """What is wrong with the first line that is no JSON object; None where all of them are."""
        if self.kind != "jsonl":
            return None
        with _opened(self.path) as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    if line.strip() and not isinstance(_parsed(line, f"{self.path}:{number}"), dict):
                        return f"{self.path}:{number}: expected a JSON object"
                except BadInput as error:
                    return str(error)
        return None

    @property
    def _nested(self) -> frozenset[str]:
        return frozenset(name.partition(".")[0] for name in self.columns if "." in name)

    def place(self, row: int) -> str:
        """Where row number `row`, from 1, stands: "file:line" where rows are lines, else "file, row n"."""
        if self.kind != "jsonl":
            return f"{self.path}, row {row}"
        with _opened(self.path) as lines:
            filled = (number for number, line in enumerate(lines, start=1) if line.strip())
            return f"{self.path}:{next(itertools.islice(filled, row - 1, None), row)}"


def open_source(path: Path, engine: duckdb.DuckDBPyConnection, folder: Path) -> Source:
    """Look at a file. `folder` is for a second name of one whose own name has a pattern in it. Raises BadInput."""
    if not path.is_file():
        raise BadInput(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise BadInput(f"{path}: the file is empty")
    kind, alias = _kind(path), _plain(path, folder)
    if kind in {"json", "jsonl"}:
        return Source(path, kind, dict.fromkeys(_keys(path, kind), "JSON"), alias)
    bare = Source(path, kind, {}, alias)
    try:
        rows = engine.execute(f"DESCRIBE FROM {bare.relation(())}").fetchall()
    except duckdb.Error as error:
        raise BadInput(f"{path}: not readable as {kind}: {_first_line(error, alias, path)}") from error
    return Source(path, kind, {row[0]: row[1] for row in rows}, alias)


def _kind(path: Path) -> str:
    suffix = next((s for s in reversed(path.suffixes) if s != ".gz"), "")
    with _opened(path) as file:
        start = file.read(4096).lstrip()
    if start[:4] == b"PAR1":
        return "parquet"
    if start[:1] in {b"{", b"["} and KINDS.get(suffix, "json") in {"json", "jsonl"}:
        return "json" if start[:1] == b"[" else "jsonl"
    if KINDS.get(suffix) == "csv":
        return "csv"
    raise BadInput(f"{path}: expected JSON lines, a JSON array, Parquet, or a name that ends in .csv")


def _keys(path: Path, kind: str) -> Iterator[str]:
    """Names of members in the first rows, those of an object inside a row with a dot. Raises BadInput."""
    for number, row in enumerate(_sampled(path, kind), start=1):
        if not isinstance(row, dict):
            raise BadInput(f"{path}, row {number}: expected a JSON object, got {type(row).__name__}")
        for name, value in row.items():
            yield name
            if isinstance(value, dict):
                yield from (f"{name}.{inner}" for inner in value)


def _sampled(path: Path, kind: str) -> Iterator[Any]:
    with _opened(path) as file:
        if kind == "json":
            yield from _array(path, file)
            return
        for number, line in enumerate(itertools.islice(file, SAMPLE), start=1):
            if line.strip():
                yield _parsed(line, f"{path}:{number}")


def _array(path: Path, file: BinaryIO) -> list[Any]:
    """The first rows of an array, which is small enough to look at whole: what APIs answer."""
    whole = file.read(16 * LINE + 1)
    if len(whole) > 16 * LINE:
        raise BadInput(f"{path}: an array of more than {16 * LINE >> 20} MiB; write it as JSON lines")
    return list(_parsed(whole, str(path))[:SAMPLE])


def _parsed(line: bytes, where: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: not JSON: {str(error)[:120]}") from error


def _opened(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path)) if packed else path.open("rb")


def _plain(path: Path, folder: Path) -> Path:
    whole = path.absolute()
    if not _GLOB.search(str(whole)):
        return whole
    alias = folder / f"input{sum(1 for _ in folder.iterdir())}{''.join(s for s in path.suffixes[-2:] if s.isascii())}"
    alias.symlink_to(whole)
    return alias


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _inner(nested: str, rest: str) -> str:
    steps = "".join(f'."{step}"' for step in rest.split("."))
    return f"json_extract_string({nested}, {literal('$' + steps)})"


def _first_line(error: Exception, alias: Path, path: Path) -> str:
    return " ".join(str(error).split("\n")[0].replace(str(alias), str(path)).split())[:300]
