"""Signed answers: the hashes of what came in and what went out, kept for a while and signed when somebody asks."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from mockserver.behaviours.routes import json_reply
from mockserver.call import Frame, Reply
from mockserver.chunked import Batch

if TYPE_CHECKING:
    from mockserver.call import Call

ALGORITHMS = ("ecdsa", "ed25519")
_PREFIX = "/signature/"
_MOST = 20_000


@dataclass(slots=True)
class Answer:
    """What is kept of one finished answer: no text of it, only digests. Nobody changes it."""

    account: str
    model: str
    request: bytes  # SHA-256
    response: bytes  # SHA-256
    expires: float


@dataclass(slots=True)
class Answers:
    """The latest answers by completion id; the oldest leave first."""

    kept: OrderedDict[str, Answer] = field(default_factory=OrderedDict)  # a dict is slow to find its oldest

    def keep(self, completion_id: str, answer: Answer) -> None:
        self.kept[completion_id] = answer
        if len(self.kept) > _MOST:
            self.kept.popitem(last=False)

    def find(self, completion_id: str, account: str, now: float) -> Answer | None:
        """None for another account's answer as well: a stranger learns nothing, not even that there is one."""
        answer = self.kept.get(completion_id)
        return answer if answer is not None and answer.account == account and now < answer.expires else None


def record_answer(call: Call, reply: Reply) -> Reply:
    """Hash the reply as its bytes leave. A stream that breaks off is not signed, and neither is an error."""
    if call.state.platform is None or reply.status != 200:
        return reply
    if reply.frames is not None:
        return Reply(reply.status, reply.body, reply.headers, _hashed(call, reply.frames))
    call.gateway.keep_answer(call, call.gateway.bytes_signed(call, call.raw), reply.body)
    return reply


async def _hashed(call: Call, frames: AsyncIterator[Frame]) -> AsyncIterator[Frame]:
    """Kept before the last frame leaves, so that whoever has read it can ask for the signature at once."""
    sent, last = bytearray(), call.gateway.done_frames[-1:]
    try:
        async for frame in frames:
            if not isinstance(frame, bytes | Batch):
                yield frame
                sent += frame.said()
                continue
            whole, ends = (frame.said(), frame.last) if isinstance(frame, Batch) else (frame, frame)
            sent += whole
            if (ends,) == last:
                call.gateway.keep_answer(call, call.gateway.bytes_signed(call, call.raw), bytes(sent))
            yield frame
    finally:
        close = getattr(frames, "aclose", None)
        if close is not None:
            await close()


def bytes_signed(call: Call, raw: bytes) -> bytes:
    """The request as it came: what was parsed and written again is another request."""
    return raw


def keep_answer(call: Call, request: bytes, response: bytes) -> None:
    gateway, state = call.gateway, call.state
    expires = state.clock.now() + gateway.signature_ttl_s
    digests = hashlib.sha256(request).digest(), hashlib.sha256(response).digest()
    state.answers.keep(call.completion_id, Answer(gateway.account_of(call), call.model, *digests, expires))


async def serve_signature(call: Call) -> Reply:
    """GET /signature/{id}: the two hashes, signed by the key that the model's evidence binds."""
    gateway, state = call.gateway, call.state
    algo = parse_qs(call.query).get("signing_algo", ["ecdsa"])[-1]
    if algo not in ALGORITHMS:
        raise gateway.refuse_parameter(call, "signing_algo", "Invalid value for 'signing_algo': ecdsa or ed25519.")
    completion_id = call.path.removeprefix(state.traits.base_path + _PREFIX)
    answer = state.answers.find(completion_id, gateway.account_of(call), state.clock.now())
    if answer is None:
        raise gateway.refuse_no_signature(call)
    return json_reply(call, gateway.signed_answer(call, answer, algo))


def signed_answer(call: Call, answer: Answer, algo: str) -> dict[str, Any]:
    text = call.gateway.signed_text(call, answer)
    return {
        "text": text,
        "signature": call.gateway.sign_text(call, answer, text, algo),
        "signing_address": call.gateway.signer_of(call, answer, algo),
        "signing_algo": algo,
    }


def signed_text(call: Call, answer: Answer) -> str:
    return f"{answer.request.hex()}:{answer.response.hex()}"


def sign_text(call: Call, answer: Answer, text: str, algo: str) -> str:
    assert call.state.platform is not None
    return call.state.platform.sign(answer.model, text, algo)


def signer_of(call: Call, answer: Answer, algo: str) -> str:
    assert call.state.platform is not None
    return call.state.platform.signer(answer.model, algo).address
