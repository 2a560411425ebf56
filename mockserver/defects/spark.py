"""Defects of Spark: pins that are dropped, blocks that are missing or lie, usage that does not add up, jobs."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from mockserver.behaviours import billing, errors, routes
from mockserver.call import Call, Headers, Price, Reply
from mockserver.catalogue import Row
from mockserver.defects import defect, within
from mockserver.gateway import Gateway
from mockserver.ledger import Charge
from mockserver.refusal import Refusal
from mockserver.services.fine_tuning import jobs, operations
from mockserver.services.fine_tuning.jobs import Job
from mockserver.services.members import anything, optional, required
from mockserver.services.orgs import keys
from mockserver.services.spark import block, placement, usage
from mockserver.services.spark.fleet import PODS, Pins
from mockserver.services.spark.served import Request
from mockserver.services.spark.usage import Range, Sum

Json = dict[str, Any]


# --- The block ---------------------------------------------------------------------------------------------------


def _silent_on(gateway: Gateway, *ends: str) -> Gateway:
    def whole(call: Call, body: bytes, volt: Json) -> bytes:
        return body if call.path.endswith(ends) else block.whole(call, body, volt)

    return within(gateway, "spark", whole=whole)


@defect(breaks="VL-031", also=("VL-030", "VL-033", "VL-104", "VL-105", "VL-107", "VL-110", "OC-170"))
def says_nothing_of_the_place_in_chat(gateway: Gateway) -> Gateway:
    """Leaves the volt block out of whole chat completions."""
    return _silent_on(gateway, "/chat/completions")


@defect(breaks="VL-031", also=("VL-108", "OC-170"))
def says_nothing_of_the_place_in_embeddings(gateway: Gateway) -> Gateway:
    """Leaves the volt block out of embeddings."""
    return _silent_on(gateway, "/embeddings")


@defect(breaks="VL-031", also=("OC-170",))
def says_nothing_of_the_place_in_the_model_list(gateway: Gateway) -> Gateway:
    """Leaves the volt block out of the model list."""
    return _silent_on(gateway, "/models")


@defect(breaks="VL-031", also=("OC-170",))
def says_nothing_of_the_place_in_jobs(gateway: Gateway) -> Gateway:
    """Leaves the volt block out of LoRA jobs."""
    return _silent_on(gateway, "/jobs")


def _block(gateway: Gateway, **members: Any) -> Gateway:
    def changed(call: Call, first: float, tokens: int, elapsed: float) -> Json:
        return {**block.block(call, first, tokens, elapsed), **members}

    return within(gateway, "spark", block=changed)


@defect(breaks="VL-031", also=("VL-101", "VL-105", "OC-170"))
def names_no_metro(gateway: Gateway) -> Gateway:
    """Sends an empty metro in the volt block."""
    return _block(gateway, metro="")


@defect(breaks="VL-100", also=("OC-170",))
def tells_the_first_token_in_seconds(gateway: Gateway) -> Gateway:
    """Sends ttft_ms as a fraction of a second."""
    return _block(gateway, ttft_ms=Decimal("0.041"))


@defect(breaks="VL-100")
def tells_a_time_that_nobody_waited(gateway: Gateway) -> Gateway:
    """Sends the time to the first token in microseconds."""
    return _block(gateway, ttft_ms=9_000_000)


@defect(breaks="VL-100", also=("OC-170",))
def tells_the_rate_as_text(gateway: Gateway) -> Gateway:
    """Sends tps as a string with a unit."""
    return _block(gateway, tps="92 tok/s")


@defect(breaks="VL-101", also=("VL-102", "VL-106", "VL-107"), seen=("G43",))
def says_nothing_of_the_place_in_streams(gateway: Gateway) -> Gateway:
    """Streams without a volt block and without its header."""

    def shown(call: Call, reply: Reply) -> Reply:
        return reply if reply.frames is not None else block.shown(call, reply)

    return within(gateway, "spark", shown=shown)


@defect(breaks="VL-101")
def says_the_place_in_the_first_chunk_alone(gateway: Gateway) -> Gateway:
    """Streams with the volt block in the chunk that clients skip."""

    async def stream(call: Call, frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        first = True
        async for frame in frames:
            yield block.frame(call, frame, block.block(call, 0.0, 0, 1.0)) if first else frame
            first = False

    return within(gateway, "spark", stream=stream)


@defect(breaks="VL-101", also=("VL-102", "VL-105", "VL-106", "VL-107"))
def moves_between_pods_in_mid_stream(gateway: Gateway) -> Gateway:
    """Names another pod in every other chunk of a stream."""

    def frame(call: Call, sent: bytes, volt: Json) -> bytes:
        pod = PODS[len(sent) % len(PODS)]
        return block.frame(call, sent, {**volt, "pod_id": pod.id, "metro": pod.metro})

    return within(gateway, "spark", frame=frame)


@defect(breaks="VL-102")
def names_its_own_door_as_the_pod(gateway: Gateway) -> Gateway:
    """Sends the name of the load balancer in x-volt-pod-id."""
    return within(gateway, "spark", headers=lambda call: [("X-Volt-Pod-Id", "edge-1")])


@defect(breaks="VL-102", also=("OC-170",))
def sends_no_pod_header(gateway: Gateway) -> Gateway:
    """Leaves x-volt-pod-id out."""
    return within(gateway, "spark", headers=lambda call: [])


@defect(breaks="VL-102", also=("VL-103", "VL-012", "VL-011", "VL-021", "VL-121", "VL-134"))
def gives_every_request_one_id(gateway: Gateway) -> Gateway:
    """Sends the same x-request-id with every answer."""

    def headers(call: Call, found: Headers) -> Headers:
        return [(name, "req_1" if name == "X-Request-Id" else value) for name, value in found]

    return replace(gateway, response_headers=headers)


@defect(breaks="VL-103")
def names_another_request_in_errors(gateway: Gateway) -> Gateway:
    """Puts an id into errors that is not that of the header."""

    def facts(call: Call, refusal: Refusal) -> Json:
        return {**errors.error_facts(call, refusal), "request_id": "req_" + secrets.token_hex(12)}

    return replace(gateway, error_facts=facts)


@defect(breaks="VL-103", also=("OC-110", "OC-114", "OC-115", "OC-170", "VL-141"))
def names_no_request_in_errors(gateway: Gateway) -> Gateway:
    """Leaves the request id out of errors."""

    def body(call: Call, refusal: Refusal) -> Any:
        found = errors.error_body(call, refusal)
        del found["error"]["request_id"]
        return found

    return replace(gateway, error_body=body)


# --- Pins --------------------------------------------------------------------------------------------------------


def _without_pins(gateway: Gateway, **dropped: None) -> Gateway:
    def pins(call: Call) -> Pins:
        return replace(placement.pins_of(call), **dropped)

    return within(gateway, "spark", pins_of=pins)


@defect(breaks="VL-104", also=("VL-106", "VL-110"))
def drops_the_pinned_tier(gateway: Gateway) -> Gateway:
    """Serves every request in the standard tier."""
    return _without_pins(gateway, tier=None)


@defect(breaks="VL-104", also=("VL-106",))
def serves_tiers_that_a_model_has_not(gateway: Gateway) -> Gateway:
    """Serves a model in a tier that it is not offered in, and says that all is well."""

    def permits(call: Call, pins: Pins, tier: str) -> bool:
        return pins.metro is None or pins.metro in placement.metros_of(call)

    return within(gateway, "spark", permits=permits)


@defect(breaks="VL-105", also=("VL-106", "VL-108"))
def drops_the_pinned_metro(gateway: Gateway) -> Gateway:
    """Serves a request that is pinned to a metro wherever there is room."""
    return _without_pins(gateway, metro=None)


@defect(breaks="VL-105", also=("VL-106", "VL-108"))
def falls_back_to_another_metro(gateway: Gateway) -> Gateway:
    """Serves a request elsewhere when the pinned metro cannot."""

    def pins(call: Call) -> Pins:
        found = placement.pins_of(call)
        known = found.metro in placement.metros_of(call)
        return found if known else replace(found, metro=None)

    return within(gateway, "spark", pins_of=pins)


@defect(breaks="VL-106", seen=("G43",))
def drops_the_pins_of_streams(gateway: Gateway) -> Gateway:
    """Honours pins in whole answers only."""

    def pins(call: Call) -> Pins:
        found = placement.pins_of(call)
        return Pins(pod=found.pod) if call.streams else found

    return within(gateway, "spark", pins_of=pins)


@defect(breaks="VL-107")
def reads_the_affinity_under_another_name(gateway: Gateway) -> Gateway:
    """Looks for pod_affinity, and so never sees volt_pod_affinity."""
    return _without_pins(gateway, pod=None)


@defect(breaks="VL-108")
def embeds_wherever_there_is_room(gateway: Gateway) -> Gateway:
    """Drops the pins of embeddings."""

    def pins(call: Call) -> Pins:
        found = placement.pins_of(call)
        return Pins() if call.path.endswith("/embeddings") else found

    return within(gateway, "spark", pins_of=pins)


@defect(breaks="VL-108")
def completes_wherever_there_is_room(gateway: Gateway) -> Gateway:
    """Drops the pins of text completions."""

    def pins(call: Call) -> Pins:
        found = placement.pins_of(call)
        return found if call.path.endswith(("/chat/completions", "/embeddings")) else Pins()

    return within(gateway, "spark", pins_of=pins)


@defect(breaks="VL-109", also=("OC-171",))
def drops_pins_that_it_cannot_read(gateway: Gateway) -> Gateway:
    """Ignores a tier or a metro that is misspelt or no text."""

    def pins(call: Call) -> Pins:
        try:
            return placement.pins_of(call)
        except Refusal:
            return Pins()

    return within(gateway, "spark", pins_of=pins)


@defect(breaks="VL-030", also=("VL-104", "VL-105", "VL-106", "VL-107", "OC-043", "OC-170"))
def refuses_the_extensions(gateway: Gateway) -> Gateway:
    """Refuses requests with a member that begins with volt."""

    def check(call: Call, body: Json) -> None:
        for name in body:
            if name.startswith("volt"):
                raise call.gateway.refuse_parameter(call, name, f"Unknown parameter: '{name}'.")

    return replace(gateway, check_unknown=check)


# --- The other operations ----------------------------------------------------------------------------------------


@defect(breaks="VL-035")
def lists_models_of_every_tier(gateway: Gateway) -> Gateway:
    """Ignores the filter by tier."""

    def lists(row: Row, tier: str | None, catalogue: str | None) -> bool:
        return catalogue is None or row.shown.get("catalog") == catalogue

    return within(gateway, "spark", lists=lists)


@defect(breaks="VL-035")
def lists_models_of_every_catalogue(gateway: Gateway) -> Gateway:
    """Ignores the filter by catalogue."""
    return within(gateway, "spark", lists=lambda row, tier, catalogue: tier is None or tier in row.tiers)


@defect(breaks="VL-036")
def reads_one_model_at_another_price(gateway: Gateway) -> Gateway:
    """Gives another price where one model is read than in the list."""

    def row(call: Call, found: Row) -> Json:
        return {**routes.retrieved_row(call, found), "price_per_million_output_tokens_usd": Decimal("0.01")}

    return replace(gateway, retrieved_row=row)


@defect(breaks="VL-036", also=("OC-133", "VL-141", "OC-170"))
def reads_any_model_that_is_asked_for(gateway: Gateway) -> Gateway:
    """Makes up a row for a model that is not in the catalogue."""

    def find(call: Call, model: str) -> Row | None:
        known = call.state.catalogue.get(model)
        reads = call.method == "GET"
        return known or (call.gateway.listed_models(call)[0] if reads else None)

    return replace(gateway, find_model=find)


# --- Usage -------------------------------------------------------------------------------------------------------


@defect(breaks="VL-060", also=("VL-135",))
def forgets_streams_in_the_usage(gateway: Gateway) -> Gateway:
    """Leaves streamed requests out of the usage."""

    def place(call: Call) -> None:
        placement.place(call)
        if call.streams:
            call.state.parts["spark"].forget(call.request_id)

    return within(gateway, "spark", place=place)


@defect(breaks="VL-060", also=("VL-110", "VL-120"))
def counts_output_twice(gateway: Gateway) -> Gateway:
    """Adds the output tokens of every request twice."""

    def add(to: Sum, charge: Charge) -> None:
        usage.add(to, charge)
        to.output_tokens += charge.completion_tokens or 0

    return within(gateway, "spark", add=add)


@defect(breaks="VL-060")
def forgets_embeddings_in_the_usage(gateway: Gateway) -> Gateway:
    """Leaves out what has no output tokens."""

    def charge_of(call: Call, request: Request) -> Charge | None:
        found = usage.charge_of(call, request)
        return found if found is not None and found.completion_tokens else None

    return within(gateway, "spark", charge_of=charge_of)


@defect(breaks="VL-110")
def charges_sovereign_for_every_tier(gateway: Gateway) -> Gateway:
    """Charges the sovereign price for standard service."""

    def price(call: Call, row: Row) -> Price:
        return row.tiers.get("sovereign", billing.listed_price(call, row))

    return replace(gateway, price_of=price)


@defect(breaks="VL-110")
def has_one_price_for_all_tiers(gateway: Gateway) -> Gateway:
    """Lists and charges the standard price in every tier."""
    return replace(gateway, listed_price=lambda call, row: row.upstream)


@defect(breaks="VL-120", also=("VL-060", "VL-110", "VL-135"))
def shows_the_usage_of_all_tenants(gateway: Gateway) -> Gateway:
    """Adds up what every tenant has used."""

    def served(call: Call, asked: Range) -> list[Request]:
        own = usage.served(call, asked)
        return own + [row for row in call.state.parts["spark"].between(None, 0, 1e11) if row not in own]

    def charge_of(call: Call, request: Request) -> Charge | None:
        found = usage.charge_of(call, request)
        return found or call.state.ledger.charge_of(request.request_id, "acct_second")

    return within(gateway, "spark", served=served, charge_of=charge_of)


@defect(breaks="VL-135")
def loses_a_request_by_the_hour(gateway: Gateway) -> Gateway:
    """Leaves the last request out where usage is asked for by the hour."""

    def served(call: Call, asked: Range) -> list[Request]:
        found = usage.served(call, asked)
        return found[:-1] if asked.step == "hour" else found

    return within(gateway, "spark", served=served)


@defect(breaks="VL-135", also=("VL-110", "VL-060"))
def shows_costs_by_the_month_in_cents(gateway: Gateway) -> Gateway:
    """Sends the cost of a month in another unit than that of a day."""

    def row(at: datetime, model: str, tier: str, metro: str, found: Sum) -> Json:
        cents = replace(found, cost=found.cost * 100) if at.day == 1 and at.hour == 0 else found
        return usage.usage_row(at, model, tier, metro, cents)

    return within(gateway, "spark", usage_row=row)


@defect(breaks="VL-136", also=("OC-171",))
def reads_any_range_as_today(gateway: Gateway) -> Gateway:
    """Answers for today where the days cannot be read."""

    def range_of(call: Call) -> Range:
        try:
            return usage.range_of(call)
        except Refusal:
            today = call.state.clock.instant().date()
            return Range(today, today, "day")

    return within(gateway, "spark", range_of=range_of)


# --- Jobs --------------------------------------------------------------------------------------------------------


def _job(gateway: Gateway, **members: Any) -> Gateway:
    def job(call: Call, asked: Mapping[str, Any]) -> Job:
        return replace(operations.job_of(call, asked), **members)

    return within(gateway, "fine_tuning", job=job)


@defect(breaks="VL-037", also=("OC-170",))
def answers_a_job_with_200(gateway: Gateway) -> Gateway:
    """Answers a job that has only been queued as though it were done."""
    return within(gateway, "fine_tuning", created_status=200)


@defect(breaks="VL-037")
def trains_with_a_rank_of_its_own(gateway: Gateway) -> Gateway:
    """Trains every adapter with the rank 64."""
    return _job(gateway, rank=64)


@defect(breaks="VL-037")
def trains_qlora_as_lora(gateway: Gateway) -> Gateway:
    """Ignores the method that was asked for."""
    return _job(gateway, method="lora")


@defect(breaks="VL-038", also=("OC-170", "VL-138", "VL-140"))
def has_a_state_of_its_own(gateway: Gateway) -> Gateway:
    """Calls a running or queued job pending."""

    def status(job: Job, now: float) -> str:
        found = jobs.status_of(job, now)
        return "pending" if found in ("queued", "running") and now > job.created + 0.001 else found

    return within(gateway, "fine_tuning", status_of=status)


@defect(breaks="VL-038", also=("VL-031", "VL-138", "VL-140"))
def forgets_jobs(gateway: Gateway) -> Gateway:
    """Finds no job again."""
    return within(gateway, "fine_tuning", find=lambda call, job_id: None)


@defect(breaks="VL-119")
def shows_jobs_to_every_tenant(gateway: Gateway) -> Gateway:
    """Finds a job by its id, whoever asks."""
    return within(gateway, "fine_tuning", find=lambda call, job_id: call.state.parts["fine-tuning"].get(job_id))


@defect(breaks="VL-119")
def numbers_jobs(gateway: Gateway) -> Gateway:
    """Gives jobs the time as their id, to the microsecond."""
    return within(gateway, "fine_tuning", new_id=lambda call: f"ftjob-{int(call.state.clock.now() * 1_000_000):024d}")


def _lenient(gateway: Gateway, name: str, default: Any) -> Gateway:
    def submit(call: Call, asked: Mapping[str, Any]) -> Job:
        right = isinstance(asked[name], type(default)) and asked[name] not in (0, -8, "full")
        return operations.submit(call, {**asked, name: asked[name] if right else default})

    members = {**operations.MEMBERS, name: optional(anything, default)}
    return within(gateway, "fine_tuning", members=members, submit=submit)


@defect(breaks="VL-137", also=("OC-171",))
def trains_by_any_method(gateway: Gateway) -> Gateway:
    """Takes a method that nobody documented for lora."""
    return _lenient(gateway, "method", "lora")


@defect(breaks="VL-137", also=("OC-171",))
def trains_with_any_rank(gateway: Gateway) -> Gateway:
    """Takes a rank of nothing for the usual one."""
    return _lenient(gateway, "rank", 16)


@defect(breaks="VL-138")
def shows_adapters_before_they_are_trained(gateway: Gateway) -> Gateway:
    """Names the artefact of a job that is still running."""

    def row(call: Call, job: Job) -> Json:
        return {**operations.row(call, job), "artifact_id": operations.artifact(job)}

    return within(gateway, "fine_tuning", row=row)


@defect(breaks="VL-138")
def trains_again_what_was_trained(gateway: Gateway) -> Gateway:
    """Sets a job that has ended back to running ten seconds later."""

    def status(job: Job, now: float) -> str:
        return "running" if now > job.ends + 10 else jobs.status_of(job, now)

    return within(gateway, "fine_tuning", status_of=status)


@defect(breaks="VL-139", also=("OC-171",))
def takes_any_address_for_a_training_file(gateway: Gateway) -> Gateway:
    """Queues a job whose training file is a URL of the caller's choice."""

    def submit(call: Call, asked: Mapping[str, Any]) -> Job:
        job = operations.submit(call, {**asked, "training_file": "file-support-tone"})
        return replace(job, training_file=str(asked["training_file"]))

    members = {**operations.MEMBERS, "training_file": required(anything)}
    return within(gateway, "fine_tuning", members=members, submit=submit)


@defect(breaks="VL-140")
def trains_on_broken_files(gateway: Gateway) -> Gateway:
    """Says that a job has succeeded whose training file could not be read."""
    return _job(gateway, problem=None)


@defect(breaks="VL-141", also=("OC-172",))
def fails_on_ids_that_are_no_words(gateway: Gateway) -> Gateway:
    """Answers an id of a job that is not ASCII with a server error."""

    def find(call: Call, job_id: str) -> Job | None:
        job_id.encode("ascii")
        return operations.find(call, job_id)

    return within(gateway, "fine_tuning", find=find)


@defect(breaks="VL-141")
def takes_an_odd_organisation_for_ones_own(gateway: Gateway) -> Gateway:
    """Reads an organisation's id that holds anything but letters and digits as the caller's own."""

    def check(call: Call) -> None:
        if call.params["org_id"].replace("_", "").isalnum():
            keys.check_org(call)

    return within(gateway, "orgs", check_org=check)
