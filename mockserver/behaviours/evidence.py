"""The evidence endpoint: a fresh quote over the caller's nonce. What a quote holds is the platform's affair."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from mockserver.behaviours.routes import json_reply
from mockserver.call import Reply

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.tee import Platform


def new_platform(seed: bytes, now: Callable[[], datetime]) -> Platform:
    """The machine that signs; imported late, because its certificates cost time that not every contract needs."""
    from mockserver.tee import Platform

    return Platform(seed, now)


async def serve_evidence(call: Call) -> Reply:
    """GET /attestation/report: a fresh quote over the caller's nonce, for a model that the gate admits."""
    gateway = call.gateway
    query = {name: values[-1] for name, values in parse_qs(call.query).items()}
    nonce = gateway.nonce_of(call, query.get("nonce", ""))
    row = gateway.find_model(call, query.get("model", ""))
    if row is None or not gateway.admits(call, row):
        raise gateway.refuse_unknown_model(call, query.get("model", ""))
    algo = query.get("signing_algo", "ecdsa")
    if algo not in ("ecdsa", "ed25519"):
        raise gateway.refuse_parameter(call, "signing_algo", "Invalid value for 'signing_algo': ecdsa or ed25519.")
    return json_reply(call, gateway.evidence(call, row.id, nonce, algo))


def nonce_of(call: Call, text: str) -> bytes:
    try:
        nonce = bytes.fromhex(text) if len(text) == 64 else b""
    except ValueError:
        nonce = b""
    if len(nonce) != 32:
        raise call.gateway.refuse_bad_nonce(call)
    return nonce


def evidence(call: Call, model: str, nonce: bytes, algo: str) -> dict[str, Any]:
    """The platform's report for this model and nonce."""
    assert call.state.platform is not None
    return dict(call.state.platform.report(model, nonce, algo))
