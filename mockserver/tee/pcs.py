"""Answers like Intel's certification service, version 4, and like the caches that stand in front of it (PCCS).

It speaks of one platform only: everything it does not know is a 404, everything it cannot read a 400.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

_UPDATES = ("standard", "early")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


def answer(path: str, query: Mapping[str, str], collateral: Callable[[str], Mapping[str, str]]) -> Answer:
    """GET `path`; `collateral` gives what holds for tdx or for sgx, fresh."""
    handlers = {
        "/sgx/certification/v4/pckcrl": _pck_crl,
        "/sgx/certification/v4/rootcacrl": _root_crl,
        "/sgx/certification/v4/tcb": _tcb,
        "/sgx/certification/v4/qe/identity": _identity,
        "/tdx/certification/v4/tcb": _tcb,
        "/tdx/certification/v4/qe/identity": _identity,
    }
    handler = handlers.get(path)
    return handler(query, collateral(path.split("/")[1])) if handler else _refusal(404)


def _pck_crl(query: Mapping[str, str], collateral: Mapping[str, str]) -> Answer:
    if query.get("ca") not in ("platform", "processor") or query.get("encoding", "pem") not in ("pem", "der"):
        return _refusal(400)
    if query["ca"] != "platform" or query.get("encoding") != "der":
        return _refusal(404)  # this machine has a Platform CA, and its list is kept in DER
    chain = [("SGX-PCK-CRL-Issuer-Chain", quote(collateral["pck_crl_issuer_chain"]))]
    return _answer("application/pkix-crl", bytes.fromhex(collateral["pck_crl"]), chain)


def _root_crl(_: Mapping[str, str], collateral: Mapping[str, str]) -> Answer:
    """As a PCCS does: hex text. Intel itself publishes this list elsewhere, in DER."""
    return _answer("text/plain; charset=utf-8", collateral["root_ca_crl"].encode())


def _tcb(query: Mapping[str, str], collateral: Mapping[str, str]) -> Answer:
    fmspc, update = query.get("fmspc", ""), query.get("update", "standard")
    if len(fmspc) != 12 or not _is_hex(fmspc) or update not in _UPDATES:
        return _refusal(400)
    if fmspc.upper() != json.loads(collateral["tcb_info"])["fmspc"].upper():
        return _refusal(404)
    body = _signed("tcbInfo", collateral["tcb_info"], collateral["tcb_info_signature"])
    return _answer("application/json", body, [("TCB-Info-Issuer-Chain", quote(collateral["tcb_info_issuer_chain"]))])


def _identity(query: Mapping[str, str], collateral: Mapping[str, str]) -> Answer:
    if query.get("update", "standard") not in _UPDATES:
        return _refusal(400)
    body = _signed("enclaveIdentity", collateral["qe_identity"], collateral["qe_identity_signature"])
    chain = [("SGX-Enclave-Identity-Issuer-Chain", quote(collateral["qe_identity_issuer_chain"]))]
    return _answer("application/json", body, chain)


def _signed(name: str, text: str, signature: str) -> bytes:
    """The statement goes out letter by letter as it was signed."""
    return f'{{"{name}":{text},"signature":"{signature}"}}'.encode()


def _answer(content_type: str, body: bytes, headers: list[tuple[str, str]] | None = None) -> Answer:
    return Answer(200, [("Content-Type", content_type), *(headers or [])], body)


def _refusal(status: int) -> Answer:
    return Answer(status, [], b"")


def _is_hex(text: str) -> bool:
    return all(character in "0123456789abcdefABCDEF" for character in text)
