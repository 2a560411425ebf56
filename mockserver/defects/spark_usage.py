"""Defects of usage that does not add up, and of training jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from mockserver.behaviours import billing
from mockserver.call import Call, Price
from mockserver.catalogue import Row
from mockserver.defects import defect, within
from mockserver.defects.spark import Json
from mockserver.gateway import Gateway
from mockserver.ledger import Charge
from mockserver.refusal import Refusal
from mockserver.services.fine_tuning import jobs, operations
from mockserver.services.fine_tuning.jobs import Job
from mockserver.services.members import anything, optional, required
from mockserver.services.orgs import keys
from mockserver.services.spark import placement, usage
from mockserver.services.spark.served import Request
from mockserver.services.spark.usage import Range, Sum

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
