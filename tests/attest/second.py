"""A second verifier of quotes that shares nothing with the first: own DER, own layout, own TCB rules, Intel's order.

It knows no policy and looks at no attributes; it answers a TCB status or says what does not hold.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

_INTEL_ROOT = "46e403bd34f05a3f2817ab9badcaacc7ffc98e0f261008cd30dae936cace18d5dcf58eef31463613de1570d516200993"
_SGX = bytes.fromhex("2a864886f84d010d01")
_RANK = ["UpToDate", "SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded"]


class No(Exception):
    """What does not hold."""


class Node:
    """One element of DER: tag, content, and the bytes of the whole."""

    def __init__(self, data: bytes) -> None:
        self.tag, size, at = data[0], data[1], 2
        if size & 0x80:
            at += size & 0x7F
            size = int.from_bytes(data[2:at], "big")
        if len(data) < at + size:
            raise No("DER is cut short")
        self.whole, self.value = data[: at + size], data[at : at + size]

    def __iter__(self) -> Iterator[Node]:
        rest = self.value
        while rest:
            node = Node(rest)
            rest = rest[len(node.whole) :]
            yield node

    def __getitem__(self, n: int) -> Node:
        return list(self)[n]

    @property
    def number(self) -> int:
        return int.from_bytes(self.value, "big", signed=True)

    @property
    def time(self) -> datetime:
        text = self.value.decode()
        digits = text if self.tag == 0x18 else ("20" if int(text[:2]) < 50 else "19") + text
        return datetime.strptime(digits, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


class Certificate:
    def __init__(self, der: bytes) -> None:
        self.der, outer = der, Node(der)
        self.tbs, self.signature = outer[0].whole, outer[2].value[1:]
        _, serial, _, issuer, validity, subject, key, *rest = outer[0]
        self.serial, self.issuer, self.subject = serial.number, issuer.whole, subject.whole
        self.starts, self.ends = validity[0].time, validity[1].time
        self.point = key[1].value[1:]
        self.extensions = {row[0].value: list(row)[-1].value for tail in rest if tail.tag == 0xA3 for row in tail[0]}

    @property
    def is_ca(self) -> bool:
        constraints = self.extensions.get(b"\x55\x1d\x13")
        return bool(constraints) and any(node.tag == 1 and any(node.value) for node in Node(constraints or b""))


class Crl:
    def __init__(self, der: bytes) -> None:
        outer = Node(der)
        if len(outer.whole) != len(der):
            raise No("bytes after a CRL")
        self.tbs, self.signature = outer[0].whole, outer[2].value[1:]
        fields = [node for node in outer[0] if node.tag != 2]
        self.issuer, self.ends = fields[1].whole, fields[3].time
        self.serials = {row[0].number for node in fields[4:] if node.tag == 0x30 for row in node}


def verify(quote: bytes, members: dict[str, str], root_der: bytes | None, at: datetime) -> str:
    """The TCB status. Raises No."""
    try:
        return _verify(quote, members, root_der, at)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise No(f"unreadable: {error!r}") from error


def _verify(quote: bytes, members: dict[str, str], root_der: bytes | None, at: datetime) -> str:
    parts = _split(quote)
    pem = parts["chain"] if parts["kind"] == 5 else members.get("pck_certificate_chain", "").encode()
    chain = _chain(pem.decode("ascii", "replace"), 3)
    root = chain[-1]
    _anchor(root, root_der)
    root_crl, pck_crl = (Crl(bytes.fromhex(members[name])) for name in ("root_ca_crl", "pck_crl"))
    for crl, issuer in ((root_crl, root), (pck_crl, chain[1])):
        if crl.issuer != issuer.subject or crl.ends <= at:
            raise No("CRL of another issuer, or ended")
        _signed(issuer.point, crl.signature, crl.tbs, "CRL")
    _path(chain, [pck_crl, root_crl], at)
    info = _statement("tcb_info", members, root, root_crl, at)
    identity = _statement("qe_identity", members, root, root_crl, at)
    _signed(chain[0].point, _der(parts["qe_signature"]), parts["qe"], "QE report")
    if parts["qe"][320:352] != hashlib.sha256(parts["key"] + parts["auth"]).digest():
        raise No("QE does not name the key")
    _signed(b"\x04" + parts["key"], _der(parts["signature"]), parts["signed"], "quote")
    sgx = _sgx_extension(chain[0])
    return _appraise(parts, sgx, info, identity)


def _split(quote: bytes) -> dict[str, Any]:
    version, key_type, tee = (int.from_bytes(quote[a:b], "little") for a, b in ((0, 2), (2, 4), (4, 8)))
    if (version, tee) not in ((3, 0), (4, 0x81), (5, 0x81)) or key_type != 2 or quote[12:14] != b"\x93\x9a":
        raise No("header")
    start = 54 if version == 5 else 48
    size = {3: 384, 4: 584, 5: int.from_bytes(quote[50:54], "little")}[version]
    if version == 5 and {2: 584, 3: 648, 4: 885}.get(int.from_bytes(quote[48:50], "little")) != size:
        raise No("body type")
    at = start + size
    length = int.from_bytes(quote[at : at + 4], "little")
    data = quote[at + 4 : at + 4 + length]
    if len(data) != length or len(quote) > 65536:
        raise No("size")
    rest = data[128:]
    if version > 3:
        if rest[:2] != b"\x06\x00" or int.from_bytes(rest[2:6], "little") != len(rest) - 6:
            raise No("outer certification data")
        rest = rest[6:]
    auth_end = 450 + int.from_bytes(rest[448:450], "little")
    kind, size = (
        int.from_bytes(rest[a:b], "little") for a, b in ((auth_end, auth_end + 2), (auth_end + 2, auth_end + 6))
    )
    if kind not in (2, 3, 5) or len(rest) != auth_end + 6 + size:
        raise No("inner certification data")
    return {
        "tee": tee,
        "body": quote[start:at],
        "signed": quote[:at],
        "signature": data[:64],
        "key": data[64:128],
        "qe": rest[:384],
        "qe_signature": rest[384:448],
        "auth": rest[450:auth_end],
        "kind": kind,
        "chain": rest[auth_end + 6 :],
    }


def _chain(pem: str, length: int) -> list[Certificate]:
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", pem, re.DOTALL)
    if len(blocks) != length:
        raise No(f"{len(blocks)} certificates, expected {length}")
    return [Certificate(base64.b64decode(block)) for block in blocks]


def _anchor(root: Certificate, root_der: bytes | None) -> None:
    if root_der is None and hashlib.sha384(root.point).hexdigest() != _INTEL_ROOT:
        raise No("root is not Intel's")
    if root_der is not None and root.der != root_der:
        raise No("root is not the trusted one")


def _path(chain: list[Certificate], crls: list[Crl], at: datetime) -> None:
    for depth, one in enumerate(chain):
        if not one.starts <= at <= one.ends or one.is_ca != (depth > 0):
            raise No("certificate out of its time or place")
    for one, issuer, crl in zip(chain[:-1], chain[1:], crls, strict=True):
        if one.issuer != issuer.subject or one.serial in crl.serials:
            raise No("certificate of another issuer, or revoked")
        _signed(issuer.point, one.signature, one.tbs, "certificate")


def _statement(name: str, members: dict[str, str], root: Certificate, root_crl: Crl, at: datetime) -> dict[str, Any]:
    chain = _chain(members[f"{name}_issuer_chain"], 2)
    if chain[1].der != root.der or b"SGX TCB Signing" not in chain[0].subject:
        raise No(f"{name}: signer")
    _path(chain, [root_crl], at)
    _signed(chain[0].point, _der(bytes.fromhex(members[f"{name}_signature"])), members[name].encode(), name)
    document: dict[str, Any] = json.loads(members[name], object_pairs_hook=_once)
    issued, ends = (datetime.fromisoformat(document[key]) for key in ("issueDate", "nextUpdate"))
    if not issued <= at <= ends:
        raise No(f"{name}: not now")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise No("a key twice")
    return dict(pairs)


def _signed(point: bytes, signature: bytes, message: bytes, what: str) -> None:
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature) as error:
        raise No(f"signature of {what}") from error


def _der(raw: bytes) -> bytes:
    if len(raw) != 64:
        raise No("signature size")
    return encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))


def _sgx_extension(leaf: Certificate) -> dict[int, Any]:
    rows: dict[int, Any] = {}
    for row in Node(leaf.extensions[_SGX]):
        number = row[0].value[-1]
        if number in rows:
            raise No("an entry twice in the SGX extension")
        rows[number] = {one[0].value[-1]: one[1] for one in row[1]} if number == 2 else row[1].value
    if len(rows[4]) != 6 or len(rows[3]) != 2:
        raise No("SGX extension")
    return rows


def _appraise(parts: dict[str, Any], sgx: dict[int, Any], info: dict[str, Any], identity: dict[str, Any]) -> str:
    tdx, body, tcb = parts["tee"] == 0x81, parts["body"], sgx[2]
    if info["id"] != ("TDX" if tdx else "SGX") or info["version"] != 3 or info["tcbType"] != 0:
        raise No("TCB info of another kind")
    if bytes.fromhex(info["fmspc"]) != sgx[4] or bytes.fromhex(info["pceId"]) != sgx[3]:
        raise No("TCB info of another machine")
    quoting = _enclave(parts["qe"], identity, "TD_QE" if tdx else "QE")
    components = [tcb[n].number for n in range(1, 17)]
    launched = _machine(components, tcb[17].number, body, body[:16] if tdx else None, info)
    status = _worst(launched, quoting)
    if tdx and len(body) > 584:
        now = _worst(_machine(components, tcb[17].number, body, body[584:600], info), quoting)
        if "OutOfDate" in status and "OutOfDate" not in now:
            return "TDRelaunchAdvised" + ("ConfigurationNeeded" if "Configuration" in status else "")
        return now if "OutOfDate" in now else status
    return status


def _machine(components: list[int], pce: int, body: bytes, tdx: bytes | None, info: dict[str, Any]) -> str:
    skip = 2 if tdx and tdx[1] else 0
    rows = [row for row in info["tcbLevels"] if _reached(row["tcb"], components, pce, tdx, skip)]
    if not rows:
        raise No("no TCB level")
    best = max(rows, key=lambda row: [one["svn"] for one in row["tcb"]["sgxtcbcomponents"]] + [row["tcb"]["pcesvn"]])
    status = best["tcbStatus"]
    if tdx is None:
        return _known(status)
    module = info["tdxModule"]
    if tdx[1]:
        named = [one for one in info["tdxModuleIdentities"] if one["id"] == f"TDX_{tdx[1]:02X}"]
        module = named[0]
        levels = [row for row in module["tcbLevels"] if row["tcb"]["isvsvn"] <= tdx[0]]
        newest = max(levels, key=lambda row: row["tcb"]["isvsvn"])["tcbStatus"]
        if newest not in ("UpToDate", "OutOfDate"):
            raise No("module status")
        status = _worst(_known(status), newest)
    mask, attributes = bytes.fromhex(module["attributesMask"]), body[112:120]
    masked = bytes(a & b for a, b in zip(attributes, mask, strict=True))
    if bytes.fromhex(module["mrsigner"]) != body[64:112] or bytes.fromhex(module["attributes"]) != masked:
        raise No("TDX module")
    return _known(status)


def _reached(tcb: dict[str, Any], components: list[int], pce: int, tdx: bytes | None, skip: int) -> bool:
    least = [one["svn"] for one in tcb["sgxtcbcomponents"]]
    if len(least) != 16 or max(least) > 255:
        raise No("16 components of one byte")
    enough = all(a >= b for a, b in zip(components, least, strict=True)) and pce >= tcb["pcesvn"]
    if tdx is None:
        return enough
    return enough and all(a >= one["svn"] for a, one in list(zip(tdx, tcb["tdxtcbcomponents"], strict=True))[skip:])


def _enclave(report: bytes, identity: dict[str, Any], name: str) -> str:
    if identity["id"] != name or report[48] & 2:
        raise No("QE identity of another kind, or a QE in debug mode")
    masked = [
        (report[16:20][::-1], "miscselect"),
        (report[48:64], "attributes"),
    ]
    for value, key in masked:
        mask, wanted = bytes.fromhex(identity[f"{key}Mask"]), bytes.fromhex(identity[key])
        if bytes(a & b for a, b in zip(value, mask, strict=True)) != bytes(
            a & b for a, b in zip(wanted, mask, strict=True)
        ):
            raise No(f"QE {key}")
    product, svn = (int.from_bytes(report[a : a + 2], "little") for a in (256, 258))
    if report[128:160] != bytes.fromhex(identity["mrsigner"]) or product != identity["isvprodid"]:
        raise No("QE signer or product")
    reached = [row for row in identity["tcbLevels"] if row["tcb"]["isvsvn"] <= svn]
    if not reached:
        raise No("no QE level")
    return _known(max(reached, key=lambda row: row["tcb"]["isvsvn"])["tcbStatus"])


def _known(status: str) -> str:
    if status not in (*_RANK, "OutOfDate", "OutOfDateConfigurationNeeded"):
        raise No(f"status {status}")
    return status


def _worst(first: str, second: str) -> str:
    configured = any(status.startswith(("Configuration", "OutOfDateC")) for status in (first, second))
    if "OutOfDate" in first or "OutOfDate" in second:
        return "OutOfDateConfigurationNeeded" if configured else "OutOfDate"
    return max(first, second, key=_RANK.index)
