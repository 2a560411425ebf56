"""Defects of the endpoint that hands out evidence: for which nonce and model, to whom, and in which form."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from mockserver.behaviours import auth
from mockserver.behaviours import evidence as evidence_of
from mockserver.behaviours.routes import json_reply
from mockserver.call import Call, Headers, Reply
from mockserver.catalogue import Row
from mockserver.defects import defect
from mockserver.defects.gate_refusals import take_fee
from mockserver.gateway import Gateway
from mockserver.refusal import Refusal

Json = dict[str, Any]
TOGETHER_S = 0.05


def is_evidence(call: Call) -> bool:
    return call.path.endswith("/attestation/report")


def asked(call: Call, name: str) -> str:
    return parse_qs(call.query).get(name, [""])[-1]


def reading_nonces(gateway: Gateway, read: Callable[[str], bytes]) -> Gateway:
    """Takes what `read` makes of a nonce that the endpoint would refuse."""

    def nonce_of(call: Call, text: str) -> bytes:
        try:
            return evidence_of.nonce_of(call, text)
        except Refusal:
            made = read(text)
            if len(made) != 32:
                raise
            return made

    return replace(gateway, nonce_of=nonce_of)


def hex_or_nothing(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


# --- Nonces ------------------------------------------------------------------------------------------------------


@defect(breaks="AT-025")
def pads_short_nonces(gateway: Gateway) -> Gateway:
    """Fills a nonce that is too short with zeros."""
    return reading_nonces(gateway, lambda text: hex_or_nothing(text).ljust(32, b"\0") if text else b"")


@defect(breaks="AT-026")
def cuts_long_nonces(gateway: Gateway) -> Gateway:
    """Binds the first 32 bytes of a nonce that is longer."""
    return reading_nonces(gateway, lambda text: hex_or_nothing(text)[:32])


@defect(breaks="AT-027")
def hashes_nonces_it_cannot_read(gateway: Gateway) -> Gateway:
    """Binds the hash of a nonce that is not hex."""
    return reading_nonces(
        gateway, lambda text: b"" if not text or hex_or_nothing(text) else hashlib.sha256(text.encode()).digest()
    )


@defect(breaks="AT-028")
def makes_up_a_nonce_in_silence(gateway: Gateway) -> Gateway:
    """Replaces an empty nonce by one of its own, and does not tell it."""

    def evidence(call: Call, model: str, nonce: bytes, algo: str) -> Json:
        report = evidence_of.evidence(call, model, nonce, algo)
        return report if asked(call, "nonce") else {**report, "request_nonce": None}

    guessing = reading_nonces(gateway, lambda text: secrets.token_bytes(32) if not text else b"")
    return replace(guessing, evidence=evidence)


@defect(breaks="AT-029")
def takes_any_signing_algorithm(gateway: Gateway) -> Gateway:
    """Answers a request for an algorithm that it does not know with one that it does."""

    async def serve(call: Call) -> Reply:
        if asked(call, "signing_algo") != "ed25519":
            call.query = call.query.replace(f"signing_algo={asked(call, 'signing_algo')}", "signing_algo=ecdsa")
        return await evidence_of.serve_evidence(call)

    return replace(gateway, serve_evidence=serve)


# --- Models ------------------------------------------------------------------------------------------------------


@defect(breaks=("AT-051", "AT-053"))
def vouches_for_plain_models(gateway: Gateway) -> Gateway:
    """Hands out evidence for models outside the enclave as well."""

    async def serve(call: Call) -> Reply:
        call.gateway = replace(call.gateway, admits=lambda call, row: True)
        return await evidence_of.serve_evidence(call)

    return replace(gateway, serve_evidence=serve)


@defect(breaks="AT-052")
def vouches_for_any_name(gateway: Gateway) -> Gateway:
    """Hands out evidence for a model that does not exist, in the name of one that does."""

    async def serve(call: Call) -> Reply:
        def find(call: Call, model: str) -> Row | None:
            listed = call.gateway.listed_models(call)
            return gateway.find_model(call, model) or listed[0]

        call.gateway = replace(call.gateway, find_model=find)
        return await evidence_of.serve_evidence(call)

    return replace(gateway, serve_evidence=serve)


@defect(breaks="AT-052")
def needs_no_model(gateway: Gateway) -> Gateway:
    """Hands out evidence of the first model when a request names none."""

    async def serve(call: Call) -> Reply:
        if not asked(call, "model"):
            call.query += f"&model={call.gateway.listed_models(call)[0].id}"
        return await evidence_of.serve_evidence(call)

    return replace(gateway, serve_evidence=serve)


@defect(breaks="AT-053")
def goes_on_vouching_after_a_flip(gateway: Gateway) -> Gateway:
    """Hands out evidence for a model that has lost its flag, because it once had it."""

    async def serve(call: Call) -> Reply:
        admits = call.gateway.admits
        call.gateway = replace(call.gateway, admits=lambda call, row: admits(call, row) or row.id.endswith("-TEE"))
        return await evidence_of.serve_evidence(call)

    return replace(gateway, serve_evidence=serve)


@defect(breaks="AT-053")
def never_vouches_again(gateway: Gateway) -> Gateway:
    """Refuses evidence for good to a model that was once without its flag."""
    lost: set[str] = set()

    async def serve(call: Call) -> Reply:
        admits = call.gateway.admits

        def trusts(call: Call, row: Row) -> bool:
            if not admits(call, row):
                lost.add(row.id)
            return row.id not in lost

        call.gateway = replace(call.gateway, admits=trusts)
        return await evidence_of.serve_evidence(call)

    return replace(gateway, serve_evidence=serve)


# --- The endpoint ------------------------------------------------------------------------------------------------


@defect(breaks="AT-060")
def shows_evidence_to_everybody(gateway: Gateway) -> Gateway:
    """Hands out evidence without asking for a key."""
    return replace(gateway, needs_key=lambda call: auth.needs_key(call) and not is_evidence(call))


@defect(breaks="AT-061")
def lets_proxies_keep_evidence(gateway: Gateway) -> Gateway:
    """Allows every cache on the way to keep evidence for an hour."""
    return headed(gateway, ("Cache-Control", "public, max-age=3600"))


@defect(breaks="AT-061")
def serves_evidence_from_a_cache(gateway: Gateway) -> Gateway:
    """Says that the evidence has been in a cache for two minutes."""
    return headed(gateway, ("Age", "120"))


def headed(gateway: Gateway, header: tuple[str, str]) -> Gateway:
    """Adds a header to answers with evidence."""

    def headers(call: Call, found: Headers) -> Headers:
        return [*found, header] if is_evidence(call) else found

    return replace(gateway, response_headers=headers)


@defect(breaks="AT-062")
def sends_evidence_as_text(gateway: Gateway) -> Gateway:
    """Gives evidence the media type of plain text."""

    def reply(call: Call, made: Reply) -> Reply:
        if not is_evidence(call):
            return made
        kept = [(name, value) for name, value in made.headers if name.lower() != "content-type"]
        return replace(made, headers=[*kept, ("Content-Type", "text/plain; charset=utf-8")])

    return replace(gateway, reply=reply)


@defect(breaks="AT-064")
def shares_evidence_among_concurrent_callers(gateway: Gateway) -> Gateway:
    """Makes one report for all who ask for the same model at the same time."""
    making: dict[str, Json] = {}

    async def serve(call: Call) -> Reply:
        model, nonce = asked(call, "model"), call.gateway.nonce_of(call, asked(call, "nonce"))
        if model in making:
            return json_reply(call, making[model])
        if not _is_wanted(call, model):
            return await evidence_of.serve_evidence(call)
        making[model] = call.gateway.evidence(call, model, nonce, asked(call, "signing_algo"))
        await asyncio.sleep(TOGETHER_S)
        return json_reply(call, making.pop(model))

    return replace(gateway, serve_evidence=serve)


def _is_wanted(call: Call, model: str) -> bool:
    row = call.gateway.find_model(call, model)
    return row is not None and call.gateway.admits(call, row)


# --- While it works ----------------------------------------------------------------------------------------------


def while_busy(gateway: Gateway, change: Callable[[Call, str, bytes, str], Json]) -> Gateway:
    """Other evidence as long as an answer is being made."""

    def evidence(call: Call, model: str, nonce: bytes, algo: str) -> Json:
        busy = any(record.outcome == "running" for record in call.state.upstream.calls)
        return (change if busy else evidence_of.evidence)(call, model, nonce, algo)

    return replace(gateway, evidence=evidence)


@defect(breaks="AT-066")
def shows_a_recording_while_it_works(gateway: Gateway) -> Gateway:
    """Makes evidence for an old nonce as long as answers stream."""
    return while_busy(gateway, lambda call, model, _, algo: evidence_of.evidence(call, model, bytes(range(32)), algo))


@defect(breaks="AT-066")
def vouches_in_words_while_it_works(gateway: Gateway) -> Gateway:
    """Sends no quote as long as answers stream."""
    return while_busy(gateway, lambda call, model, nonce, algo: {"verified": True, "model": model})


@defect(breaks="AT-066")
def lets_its_gpus_work_undisturbed(gateway: Gateway) -> Gateway:
    """Leaves the GPUs out of evidence as long as answers stream."""

    def without(call: Call, model: str, nonce: bytes, algo: str) -> Json:
        report = evidence_of.evidence(call, model, nonce, algo)
        return {name: value for name, value in report.items() if name != "nvidia_payload"}

    return while_busy(gateway, without)


@defect(breaks="AT-066")
def overflows_to_another_machine(gateway: Gateway) -> Gateway:
    """Answers with evidence of another machine as long as answers stream."""
    return while_busy(gateway, lambda call, _, nonce, algo: evidence_of.evidence(call, "assay/overflow", nonce, algo))


@defect(breaks="AT-065")
def charges_for_evidence(gateway: Gateway) -> Gateway:
    """Takes a fee for every report."""

    def evidence(call: Call, model: str, nonce: bytes, algo: str) -> Json:
        take_fee(call)
        return evidence_of.evidence(call, model, nonce, algo)

    return replace(gateway, evidence=evidence)
