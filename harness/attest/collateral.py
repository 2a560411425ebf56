"""What a quote is judged against: a root and a bundle of signed statements. Fetches nothing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import dcap_qvl

from harness.attest.verdict import Code, Rejected

# SHA-384 of the public key of Intel's SGX/TDX root, as an uncompressed point
INTEL_ROOT_KEY_ID = "46e403bd34f05a3f2817ab9badcaacc7ffc98e0f261008cd30dae936cace18d5dcf58eef31463613de1570d516200993"
MAX_COLLATERAL_BYTES = 1024 * 1024
PCK_CHAIN = "pck_certificate_chain"  # optional: what Intel says is the chain of one machine
_HEX_MEMBERS = frozenset({"root_ca_crl", "pck_crl", "tcb_info_signature", "qe_identity_signature"})
_TEXT_MEMBERS = frozenset(
    {"pck_crl_issuer_chain", "tcb_info_issuer_chain", "tcb_info", "qe_identity_issuer_chain", "qe_identity"}
)


@dataclass(frozen=True)
class Trust:
    """`root_der` None means Intel's production root, which the engine carries."""

    collateral: str  # JSON, the form of dcap-qvl's QuoteCollateralV3
    root_der: bytes | None = None
    source: str = ""

    def __getstate__(self) -> dict[str, Any]:
        """Without what was derived: the engine's form cannot go to another process."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def members(self) -> dict[str, str]:
        """Raises Rejected(collateral.malformed)."""
        try:
            document = json.loads(self.collateral)
        except (ValueError, RecursionError) as error:
            raise Rejected(Code.COLLATERAL_MALFORMED, f"{self.source}: not JSON: {error}") from error
        _check_members(document, self.source)
        return dict(document)

    def statement(self, member: str) -> dict[str, Any]:
        """tcb_info or qe_identity, parsed. Raises ValueError; whether it is signed is for others to say."""
        return self._statements[member]

    @cached_property
    def _statements(self) -> dict[str, dict[str, Any]]:
        return {member: json.loads(self.members[member]) for member in ("tcb_info", "qe_identity")}

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.collateral.encode("utf-8", "surrogatepass")).hexdigest()

    @cached_property
    def engine_form(self) -> dcap_qvl.QuoteCollateralV3:
        """Without the PCK chain, which would replace the one in the quote. Raises Rejected(collateral.malformed)."""
        return self._form(_HEX_MEMBERS | _TEXT_MEMBERS)

    @cached_property
    def engine_form_with_chain(self) -> dcap_qvl.QuoteCollateralV3:
        """For a quote that names its machine instead of carrying the chain. Raises Rejected(collateral.malformed)."""
        return self._form(_HEX_MEMBERS | _TEXT_MEMBERS | ({PCK_CHAIN} & self.members.keys()))

    def _form(self, names: frozenset[str]) -> dcap_qvl.QuoteCollateralV3:
        chosen = {name: self.members[name] for name in sorted(names)}
        try:
            return dcap_qvl.QuoteCollateralV3.from_json(json.dumps(chosen))
        except (ValueError, TypeError) as error:
            raise Rejected(Code.COLLATERAL_MALFORMED, f"{self.source}: {error}") from error


def load_trust(folder: Path) -> Trust:
    """Read collateral.json and, where it is present, root.der. Raises OSError, ValueError (too large)."""
    path, root = folder / "collateral.json", folder / "root.der"
    if path.stat().st_size > MAX_COLLATERAL_BYTES:
        raise ValueError(f"{path}: more than {MAX_COLLATERAL_BYTES} bytes")
    try:
        text = path.read_text(encoding="utf-8")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return Trust(text, root.read_bytes() if root.exists() else None, str(path))


def _check_members(document: Any, source: str) -> None:
    if not isinstance(document, dict):
        raise Rejected(Code.COLLATERAL_MALFORMED, f"{source}: expected a JSON object")
    for name in sorted(_HEX_MEMBERS | _TEXT_MEMBERS):
        if not isinstance(document.get(name), str):
            raise Rejected(Code.COLLATERAL_MALFORMED, f"{source}: {name}: expected a string")
    if not isinstance(document.get(PCK_CHAIN, ""), str):
        raise Rejected(Code.COLLATERAL_MALFORMED, f"{source}: {PCK_CHAIN}: expected a string")
    for name in sorted(_HEX_MEMBERS):
        try:
            bytes.fromhex(document[name])
        except ValueError as error:
            raise Rejected(Code.COLLATERAL_MALFORMED, f"{source}: {name}: {error}") from error
