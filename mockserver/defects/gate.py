"""Defects of the confidential gate: who gets past it, when it looks, and what has happened by then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.behaviours import admission, completion, errors, parameters, routes
from mockserver.call import Call, Reply
from mockserver.catalogue import Row
from mockserver.defects import defect
from mockserver.gateway import Gateway
from mockserver.refusal import Refusal

Json = dict[str, Any]
PLAIN = "deepseek-ai/DeepSeek-V3"
FEE = 1000  # nano-USD


def plain_variant(call: Call) -> str:
    """The model outside an enclave that goes by the same name, or the model itself."""
    rows = call.state.catalogue.rows.values()
    return next((row.id for row in rows if row.sibling == call.model), call.model)


def ask_provider(call: Call, model: str) -> None:
    """Let the provider see the prompt, whatever becomes of the request."""
    body = {**call.body, "model": model}
    call.state.upstream.start(body, call.request_id, call.gateway.account_of(call), 1).abort()


def take_fee(call: Call) -> None:
    account = call.gateway.account_of(call)
    if call.state.ledger.reserve(call.request_id, account, FEE):
        call.state.ledger.settle(call.request_id, FEE)


def has_lost_its_flag(model: str) -> bool:
    return model.endswith("-TEE")


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


# --- How it refuses ----------------------------------------------------------------------------------------------


@defect(breaks="VT-004")
def calls_a_lost_model_unavailable(gateway: Gateway) -> Gateway:
    """Refuses a model that lost its flag with another code than the documented one."""

    def refuse(call: Call, model: str) -> Refusal:
        made = errors.not_confidential(call, model)
        return replace(made, code="model_unavailable") if has_lost_its_flag(model) else made

    return replace(gateway, refuse_not_confidential=refuse)


@defect(breaks="VT-008", seen=("C103",))
def calls_a_lost_model_an_outage(gateway: Gateway) -> Gateway:
    """Refuses a model that lost its flag with 503."""

    def refuse(call: Call, model: str) -> Refusal:
        made = errors.not_confidential(call, model)
        return replace(made, status=503) if has_lost_its_flag(model) else made

    return replace(gateway, refuse_not_confidential=refuse)


@defect(breaks="VT-013", also=("VT-008", "VT-011", "VT-015", "VT-051", "VT-073", "OC-030"))
def forbids_plain_models(gateway: Gateway) -> Gateway:
    """Refuses a model without the flag with 403."""
    refuse = errors.not_confidential
    return replace(gateway, refuse_not_confidential=lambda call, model: replace(refuse(call, model), status=403))


@defect(
    breaks="VT-013",
    also=(
        "OC-030",
        "VT-004",
        "VT-011",
        "VT-015",
        "VT-051",
        "VT-073",
    ),
    seen=("C97",),
)
def calls_plain_models_unknown(gateway: Gateway) -> Gateway:
    """Refuses a model without the flag as one that does not exist."""
    refuse = errors.not_confidential
    unknown = "model_not_found"
    return replace(gateway, refuse_not_confidential=lambda call, model: replace(refuse(call, model), code=unknown))


@defect(breaks="VT-010", also=("VT-012",))
def asks_the_provider_before_the_gate(gateway: Gateway) -> Gateway:
    """Sends a prompt upstream before it finds that the model is not confidential."""

    def refuse(call: Call, model: str) -> Refusal:
        ask_provider(call, model)
        return errors.not_confidential(call, model)

    return replace(gateway, refuse_not_confidential=refuse)


@defect(breaks="VT-012")
def screens_hot_prompts_upstream(gateway: Gateway) -> Gateway:
    """Has the provider look at a prompt before a temperature out of bounds is refused."""

    def check(call: Call, value: Any) -> None:
        try:
            parameters.temperature(call, value)
        except Refusal:
            ask_provider(call, call.body["model"])
            raise

    return replace(gateway, check_temperature=check)


@defect(breaks="VT-012", seen=("B68",))
def bills_refusals_of_the_gate(gateway: Gateway) -> Gateway:
    """Takes a fee for a request that the gate refuses."""

    def refuse(call: Call, model: str) -> Refusal:
        take_fee(call)
        return errors.not_confidential(call, model)

    return replace(gateway, refuse_not_confidential=refuse)


@defect(breaks="VT-012", seen=("B68",))
def bills_invalid_requests(gateway: Gateway) -> Gateway:
    """Takes a fee for a request with a temperature out of bounds."""

    def check(call: Call, value: Any) -> None:
        try:
            parameters.temperature(call, value)
        except Refusal:
            take_fee(call)
            raise

    return replace(gateway, check_temperature=check)


# --- What it shows -----------------------------------------------------------------------------------------------


def shown(gateway: Gateway, change: Callable[[Json], Json]) -> Gateway:
    row = gateway.model_row
    return replace(gateway, model_row=lambda call, model: change(row(call, model)))


@defect(breaks="VT-016", also=("VT-033",))
def lists_models_without_the_flag(gateway: Gateway) -> Gateway:
    """Leaves the confidential flag out of the catalogue."""
    return shown(gateway, lambda row: {name: row[name] for name in row if name != "confidential_compute"})


@defect(breaks="VT-016", also=("VT-033",))
def writes_the_flag_as_a_string(gateway: Gateway) -> Gateway:
    """Sends the confidential flag as a string, which is true whatever it says."""
    return shown(gateway, lambda row: {**row, "confidential_compute": str(row["confidential_compute"]).lower()})


@defect(
    breaks="VT-016",
    also=(
        "OC-081",
        "OC-089",
        "OC-092",
        "OC-096",
        "VT-007",
        "VT-030",
        "VT-031",
        "VT-033",
        "VT-051",
        "VT-057",
        "VT-095",
        "VT-098",
    ),
    seen=("C113",),
)
def lists_plain_models_too(gateway: Gateway) -> Gateway:
    """Lists what the provider has, confidential or not."""
    return replace(gateway, listed_models=lambda call: list(call.state.catalogue.rows.values()))


@defect(breaks="VT-016", also=("OC-132", "VT-035"), seen=("C113",))
def retrieves_models_without_the_flag(gateway: Gateway) -> Gateway:
    """Leaves the confidential flag out of a model that is retrieved."""

    def retrieved(call: Call, row: Row) -> Json:
        shown_row = routes.retrieved_row(call, row)
        return {name: value for name, value in shown_row.items() if name != "confidential_compute"}

    return replace(gateway, retrieved_row=retrieved)
