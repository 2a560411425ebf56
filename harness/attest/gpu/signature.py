"""The one XML signature profile that reference values use, and nothing else of XML-DSig.

Enveloped, over the whole document, C14N 1.1, ECDSA P-384 with SHA-384. Without xml:* attributes, which are refused,
C14N 1.0 and 1.1 write the same bytes.
"""

from __future__ import annotations

import base64
import binascii
import copy
import hashlib
from collections.abc import Iterator

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree

from harness.attest.gpu.chain import RIM, UNREADABLE, public_key
from harness.attest.verdict import Code, Problem, Rejected

MAX_XML_BYTES = 256 * 1024
_DS = "{http://www.w3.org/2000/09/xmldsig#}"
_C14N = ("http://www.w3.org/2006/12/xml-c14n11", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315")
_ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_ECDSA = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"
_SHA384 = "http://www.w3.org/2001/04/xmldsig-more#sha384"
_XML_ATTRIBUTES = etree.XPath("boolean(//@xml:*)")


def read(raw: bytes) -> etree._Element:
    """The root element. Raises Rejected(rim.malformed)."""
    if len(raw) > MAX_XML_BYTES:
        raise Rejected(Code.RIM_MALFORMED, f"{len(raw)} bytes, more than {MAX_XML_BYTES}")
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Rejected(Code.RIM_MALFORMED, str(error)) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise Rejected(Code.RIM_MALFORMED, "a document type is declared")
    return root


def find(root: etree._Element) -> etree._Element:
    """The signature of the document. Raises Rejected: rim.signature_count, rim.signature_profile, rim.schema."""
    found = list(root.iter(f"{_DS}Signature"))
    if len(found) != 1 or found[0].getparent() is not root:
        raise Rejected(Code.RIM_SIGNATURE_COUNT, f"{len(found)} signatures, expected one below the root element")
    _check_profile(root, found[0])
    return found[0]


def certificates(signature: etree._Element) -> tuple[x509.Certificate, ...]:
    """As they stand in the signature. Raises Rejected(rim.chain.malformed)."""
    found = signature.findall(f"{_DS}KeyInfo/{_DS}X509Data/{_DS}X509Certificate")
    try:
        return tuple(x509.load_der_x509_certificate(_decode(element)) for element in found)
    except (*UNREADABLE, binascii.Error) as error:
        raise Rejected(Code.RIM_CHAIN_MALFORMED, str(error)) from error


def judge(root: etree._Element, signature: etree._Element, signer: x509.Certificate) -> Iterator[Problem]:
    """That the document is the signed one, and that the signer signed it."""
    try:
        digest = _decode(_at(signature, "SignedInfo", "Reference", "DigestValue"))
        value = _decode(_at(signature, "SignatureValue"))
        content, signed = _without(root, signature), _canonical(_at(signature, "SignedInfo"))
    except (binascii.Error, ValueError, etree.LxmlError) as error:
        raise Rejected(Code.RIM_SIGNATURE_PROFILE, str(error)) from error
    if hashlib.sha384(content).digest() != digest:
        yield Problem(Code.RIM_DIGEST_MISMATCH, "the content is not the one that was signed")
    if not _verifies(public_key(signer, RIM), value, signed):
        yield Problem(Code.RIM_SIGNATURE_INVALID, "not signed by the first certificate")


def _check_profile(root: etree._Element, signature: etree._Element) -> None:
    _children(signature, Code.RIM_SCHEMA, "SignedInfo", "SignatureValue", "KeyInfo")
    info = _at(signature, "SignedInfo")
    profile = Code.RIM_SIGNATURE_PROFILE
    _children(info, profile, "CanonicalizationMethod", "SignatureMethod", "Reference")
    reference = _at(info, "Reference")
    _children(reference, profile, "Transforms", "DigestMethod", "DigestValue")
    transforms = _at(reference, "Transforms")
    _children(transforms, profile, "Transform", "Transform")
    used = [_algorithm(transform) for transform in transforms if isinstance(transform.tag, str)]
    methods = [_algorithm(_at(info, "SignatureMethod")), _algorithm(_at(reference, "DigestMethod"))]
    canonical = _algorithm(_at(info, "CanonicalizationMethod"))
    if methods != [_ECDSA, _SHA384] or canonical not in _C14N or used[0] != _ENVELOPED or used[1] not in _C14N:
        raise Rejected(profile, f"algorithms {[canonical, *methods, *used]}")
    if reference.items() != [("URI", "")]:
        raise Rejected(profile, f"the reference is {reference.items()}, not the whole document")
    if _XML_ATTRIBUTES(root):
        raise Rejected(profile, "xml:* attributes, which the two canonical forms write differently")


def _children(element: etree._Element, code: Code, *names: str) -> None:
    found = [child.tag for child in element if isinstance(child.tag, str)]
    if found != [_DS + name for name in names]:
        raise Rejected(code, f"{element.tag} holds {found}, expected {list(names)}")


def _algorithm(element: etree._Element) -> str:
    """An algorithm without parameters."""
    if len(element) or list(element.attrib) != ["Algorithm"]:
        raise Rejected(Code.RIM_SIGNATURE_PROFILE, f"{element.tag} has parameters")
    return str(element.get("Algorithm"))


def _at(element: etree._Element, *names: str) -> etree._Element:
    for name in names:
        found = element.find(_DS + name)
        if found is None:
            raise Rejected(Code.RIM_SIGNATURE_PROFILE, f"{element.tag} has no {name}")
        element = found
    return element


def _without(root: etree._Element, signature: etree._Element) -> bytes:
    """The document without its signature, in canonical form; what follows the signature stays."""
    tree = copy.deepcopy(root.getroottree())
    twin = tree.getroot()
    child = twin[root.index(signature)]
    before, tail = child.getprevious(), child.tail or ""
    if before is None:
        twin.text = (twin.text or "") + tail
    else:
        before.tail = (before.tail or "") + tail
    child.tail = None
    twin.remove(child)
    return etree.tostring(tree, method="c14n", with_comments=False)


def _canonical(element: etree._Element) -> bytes:
    """With the namespaces in scope, which serialising the element alone brings along."""
    alone = etree.fromstring(etree.tostring(element, with_tail=False))
    return etree.tostring(alone, method="c14n", with_comments=False)


def _verifies(key: ec.EllipticCurvePublicKey, value: bytes, signed: bytes) -> bool:
    if len(value) != 96:
        return False
    r, s = int.from_bytes(value[:48], "big"), int.from_bytes(value[48:], "big")
    try:
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA384()))
    except InvalidSignature:
        return False
    return True


def _decode(element: etree._Element) -> bytes:
    text = "".join((element.text or "").split())
    if len(element) or not text.isascii():
        raise ValueError(f"{element.tag} is not base64")
    return base64.b64decode(text, validate=True)
