"""A quote and the event log from a dstack guest agent, over its unix socket. Its answers are kept as they came."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx

from harness.collect.faults import Absent
from harness.collect.guest import Files

SOCKET = "/var/run/dstack.sock"
OLD_SOCKET = "/var/run/tappd.sock"
MAX_ANSWER_BYTES = 4 * 1024 * 1024
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class DstackQuote:
    quote: bytes
    answer: bytes  # GetQuote: quote, event_log, vm_config
    info: bytes  # Info: app id, instance id, tcb_info with the app_compose


def is_there(files: Files) -> bool:
    return files.exists(SOCKET)


def fetch(files: Files, report_data: bytes) -> DstackQuote:
    """`report_data` is 64 bytes, put into the quote as it is. Raises Absent."""
    if not is_there(files):
        raise Absent(_missing(files))
    transport = httpx.HTTPTransport(uds=str(files.at(SOCKET)))
    with httpx.Client(transport=transport, base_url="http://dstack", timeout=TIMEOUT_S, trust_env=False) as client:
        answer = _asked(client, "/GetQuote", {"report_data": report_data.hex()})
        return DstackQuote(_quote(answer), answer, _asked(client, "/Info", {}))


def _missing(files: Files) -> str:
    if files.exists(OLD_SOCKET):
        return f"{SOCKET}: absent, but {OLD_SOCKET} is there: this guest is older than dstack 0.5; update its image"
    return f"{SOCKET}: absent; in a container of a dstack guest, add the volume {SOCKET}:{SOCKET} to its compose file"


def _asked(client: httpx.Client, path: str, body: dict[str, str]) -> bytes:
    try:
        with client.stream("POST", path, json=body) as response:
            answer = _body(response, path)
    except httpx.HTTPError as error:
        raise Absent(
            f"{SOCKET}: {path}: {error or type(error).__name__}; is the guest agent of dstack running?"
        ) from error
    if response.status_code != httpx.codes.OK:
        said = answer[:200].decode("utf-8", "replace")
        raise Absent(f"{SOCKET}: {path}: answered {response.status_code}: {said}")
    return answer


def _body(response: httpx.Response, path: str) -> bytes:
    body = b""
    for piece in response.iter_bytes():
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise Absent(f"{SOCKET}: {path}: more than {MAX_ANSWER_BYTES} bytes")
    return body


def _quote(answer: bytes) -> bytes:
    try:
        document: Any = json.loads(answer)
        return bytes.fromhex(document["quote"].removeprefix("0x"))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise Absent(f"{SOCKET}: /GetQuote: expected a member quote in hex") from error
