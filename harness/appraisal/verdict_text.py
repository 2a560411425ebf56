"""Evidence and verdicts on it for a reader: trees and lines. The first line of a verdict admits test roots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.appraisal import Appraisal

TEST_ROOTS = "TEST ROOTS: this says nothing about real hardware."


def lines(found: Appraisal) -> Iterator[str]:
    if found.test_roots:
        yield TEST_ROOTS
    yield found.verdict + (f" ({found.problems[0].code})" if found.problems else "")
    yield from (f"  {problem.code}: {problem.reason}" for problem in found.problems)
    for part in found.parts:
        yield from _part_lines(part)
    yield from (f"not judged: {what}" for what in found.unjudged)


def _part_lines(part: Mapping[str, Any]) -> Iterator[str]:
    if part["kind"] == "quote":
        yield f"TCB status {part['status']}, FMSPC {part['fmspc']}, engine {part['engine']}, policy {part['policy']}"
        if part["advisories"]:
            yield f"advisories: {', '.join(part['advisories'])}"
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


def tree(document: Any, indent: str = "") -> Iterator[str]:
    """The lines of a nested document. None is cut: a hash is compared by eye to its end."""
    items = document.items() if isinstance(document, Mapping) else ((f"[{n}]", item) for n, item in enumerate(document))
    entries = list(items)
    for n, (name, value) in enumerate(entries):
        last = n == len(entries) - 1
        branch = indent + ("└── " if last else "├── ") + plain(name)
        if isinstance(value, Mapping | list) and value:
            yield branch
            yield from tree(value, indent + ("    " if last else "│   "))
        else:
            yield f"{branch}: {plain(value)}"


def plain(value: Any) -> str:
    """One line, in which control characters are spelt out: a terminal must not obey evidence."""
    text = "none" if value in (None, [], {}) else str(value)
    return text if text.isprintable() else "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
