"""A verified certificate as text: what is claimed, what it rests on, and what nobody can check. Decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from reports import legible, phrases

OURS = "https://assay.invalid/certificate/v1"
HELD = {True: "held", False: "not held", None: "nothing promised"}


def lines(document: Mapping[str, Any]) -> Iterator[str]:
    """The statement, a fact a line; the first admits test roots."""
    ours = document["predicate"][OURS]
    if ours["deployment"]["test_roots"]:
        yield f"{phrases.TEST_ROOTS}: {phrases.TEST_ROOTS_MEANING}"
    yield from (f"{label:<12}{legible.line(str(value))}" for label, value in _facts(ours))
    for level in ours["levels"]:
        yield f"{'level':<12}{_level(level)}"
    yield from _attestation(ours)
    for waiver in ours["waivers"]:
        said = f"{waiver['requirement']} {waiver['state']} until {waiver['expires']} by {waiver['owner']}"
        yield f"{'waiver':<12}{legible.line(said)}: {legible.line(waiver['reason'])} ({legible.line(waiver['link'])})"
    for said, ids in _on_word(ours["judged_again"]["otherwise"]).items():
        named = legible.line(", ".join(ids), 2000)
        yield f"{'on word':<12}{len(ids)} rest on the signer's word, {legible.line(said)}: {named}"


def _on_word(rows: Iterable[Mapping[str, str]]) -> dict[str, list[str]]:
    """The rows that nobody can judge again, by the reason for it."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["said"], []).append(row["id"])
    return found


def _facts(ours: Mapping[str, Any]) -> list[tuple[str, object]]:
    run, contract, deployment = ours["run"], ours["contract"], ours["deployment"]
    proof = ours["proof"]
    told = "none"
    if proof is not None:
        told = f"{proof['score']['killed']} of {proof['score']['defects']} defects killed ({proof['sha256'][:16]})"
    counts = Counter(ours["rows"].values())
    return [
        ("verdict", phrases.VERDICTS.get(ours["verdict"], (ours["verdict"],))[0]),
        ("deployment", f"{deployment['name']} ({deployment['base_url']}), model {deployment['model']}"),
        ("contract", f"{contract['name']} {contract['version']} ({contract['digest'][:16]})"),
        ("run", f"{run['id']}, profile {run['profile']}, {run['started']} to {run['finished']}{_part(run)}"),
        ("valid", f"{ours['issued']} to {ours['expires']}"),
        ("rows", ", ".join(f"{counts[name]} {name}" for name in phrases.OUTCOMES if counts[name])),
        ("spent", f"{phrases.usd(ours['spend']['usd'])}, {ours['spend']['calls']} calls"),
        ("proof", told),
        ("made by", f"{ours['tool']['name']} {ours['tool']['version']}"),
    ]


def _part(run: Mapping[str, Any]) -> str:
    chosen = [*run["suites"], *run["only"]]
    return f"; ONLY {', '.join(chosen)}" if chosen else ""


def _level(level: Mapping[str, Any]) -> str:
    words = f"{level['name']}: {HELD[level['held']]}"
    if level["held"]:
        words += f", {level['musts']} MUSTs"
    if level["waived"]:
        words += f", with waivers for {', '.join(level['waived'])}"
    if level["unmet"]:
        more = f" and {len(level['unmet']) - 4} more" if len(level["unmet"]) > 4 else ""
        words += f" ({'; '.join(level['unmet'][:4])}{more})"
    return legible.line(words, 600)


def _attestation(ours: Mapping[str, Any]) -> Iterator[str]:
    if (found := ours["attestation"]) is None:
        yield f"{'attestation':<12}no evidence was judged"
        return
    yield f"{'attestation':<12}{found['accepted']} accepted, policy {legible.line(found['policy'])}"
    for root in found["trust_roots"]:
        digest = root.get("sha256") or root.get("key_sha384", "")
        yield f"{'trust root':<12}{legible.line(root['name'])} {legible.line(digest[:32])}"
    if found["measurements"]:
        yield from _measured(found["measurements"])
    for key in ours["tls_keys"]:
        yield f"{'TLS key':<12}{legible.line(key)}"


def _measured(found: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """What all that was accepted has in common once, then what tells it apart, a line each."""
    common = {name: found[0][name] for name in found[0] if all(one.get(name) == found[0][name] for one in found)}
    alike = f"; alike in all {len(found)}" if len(found) > 1 else ""
    if common:
        yield f"{'measured':<12}{_values(common)}{alike}"
    for one in found:
        if own := {name: value for name, value in one.items() if name not in common}:
            yield f"{'measured':<12}{_values(own)}"


def _values(measured: Mapping[str, str]) -> str:
    """A field that nobody has set says so, in place of its zeros."""
    return ", ".join(
        f"{name} {legible.line(value[:16]) if value.strip('0') else 'unset'}"
        for name, value in sorted(measured.items())
    )
