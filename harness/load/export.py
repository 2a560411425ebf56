"""The tables of a load as Parquet, written by the engine that reads bills."""

from __future__ import annotations

from pathlib import Path

import duckdb

TABLES = ("requests", "series", "trends")


def parquet(folder: Path) -> None:
    """requests.parquet, series.parquet and trends.parquet, each beside its .csv."""
    with duckdb.connect() as engine:
        for name in TABLES:
            table = engine.read_csv(str(folder / f"{name}.csv"), header=True)
            table.write_parquet(str(folder / f"{name}.parquet"))
