"""Defects of the refusals of the gate, and of what shows which models pass it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.behaviours import errors, parameters, routes
from mockserver.call import Call
from mockserver.catalogue import Row
from mockserver.defects import defect
from mockserver.gateway import Gateway
from mockserver.refusal import Refusal

Json = dict[str, Any]
FEE = 1000  # nano-USD


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
