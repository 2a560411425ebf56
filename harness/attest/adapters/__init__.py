"""One module for each evidence format met in the field: bytes in, frozen records out. They judge nothing.

`read` tells the format from the document itself, never from what somebody says that it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.attest.adapters import (
    assay_bundle,
    azure,
    chutes,
    dstack,
    keylime,
    near,
    nras,
    raw_quote,
    reading,
    tinfoil_v3,
    voltage_verify,
)
from harness.attest.boot import BootReport
from harness.attest.evidence import Evidence, Tokens
from harness.attest.verdict import Code, Rejected

Parsed = tuple[Evidence, ...] | Tokens | BootReport


@dataclass(frozen=True)
class Adapter:
    name: str
    recognises: Callable[[Any], bool]  # of the parsed JSON document
    parse: Callable[[bytes], Parsed]


# The first that recognises a document reads it: those that name their format stand above those told by their members.
_DOCUMENTS = (
    Adapter("assay-bundle", assay_bundle.recognises, assay_bundle.parse),
    Adapter("tinfoil-v3", tinfoil_v3.recognises, tinfoil_v3.parse),
    Adapter("voltage-verify", voltage_verify.recognises, voltage_verify.parse),
    Adapter("chutes", chutes.recognises, chutes.parse),
    Adapter("near", near.recognises, near.parse),
    Adapter("dstack", dstack.recognises, dstack.parse),
    Adapter("azure", azure.recognises, azure.parse),
    Adapter("keylime", keylime.recognises, keylime.parse),
    Adapter("nras", nras.recognises, nras.parse),
)
_TOKEN = Adapter("nras", nras.recognises, nras.parse)
_QUOTE = Adapter("quote", lambda _: False, raw_quote.parse)
NAMES = tuple(adapter.name for adapter in (*_DOCUMENTS, _QUOTE))


def detect(raw: bytes) -> Adapter:
    """Raises Rejected: evidence.unrecognised for a document of no known shape, evidence.malformed for no document."""
    if raw_quote.recognises(raw):
        return _QUOTE
    if nras.is_token(raw):
        return _TOKEN
    document = reading.json_value(raw, "document")
    for adapter in _DOCUMENTS:
        if adapter.recognises(document):
            return adapter
    raise Rejected(Code.EVIDENCE_UNRECOGNISED, f"expected one of {', '.join(NAMES)}")


def read(raw: bytes) -> Parsed:
    """Raises Rejected(evidence.malformed), Rejected(evidence.unrecognised)."""
    return detect(raw).parse(raw)
