"""Defects of the confidential gate: who gets past it, which model answers, and when it looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mockserver.behaviours import admission, completion
from mockserver.call import Call, Reply
from mockserver.catalogue import Row
from mockserver.defects import defect
from mockserver.gateway import Gateway
from mockserver.refusal import Refusal

PLAIN = "deepseek-ai/DeepSeek-V3"


def plain_variant(call: Call) -> str:
    """The model outside an enclave that goes by the same name, or the model itself."""
    rows = call.state.catalogue.rows.values()
    return next((row.id for row in rows if row.sibling == call.model), call.model)


# --- Who gets past -----------------------------------------------------------------------------------------------


@defect(
    breaks="VT-013",
    also=(
        "VT-003",
        "VT-004",
        "VT-007",
        "VT-008",
        "VT-010",
        "VT-011",
        "VT-012",
        "VT-013",
        "VT-015",
        "VT-016",
        "VT-030",
        "VT-033",
        "VT-051",
        "VT-072",
        "VT-073",
    ),
)
def downgrades_silently(gateway: Gateway) -> Gateway:
    """Lets every model that the provider has past the gate."""
    return replace(gateway, admits=lambda call, row: True)


@defect(
    breaks=("VT-003", "VT-013"),
    also=(
        "VT-004",
        "VT-008",
        "VT-010",
        "VT-012",
    ),
)
def gates_plain_requests_only(gateway: Gateway) -> Gateway:
    """Checks the flag of a model unless the answer is streamed."""
    return replace(gateway, admits=lambda call, row: row.confidential or call.streams)


@defect(
    breaks="VT-011",
    also=(
        "OC-030",
        "OC-119",
        "OC-133",
        "VT-010",
        "VT-031",
    ),
)
def takes_unknown_ids_for_confidential(gateway: Gateway) -> Gateway:
    """Serves an id that is not in the catalogue, for want of a row that says no."""

    def find(call: Call, model: str) -> Row | None:
        return admission.find_model(call, model) or next(iter(call.state.catalogue.rows.values()))

    return replace(gateway, find_model=find)


def spelled(gateway: Gateway, normal: Callable[[str], str]) -> Gateway:
    """A gate that takes two ids for the same when their normal forms are."""

    def find(call: Call, model: str) -> Row | None:
        rows = call.state.catalogue.rows
        return rows.get(model) or next((row for row in rows.values() if normal(row.id) == normal(model)), None)

    return replace(gateway, find_model=find)


@defect(breaks="VT-011")
def ignores_case_in_ids(gateway: Gateway) -> Gateway:
    """Accepts any spelling of an id in upper and lower case."""
    return spelled(gateway, str.casefold)


@defect(breaks="VT-011")
def trims_ids(gateway: Gateway) -> Gateway:
    """Accepts an id with blanks around it."""
    return spelled(gateway, str.strip)


@defect(breaks="VT-011", seen=("C113",))
def serves_aliases(gateway: Gateway) -> Gateway:
    """Accepts an id with a routing suffix, which the catalogue does not list."""
    return spelled(gateway, lambda model: model.partition(":")[0])


@defect(breaks="VT-011", seen=("C113",))
def serves_bare_names(gateway: Gateway) -> Gateway:
    """Accepts the name of a model without its organisation."""
    return spelled(gateway, lambda model: model.rpartition("/")[2])


@defect(
    breaks="VT-015",
    also=(
        "VT-003",
        "VT-004",
        "VT-007",
        "VT-008",
        "VT-010",
        "VT-011",
        "VT-012",
        "VT-013",
        "VT-031",
        "VT-051",
        "VT-072",
        "VT-073",
    ),
)
def protects_only_clients_that_ask(gateway: Gateway) -> Gateway:
    """Applies the gate when a request has the header X-Confidential, and lets all others pass."""
    return replace(gateway, admits=lambda call, row: row.confidential or _unprotected(call))


def _unprotected(call: Call) -> bool:
    return call.body is not None and "x-confidential" not in call.headers


@defect(breaks="VT-015")
def lets_a_header_open_the_gate(gateway: Gateway) -> Gateway:
    """Turns the gate off for a request whose X-Confidential header says false."""
    return replace(gateway, admits=lambda call, row: row.confidential or call.headers.get("x-confidential") == "false")


@defect(breaks="VT-015")
def lets_a_member_open_the_gate(gateway: Gateway) -> Gateway:
    """Turns the gate off for a request that allows a fallback in its body."""
    return replace(gateway, admits=lambda call, row: row.confidential or bool((call.body or {}).get("allow_fallback")))


# --- Another model behind the same name --------------------------------------------------------------------------


@defect(breaks="VT-003")
def asks_the_plain_variant(gateway: Gateway) -> Gateway:
    """Sends the prompt to the model outside the enclave, and signs the answer with the confidential one's name."""
    body = gateway.upstream_body
    return replace(gateway, upstream_body=lambda call: {**body(call), "model": plain_variant(call)})


@defect(
    breaks="VT-003",
    also=(
        "OC-006",
        "OC-086",
    ),
    seen=("C32",),
)
def answers_as_the_plain_variant(gateway: Gateway) -> Gateway:
    """Answers in the name of the model outside the enclave."""
    return replace(gateway, model_echo=plain_variant)


@defect(breaks="VT-003", also=("OC-086",), seen=("C32",))
def streams_as_the_plain_variant(gateway: Gateway) -> Gateway:
    """Streams in the name of the model outside the enclave."""
    return replace(gateway, stream_model_echo=plain_variant)


@defect(breaks="VT-003", also=("VT-074",))
def falls_back_outside_the_enclave(gateway: Gateway) -> Gateway:
    """Asks a model outside the enclave when the confidential one fails."""

    async def chat(call: Call) -> Reply:
        try:
            return await completion.chat(call)
        except Refusal:
            call.settled = False
            body = {**call.gateway.upstream_body(call), "model": PLAIN}
            call.generation = call.state.upstream.start(body, call.request_id, call.gateway.account_of(call), 1)
            return await call.gateway.answer(call, call.generation)

    return replace(gateway, chat=chat)


# --- When it looks -----------------------------------------------------------------------------------------------


@defect(
    breaks="VT-007",
    also=(
        "OC-081",
        "OC-089",
        "OC-092",
        "OC-096",
        "OC-132",
        "VT-003",
        "VT-004",
        "VT-008",
        "VT-010",
        "VT-031",
        "VT-035",
        "VT-051",
        "VT-072",
        "VT-092",
    ),
)
def remembers_the_flag(gateway: Gateway) -> Gateway:
    """Looks a model's flag up once and goes by it ever after."""
    seen: dict[str, Row | None] = {}

    def find(call: Call, model: str) -> Row | None:
        if model not in seen:
            seen[model] = admission.find_model(call, model)
        return seen[model]

    return replace(gateway, find_model=find)


@defect(
    breaks="VT-007",
    also=(
        "OC-081",
        "OC-089",
        "OC-092",
        "OC-096",
        "OC-132",
        "VT-030",
        "VT-031",
        "VT-033",
        "VT-035",
        "VT-051",
        "VT-057",
    ),
)
def never_takes_a_model_back(gateway: Gateway) -> Gateway:
    """Refuses a model for good once it was without its flag."""
    lost: set[str] = set()

    def admits(call: Call, row: Row) -> bool:
        if not row.confidential:
            lost.add(row.id)
        return row.id not in lost

    return replace(gateway, admits=admits)


@defect(
    breaks=("VT-004", "VT-008"),
    also=(
        "VT-003",
        "VT-007",
        "VT-010",
        "VT-030",
        "VT-072",
    ),
)
def goes_by_the_name_of_a_model(gateway: Gateway) -> Gateway:
    """Takes a model for confidential because its id ends in -TEE."""
    return replace(gateway, admits=lambda call, row: row.confidential or row.id.endswith("-TEE"))
