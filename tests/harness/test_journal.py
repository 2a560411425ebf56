"""What is recorded is read back as it was, also after a crash in the middle of a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.redact import Redactor
from harness.wire.exchange import LONGEST_NS, Chunk, Exchange, Fault, Request, from_json, to_json
from harness.wire.journal import Journal, judged, merge, read

TEXT = st.text(st.characters(max_codepoint=0xFF), max_size=10)
TIMES = st.integers(0, LONGEST_NS)
URLS = TEXT.map("http://host/{}".format)
PAIRS = st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple)
EXCHANGES = st.builds(
    Exchange,
    id=TEXT,
    probe=TEXT,
    request=st.builds(Request, method=TEXT, url=URLS, headers=PAIRS, body=st.binary(max_size=20)),
    head_status=st.none() | st.integers(100, 599),
    headers=PAIRS,
    chunks=st.lists(st.builds(Chunk, at_ns=TIMES, data=st.binary(max_size=20)), max_size=3).map(tuple),
    fault=st.none() | st.builds(Fault, kind=TEXT, message=TEXT),
    started=TEXT,
    head_ns=TIMES,
    end_ns=TIMES,
    intent=st.dictionaries(TEXT, TEXT | st.integers() | st.none(), max_size=2),
)


def an_exchange(**changes: Any) -> Exchange:
    fields: dict[str, Any] = {
        "id": "x00001",
        "probe": "p",
        "request": Request("GET", "http://h/v1/models", ()),
        "head_status": 200,
        "headers": (),
        "chunks": (Chunk(5, b"\xffbody"),),
        "fault": None,
        "started": "2026-01-01T00:00:00.000Z",
        "head_ns": 4,
        "end_ns": 6,
    }
    return Exchange(**{**fields, **changes})


@given(EXCHANGES)
def test_an_exchange_survives_the_round_trip(exchange: Exchange) -> None:
    assert from_json(to_json(exchange)) == exchange


def test_a_large_body_is_saved_compressed() -> None:
    padded = an_exchange(request=Request("POST", "http://h/v1", (), b" " * 1_000_000))
    saved = to_json(padded)
    assert len(saved["request"]["body"]["gzip"]) < 10_000
    assert from_json(saved) == padded


def test_a_journal_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "run" / "exchanges.jsonl"
    journal = Journal(path)
    kept = [journal.append(an_exchange(id=journal.next_id())) for _ in range(3)]
    assert list(read(path)) == kept == journal.exchanges  # before it is closed: every line is flushed
    journal.close()


def test_a_last_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "exchanges.jsonl"
    journal = Journal(path)
    journal.append(an_exchange())
    journal.append(an_exchange(id="x00002"))
    journal.close()
    path.write_bytes(path.read_bytes()[:-20])
    assert [exchange.id for exchange in read(path)] == ["x00001"]


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "exchanges.jsonl"
    path.write_text("{}\n{}\n")
    with pytest.raises(ValueError, match=r"exchanges\.jsonl:1: not an exchange"):
        list(read(path))


def test_secrets_do_not_reach_the_disk(tmp_path: Path) -> None:
    redactor = Redactor()
    redactor.add("THE_KEY", "0123456789")
    journal = Journal(tmp_path / "exchanges.jsonl", redactor)
    journal.append(an_exchange(chunks=(Chunk(1, b"01234"), Chunk(2, b"56789"))))
    journal.close()
    assert "56789" not in (tmp_path / "exchanges.jsonl").read_text()
    assert journal.exchanges[0].body == b"${THE_KEY}"


def test_workers_never_share_an_id_and_become_one_file(tmp_path: Path) -> None:
    names = {"main": "exchanges.jsonl", "gw0": "exchanges-gw0.jsonl", "gw10": "exchanges-gw10.jsonl"}
    for prefix, name in names.items():
        journal = Journal(tmp_path / name, prefix=prefix)
        journal.append(an_exchange(id=journal.next_id()))
        journal.close()
    merge(tmp_path)
    assert [exchange.id for exchange in read(tmp_path / "exchanges.jsonl")] == ["x000001", "x100001", "x1100001"]
    assert [path.name for path in tmp_path.iterdir()] == ["exchanges.jsonl"]


def test_evidence_is_kept_raw_inside_its_folder(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "exchanges.jsonl")
    path = journal.evidence("../../quote model/a.bin", b"\x00\xff")
    journal.close()
    assert path is not None
    assert path.read_bytes() == b"\x00\xff"
    assert path.parent == tmp_path / "evidence"


def test_the_harness_s_own_reads_are_not_judged() -> None:
    assert judged(an_exchange())
    assert not judged(an_exchange(intent={"role": "balance"}))
