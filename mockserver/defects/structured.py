"""Defects of structured output."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.behaviours import structured
from mockserver.call import Call
from mockserver.catalogue import Row
from mockserver.defects import defect
from mockserver.gateway import Gateway
from mockserver.upstream import Job

Json = dict[str, Any]
CONFIDENTIAL = ("voltagegpu-confidential",)


@defect(breaks=("OC-045", "OC-046", "VT-058"))
def ignores_response_format(gateway: Gateway) -> Gateway:
    """Accepts response_format and answers in prose."""
    return replace(gateway, write_json=lambda job, rng: None)


@defect(breaks=("OC-045", "OC-046", "VT-058"))
def puts_json_in_a_fence(gateway: Gateway) -> Gateway:
    """Wraps the JSON in a Markdown code fence."""

    def write(job: Job, rng: random.Random) -> str | None:
        honest = structured.write_json(job, rng)
        return honest and f"```json\n{honest}\n```"

    return replace(gateway, write_json=write)


@defect(breaks="OC-045", also=("VT-058",))
def sends_a_list_for_a_json_object(gateway: Gateway) -> Gateway:
    """Answers json_object with an array."""

    def write(job: Job, rng: random.Random) -> str | None:
        honest = structured.write_json(job, rng)
        is_object = (job.body.get("response_format") or {}).get("type") == "json_object"
        return f"[{honest}]" if is_object else honest

    return replace(gateway, write_json=write)


def filling(change: Callable[[Any], Any]) -> Callable[[Any, list[str], random.Random], Any]:
    """The value for a schema, changed member by member where it is an object."""

    def fill(schema: Any, words: list[str], rng: random.Random) -> Any:
        honest = structured.fill(schema, words, rng)
        return {k: change(v) for k, v in honest.items()} if isinstance(honest, dict) else honest

    return fill


@defect(breaks="OC-046", also=("OC-063", "VT-058"))
def writes_numbers_as_text(gateway: Gateway) -> Gateway:
    """Puts numbers of structured output in quotes."""
    return replace(gateway, fill=filling(lambda value: str(value) if isinstance(value, int) else value))


@defect(breaks="OC-046", also=("VT-058",), seen=("C91",))
def takes_strict_for_a_hint(gateway: Gateway) -> Gateway:
    """Leaves required members of the schema out."""

    def fill(schema: Any, words: list[str], rng: random.Random) -> Any:
        honest = structured.fill(schema, words, rng)
        return dict(itertools.islice(honest.items(), 1)) if isinstance(honest, dict) else honest

    return replace(gateway, fill=fill)


@defect(breaks="VT-058", contracts=CONFIDENTIAL)
def refuses_json_on_models_with_one_tag(gateway: Gateway) -> Gateway:
    """Wants both tags, json-mode and structured, where one is enough."""

    def can(call: Call, row: Row) -> bool:
        return {"json-mode", "structured"} <= set(row.tags)

    return replace(gateway, can_write_json=can)
