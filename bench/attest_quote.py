"""What our full verification of a TDX quote costs, against bare dcap-qvl on the same quotes in the same rounds.

Bare is the engine's one call, which checks signatures, chains and levels. Ours is that and every check it leaves out.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import dcap_qvl
from rich.table import Table
from rounds import alternate, console, cost, forget, machine, middle, ratio

import specs
from harness.attest import Trust, judge_quote, policy_of, verify
from harness.attest.adapters import dstack
from mockserver.tee import Decisions, Platform

VECTORS = Path(os.environ.get("ASSAY_VECTORS", Path(__file__).parents[2] / "shared" / "vectors")) / "tdx"
REAL = ("tdx-v4-uptodate-b0c06f", "tdx-v5-td15-uptodate-90c06f", "tdx-v5-td15ex-b0c06f", "tdx-v4-outofdate-00806f")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MODEL, NONCE = "deepseek-ai/DeepSeek-V3-TEE", bytes(range(32))
FIELD = policy_of(specs.policy("field"))


@dataclass(frozen=True)
class Case:
    name: str
    quote: bytes
    trust: Trust
    at: datetime
    report: bytes | None = None  # the whole dstack document, where there is one

    def bare(self, calls: int) -> float:
        at, form = int(self.at.timestamp()), self.trust.engine_form
        root = self.trust.root_der
        if root is None:
            return cost(lambda: dcap_qvl.verify(self.quote, form, at), calls)
        return cost(lambda: dcap_qvl.verify_with_root_ca(self.quote, form, root, at), calls)

    def ours(self, calls: int) -> float:
        return cost(lambda: judge_quote(self.quote, self.trust, self.at, FIELD), calls)

    def cold(self, calls: int) -> float:
        """The first quote of a machine under collateral that was never seen."""

        def first() -> None:
            forget()
            judge_quote(self.quote, replace(self.trust), self.at, FIELD)

        return cost(first, calls)

    def whole(self, calls: int) -> float:
        """From the bytes of a report: its quote, binding, event log and claims."""
        report = self.report or b""
        return cost(lambda: verify(dstack.parse(report)[0], self.trust, NONCE, self.at, FIELD), calls)

    def verdict(self) -> str:
        return str(judge_quote(self.quote, self.trust, self.at, FIELD).code)


def synthetic(form: str) -> Case:
    platform = Platform(b"bench", lambda: NOW, Decisions(quote_form=form))
    report = platform.report(MODEL, NONCE)
    trust = Trust(json.dumps(platform.collateral()), platform.root_der(), "test platform")
    return Case(f"test {form}", bytes.fromhex(report["intel_quote"]), trust, NOW, json.dumps(report).encode())


def real(name: str) -> Case:
    folder = VECTORS / name
    at = datetime.fromtimestamp(json.loads((folder / "meta.json").read_text())["verify_at"], UTC)
    return Case(name, (folder / "quote.bin").read_bytes(), Trust((folder / "collateral.json").read_text()), at)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=50, help="of each round and way")
    chosen = parser.parse_args()
    cases = [synthetic("v4"), synthetic("v5-td15")]
    cases += [real(name) for name in REAL] if VECTORS.is_dir() else []
    title = f"ms of processor time a quote, median of {chosen.rounds} rounds; {machine()}"
    shown = Table("", "verdict", "bare dcap-qvl", "ours", "rate: ours / bare", "ours, first of a machine", title=title)
    shown.add_column("whole report")
    for case in cases:
        ways = {"bare": case.bare, "ours": case.ours, "cold": case.cold} | (
            {"whole": case.whole} if case.report else {}
        )
        spent = alternate(ways, chosen.rounds, chosen.calls)
        figures = (middle(spent["bare"]), middle(spent["ours"]), ratio(spent["bare"], spent["ours"]))
        whole = middle(spent["whole"]) if case.report else ""
        shown.add_row(case.name, case.verdict(), *figures, middle(spent["cold"]), whole)
    console().print(shown)


if __name__ == "__main__":
    main()
