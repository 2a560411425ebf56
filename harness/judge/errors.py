"""Judges of refusals: their envelope and their status. What an error must not say is judged in `leaks`."""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from typing import Any

from harness.judge import Problem, Problems, rule
from harness.judge.calls import (
    credential,
    error,
    error_code,
    is_api_call,
    is_chat_call,
    is_invalid_chat_call,
    is_refusal,
    is_sound_chat_call,
    told,
    told_by,
)
from harness.judge.catalogue import at
from harness.judge.chat import asked, asks_stream, is_filled, is_integer, member, stream_errors
from harness.judge.invalidity import invalid_members, only_wrong_member
from harness.wire.exchange import Exchange
from specs import Contract, Envelope, envelopes

VOLTAGE_MEMBERS = {"message", "type", "code", "status"}
NOT_CONFIDENTIAL = "model_not_confidential"
NO_SUCH_MODEL = re.compile(
    r"\b(?:invalid|unknown|unsupported|no such) model\b|\bmodel\b.{0,80}(?:not found|not exist|unknown|unsupported)"
)
NUMBERS = {"status": "the HTTP status", "retry_after": "a number of seconds"}
OBJECTS = {"usage"}
REFUSED_FIRST = {401, 404, 405, 413, 415, 429}  # what may answer before the parameters are looked at


# --- The envelope ----------------------------------------------------------------------------------------------


@rule("OC-110", on=is_refusal)
def error_has_the_envelope(x: Exchange, contract: Contract) -> Problems:
    """The body is an object with the members of the contract's envelope."""
    yield from wrapped(x.json, contract.envelope, x.head_status)


@rule("OC-110", on=lambda x: is_chat_call(x) and bool(stream_errors(x)))
def error_event_has_the_envelope(x: Exchange, contract: Contract) -> Problems:
    """An error inside a stream has the same envelope as one that comes before it."""
    for document in stream_errors(x):
        yield from wrapped(document, contract.envelope, None)


@rule("VT-070", on=is_refusal)
def error_is_the_one_envelope(x: Exchange, contract: Contract) -> Problems:
    """Whatever refused the request, the answer is an OpenAI-style error object and nothing beside it."""
    yield from wrapped(x.json, envelopes()["openai"], x.head_status)
    if isinstance(x.json, dict) and (others := sorted(x.json.keys() - {"error"})):
        yield Problem("the error body has members beside error", "error alone", ", ".join(others)[:200])


@rule("VT-071", on=lambda x: is_refusal(x) and bool(error(x)))
def error_has_exactly_four_members(x: Exchange, contract: Contract) -> Problems:
    """The error holds message, type, code and status, and status repeats the HTTP status."""
    yield from _four_members(error(x), x.head_status)


@rule("OC-111", on=is_refusal)
def error_is_json(x: Exchange, contract: Contract) -> Problems:
    """The Content-Type of an error is application/json."""
    if x.media_type != "application/json":
        yield Problem("an error was not sent as JSON", "application/json", x.media_type[:80] or "no Content-Type")


def wrapped(document: Any, envelope: Envelope, status: int | None) -> Problems:
    """What is missing or mistyped in an envelope; `status` is that of HTTP, None where it is not known."""
    if not isinstance(document, dict):
        yield Problem("the error body is not a JSON object", "an object", type(document).__name__)
        return
    for branch in sorted({pointer.rsplit("/", 1)[0] for pointer in envelope.members.values()} - {""}):
        if not isinstance(at(document, branch), dict):
            seen = ", ".join(sorted(document))[:120]
            yield Problem(f"the error body has no object at {branch}", f"{branch[1:]}: {{...}}", seen)
            return
    found = told_by(document, envelope)
    for name, pointer in envelope.members.items():
        if name in found or name not in envelope.optional:
            yield from _member(name, pointer.strip("/").replace("/", "."), found.get(name), envelope, status)
    if envelope.closed:
        yield from _only(document, envelope)


def _member(name: str, shown: str, value: Any, envelope: Envelope, status: int | None) -> Problems:
    if value is None and name in envelope.nullable:
        return
    if name in NUMBERS:
        if not is_integer(value) or (name == "status" and status is not None and value != status):
            due = str(status) if name == "status" and status is not None else "an integer"
            yield Problem(f"{shown} is not {NUMBERS[name]}", due, repr(value)[:80])
    elif name in OBJECTS:
        if not isinstance(value, dict):
            yield Problem(f"{shown} is not an object", "an object", repr(value)[:80])
    elif not is_filled(value) and not (name == "code" and is_integer(value) and not envelope.closed):
        # A number as code is common among servers that OpenAI SDKs work with.
        yield Problem(f"{shown} is not a non-empty string", "a string", repr(value)[:80])


def _only(document: dict[str, Any], envelope: Envelope) -> Problems:
    pointers = list(envelope.members.values())
    for branch in sorted({pointer.rsplit("/", 1)[0] for pointer in pointers}):
        inside = at(document, branch) if branch else document
        known = {p[len(branch) + 1 :].split("/")[0] for p in pointers if p.startswith(f"{branch}/")}
        if others := sorted(inside.keys() - known):
            yield Problem(
                "the error has other members than documented", ", ".join(sorted(known)), ", ".join(others)[:200]
            )


def _four_members(found: dict[str, Any], status: int | None) -> Problems:
    if found.keys() != VOLTAGE_MEMBERS:
        due, seen = ", ".join(sorted(VOLTAGE_MEMBERS)), ", ".join(sorted(found))[:200]
        yield Problem("the error object has other members than documented", due, seen)
    for name in ("message", "type", "code"):
        if name in found and not is_filled(found[name]):
            yield Problem(f"error.{name} is not a non-empty string", "a string", repr(found[name])[:80])
    if "status" in found and (not is_integer(found["status"]) or found["status"] != status):
        yield Problem("error.status is not the HTTP status", str(status), repr(found["status"])[:80])


# --- The status ------------------------------------------------------------------------------------------------


@rule("OC-112", on=lambda x: is_sound_chat_call(x) and credential(x) is None and x.key is None)
def no_key_is_401(x: Exchange, contract: Contract) -> Problems:
    """A chat request without a credential is refused with 401."""
    if x.head_status != 401:
        yield Problem("a request without a key was not refused with 401", "401", str(x.head_status))


@rule("OC-113", on=lambda x: is_sound_chat_call(x) and x.key == "wrong")
def wrong_key_is_401(x: Exchange, contract: Contract) -> Problems:
    """A chat request with a key that was never issued is refused with 401."""
    if x.head_status != 401:
        yield Problem("a key that was never issued was not refused with 401", "401", str(x.head_status))


@rule("VT-076", on=lambda x: is_sound_chat_call(x) and x.key in {None, "wrong", "revoked"})
def bad_credential_is_401(x: Exchange, contract: Contract) -> Problems:
    """A missing, malformed, unknown or revoked key is refused with 401."""
    if x.head_status != 401:
        named = x.key or "missing or malformed"
        yield Problem(f"a request with a {named} key was not refused with 401", "401", str(x.head_status))


@rule("VT-077", on=lambda x: is_sound_chat_call(x) and x.key == "exhausted")
def empty_account_is_402(x: Exchange, contract: Contract) -> Problems:
    """A chat request of an account without balance is refused with 402."""
    if x.head_status != 402:
        yield Problem("a request of an account without balance was not refused with 402", "402", str(x.head_status))


@rule("VT-074", on=lambda x: is_api_call(x) and 200 <= (x.head_status or 0) < 300 and x.request.method != "OPTIONS")
def success_is_200_without_an_error(x: Exchange, contract: Contract) -> Problems:
    """What succeeds is 200; an error has an error status unless the stream had begun before it happened."""
    if x.head_status != 200:
        yield Problem("a completed request was not answered with 200", "200", str(x.head_status))
    if member(x.json, "error"):
        yield Problem("an error was answered with a success status", "an error status", str(x.head_status))
    documents = [document for document in x.documents if document is not None] if x.is_stream else []
    if documents and member(documents[0], "error"):
        yield Problem("a stream began with an error", "an error status", str(x.head_status))


@rule("VT-075", on=lambda x: is_invalid_chat_call(x) and x.key == "main" and 400 <= (x.head_status or 0) < 500)
def invalid_parameters_are_400(x: Exchange, contract: Contract) -> Problems:
    """Of all client errors, 400 is the one for invalid parameters."""
    if x.head_status != 400 and x.head_status not in REFUSED_FIRST:
        wrong = ", ".join(invalid_members(x.request.json))
        yield Problem(
            f"an invalid request was refused with another status than 400: {wrong}", "400", str(x.head_status)
        )


def is_sent_on(x: Exchange) -> bool:
    """Whether the client is told to ask elsewhere: that is no answer to what it asked."""
    return 300 <= (x.head_status or 0) < 400


@rule("OC-116", on=lambda x: is_invalid_chat_call(x) and not is_sent_on(x))
def invalid_input_is_no_server_error(x: Exchange, contract: Contract) -> Problems:
    """An invalid chat request is not answered with a 5xx status; a server that asks to retry later is busy."""
    busy = x.head_status == 503 and x.header("retry-after") is not None
    if (x.head_status or 0) >= 500 and not busy:
        wrong = ", ".join(invalid_members(x.request.json))
        yield Problem(f"an invalid request was answered as a fault of the server: {wrong}", "4xx", str(x.head_status))


@rule("OC-119", on=lambda x: is_invalid_chat_call(x) and asks_stream(x))
def invalid_stream_is_refused_as_json(x: Exchange, contract: Contract) -> Problems:
    """An invalid request that asks for a stream gets a 4xx status and no event stream."""
    if not 400 <= (x.head_status or 0) < 500:
        yield Problem("an invalid streamed request was not refused with 4xx", "4xx", str(x.head_status))
    if x.is_stream:
        yield Problem("an invalid streamed request was answered with an event stream", "JSON", "text/event-stream")


# --- The words -------------------------------------------------------------------------------------------------


def _has_one_wrong_parameter(x: Exchange) -> bool:
    refused = is_chat_call(x) and is_refusal(x) and x.head_status in {400, 422}
    name = only_wrong_member(x.request.json) if refused else None
    return name is not None and not _is_beyond_machines(asked(x).get(name))


def _is_beyond_machines(value: Any) -> bool:
    """A number that no float holds: a parser may refuse the document before anybody looks at its members."""
    return isinstance(value, int | Decimal) and not -sys.float_info.max <= value <= sys.float_info.max


@rule("OC-122", on=_has_one_wrong_parameter)
def error_names_the_parameter(x: Exchange, contract: Contract) -> Problems:
    """The message or the member param names the one parameter that is wrong, or the model, where that is wrong too."""
    name = only_wrong_member(x.request.json) or ""
    words = told(x, contract)
    said = f"{words.get('message')} {words.get('param')}".lower()
    refused_model = words.get("code") == NOT_CONFIDENTIAL or NO_SUCH_MODEL.search(said)
    if not refused_model and name.removesuffix("s") not in said:
        yield Problem(f"the error does not name the parameter {name}", name, str(words.get("message"))[:200])


@rule("VT-072", on=lambda x: is_refusal(x) and error_code(x) == NOT_CONFIDENTIAL and is_filled(asked(x).get("model")))
def refusal_by_the_gate_is_worded_as_documented(x: Exchange, contract: Contract) -> Problems:
    """Model '<id>' is not Confidential Compute., with a suggestion after it or without one."""
    model = asked(x)["model"]
    due = f"Model '{model}' is not Confidential Compute."
    if not re.fullmatch(re.escape(due) + r"( Use '[^']+' instead\.)?", str(error(x).get("message"))):
        yield Problem("the refusal of the gate has other words", due[:200], str(error(x).get("message"))[:200])


@rule("VT-073", on=lambda x: is_refusal(x) and error_code(x) == NOT_CONFIDENTIAL)
def refusal_by_the_gate_is_a_bad_request(x: Exchange, contract: Contract) -> Problems:
    """model_not_confidential comes with the type invalid_request_error and the status 400."""
    kind = error(x).get("type")
    if kind != "invalid_request_error":
        yield Problem("the refusal of the gate has another type", "invalid_request_error", repr(kind)[:80])
    if x.head_status != 400:
        yield Problem("the refusal of the gate has another status", "400", str(x.head_status))


def suggestion(x: Exchange) -> str | None:
    """The id that a refusal of the gate suggests instead, or None."""
    found = re.search(r" Use '([^']+)' instead\.$", str(error(x).get("message")))
    return found.group(1) if found else None
