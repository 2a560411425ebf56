"""What an exchange called and how it was refused: views that the judges of errors, limits and lists share.

They judge nothing and never raise on a hostile body: what has the wrong type reads as absent.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from harness.judge.chat import is_chat, member, objects
from harness.judge.invalidity import invalid_members
from harness.wire.exchange import Exchange
from specs import Contract, Envelope

KEY_HEADERS = ("authorization", "x-voltagegpu-key", "x-api-key")  # where APIs of this kind carry a key


def path(x: Exchange) -> str:
    """The path of the request, empty when the URL cannot be read."""
    try:
        return urlsplit(x.request.url).path
    except ValueError:
        return ""


def is_api_call(x: Exchange) -> bool:
    """An answered call below the versioned API, whatever the deployment has in front of it."""
    return x.head_status is not None and "/v1/" in path(x) and "/control/" not in path(x)


def is_chat_call(x: Exchange) -> bool:
    """An answered call of the chat operation."""
    return x.head_status is not None and is_chat(x)


def is_sound_chat_call(x: Exchange) -> bool:
    """An answered chat call that only its key, its model or a limit can make wrong, and that no rate limit met."""
    return is_chat_call(x) and x.head_status != 429 and not invalid_members(x.request.json)


def is_invalid_chat_call(x: Exchange) -> bool:
    """An answered chat call whose body no server may accept."""
    return is_chat_call(x) and bool(invalid_members(x.request.json))


def is_listing(x: Exchange) -> bool:
    """A whole model list that was answered with 200."""
    return x.head_status == 200 and x.complete and x.request.method == "GET" and path(x).endswith("/v1/models")


def lists_models(x: Exchange) -> bool:
    """A model list with at least one row: what each row has to say is not kept by a list of none."""
    return is_listing(x) and bool(objects(member(x.json, "data")))


def is_refusal(x: Exchange) -> bool:
    """A complete answer of the API with an error status, to a method whose answer has a body."""
    return is_api_call(x) and x.complete and (x.head_status or 0) >= 400 and x.request.method != "HEAD"


def credential(x: Exchange) -> str | None:
    """The key that was sent (what stands for it, in a redacted exchange), or None."""
    sent = next((value for name, value in x.request.headers if name.lower() in KEY_HEADERS), None)
    return None if sent is None else sent.partition(" ")[2].strip() or sent


def told(x: Exchange, contract: Contract) -> dict[str, Any]:
    """What a refusal says, by the contract's envelope: message, code and so on, as far as the members are there."""
    return told_by(x.json, contract.envelope)


def told_by(document: Any, envelope: Envelope) -> dict[str, Any]:
    """The members of an envelope that a document has."""
    found = {}
    for name, pointer in envelope.members.items():
        *above, last = pointer.strip("/").split("/")
        inside = document
        for step in above:
            inside = member(inside, step)
        if isinstance(inside, dict) and last in inside:
            found[name] = inside[last]
    return found


def code_of(x: Exchange, contract: Contract) -> str | None:
    """The code of a refusal, None when it has none."""
    code = told(x, contract).get("code")
    return code if isinstance(code, str) else None


def error(x: Exchange) -> dict[str, Any]:
    """The member `error` of the answer, empty when there is none."""
    found = member(x.json, "error")
    return found if isinstance(found, dict) else {}


def error_code(x: Exchange) -> str | None:
    """The error's code, None when it has none."""
    code = error(x).get("code")
    return code if isinstance(code, str) else None
