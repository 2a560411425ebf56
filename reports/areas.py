"""The requirements by what they are about, for who wants to know which part of a promise holds. It decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports import figures, phrases

SUITES = {
    "attestation": ("Attestation", "Does fresh evidence show a genuine enclave?"),
    "gate": ("The confidential gate", "Is what may leave the enclave refused?"),
    "billing": ("The bill", "Is exactly what was used charged?"),
    "contract": ("Requests and errors", "Are answers and refusals as documented?"),
    "stream": ("Streams", "Do streamed answers arrive whole, in time and once?"),
    "catalogue": ("The model list", "Are models, flags and prices as listed?"),
    "limits": ("Rate limits", "Are limits stated, and enforced as stated?"),
    "load": ("Under load", "Does it hold with many requests at once?"),
    "fuzz": ("Generated requests", "Does it hold for requests nobody wrote by hand?"),
    "completions": ("Text completions", "Does text follow a prompt as documented?"),
    "embeddings": ("Embeddings", "Do texts become vectors as documented?"),
    "images": ("Images", "Do prompts become pictures as documented?"),
    "speech": ("Speech", "Do texts become speech as documented?"),
    "vector_store": ("Vector stores", "Are documents kept, found and forgotten?"),
    "history": ("What is remembered", "Is kept what should be, and nothing else?"),
    "orgs": ("Organisations and keys", "Do tenants see nothing of each other?"),
    "sign_in": ("Sign-in", "Is access given only to who proved who they are?"),
    "forge": ("GPU leases", "Are leased machines given, reached and returned as promised?"),
    "vault": ("Bare metal", "Are racks handed over, and their boot measured?"),
    "sweep": ("All other answers", "Do the answers that no check asked for keep the rules?"),
    "spark": ("Placement", "Is it told truly where a request was served?"),
}
SWEEP = "sweep"


@dataclass(frozen=True)
class Area:
    """`counts`: requirements by outcome; one that is checked in two areas counts in both."""

    suite: str
    title: str
    asks: str
    counts: Mapping[str, int]

    @property
    def passed(self) -> int:
        return self.counts.get("pass", 0)

    @property
    def applies(self) -> int:
        """Without what a contract leaves out and what nobody asked for."""
        return sum(self.counts.values())

    @property
    def segments(self) -> list[figures.Segment]:
        return figures.segments(self.counts)


def of(rows: Sequence[Mapping[str, Any]]) -> list[Area]:
    """Areas in the order of SUITES, then those that nobody has named; what was left out is in none."""
    seen: dict[str, list[str]] = {}
    for row in rows:
        if row["outcome"] in {"excluded", "not-applicable"} or row.get("reason") == phrases.NOT_SELECTED:
            continue
        found = phrases.suites(row)
        for suite in [name for name in found if name != SWEEP] or found:  # the sweep repeats what a check says
            seen.setdefault(suite, []).append(row["outcome"])
    order = [*SUITES, *sorted(set(seen) - set(SUITES))]
    return [_area(suite, seen[suite]) for suite in order if suite in seen]


def _area(suite: str, outcomes: list[str]) -> Area:
    title, asks = SUITES.get(suite, (suite.replace("_", " ").capitalize(), ""))
    names = sorted(set(outcomes), key=phrases.badness)
    return Area(suite, title, asks, {name: outcomes.count(name) for name in names})
