"""Judges what one machine's evidence cannot show alone: a quote given twice, or a part that runs somewhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.attest.evidence import Evidence
from harness.attest.layout import read
from harness.attest.verdict import Code, Problem, Rejected

_BOOT = ("mr_td", "rt_mr0", "rt_mr1", "rt_mr2")  # what is the same in every quote of one domain


def repeated(machines: Sequence[Evidence]) -> list[Problem]:
    """Two machines of one document, or of two documents over one challenge, never have the same TD report.

    Reports are compared and not the bytes of quotes: a signature can be rewritten into another that verifies as well.
    """
    seen, problems = dict[tuple[bytes, ...], int](), list[Problem]()
    for n, machine in enumerate(machines):
        body = tuple(_body(machine.quote).values())
        first = seen.setdefault(body, n)
        if body and first != n:
            reason = f"machine {n} shows the TD report of machine {first}, so one of the two is not attested"
            problems.append(Problem(Code.EVIDENCE_REPEATED, reason))
    return problems


def beside(evidence: Evidence) -> Iterator[Problem]:
    """Whether a part that says it runs in another quote's domain booted as that domain did."""
    if evidence.beside is None:
        return
    ours, theirs = _body(evidence.quote), _body(evidence.beside)
    differing = [name for name in _BOOT if ours.get(name) != theirs.get(name)]
    if differing:
        yield Problem(Code.DOMAIN_FOREIGN, f"this part runs in another domain: {', '.join(differing)} differ")


def _body(quote: bytes) -> Mapping[str, bytes]:
    """Empty where the quote cannot be read: its own judge says why."""
    try:
        return read(quote).body
    except Rejected:
        return {}
