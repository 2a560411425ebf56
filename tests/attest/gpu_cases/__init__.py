"""One fault each: importing the modules fills `tests.attest.gpu_lab.CASES`."""

from __future__ import annotations

from tests.attest.gpu_cases import chains, good, reports, responses, rim_signatures, rims, sets, tokens

__all__ = ["chains", "good", "reports", "responses", "rim_signatures", "rims", "sets", "tokens"]
