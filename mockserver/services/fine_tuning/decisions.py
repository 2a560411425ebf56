"""Every decision on LoRA jobs that a client can see, one field each; the defaults are the honest behaviours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mockserver.services.fine_tuning import jobs, operations
from mockserver.services.fine_tuning.jobs import Job
from mockserver.services.members import Members

if TYPE_CHECKING:
    from mockserver.call import Call, Reply

Json = dict[str, Any]
Handler = Callable[["Call"], Awaitable["Reply"]]


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Comments say what each field decides."""

    create: Handler = operations.create
    retrieve: Handler = operations.retrieve
    members: Members = field(default_factory=lambda: operations.MEMBERS)
    submit: Callable[[Call, Mapping[str, Any]], Job] = operations.submit  # from the members, or a refusal
    can_train: Callable[[Call], bool] = operations.can_train
    job: Callable[[Call, Mapping[str, Any]], Job] = operations.job_of
    new_id: Callable[[Call], str] = operations.new_id
    find: Callable[[Call, str], Job | None] = operations.find
    status_of: Callable[[Job, float], str] = jobs.status_of
    row: Callable[[Call, Job], Json] = operations.row
    artifact: Callable[[Job], str] = operations.artifact
    created_status: int = 202
    queue_s: float = 1.0
    least_s: float = 2.0  # that any job runs
    tokens_per_s: float = 1000.0
