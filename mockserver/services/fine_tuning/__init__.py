"""LoRA jobs: submitted, queued, run and ended by the mock's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mockserver.services.fine_tuning.decisions import Decisions
from mockserver.services.fine_tuning.jobs import SCHEMA, Jobs
from mockserver.services.service import Route, Service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mockserver.services.storage import Storage
    from mockserver.state import State


def open_part(storage: Storage, _: State) -> Jobs:
    return Jobs(storage.connect(SCHEMA))


def names(_: State) -> Mapping[str, str]:
    return {"training_file": "file-support-tone", "broken_training_file": "file-cut-short"}


SERVICE = Service(
    "fine-tuning",
    (
        Route("POST", "/fine-tuning/jobs", "fine_tuning.create"),
        Route("GET", "/fine-tuning/jobs/{job_id}", "fine_tuning.retrieve"),
    ),
    open=open_part,
    names=names,
)
__all__ = ["SERVICE", "Decisions", "Jobs"]
