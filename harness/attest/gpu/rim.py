"""Reference integrity manifests: read, judge as documents, compare with what a device measured.

A manifest has no version counter: which publication is the newest cannot be read from it, see the ledger.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from lxml import etree

from harness.attest.gpu import signature
from harness.attest.gpu.chain import RIM, judge_chain
from harness.attest.gpu.identity import BLACKWELL, SWITCH
from harness.attest.gpu.report import Field, SpdmReport
from harness.attest.verdict import Code, Problem, Rejected

CHAIN_LENGTH = 4
NVDEC0_INDEX = 35
_SWID = "{http://standards.iso.org/iso/19770/-2/2015/schema.xsd}"
_SHA384 = "{http://www.w3.org/2001/04/xmlenc#sha384}"
_TCG = "{https://trustedcomputinggroup.org/resource/tcg-reference-integrity-manifest-rim-information-model/}"
_NVIDIA = "5703"  # IANA enterprise number
_CHILDREN = frozenset(
    {f"{_SWID}Entity", f"{_SWID}Meta", f"{_SWID}Payload", "{http://www.w3.org/2000/09/xmldsig#}Signature"}
)
_DIGEST, _NUMBER = re.compile(r"[0-9a-fA-F]{96}"), re.compile(r"[0-9]{1,3}")
_RESOURCE, _FLAGS = f"{_SWID}Resource", {"True": True, "False": False}


@dataclass(frozen=True)
class Rim:
    product: str
    edition: str
    version: str
    golden: Mapping[int, tuple[bytes, ...]]  # the active indexes and the values that are taken
    certificates: tuple[x509.Certificate, ...]
    problems: tuple[Problem, ...]  # of digest, signature and manufacturer; dates and trust are judged at a moment

    @property
    def content(self) -> str:
        """SHA-256 over what it accepts: the same for a manifest that was only signed again."""
        lines = [f"{self.product} {self.edition} {self.version}"]
        lines += [f"{n} {' '.join(sorted(v.hex() for v in values))}" for n, values in sorted(self.golden.items())]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class Wanted:
    """The manifest that a report calls for."""

    rim_id: str
    product: str
    edition: str
    version: str


def wanted(report: SpdmReport, arch: str) -> tuple[Wanted, ...]:
    """Driver and VBIOS for a GPU, one for a switch. Raises Rejected(report.opaque_malformed)."""
    vbios = report.vbios
    if arch == SWITCH:
        return (Wanted(f"NV_SWITCH_BIOS_5612_0002_890_{_plain(vbios)}", "LS10", "SWITCH", vbios),)
    chip = (report.text(Field.CHIP_INFO) or "GB100") if arch == BLACKWELL else "GH100"
    infix = f"CC_DRIVER_{chip}" if arch == BLACKWELL else f"DRIVER_{chip}"
    board = "_".join(report.text(field) for field in (Field.PROJECT, Field.PROJECT_SKU, Field.CHIP_SKU))
    return (
        Wanted(f"NV_GPU_{infix}_{report.driver}", chip, "GPU", report.driver),
        Wanted(f"NV_GPU_VBIOS_{board}_{_plain(vbios)}".upper(), chip, "GPU", vbios),
    )


@lru_cache(maxsize=64)
def read(raw: bytes) -> Rim:
    """Cached by its bytes: eight GPUs of a machine share it. Raises Rejected with a `rim.*` code."""
    root = signature.read(raw)
    if root.tag != f"{_SWID}SoftwareIdentity":
        raise Rejected(Code.RIM_SCHEMA, f"root element {root.tag}")
    signed = signature.find(root)
    certificates = signature.certificates(signed)
    if len(certificates) != CHAIN_LENGTH:
        raise Rejected(Code.RIM_CHAIN_LENGTH, f"{len(certificates)} certificates, expected {CHAIN_LENGTH}")
    problems = list(signature.judge(root, signed, certificates[0]))
    try:
        return _content(root, certificates, problems)
    except Rejected as rejected:
        if problems:  # a content that nobody signed is rejected for that, before its form
            raise Rejected(problems[0].code, problems[0].reason) from rejected
        raise


def judge(rim: Rim, asked: Wanted, root_der: bytes, at: datetime) -> list[Problem]:
    problems = judge_chain(rim.certificates, root_der, at, CHAIN_LENGTH, RIM)
    problems += rim.problems
    pairs = (
        (Code.RIM_PRODUCT_MISMATCH, "product", rim.product, asked.product),
        (Code.RIM_EDITION_MISMATCH, "edition", rim.edition, asked.edition),
        (Code.RIM_VERSION_MISMATCH, "version", rim.version, asked.version),
    )
    problems += [Problem(code, f"{what} {found}, not {want}") for code, what, found, want in pairs if found != want]
    return problems


def compare(report: SpdmReport, rims: tuple[Rim, ...]) -> Iterator[Problem]:
    """Every active index of every manifest against the report."""
    golden: dict[int, tuple[bytes, ...]] = {}
    for rim in rims:
        shared = sorted(golden.keys() & rim.golden.keys())
        if shared:
            yield Problem(Code.RIM_INDEX_CONFLICT, f"indexes {shared} are active in more than one manifest")
        if not rim.golden:
            yield Problem(Code.RIM_NO_MEASUREMENTS, f"{rim.product} {rim.version}: no active measurement")
        golden.update(rim.golden)
    for index, values in sorted(golden.items()):
        if index == NVDEC0_INDEX and report.nvdec0_disabled:
            continue  # the unit is off, what it would run was not loaded
        measured = report.measurements.get(index)
        if measured not in values:
            found = measured.hex() if measured is not None else "absent"
            yield Problem(Code.MEASUREMENT_MISMATCH, f"index {index}: {found} is none of {len(values)} golden values")


def _content(root: etree._Element, certificates: tuple[x509.Certificate, ...], problems: list[Problem]) -> Rim:
    strange = [child.tag for child in root if isinstance(child.tag, str) and child.tag not in _CHILDREN]
    metas, payloads = root.findall(f"{_SWID}Meta"), root.findall(f"{_SWID}Payload")
    if strange or len(metas) != 1 or len(payloads) != 1:
        raise Rejected(Code.RIM_SCHEMA, f"{len(metas)} Meta, {len(payloads)} Payload, strange elements {strange}")
    meta = metas[0]
    maker = meta.get(f"{_TCG}FirmwareManufacturerId")
    if maker != _NVIDIA:
        problems = [*problems, Problem(Code.RIM_MANUFACTURER, f"manufacturer {maker}, not {_NVIDIA}")]
    facts = [meta.get(name) for name in ("product", "edition", "colloquialVersion")]
    if None in facts or root.get("name") != facts[0]:
        raise Rejected(Code.RIM_SCHEMA, f"product, edition and version are {facts}, name is {root.get('name')}")
    product, edition, version = (str(fact) for fact in facts)
    return Rim(product, edition, version, _golden(payloads[0]), certificates, tuple(problems))


def _golden(payload: etree._Element) -> dict[int, tuple[bytes, ...]]:
    seen: dict[int, tuple[bytes, ...] | None] = {}
    for resource in payload:
        if not isinstance(resource.tag, str):
            continue
        facts = {str(name): str(value) for name, value in resource.attrib.items()}
        index = _number(facts, "index")
        if resource.tag != _RESOURCE or facts.get("type") != "Measurement" or index in seen:
            raise Rejected(Code.RIM_SCHEMA, f"{resource.tag} {index}: not a measurement, or given before")
        active = _FLAGS.get(facts.get("active", ""))
        if active is None or facts.get("size") != "48":
            raise Rejected(Code.RIM_SCHEMA, f"measurement {index}: active or size is not as expected")
        values = _values(facts, index)
        seen[index] = values if active else None
    return {index: values for index, values in seen.items() if values is not None}


def _values(facts: dict[str, str], index: int) -> tuple[bytes, ...]:
    count = _number(facts, "alternatives")
    given = sum(name.startswith(_SHA384) for name in facts)
    texts = [facts.get(f"{_SHA384}Hash{n}", "") for n in range(min(count, 64))]
    if not texts or given != count or not all(map(_DIGEST.fullmatch, texts)):
        raise Rejected(Code.RIM_SCHEMA, f"measurement {index}: {count} alternatives, {given} digests")
    return tuple(map(bytes.fromhex, texts))


def _number(facts: dict[str, str], name: str) -> int:
    text = facts.get(name, "")
    if not _NUMBER.fullmatch(text):
        raise Rejected(Code.RIM_SCHEMA, f"{name} is {text!r}, expected a number")
    return int(text)


def _plain(version: str) -> str:
    return version.replace(".", "").upper()
