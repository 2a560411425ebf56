"""Defects of signed answers: other bytes than went over the wire, another key than the attested one, another reader."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.behaviours import signatures
from mockserver.behaviours.signatures import Answer
from mockserver.call import Call, Reply
from mockserver.defects import defect
from mockserver.gateway import Gateway

Json = dict[str, Any]


def signed_as(gateway: Gateway, change: Callable[[Json], Json]) -> Gateway:
    """An answer of the signature endpoint that was changed after it was made."""
    made = signatures.signed_answer
    return replace(gateway, signed_answer=lambda call, answer, algo: change(made(call, answer, algo)))


def rewritten(raw: bytes) -> bytes:
    """The same JSON in another hand; bytes that are no JSON stay as they are."""
    try:
        return json.dumps(json.loads(raw), indent=1).encode()
    except ValueError:
        return raw


# --- The bytes ---------------------------------------------------------------------------------------------------


@defect(breaks="AT-073")
def signs_the_request_as_it_would_write_it(gateway: Gateway) -> Gateway:
    """Hashes the request after it was parsed and written again."""
    return replace(gateway, bytes_signed=lambda call, raw: rewritten(raw))


@defect(breaks="AT-073")
def signs_the_request_sent_upstream(gateway: Gateway) -> Gateway:
    """Hashes what it sent to the provider in place of what the caller sent."""
    return replace(
        gateway, bytes_signed=lambda call, raw: json.dumps(call.gateway.upstream_body(call), default=str).encode()
    )


@defect(breaks="AT-074")
def signs_the_answer_as_it_would_write_it(gateway: Gateway) -> Gateway:
    """Hashes the answer after it was parsed and written again."""

    def keep(call: Call, request: bytes, response: bytes) -> None:
        signatures.keep_answer(call, request, rewritten(response))

    return replace(gateway, keep_answer=keep)


@defect(breaks="AT-074")
def signs_streams_without_their_end(gateway: Gateway) -> Gateway:
    """Hashes a stream without its [DONE]."""

    def keep(call: Call, request: bytes, response: bytes) -> None:
        signatures.keep_answer(call, request, response.removesuffix(b"data: [DONE]\n\n"))

    return replace(gateway, keep_answer=keep)


@defect(breaks=("AT-073", "AT-074"))
def signs_the_bare_id(gateway: Gateway) -> Gateway:
    """Signs the name of the answer and nothing of what it says."""

    def text(call: Call, answer: Answer) -> str:
        digest = hashlib.sha256(call.path.encode()).hexdigest()
        return f"{digest}:{digest}"

    return replace(gateway, signed_text=text)


# --- The key -----------------------------------------------------------------------------------------------------


@defect(breaks="AT-071")
def shows_a_text_it_did_not_sign(gateway: Gateway) -> Gateway:
    """Signs the two hashes the wrong way round."""

    def sign(call: Call, answer: Answer, text: str, algo: str) -> str:
        return signatures.sign_text(call, answer, ":".join(reversed(text.split(":"))), algo)

    return replace(gateway, sign_text=sign)


@defect(breaks="AT-071")
def signs_answers_with_zeros(gateway: Gateway) -> Gateway:
    """Sends zeros in place of a signature."""
    return signed_as(gateway, lambda made: {**made, "signature": "0x" + "00" * 65})


@defect(breaks="AT-071")
def names_the_attested_key_beside_another_signature(gateway: Gateway) -> Gateway:
    """Signs at the gateway, and names the enclave's key as the signer."""

    def sign(call: Call, answer: Answer, text: str, algo: str) -> str:
        return signatures.sign_text(call, replace(answer, model="the gateway's own"), text, algo)

    return replace(gateway, sign_text=sign)


@defect(breaks="AT-072")
def signs_at_the_gateway(gateway: Gateway) -> Gateway:
    """Signs with a key of the gateway, which no quote binds, and says so."""

    def signed(call: Call, answer: Answer, algo: str) -> Json:
        return signatures.signed_answer(call, replace(answer, model="the gateway's own"), algo)

    return replace(gateway, signed_answer=signed)


# --- The endpoint ------------------------------------------------------------------------------------------------


@defect(breaks="AT-070")
def forgets_answers_at_once(gateway: Gateway) -> Gateway:
    """Keeps an answer for no time at all, so that nobody can have it signed."""
    return replace(gateway, signature_ttl_s=0)


@defect(breaks="AT-070")
def signs_only_answers_that_are_not_streamed(gateway: Gateway) -> Gateway:
    """Keeps no answer that was streamed."""

    def record(call: Call, reply: Reply) -> Reply:
        return reply if reply.frames is not None else signatures.record_answer(call, reply)

    return replace(gateway, record_answer=record)


@defect(breaks="AT-070")
def vouches_for_answers_in_words(gateway: Gateway) -> Gateway:
    """Says that an answer is signed, and sends no signature."""
    return signed_as(gateway, lambda made: {"signed": True, "text": made["text"]})


@defect(breaks="AT-075")
def signs_for_everybody(gateway: Gateway) -> Gateway:
    """Gives the signature of an answer to whoever knows its id."""

    async def serve(call: Call) -> Reply:
        completion_id = call.path.rpartition("/")[2]
        owner = call.state.answers.kept.get(completion_id)
        if owner is not None:
            call.gateway = replace(call.gateway, account_of=lambda call: owner.account)
        return await signatures.serve_signature(call)

    return replace(gateway, serve_signature=serve)
