"""The tables of a load hold what a server said as it said it, whatever that looks like."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import duckdb
import pytest

from harness.load.export import parquet
from harness.load.gathering import Gathering, row
from harness.load.progress import LONGEST_ID
from harness.load.scenario import Scenario
from harness.load.stream import Stream

IDS = (
    *("007", "1e5", "NULL", "", "a,b", 'a"b', '""\n', "a\r\nb;c|d\te", "'", "\\", "\0", "=1+1", "\u2028"),
    "x" * LONGEST_ID,
)


def stream(number: int, name: str) -> Stream:
    times = {"started_ns": number, "end_ns": 9, "connected_ns": None, "first_ns": 5, "gaps_ns": (1,)}
    said = {"status": 200, "fault": None, "is_stream": True, "done": True, "failed": False, "tokens": (1, 2)}
    named = {"number": number, "request_id": name, "answer_id": name, "at": "2026-11-21T12:00:00.000000Z"}
    return Stream(**times, **said, **named, outputs=2, coalesced=0)  # type: ignore[arg-type]


@pytest.mark.parametrize("same", [True, False])
def test_ids_come_back_from_the_tables(tmp_path: Path, same: bool) -> None:
    """Also where all of them look like numbers."""
    ids = ("007", "1e5", "08") if same else IDS
    gathering = Gathering(Scenario("http://127.0.0.1:1/v1", ("{}",), 1, 1.0), tmp_path)
    gathering.take_rows(row(stream(number, name)) for number, name in enumerate(ids))
    gathering.close(interrupted=False)
    with (tmp_path / "requests.csv").open(encoding="utf-8", newline="") as file:
        assert [line["request_id"] for line in csv.DictReader(file)] == list(ids)
    parquet(tmp_path)
    with duckdb.connect() as engine:
        query = "SELECT coalesce(request_id, ''), coalesce(answer_id, '') FROM read_parquet(?) ORDER BY number"
        found = engine.execute(query, [str(tmp_path / "requests.parquet")]).fetchall()
    assert found == [(name, name) for name in ids]


def test_who_reads_the_figures_meanwhile_reads_whole_ones(tmp_path: Path) -> None:
    earlier = "what was there before\n" * 10_000
    (tmp_path / "load.json").write_text(earlier)
    with (tmp_path / "load.json").open() as reader:
        Gathering(Scenario("http://127.0.0.1:1/v1", ("{}",), 1, 1.0), tmp_path).close(interrupted=False)
        assert reader.read() == earlier
    assert "requests" in json.loads((tmp_path / "load.json").read_text())
    assert not list(tmp_path.glob("*.part"))
