"""Verdicts on evidence as lines for a reader; the first line says whether test roots vouch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.appraisal import Appraisal


def lines(found: Appraisal) -> Iterator[str]:
    if found.test_roots:
        yield "TEST ROOTS: this says nothing about real hardware."
    yield found.verdict + (f" ({found.problems[0].code})" if found.problems else "")
    yield from (f"  {problem.code}: {problem.reason}" for problem in found.problems)
    for part in found.parts:
        yield from _part_lines(part)
    yield from (f"not judged: {what}" for what in found.unjudged)


def _part_lines(part: Mapping[str, Any]) -> Iterator[str]:
    if part["kind"] == "quote":
        yield f"TCB status {part['status']}, FMSPC {part['fmspc']}, engine {part['engine']}"
    for device in part.get("devices", ()):
        yield f"{device['is']} {device['model']} {device['pdi']}: driver {device['driver']}, VBIOS {device['vbios']}"
    if "tie" in part:
        yield f"tie of the GPUs: {part['tie']['is']}: {part['tie']['reason']}; TLS channel: {part['channel']}"
    for title, word in (("notes", "note"), ("proven", "proven"), ("claimed", "claimed"), ("unknowable", "unknowable")):
        yield from (f"{word}: {line}" for line in part.get(title, ()))
    if part.get("unpinned"):
        yield f"unpinned: {', '.join(part['unpinned'])}"
    if "gpus" in part:
        yield from _part_lines(part["gpus"])
