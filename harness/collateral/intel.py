"""Fetches the collateral of a quote from Intel's certification service, or a cache of it, and keeps every byte.

It judges nothing: whatever it brings is judged by harness.attest. It asks nobody unless it is called.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import dcap_qvl
import httpx
from cryptography import x509

INTEL = "https://api.trustedservices.intel.com"
# Intel's service has no path for the list of its root: the root names another host for it.
_INTEL_ROOT_CRL = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
MAX_BODY_BYTES = 1024 * 1024
KEPT = timedelta(hours=24)  # how long a piece in the cache is taken for fresh, unless it ends earlier
_CHAINS = ("sgx-pck-crl-issuer-chain", "tcb-info-issuer-chain", "sgx-tcb-info-issuer-chain")
_CHAIN_HEADERS = (*_CHAINS, "sgx-enclave-identity-issuer-chain")


class CollateralError(ValueError):
    """A service that does not answer, or not with collateral; a bundle that is not what it was."""


@dataclass(frozen=True)
class Piece:
    """One answer, as it came."""

    name: str  # pck_crl, root_ca_crl, tcb_info, qe_identity
    url: str
    fetched: str  # RFC 3339
    issuer_chain: str  # the header, decoded; empty for the root's list
    body: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True)
class Wanted:
    """What a quote says about the machine that made it, and so which statements it needs."""

    fmspc: str
    ca: str  # platform or processor
    tee: str  # sgx or tdx

    def urls(self, service: str) -> dict[str, str]:
        base = service.rstrip("/")
        root = _INTEL_ROOT_CRL if base == INTEL else f"{base}/sgx/certification/v4/rootcacrl"
        return {
            "pck_crl": f"{base}/sgx/certification/v4/pckcrl?ca={self.ca}&encoding=der",
            "root_ca_crl": root,
            "tcb_info": f"{base}/{self.tee}/certification/v4/tcb?fmspc={self.fmspc}&update=standard",
            "qe_identity": f"{base}/{self.tee}/certification/v4/qe/identity?update=standard",
        }


def wanted_by(quote: bytes) -> Wanted:
    """Raises CollateralError for bytes that are no quote, or that do not carry the chain of their machine."""
    try:
        parsed = dcap_qvl.parse_quote(quote)
        return Wanted(parsed.fmspc(), parsed.ca(), "tdx" if parsed.is_tdx() else "sgx")
    except ValueError as error:
        raise CollateralError(
            f"the quote does not say which machine it is of: {' '.join(str(error).split())}"
        ) from error


class CollateralSource:
    """One service. `cache` None keeps nothing between calls; `now` is the only clock."""

    def __init__(
        self, client: httpx.Client, now: Callable[[], datetime], service: str = INTEL, cache: Path | None = None
    ) -> None:
        self._client, self._now, self._service, self._cache = client, now, service, cache

    def fetch(self, quote: bytes) -> tuple[Piece, ...]:
        """The four answers that a quote is judged against. Raises CollateralError."""
        urls = wanted_by(quote).urls(self._service)
        return tuple(self._cached(name, url) or self._fetched(name, url) for name, url in urls.items())

    def _fetched(self, name: str, url: str) -> Piece:
        try:
            with self._client.stream("GET", url) as answer:
                body = bounded(answer, url)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CollateralError(f"{url}: {type(error).__name__}: {error}") from error
        if answer.status_code != 200:
            raise CollateralError(f"{url}: answered {answer.status_code}")
        chain = next((answer.headers[header] for header in _CHAIN_HEADERS if header in answer.headers), "")
        if not chain and name != "root_ca_crl":
            raise CollateralError(f"{url}: no header with the chain of its signer")
        piece = Piece(name, url, self._now().isoformat(), unquote(chain), body)
        _ends(piece)  # what cannot be read is refused before it is kept
        if self._cache is not None:
            _write(self._cache / _key(url), (piece,))
        return piece

    def _cached(self, name: str, url: str) -> Piece | None:
        """What was kept and has not ended; a damaged entry is fetched again."""
        if self._cache is None or not (self._cache / _key(url)).is_dir():
            return None
        try:
            (piece,) = read_bundle(self._cache / _key(url))
            fresh = min(datetime.fromisoformat(piece.fetched) + KEPT, _ends(piece))
        except CollateralError:
            return None
        return piece if (piece.name, piece.url) == (name, url) and self._now() < fresh else None


def assembled(pieces: tuple[Piece, ...]) -> str:
    """The collateral of a quote as one JSON document, dcap-qvl's form. Raises CollateralError."""
    by_name = {piece.name: piece for piece in pieces}
    if missing := {"pck_crl", "root_ca_crl", "tcb_info", "qe_identity"} - by_name.keys():
        raise CollateralError(f"missing: {', '.join(sorted(missing))}")
    members = {
        "pck_crl": _der(by_name["pck_crl"]).hex(),
        "pck_crl_issuer_chain": by_name["pck_crl"].issuer_chain,
        "root_ca_crl": _der(by_name["root_ca_crl"]).hex(),
    }
    for name in ("tcb_info", "qe_identity"):
        text, signature = _statement(by_name[name])
        chain = by_name[name].issuer_chain
        members |= {name: text, f"{name}_signature": signature, f"{name}_issuer_chain": chain}
    return json.dumps(members, indent=1, sort_keys=True) + "\n"


def write_bundle(folder: Path, pieces: tuple[Piece, ...]) -> None:
    """Everything fetched, and the collateral.json that harness.attest.load_trust reads. Raises OSError."""
    _write(folder, pieces)
    (folder / "collateral.json").write_text(assembled(pieces))


def read_bundle(folder: Path) -> tuple[Piece, ...]:
    """The pieces of a bundle, each compared with the digest it was kept under. Raises CollateralError."""
    try:
        rows = json.loads((folder / "manifest.json").read_text())
        pieces = tuple(_read(folder, row) for row in rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CollateralError(f"{folder}: {error}") from error
    return pieces


def _write(folder: Path, pieces: tuple[Piece, ...]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for piece in pieces:
        file = f"{piece.name}.bin"
        (folder / file).write_bytes(piece.body)
        row = {"name": piece.name, "url": piece.url, "fetched": piece.fetched, "issuer_chain": piece.issuer_chain}
        rows.append({**row, "file": file, "sha256": piece.sha256})
    (folder / "manifest.json").write_text(json.dumps(rows, indent=1) + "\n")


def _read(folder: Path, row: dict[str, str]) -> Piece:
    file = row["file"]
    if Path(file).name != file:
        raise CollateralError(f"{file!r} lies outside the bundle")
    piece = Piece(row["name"], row["url"], row["fetched"], row["issuer_chain"], (folder / file).read_bytes())
    if piece.sha256 != row["sha256"]:
        raise CollateralError(f"{file} is not what was fetched: SHA-256 {piece.sha256}")
    return piece


def bounded(answer: httpx.Response, url: str) -> bytes:
    """The body of an answer while it arrives. Raises CollateralError beyond MAX_BODY_BYTES."""
    body = bytearray()
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise CollateralError(f"{url}: more than {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _der(piece: Piece) -> bytes:
    """A revocation list in DER; caches of Intel's service send some of them as hex text."""
    if piece.body[:1] == b"\x30":
        return piece.body
    try:
        return bytes.fromhex(piece.body.decode("ascii"))
    except ValueError as error:
        raise CollateralError(f"{piece.url}: neither DER nor hex") from error


def _statement(piece: Piece) -> tuple[str, str]:
    """The signed text, letter by letter as it stands in the answer, and the signature over it."""
    member = {"tcb_info": "tcbInfo", "qe_identity": "enclaveIdentity"}[piece.name]
    try:
        text = piece.body.decode()
        document = json.loads(text)
        signature = document["signature"]
        start = text.index("{", text.index(f'"{member}"'))
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CollateralError(f"{piece.url}: no {member} with a signature: {error}") from error
    if not isinstance(signature, str) or json.loads(text[start:end]) != document[member]:
        raise CollateralError(f"{piece.url}: {member} cannot be told from the text around it")
    return text[start:end], signature


def _ends(piece: Piece) -> datetime:
    """When the piece stops to be valid. Raises CollateralError for what cannot be read."""
    try:
        if piece.name in ("pck_crl", "root_ca_crl"):
            ends = x509.load_der_x509_crl(_der(piece)).next_update_utc
        else:
            document: dict[str, Any] = json.loads(_statement(piece)[0])
            ends = datetime.fromisoformat(document["nextUpdate"])
    except (ValueError, KeyError, TypeError) as error:
        raise CollateralError(f"{piece.url}: {error}") from error
    if ends is None or ends.tzinfo is None:
        raise CollateralError(f"{piece.url}: says no moment at which it ends")
    return ends


def _key(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:32]
