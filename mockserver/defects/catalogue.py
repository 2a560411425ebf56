"""Model lists that are malformed, stale, incomplete or at odds with the gate and with a single row."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.call import Call
from mockserver.catalogue import Row
from mockserver.defects import defect
from mockserver.defects.errors import retold
from mockserver.gateway import Gateway

Shown = dict[str, Any]


def showing(gateway: Gateway, change: Callable[[Call, Row, Shown], Shown]) -> Gateway:
    """Each row changed, in the list and alone."""
    honest = gateway.model_row
    return replace(gateway, model_row=lambda call, row: change(call, row, honest(call, row)))


def retrieving(gateway: Gateway, change: Callable[[Call, Row, Shown], Shown]) -> Gateway:
    """A row changed where it is retrieved alone."""
    honest = gateway.retrieved_row
    return replace(gateway, retrieved_row=lambda call, row: change(call, row, honest(call, row)))


def listing(gateway: Gateway, change: Callable[[Call, list[Row]], list[Row]]) -> Gateway:
    """Other rows in the list."""
    honest = gateway.listed_models
    return replace(gateway, listed_models=lambda call: change(call, honest(call)))


def without(shown: Shown, name: str) -> Shown:
    return {member: value for member, value in shown.items() if member != name}


# --- The list --------------------------------------------------------------------------------------------------


@defect(breaks="OC-130")
def calls_the_list_something_else(gateway: Gateway) -> Gateway:
    """Gives the model list the object models."""
    return replace(gateway, model_list=lambda call, data: {"object": "models", "data": data})


@defect(breaks="OC-130")
def lists_models_by_id(gateway: Gateway) -> Gateway:
    """Sends data as an object by id instead of an array."""
    return replace(gateway, model_list=lambda call, data: {"object": "list", "data": {row["id"]: row for row in data}})


@defect(breaks="OC-131", seen=("C112",))
def leaves_out_the_owner(gateway: Gateway) -> Gateway:
    """Lists models without owned_by."""
    return showing(gateway, lambda call, row, shown: without(shown, "owned_by"))


@defect(breaks="OC-131", hidden_in=("vultr-inference",))
def sends_created_as_text(gateway: Gateway) -> Gateway:
    """Lists created as a string."""
    return showing(gateway, lambda call, row, shown: {**shown, "created": str(row.created)})


@defect(breaks="OC-131")
def lists_a_model_twice(gateway: Gateway) -> Gateway:
    """Lists the first model again at the end."""
    return listing(gateway, lambda call, rows: [*rows, rows[0]])


@defect(breaks="OC-134", seen=("C112",))
def says_that_models_were_created_now(gateway: Gateway) -> Gateway:
    """Gives the time of the call as created of every model."""
    return showing(gateway, lambda call, row, shown: {**shown, "created": int(time.time())})


@defect(breaks=("OC-135", "VT-034"), also=("VT-040", "VT-035"))
def lists_models_for_everybody(gateway: Gateway) -> Gateway:
    """Asks for no key where models are listed."""
    return replace(gateway, needs_key=lambda call: not call.path.startswith("/v1/models"))


@defect(breaks="OC-136", also=("VT-031", "VT-033", "OC-132"), seen=("C113",))
def hides_a_model_that_it_serves(gateway: Gateway) -> Gateway:
    """Leaves the cheapest model out of the list and serves it all the same."""
    return listing(gateway, lambda call, rows: [row for row in rows if row.id != call.state.catalogue.default])


# --- One model -------------------------------------------------------------------------------------------------


@defect(breaks="OC-132", also=("VT-035", "OC-137"), seen=("C113",), hidden_in=("volt-control-plane",))
def retrieves_under_an_alias(gateway: Gateway) -> Gateway:
    """Gives a retrieved model another id than the list."""
    return retrieving(gateway, lambda call, row, shown: {**shown, "id": row.id.rpartition("/")[2]})


@defect(breaks="OC-132", also=("VT-035",))
def retrieves_less_than_it_lists(gateway: Gateway) -> Gateway:
    """Leaves members out of a retrieved model that the list gives."""
    return retrieving(gateway, lambda call, row, shown: without(shown, "context_length"))


@defect(breaks="VT-035")
def retrieves_another_context_length(gateway: Gateway) -> Gateway:
    """Tells another context length for one model than in the list."""
    return retrieving(gateway, lambda call, row, shown: {**shown, "context_length": row.context // 2})


@defect(breaks="OC-132", also=("VT-035", "OC-137"))
def retrieves_nothing(gateway: Gateway) -> Gateway:
    """Has no model under any id, as servers that list only."""
    return replace(gateway, model_in_path=lambda call: "")


@defect(breaks=("OC-137", "VT-035"))
def knows_no_encoded_slash(gateway: Gateway) -> Gateway:
    """Does not find a model whose slash is percent-encoded in the path."""
    honest = gateway.model_in_path
    return replace(gateway, model_in_path=lambda call: "" if "%2f" in call.raw_path.lower() else honest(call))


@defect(breaks=("OC-137", "VT-035"), also=("OC-132",))
def knows_no_raw_slash(gateway: Gateway) -> Gateway:
    """Routes one path segment, so that only an encoded slash is found."""
    honest = gateway.model_in_path
    return replace(gateway, model_in_path=lambda call: honest(call) if "%2f" in call.raw_path.lower() else "")


@defect(breaks="OC-133", also=("VT-074",))
def finds_every_model(gateway: Gateway) -> Gateway:
    """Answers for a model that does not exist with 200."""
    return replace(gateway, refuse_model_not_found=retold(gateway.refuse_model_not_found, status=200))


@defect(breaks="OC-133")
def retrieves_unknown_models_with_400(gateway: Gateway) -> Gateway:
    """Refuses to retrieve a model that does not exist with 400."""
    return replace(gateway, refuse_model_not_found=retold(gateway.refuse_model_not_found, status=400))


# --- The confidential catalogue --------------------------------------------------------------------------------


@defect(breaks="VT-030", also=("VT-033",))
def lists_a_snapshot(gateway: Gateway) -> Gateway:
    """Shows the list of its first call for ever."""
    first: list[Row] = []

    def snapshot(call: Call, rows: list[Row]) -> list[Row]:
        first.extend(() if first else rows)
        return list(first)

    return listing(gateway, snapshot)


@defect(breaks="VT-031", also=("VT-033", "VT-036"))
def lists_fewer_models_than_it_admits(gateway: Gateway) -> Gateway:
    """Keeps every second model of the gate off the list."""
    return listing(gateway, lambda call, rows: rows[::2])


@defect(breaks="VT-031")
def admits_fewer_models_than_it_lists(gateway: Gateway) -> Gateway:
    """Lists models that its gate refuses."""
    admits = gateway.admits
    gated = replace(gateway, admits=lambda call, row: admits(call, row) and row.owner != "zai-org")
    return replace(gated, listed_models=lambda call: [row for row in _all(call) if admits(call, row)])


def _all(call: Call) -> list[Row]:
    return list(call.state.catalogue.rows.values())


@defect(breaks="VT-031", also=("VT-011",))
def admits_models_it_does_not_list(gateway: Gateway) -> Gateway:
    """Lets models of one owner through the gate that it does not list."""
    admits = gateway.admits
    gated = replace(gateway, admits=lambda call, row: admits(call, row) or row.owner == "unsloth")
    return replace(gated, listed_models=lambda call: [row for row in _all(call) if admits(call, row)])


@defect(breaks="VT-032")
def lists_no_prices(gateway: Gateway) -> Gateway:
    """Lists models without their prices."""
    return showing(gateway, lambda call, row, shown: without(shown, "pricing"))


@defect(breaks="VT-032")
def lists_prices_as_text(gateway: Gateway) -> Gateway:
    """Lists prices as strings."""
    return showing(
        gateway, lambda call, row, shown: {**shown, "pricing": {k: str(v) for k, v in shown["pricing"].items()}}
    )


@defect(breaks="VT-032")
def lists_the_prompt_price_alone(gateway: Gateway) -> Gateway:
    """Lists no price for completion tokens."""
    return showing(gateway, lambda call, row, shown: {**shown, "pricing": {"prompt": shown["pricing"]["prompt"]}})


@defect(breaks="VT-033", also=("VT-016",))
def lists_whatever_the_provider_has(gateway: Gateway) -> Gateway:
    """Lists what the provider has, confidential or not."""
    return replace(gateway, listed_models=_all)


@defect(breaks="VT-036", also=("VT-031", "VT-033", "VT-037"))
def lists_one_family_only(gateway: Gateway) -> Gateway:
    """Lists the models of one family alone."""
    return listing(gateway, lambda call, rows: [row for row in rows if row.owner == "Qwen"])


@defect(breaks="VT-036")
def shortens_the_context_windows(gateway: Gateway) -> Gateway:
    """States a context of 32768 tokens for every model."""
    return showing(gateway, lambda call, row, shown: {**shown, "context_length": 32768})


@defect(breaks="VT-037", also=("VT-031", "VT-033"))
def lists_no_model_of_the_samples(gateway: Gateway) -> Gateway:
    """Has renamed the models that the samples of its page use."""
    return listing(gateway, lambda call, rows: [row for row in rows if "0528" not in row.id and "0324" not in row.id])


@defect(breaks="VT-038")
def joins_the_tags(gateway: Gateway) -> Gateway:
    """Sends the tags of a model as one string."""
    return showing(gateway, lambda call, row, shown: {**shown, "tags": ",".join(row.tags)})


@defect(breaks="VT-038")
def invents_its_own_tags(gateway: Gateway) -> Gateway:
    """Tags models with function_calling where the page says tools."""
    return showing(gateway, lambda call, row, shown: {**shown, "tags": ["function_calling", "json"]})
