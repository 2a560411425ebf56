"""An answer that holds nothing keeps no promise about what it should hold."""

from __future__ import annotations

import pytest

from harness.judge import judge, rules_for
from harness.wire.exchange import Chunk, Exchange, Request
from specs import load

ASKED = b'{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":3,"stream":true}'
EMPTY = {
    "a list that is null": ("GET", "/models", "application/json", b"null"),
    "a list of nothing": ("GET", "/models", "application/json", b'{"object":"list","data":[]}'),
    "a list that is a page": ("GET", "/models", "text/html", b"<html>"),
    "a stream of nothing": ("POST", "/chat/completions", "text/event-stream", b""),
}
ABOUT_THE_ANSWER_ITSELF = {"OC-080", "OC-130", "VT-074"}  # its status, its media type, the list around the rows


@pytest.mark.parametrize("contract", ["openai-core", "voltagegpu-confidential"])
@pytest.mark.parametrize("name", EMPTY)
def test_nothing_passes_by_being_empty(name: str, contract: str) -> None:
    method, path, kind, body = EMPTY[name]
    answer = Exchange(
        id="x000001",
        probe="test",
        request=Request(method, f"http://api.test/v1{path}", (), ASKED if method == "POST" else b""),
        head_status=200,
        headers=(("content-type", kind),),
        chunks=(Chunk(1, body),) if body else (),
        fault=None,
        started="2026-11-21T00:00:00.000Z",
        head_ns=1,
        end_ns=2,
    )
    loaded = load(contract)
    judged = {rule.requirement: judge(rule, [answer], loaded) for rule in rules_for(loaded)}
    musts = {i for i, said in judged.items() if loaded.requirements[i].level == "MUST" and said.subjects}
    assert {i for i in musts if not judged[i].findings} <= ABOUT_THE_ANSWER_ITSELF
