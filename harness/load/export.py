"""The tables of a load as Parquet, written by the engine that reads bills."""

from __future__ import annotations

from pathlib import Path

import duckdb

TABLES = ("requests", "series", "trends")
TEXTS = ("worker", "model", "key", "outcome", "request_id", "answer_id")  # whatever they look like


def parquet(folder: Path) -> None:
    """requests.parquet, series.parquet and trends.parquet, each beside its .csv."""
    with duckdb.connect() as engine:
        for name in TABLES:
            given = dict.fromkeys(TEXTS, "VARCHAR") if name == "requests" else None
            table = engine.read_csv(str(folder / f"{name}.csv"), header=True, delimiter=",", quotechar='"', dtype=given)
            table.write_parquet(str(folder / f"{name}.parquet"))
