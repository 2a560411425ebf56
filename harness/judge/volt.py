"""Judges of what Volt adds to answers: the volt block, its headers, and errors that name request and pod."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from harness.judge import Problem, Problems, rule
from harness.judge.calls import is_refusal, path, told
from harness.judge.chat import is_filled, is_integer, member
from harness.wire.exchange import Exchange
from specs import Contract

TIERS = ("standard", "sovereign")
POD_HEADER, REQUEST_HEADER = "x-volt-pod-id", "x-request-id"
_SPARK = re.compile(r"/v1/((chat/)?completions|embeddings|models(/.+)?|fine-tuning/jobs(/.+)?)")
_NANO_PER_MS = 1_000_000
_SLACK_MS = 1  # a server that rounds its milliseconds up


def is_spark(x: Exchange) -> bool:
    """A successful, whole answer of Spark."""
    return x.complete and 200 <= (x.head_status or 0) < 300 and bool(_SPARK.fullmatch(path(x)))


def chunks(x: Exchange) -> list[dict[str, Any]]:
    """The chunks of a stream, without [DONE] and errors."""
    return [found for found in x.documents if isinstance(found, dict) and "error" not in found]


def blocks(x: Exchange) -> list[Any]:
    """Every volt block of an answer, whole or streamed."""
    documents = chunks(x) if x.is_stream else [x.json]
    return [found["volt"] for found in documents if isinstance(found, dict) and "volt" in found]


def served(x: Exchange, name: str) -> str | None:
    """A member of the (last) volt block: pod_id, metro or tier."""
    found = blocks(x)
    value = member(found[-1], name) if found else None
    return value if isinstance(value, str) else None


@rule("VL-031", on=lambda x: is_spark(x) and not x.is_stream)
def answer_has_a_volt_block(x: Exchange, contract: Contract) -> Problems:
    """The document has an object volt with a pod, a metro and a tier."""
    if not (found := blocks(x)):
        yield Problem("a Spark answer has no volt block", "volt: {pod_id, metro, tier, ...}", "no member volt")
        return
    yield from _place(found[0])


@rule("VL-101", on=lambda x: is_spark(x) and x.is_stream and bool(chunks(x)))
def stream_has_a_volt_block(x: Exchange, contract: Contract) -> Problems:
    """The last chunk has the block, and all blocks name one place."""
    found = blocks(x)
    if not found:
        if x.header(POD_HEADER) is None:
            yield Problem("no chunk of a stream has a volt block", "in every chunk or in the last", "none")
        return
    if "volt" not in chunks(x)[-1]:
        yield Problem("the last chunk of a stream has no volt block", "volt: {...}", "no member volt")
    for each in found[-1:]:
        yield from _place(each)
    places = {tuple(str(member(each, name)) for name in ("pod_id", "metro", "tier")) for each in found}
    if len(places) > 1:
        yield Problem("the chunks of one stream name several places", "one pod", str(sorted(places))[:200])


def _place(block: Any) -> Problems:
    for name in ("pod_id", "metro"):
        if not is_filled(member(block, name)):
            yield Problem(f"volt.{name} is not a non-empty string", "a string", repr(member(block, name))[:80])
    if member(block, "tier") not in TIERS:
        yield Problem("volt.tier is no tier", " or ".join(TIERS), repr(member(block, "tier"))[:80])


@rule("VL-100", on=lambda x: is_spark(x) and bool(blocks(x)))
def timing_is_told(x: Exchange, contract: Contract) -> Problems:
    """ttft_ms is an integer no longer than the whole answer took, tps a number; neither is negative."""
    took = x.end_ns // _NANO_PER_MS + _SLACK_MS
    for block in blocks(x)[-1:]:
        first, rate = member(block, "ttft_ms"), member(block, "tps")
        if not is_integer(first) or first < 0:
            yield Problem("volt.ttft_ms is not an integer of milliseconds", "an integer from 0", repr(first)[:80])
        elif first > took:
            yield Problem("volt.ttft_ms is longer than the whole answer took", f"at most {took}", str(first))
        if isinstance(rate, bool) or not isinstance(rate, int | Decimal) or rate < 0:
            yield Problem("volt.tps is not a number", "a number from 0", repr(rate)[:80])


@rule("VL-102", on=is_spark)
def headers_agree_with_the_block(x: Exchange, contract: Contract) -> Problems:
    """One request id, and the pod of the volt block."""
    if len(x.header_values(REQUEST_HEADER)) != 1 or not is_filled(x.header(REQUEST_HEADER)):
        yield Problem("a response has no single x-request-id", "one", str(len(x.header_values(REQUEST_HEADER))))
    pod = x.header(POD_HEADER)
    if not is_filled(pod):
        yield Problem("a Spark response has no x-volt-pod-id", "the serving pod", repr(pod))
    elif blocks(x) and pod != served(x, "pod_id"):
        yield Problem("x-volt-pod-id is not the pod of the volt block", str(served(x, "pod_id")), str(pod)[:80])


@rule("VL-103", on=is_refusal)
def error_names_request_and_pod(x: Exchange, contract: Contract) -> Problems:
    """code, message and request_id are there, request_id and pod_id those of the headers."""
    found = told(x, contract)
    for name in ("code", "message", "request_id"):
        if not is_filled(found.get(name)):
            yield Problem(f"the error has no {name}", "a non-empty string", repr(found.get(name))[:80])
    header = x.header(REQUEST_HEADER)
    if header is not None and is_filled(found.get("request_id")) and found["request_id"] != header:
        yield Problem("request_id of the error is not that of the header", header[:80], str(found["request_id"])[:80])
    pod = x.header(POD_HEADER)
    if pod is not None and found.get("pod_id") not in (pod, None):
        yield Problem("pod_id of the error is not that of the header", pod[:80], str(found["pod_id"])[:80])
