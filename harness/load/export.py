"""The table of all requests as Parquet, written by the engine that reads bills."""

from __future__ import annotations

from pathlib import Path

import duckdb


def parquet(folder: Path) -> Path:
    """requests.parquet beside requests.csv."""
    made = folder / "requests.parquet"
    with duckdb.connect() as engine:
        engine.execute(
            "CREATE TABLE requests AS SELECT * FROM read_csv(?, header = true)", [str(folder / "requests.csv")]
        )
        engine.execute(f"COPY requests TO '{str(made).replace(chr(39), chr(39) * 2)}' (FORMAT parquet)")
    return made
