"""Signed answers of the mock: over the bytes on the wire, for their owner, by the attested key, and not for ever."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx
import pytest

from harness.attest import Rejected
from harness.attest.signature import judge_signature, read_signature
from tests.mockserver.conftest import MODEL, Lab

BODY = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Sign this"}]}, indent=2).encode()


def ask(lab: Lab, body: bytes = BODY) -> tuple[bytes, bytes, str]:
    """Request, response and completion id."""
    answer = lab.api.post("/chat/completions", content=body, headers={"Content-Type": "application/json"})
    first = answer.text.split("\n\n")[0].removeprefix("data: ")
    return body, answer.content, str(json.loads(first)["id"])


def signature(lab: Lab, completion_id: str, **query: str) -> httpx.Response:
    return lab.api.get(f"/signature/{completion_id}", params=query)


def attested(lab: Lab, algo: str) -> bytes:
    query = {"model": MODEL, "nonce": "a1" * 32, "signing_algo": algo}
    address = lab.api.get("/attestation/report", params=query).json()["signing_address"]
    return bytes.fromhex(address.removeprefix("0x"))


@pytest.mark.parametrize("algo", ["ecdsa", "ed25519"])
@pytest.mark.parametrize("stream", [False, True])
def test_signature_is_over_the_bytes_and_by_the_attested_key(lab: Lab, algo: str, stream: bool) -> None:
    body = json.dumps({**json.loads(BODY), "stream": stream}).encode()
    request, response, completion_id = ask(lab, body)
    signed = read_signature(signature(lab, completion_id, signing_algo=algo).content)
    assert judge_signature(signed, request, response, attested(lab, algo)) == []


def test_text_holds_the_hash_of_the_raw_request(lab: Lab) -> None:
    _, _, completion_id = ask(lab)
    assert signature(lab, completion_id).json()["text"].split(":")[0] == hashlib.sha256(BODY).hexdigest()


def test_a_stranger_and_an_unknown_id_get_the_same_404(lab: Lab) -> None:
    _, _, completion_id = ask(lab)
    key = lab.server.state.secrets["second_tenant"]
    url = f"{lab.server.base_url}/signature/{completion_id}"
    stranger = httpx.get(url, headers={"Authorization": f"Bearer {key}"})
    unknown = signature(lab, "chatcmpl-0")
    assert (stranger.status_code, unknown.status_code) == (404, 404)
    assert stranger.json() == unknown.json()
    assert httpx.get(url).status_code == 401


def test_an_answer_is_forgotten_after_twenty_minutes(lab: Lab) -> None:
    _, _, completion_id = ask(lab)
    lab.control.put("/clock", json={"advance_s": 1199})
    assert signature(lab, completion_id).status_code == 200
    lab.control.put("/clock", json={"advance_s": 2})
    assert signature(lab, completion_id).status_code == 404
    lab.control.put("/clock", json={"now": None})


def test_another_algorithm_is_refused(lab: Lab) -> None:
    _, _, completion_id = ask(lab)
    assert signature(lab, completion_id, signing_algo="rsa").status_code == 400


def test_a_stream_that_breaks_off_is_not_signed(lab: Lab) -> None:
    fault: dict[str, Any] = {"fault": "drop_after_chunks", "at": 2, "times": 1}
    lab.control.post("/upstream/faults", json=fault)
    _, _, completion_id = ask(lab, json.dumps({**json.loads(BODY), "stream": True}).encode())
    assert signature(lab, completion_id).status_code == 404


def test_contract_without_attestation_has_no_endpoint(core: Lab) -> None:
    assert core.api.get("/signature/chatcmpl-0").status_code == 404
    with pytest.raises(Rejected):
        read_signature(core.api.get("/signature/chatcmpl-0").content)
