"""Reference integrity manifests in the form NVIDIA publishes them, signed under the test root."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import quoteattr

from mockserver.tee.gpu.device import BLACKWELL, SWITCH, TEST_DRIVER, Device, Kind, measure
from mockserver.tee.gpu.pki import Holder, sign_raw

DRIVER_INDEXES = (7, *range(21, 41))
VBIOS_INDEXES = (*range(7), *range(8, 13))
_SWID = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd"
_HASH = "http://www.w3.org/2001/04/xmlenc#sha384"
_TCG = "https://trustedcomputinggroup.org/resource/tcg-reference-integrity-manifest-rim-information-model/"
_DS = "http://www.w3.org/2000/09/xmldsig#"
_C14N = "http://www.w3.org/2006/12/xml-c14n11"


@dataclass(frozen=True)
class Manifest:
    """What a manifest says, before it is written and signed."""

    product: str
    edition: str
    version: str
    golden: Mapping[int, Sequence[bytes]]  # active indexes and their alternatives
    inactive: Sequence[int] = field(default=())
    manufacturer: str = "5703"

    def head(self) -> str:
        tag = hashlib.sha384(f"{self.product} {self.version}".encode()).hexdigest()
        return (
            f'<SoftwareIdentity xmlns="{_SWID}" xmlns:ns0="{_SWID}" xmlns:ns2="{_HASH}" corpus="false"'
            f' name={quoteattr(self.product)} patch="false" supplemental="false" tagId="{tag}" tagVersion="0"'
            ' version="1.0">'
        )

    def body(self) -> str:
        """Already in canonical form: attributes in order, no empty-element tags."""
        meta = (
            f'<ns0:Meta xmlns:ns1="{_TCG}" colloquialVersion={quoteattr(self.version)} edition="{self.edition}"'
            f' product={quoteattr(self.product)} ns1:FirmwareManufacturerId="{self.manufacturer}"></ns0:Meta>'
        )
        rows = [_resource(n, values, True) for n, values in self.golden.items()]
        rows += [_resource(n, [bytes(48)], False) for n in self.inactive]
        entity = '<ns0:Entity name="ASSAY TEST - NOT NVIDIA" role="softwareCreator tagCreator"></ns0:Entity>'
        return f"\n{entity}\n{meta}\n<ns0:Payload>{''.join(rows)}\n</ns0:Payload>\n"


def sign(manifest: Manifest, chain: Sequence[Holder]) -> bytes:
    """`chain` is leaf first, with the root."""
    return sign_text(manifest.head(), manifest.body(), chain)


def sign_text(head: str, body: str, chain: Sequence[Holder]) -> bytes:
    """Enveloped signature over text that is in canonical form already."""
    content = f"{head}{body}</SoftwareIdentity>".encode()
    digest = base64.b64encode(hashlib.sha384(content).digest()).decode()
    value = base64.b64encode(sign_raw(chain[0].key, _signed_info(digest, canonical=True).encode())).decode()
    certificates = "".join(f"<ds:X509Certificate>{_lines(holder)}</ds:X509Certificate>" for holder in chain)
    signature = (
        f'<ds:Signature xmlns:ds="{_DS}">{_signed_info(digest, canonical=False)}'
        f"<ds:SignatureValue>{value}</ds:SignatureValue>"
        f"<ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo></ds:Signature>"
    )
    return f"{head}{body}{signature}</SoftwareIdentity>".encode()


def _lines(holder: Holder) -> str:
    """The base64 of a certificate as it stands in real files, which NVIDIA's verifier puts between two PEM marks."""
    return "".join(f"{line}\n" for line in holder.pem().decode().splitlines()[1:-1])


def build_rims(device: Device, chain: Sequence[Holder]) -> dict[str, bytes]:
    """The manifests a device calls for, by id: driver and VBIOS for a GPU, one for a switch."""
    return {rim_id: sign(manifest, chain) for rim_id, manifest in manifests(device.kind).items()}


def manifests(kind: Kind) -> dict[str, Manifest]:
    plain = kind.vbios.replace(".", "")
    values = {n: [value] for n, value in measure(kind).items()}
    if kind.arch == SWITCH:
        return {f"NV_SWITCH_BIOS_5612_0002_890_{plain}": Manifest("LS10", "SWITCH", kind.vbios, values)}
    infix = "CC_DRIVER" if kind.arch == BLACKWELL else "DRIVER"
    driver = Manifest(kind.chip, "GPU", TEST_DRIVER, _only(values, DRIVER_INDEXES), _rest(kind, DRIVER_INDEXES))
    vbios = Manifest(kind.chip, "GPU", kind.vbios, _only(values, VBIOS_INDEXES), _rest(kind, VBIOS_INDEXES))
    return {
        f"NV_GPU_{infix}_{kind.chip}_{TEST_DRIVER}": driver,
        f"NV_GPU_VBIOS_G520_0280_882_{plain}": vbios,
    }


def _only(values: dict[int, list[bytes]], indexes: Sequence[int]) -> dict[int, list[bytes]]:
    return {n: values[n] for n in indexes}


def _rest(kind: Kind, indexes: Sequence[int]) -> list[int]:
    return [n for n in range(kind.blocks) if n not in indexes]


def _resource(index: int, values: Sequence[bytes], active: bool) -> str:
    hashes = "".join(f' ns2:Hash{n}="{value.hex()}"' for n, value in enumerate(values))
    facts = f'active="{active}" alternatives="{len(values)}" index="{index}" name="Measurement_{index}" size="48"'
    return f'\n<ns0:Resource {facts} type="Measurement"{hashes}></ns0:Resource>'


def _signed_info(digest: str, canonical: bool) -> str:
    """As it stands in the document, or in canonical form: with the namespaces in scope, in their order."""
    scope = f' xmlns="{_SWID}" xmlns:ds="{_DS}" xmlns:ns0="{_SWID}" xmlns:ns2="{_HASH}"' if canonical else ""
    sha384 = "http://www.w3.org/2001/04/xmldsig-more#sha384"
    ecdsa = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"
    return (
        f"<ds:SignedInfo{scope}>{_method('CanonicalizationMethod', _C14N)}{_method('SignatureMethod', ecdsa)}"
        f'<ds:Reference URI=""><ds:Transforms>{_method("Transform", f"{_DS}enveloped-signature")}'
        f"{_method('Transform', _C14N)}</ds:Transforms>{_method('DigestMethod', sha384)}"
        f"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
    )


def _method(name: str, algorithm: str) -> str:
    return f'<ds:{name} Algorithm="{algorithm}"></ds:{name}>'
