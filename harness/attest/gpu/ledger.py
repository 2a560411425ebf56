"""A ledger of seen reference values: tells when an older publication of the same id comes back.

Nothing inside a manifest shows this: its version counter is always zero and the older signer is still valid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from harness.attest.verdict import Code, Problem


@dataclass(frozen=True)
class Sighting:
    rim_id: str
    content: str  # SHA-256 over what the manifest accepts
    signed_from: datetime  # notBefore of the signer: all that orders two publications


def judge_ledger(seen: Iterable[Sighting], now: Iterable[Sighting]) -> Iterator[Problem]:
    """`seen` before, met `now`. The same content, signed again or long ago, is no problem."""
    before = list(seen)
    for sighting in now:
        others = [s for s in before if s.rim_id == sighting.rim_id and s.content != sighting.content]
        newest = max(others, key=lambda s: s.signed_from, default=None)
        if newest is None or newest.signed_from < sighting.signed_from:
            continue
        if newest.signed_from > sighting.signed_from:
            dates = f"signer of {sighting.signed_from:%Y-%m-%d}, seen before {newest.signed_from:%Y-%m-%d}"
            yield Problem(Code.RIM_ROLLBACK, f"{sighting.rim_id}: {dates}")
        else:
            yield Problem(Code.RIM_CONFLICT, f"{sighting.rim_id}: two contents by signers of one moment")
