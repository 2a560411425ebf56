"""Every refusal and its envelope. Messages name parameters and models, never values of a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mockserver.call import Reply
from mockserver.refusal import Refusal
from mockserver.wire import encode, put

if TYPE_CHECKING:
    from mockserver.call import Call


def no_key(call: Call) -> Refusal:
    message = "You did not provide an API key. Use the Authorization header: Bearer YOUR_API_KEY."
    return Refusal(401, "invalid_api_key", message, "authentication_error", headers=(("WWW-Authenticate", "Bearer"),))


def bad_key(call: Call) -> Refusal:
    message = "The API key provided is not valid."
    return Refusal(401, "invalid_api_key", message, "authentication_error", headers=(("WWW-Authenticate", "Bearer"),))


def throttled(call: Call) -> Refusal:
    message = "Rate limit exceeded. See the rate limit headers for when to try again."
    wait = max(1, call.window.reset - int(call.state.clock.now())) if call.window else 60
    headers, facts = (("Retry-After", str(wait)),), {"retry_after": wait}
    return Refusal(429, "rate_limit_exceeded", message, "rate_limit_error", headers=headers, facts=facts)


def unknown_path(call: Call) -> Refusal:
    return Refusal(404, "not_found", "There is no such path.")


def method_not_allowed(call: Call, allowed: str) -> Refusal:
    message = f"This path answers to {allowed} only."
    status = call.state.traits.method_status
    return Refusal(status, "method_not_allowed", message, headers=(("Allow", allowed),))


def family_not_available(call: Call) -> Refusal:
    message = "This endpoint is not available: no model that runs in an enclave exists for it yet."
    return Refusal(503, "not_available", message, "service_unavailable")


def too_large(call: Call) -> Refusal:
    return Refusal(call.state.traits.too_large_status, "request_too_large", "The request body is too large.")


def bad_json(call: Call) -> Refusal:
    return Refusal(call.state.traits.invalid_status, "invalid_json", "The request body is not a valid JSON object.")


def too_deep(call: Call) -> Refusal:
    return Refusal(call.state.traits.invalid_status, "invalid_json", "The request body is nested too deeply.")


def bad_parameter(call: Call, param: str, message: str) -> Refusal:
    """`message` says what was expected; it must not quote what was sent."""
    return Refusal(call.state.traits.invalid_status, "invalid_parameter", message, param=param)


def missing_parameter(call: Call, param: str) -> Refusal:
    message = f"Missing required parameter: '{param}'."
    return Refusal(call.state.traits.invalid_status, "missing_parameter", message, param=param)


def unknown_model(call: Call, model: str) -> Refusal:
    """No such model, or, where the contract has a gate, no such confidential model."""
    traits = call.state.traits
    if traits.confidential_flag:
        return call.gateway.refuse_not_confidential(call, model)
    message = f"The model '{model[:200]}' does not exist."
    return Refusal(traits.unknown_model_status, traits.unknown_model_code, message, param="model")


def not_confidential(call: Call, model: str) -> Refusal:
    """The gate's refusal, with a hint when a live TEE sibling exists."""
    message = f"Model '{model[:200]}' is not Confidential Compute."
    sibling = call.gateway.sibling(call, model)
    if sibling is not None:
        message += f" Use '{sibling}' instead."
    traits = call.state.traits
    return Refusal(traits.unknown_model_status, traits.unknown_model_code, message, param="model")


def model_not_found(call: Call, model: str) -> Refusal:
    """Retrieving a model that is not in the live catalogue."""
    traits = call.state.traits
    code = "model_not_found" if traits.confidential_flag else traits.unknown_model_code
    return Refusal(404, code, f"The model '{model[:200]}' does not exist.", param="model")


def not_capable(call: Call, param: str, model: str) -> Refusal:
    message = f"Model '{model}' does not support '{param}'."
    return Refusal(call.state.traits.invalid_status, "unsupported_parameter", message, param=param)


def wrong_kind(call: Call, model: str) -> Refusal:
    """A model of the catalogue that does something else than what was asked."""
    message = f"Model '{model}' does not support this operation."
    return Refusal(call.state.traits.invalid_status, "unsupported_model", message, param="model")


def context_exceeded(call: Call, context: int) -> Refusal:
    message = f"The prompt is longer than this model's context of {context} tokens."
    return Refusal(call.state.traits.invalid_status, "context_length_exceeded", message, param="messages")


def insufficient_balance(call: Call) -> Refusal:
    traits = call.state.traits
    message = "Insufficient balance for this request. Top up your account to continue."
    facts: dict[str, Any] = {"plan": "prepaid"}
    if "usage" in traits.envelope.members:  # it is looked up where it is told
        used = call.state.ledger.tokens_of(call.gateway.account_of(call))
        facts["usage"] = {"tokens_used": used, "tokens_limit": used}
    return Refusal(traits.insufficient_status, traits.insufficient_code, message, "insufficient_quota", facts=facts)


def upstream_failed(call: Call) -> Refusal:
    return Refusal(502, "upstream_error", "The inference provider did not answer.", "upstream_error")


def bad_nonce(call: Call) -> Refusal:
    message = "The parameter 'nonce' must be 64 hexadecimal digits."
    return Refusal(call.state.traits.invalid_status, "invalid_nonce", message, param="nonce")


def no_signature(call: Call) -> Refusal:
    return Refusal(404, "not_found", "No signature is kept for this id.")


def unknown_thing(call: Call, what: str) -> Refusal:
    """Something that is not there, or is somebody else's: a stranger is told no more than anybody."""
    return Refusal(404, "not_found", f"There is no such {what}.")


def internal(call: Call) -> Refusal:
    return Refusal(500, "internal_error", "The server failed to process the request.", "server_error")


def error_status(call: Call, refusal: Refusal) -> int:
    return refusal.status


def error_facts(call: Call, refusal: Refusal) -> dict[str, Any]:
    """Everything that an envelope may tell of a refusal; None is unknown."""
    own = {
        "message": refusal.message,
        "type": refusal.kind,
        "code": refusal.code,
        "param": refusal.param,
        "status": refusal.status,
        "endpoint": call.path,
        "request_id": call.request_id,
    }
    return {**own, **call.facts, **refusal.facts}


def error_body(call: Call, refusal: Refusal) -> dict[str, Any]:
    """The contract's one envelope."""
    envelope, facts = call.state.traits.envelope, call.gateway.error_facts(call, refusal)
    body: dict[str, Any] = {}
    for name, pointer in envelope.members.items():
        if facts.get(name) is not None or name in envelope.nullable:
            put(body, pointer, facts.get(name))
    return body


def error_reply(call: Call, refusal: Refusal) -> Reply:
    """Status, envelope and headers of a refusal."""
    gateway = call.gateway
    headers = [("Content-Type", gateway.error_content_type), *refusal.headers]
    return Reply(gateway.error_status(call, refusal), encode(gateway.error_body(call, refusal)), headers)


def in_stream_error(call: Call, refusal: Refusal) -> list[bytes]:
    """What a stream that fails after its first byte sends last; no [DONE] follows."""
    return [b"data: " + encode(call.gateway.error_body(call, refusal)) + b"\n\n"]
