"""What evidence says on its face: the nonce it repeats, the kind of quote. Signatures are judged by harness.attest."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from harness.judge import Problem, Problems, rule
from harness.judge.chat import member, shown
from harness.wire.exchange import Exchange
from specs import Contract

TDX = 0x81
DEBUG = 0x01  # bit 0 of the TD attributes: the host may read the memory
HEADER_BYTES = 48
BODY_AT = {4: HEADER_BYTES, 5: HEADER_BYTES + 6}  # version 5 puts a type and a size before the TD report
ATTRIBUTES_AT, ATTRIBUTES_BYTES = 120, 8
_HEX = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2})+)")


def is_evidence(x: Exchange) -> bool:
    """A fetch of evidence that was answered with a JSON object."""
    return x.intent.get("role") == "evidence" and x.head_status == 200 and x.complete and isinstance(x.json, dict)


def sent_nonce(x: Exchange) -> str | None:
    """The nonce of the request as lower-case hex."""
    found = _sent(x, "nonce")
    return None if found is None else found.lower()


def asked_model(x: Exchange) -> str | None:
    """The model whose evidence was asked for."""
    return _sent(x, "model")


def _sent(x: Exchange, name: str) -> str | None:
    try:
        found = parse_qs(urlsplit(x.request.url).query).get(name)
    except ValueError:
        return None
    return found[-1] if found else None


def quote_bytes(x: Exchange) -> bytes | None:
    """The quote of a dstack report, None when it is missing or no hex."""
    text = member(x.json, "intel_quote")
    match = _HEX.fullmatch(text) if isinstance(text, str) else None
    return bytes.fromhex(match[1]) if match else None


@rule("VT-002", on=lambda x: is_evidence(x) and sent_nonce(x) is not None)
def evidence_repeats_our_nonce(x: Exchange, contract: Contract) -> Problems:
    """A report that says which nonce it is for says ours."""
    repeated: Any = member(x.json, "request_nonce")
    if repeated is not None and str(repeated).lower().removeprefix("0x") != sent_nonce(x):
        yield Problem("the evidence is for another nonce than was sent", sent_nonce(x), shown(repeated, 80))


@rule("VT-014", on=is_evidence)
def quote_is_of_a_production_trust_domain(x: Exchange, contract: Contract) -> Problems:
    """The quote is a TDX quote, and the debug bit of its trust domain is clear."""
    quote = quote_bytes(x)
    if quote is None:
        yield Problem("the evidence holds no quote", "hex of a TDX quote", shown(member(x.json, "intel_quote"), 80))
        return
    version, kind = int.from_bytes(quote[:2], "little"), int.from_bytes(quote[4:8], "little")
    body = BODY_AT.get(version)
    if body is None or kind != TDX:
        yield Problem("the quote is not a TDX quote", "version 4 or 5, type 0x81", f"version {version}, type {kind:#x}")
        return
    attributes = quote[body + ATTRIBUTES_AT : body + ATTRIBUTES_AT + ATTRIBUTES_BYTES]
    if len(attributes) < ATTRIBUTES_BYTES:
        yield Problem("the quote ends before the attributes of the trust domain", observed=f"{len(quote)} bytes")
    elif attributes[0] & DEBUG:
        yield Problem("the trust domain is in debug mode", "bit 0 clear", attributes.hex())
