"""What each operation on LoRA jobs answers. A job of another tenant is one that does not exist."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mockserver.call import Reply
from mockserver.services.answers import json_answer, there
from mockserver.services.fine_tuning import training
from mockserver.services.fine_tuning.jobs import FAILED, SUCCEEDED, Job, Jobs
from mockserver.services.members import Members, integer, one_of, optional, read_members, refuse, required, text
from mockserver.services.spark.fleet import PODS, Pins
from mockserver.services.spark.placement import name

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.services.fine_tuning.decisions import Decisions

Json = dict[str, Any]
METHODS = ("lora", "qlora")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


def file_id(call: Call, where: str, value: Any) -> None:
    """An id of a file: no URL and no path, so that nothing can be made to fetch one."""
    if not isinstance(value, str) or not _FILE.fullmatch(value):
        refuse(call, where, "the id of a file: at most 128 of A-Z, a-z, 0-9, '_' and '-'")


MEMBERS: Members = {
    "base_model": required(text(1, 256)),
    "training_file": required(file_id),
    "method": optional(one_of(METHODS), "lora"),
    "rank": optional(integer(1, 256), 16),
    "epochs": optional(integer(1, 50), 3),
    "volt_metro": optional(name),
}


async def create(call: Call) -> Reply:
    """POST /fine-tuning/jobs."""
    own = _own(call)
    asked = await read_members(call, own.members)
    job = own.submit(call, asked)
    call.state.parts["fine-tuning"].add(job)
    return json_answer(call, own.row(call, job), own.created_status)


async def retrieve(call: Call) -> Reply:
    """GET /fine-tuning/jobs/{job_id}."""
    job = there(call, _own(call).find(call, call.params["job_id"]), "job")
    _serve(call, job)
    return json_answer(call, _own(call).row(call, job))


def submit(call: Call, asked: Mapping[str, Any]) -> Job:
    """A job for a pod that may train it. Raises the refusal for a model or a file that cannot be used."""
    own, spark = _own(call), call.gateway.spark
    call.model = asked["base_model"]
    call.row = call.gateway.find_model(call, call.model)
    if call.row is None or not own.can_train(call):
        raise call.gateway.refuse_unknown_model(call, call.model)
    if asked["training_file"] not in training.files():
        raise call.gateway.refuse_unknown(call, "training file")
    pins = Pins(metro=asked["volt_metro"])
    tier = spark.tier_of(call, pins)
    if not spark.permits(call, pins, tier):
        raise spark.refuse_violation(call)
    spark.serve_at(call, spark.choose(call, Pins(pins.metro, tier)), tier)
    return own.job(call, asked)


def can_train(call: Call) -> bool:
    assert call.row is not None
    return "fine_tuning" in call.row.shown.get("capabilities", ())


def job_of(call: Call, asked: Mapping[str, Any]) -> Job:
    """When it starts and ends is settled here: a second of queue, and a second for each thousand tokens."""
    own, now = _own(call), call.state.clock.now()
    tokens, problem = 0, None
    try:
        tokens = training.tokens_of(asked["training_file"])
    except training.BrokenFile as error:
        problem = str(error)
    starts = now + own.queue_s
    return Job(
        id=own.new_id(call),
        account=call.gateway.account_of(call),
        created=now,
        starts=starts,
        ends=starts + own.least_s + tokens * asked["epochs"] / own.tokens_per_s,
        **{member: asked[member] for member in ("base_model", "training_file", "method", "rank", "epochs")},
        tokens=tokens,
        problem=problem,
        pod=call.place.pod.id,
        tier=call.place.tier,
    )


def new_id(call: Call) -> str:
    return "ftjob-" + secrets.token_hex(12)


def find(call: Call, job_id: str) -> Job | None:
    """A job that the caller may know of."""
    part: Jobs = call.state.parts["fine-tuning"]
    job = part.get(job_id)
    return job if job is not None and job.account == call.gateway.account_of(call) else None


def row(call: Call, job: Job) -> Json:
    own = _own(call)
    status = own.status_of(job, call.state.clock.now())
    ended = status in (SUCCEEDED, FAILED)
    shown: Json = {"id": job.id, "object": "fine_tuning.job", "status": status}
    shown |= {member: getattr(job, member) for member in ("base_model", "training_file", "method", "rank", "epochs")}
    return {
        **shown,
        "trained_tokens": job.tokens * job.epochs if status == SUCCEEDED else None,
        "artifact_id": own.artifact(job) if status == SUCCEEDED else None,
        "created_at": int(job.created),
        "finished_at": int(job.ends) if ended else None,
        "error": {"code": "invalid_training_file", "message": job.problem} if status == FAILED else None,
    }


def artifact(job: Job) -> str:
    return "adapter-" + job.id.removeprefix("ftjob-")


def _serve(call: Call, job: Job) -> None:
    pod = next((pod for pod in PODS if pod.id == job.pod), PODS[0])
    call.gateway.spark.serve_at(call, pod, job.tier)


def _own(call: Call) -> Decisions:
    return call.gateway.fine_tuning
