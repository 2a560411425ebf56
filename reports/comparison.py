"""A difference between two runs as HTML, Markdown and text. It decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from reports import legible, page, phrases
from reports.difference import KINDS
from reports.markdown import cell, listing, plain, table
from reports.sections import LIMIT, Section, fit

REST = "the results.json of the two runs"


def headline(found: Mapping[str, Any]) -> str:
    """One line: what got worse comes first."""
    told = [f"{len(found[kind])} {kind}" for kind in KINDS if found[kind]]
    words = ", ".join(told) if told else "nothing changed"
    roots = any(found[side]["test_roots"] for side in ("from", "to"))
    return f"{phrases.TEST_ROOTS} · {words}" if roots else words


def html(found: Mapping[str, Any]) -> str:
    """The page. The same difference always gives the same bytes."""
    return page.fill("difference.html.j2", found=found, kinds=KINDS, headline=headline(found))


def markdown(found: Mapping[str, Any]) -> str:
    """For a pull request: what got worse, what got better, what else changed."""
    runs = [(side, *(found[side][name] for name in ("id", "target", "contract", "verdict"))) for side in ("from", "to")]
    opening = [
        f"# {plain(headline(found))}",
        table(("", "Run", "Target", "Contract", "Verdict"), [(a, *map(cell, rest)) for a, *rest in runs]),
        f"{found['compared']} requirements compared, {found['same']} the same.",
    ]
    made = [*(_section(kind, found[kind]) for kind in KINDS), _pairs("Run differently", found["apart"])]
    made.append(_pairs("Changed evidence of attestation", found["evidence"]))
    room = LIMIT - sum(len(part) + 2 for part in opening)
    texts, _ = fit([section for section in made if section.entries], room, REST)
    return "\n\n".join([*opening, *texts]) + "\n"


def _section(kind: str, rows: list[dict[str, Any]]) -> Section:
    cells = [
        (*(plain(row[name]) for name in ("id", "level")), _change(row), plain(row["title"]), _why(row)) for row in rows
    ]
    made = listing(kind.capitalize(), ("Id", "Level", "Outcome", "Requirement", "Evidence"), cells)
    return replace(made, heading=f"{made.heading}\n\n{KINDS[kind]}")


def _change(row: Mapping[str, Any]) -> str:
    return " → ".join(plain(row[side] or "none") for side in ("from", "to"))


def _why(row: Mapping[str, Any]) -> str:
    told = [f"new: {line}" for line in row["appeared"][:2]] + [f"gone: {line}" for line in row["gone"][:2]]
    return "<br>".join(map(cell, told or row["checks"][:2] or ([row["reason"]] if row["reason"] else [])))


def _pairs(title: str, rows: list[dict[str, str]]) -> Section:
    return listing(
        title, ("What", "From", "To"), [(plain(row["what"]), cell(row["from"]), cell(row["to"])) for row in rows]
    )


def text(found: Mapping[str, Any]) -> str:
    """For a terminal, in plain lines."""
    return "\n".join(_indent(line) + legible.line(line, 400) for line in _lines(found)) + "\n"


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))]


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield headline(found)
    for side in ("from", "to"):
        run = found[side]
        yield f"{side} {run['id']}: {run['target']} by {run['contract']}, {run['verdict']}"
    yield f"{found['compared']} requirements compared, {found['same']} the same"
    for row in found["apart"]:
        yield f"note: run with another {row['what'].lower()}: {row['from']}, then {row['to']}"
    for row in found["evidence"]:
        yield f"changed evidence: {row['what']}: {row['from']}, then {row['to']}"
    for kind in KINDS:
        if found[kind]:
            yield ""
            yield f"{kind} ({len(found[kind])})"
        for row in found[kind]:
            yield f"{row['id']} {row['level']} {row['from']} -> {row['to']}: {row['title']}"
            yield from (f"  seen now: {message}" for message in row["appeared"][:3])
            yield from (f"  no longer seen: {message}" for message in row["gone"][:3])
