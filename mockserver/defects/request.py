"""Defects of the chat operation as a whole, and of the way a request travels to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mockserver.behaviours import admission, auth, errors
from mockserver.call import Call
from mockserver.catalogue import Row
from mockserver.defects import defect
from mockserver.gateway import Gateway
from mockserver.refusal import Refusal

Json = dict[str, Any]
VOLTAGE = ("voltagegpu-confidential",)
OTHERS = (  # checks that compare an answer with what was asked
    *("OC-023", "OC-031", "OC-036", "OC-037", "OC-038", "OC-039", "OC-040", "OC-041", "OC-045", "OC-046", "OC-048"),
    *("OC-050", "OC-060", "OC-064", "OC-065", "OC-071", "OC-090", "OC-095", "OC-140"),
)


# --- The operation itself --------------------------------------------------------------------------------------


@defect(breaks="VT-050", also=("OC-112", "OC-135", "VT-034", "VT-035", "VT-040", "VT-076"), contracts=VOLTAGE)
def lends_its_own_key(gateway: Gateway) -> Gateway:
    """Serves a request without a key on the first account."""

    def credential(call: Call) -> str | None:
        return auth.credential(call) or call.state.secrets["main"]

    return replace(gateway, credential=credential)


@defect(breaks="VT-050", also=("OC-112", "OC-135", "VT-034", "VT-035", "VT-040", "VT-076"), contracts=VOLTAGE)
def answers_no_key_with_403(gateway: Gateway) -> Gateway:
    """Refuses a request without a key with 403."""
    return replace(gateway, refuse_no_key=lambda call: replace(errors.no_key(call), status=403))


@defect(
    breaks="VT-051",
    also=("OC-089", "OC-136", "VT-007", "VT-031", "VT-057", "VT-058", "VT-095", "VT-098"),
    contracts=VOLTAGE,
)
def serves_half_of_what_it_lists(gateway: Gateway) -> Gateway:
    """Refuses chat on every listed model but those of two vendors."""

    def find(call: Call, model: str) -> Row | None:
        listed_only = call.method == "POST" and not model.startswith(("Qwen/", "deepseek-ai/"))
        return None if listed_only else admission.find_model(call, model)

    return replace(gateway, find_model=find)


# --- The way a request travels ---------------------------------------------------------------------------------


@defect(breaks="OC-150")
def refuses_a_charset(gateway: Gateway) -> Gateway:
    """Refuses a Content-Type that is more than application/json."""

    async def media(call: Call) -> None:
        if call.headers.get("content-type") != "application/json":
            raise Refusal(415, "unsupported_media_type", "The Content-Type must be application/json.")

    return replace(gateway, chat_steps=(media, *gateway.chat_steps))


@defect(breaks=("OC-151", "VT-043"))
def locks_out_the_sdk(gateway: Gateway) -> Gateway:
    """Takes the OpenAI SDK for a robot and refuses it."""

    async def guard(call: Call) -> None:
        if any(name.startswith("x-stainless-") for name in call.headers):
            raise Refusal(403, "forbidden", "Automated access is not allowed.")

    return replace(gateway, steps=(guard, *gateway.steps))


@defect(breaks=("OC-151", "VT-043"))
def wraps_answers_for_the_sdk(gateway: Gateway) -> Gateway:
    """Puts the answer to the OpenAI SDK inside another object."""

    def completed(call: Call, document: Json) -> Json:
        return {"response": document} if "x-stainless-lang" in call.headers else document

    return replace(gateway, completed=completed)


@defect(breaks="OC-152")
def reads_header_names_to_the_letter(gateway: Gateway) -> Gateway:
    """Finds the key only in a header spelled Authorization or authorization."""

    def credential(call: Call) -> str | None:
        plain = {b"Authorization", b"authorization"} & set(call.spelled)
        return auth.credential(call) if plain else None

    return replace(gateway, credential=credential)


@defect(breaks="OC-153", also=("OC-006", "VT-003", "VT-053", "VT-058", "VT-091", *OTHERS))
def answers_with_the_answer_before(gateway: Gateway) -> Gateway:
    """Sends each caller the answer of the call before."""
    kept: list[Json] = []

    def completed(call: Call, document: Json) -> Json:
        kept.append(document)
        return kept[-2] if len(kept) > 1 else document

    return replace(gateway, completed=completed)
