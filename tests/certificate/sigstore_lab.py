"""A Sigstore of our own: a certificate authority, a certificate log and a signature log, in memory, over no network.

What it issues has the forms of Fulcio, of RFC 6962 and of Rekor v1, so that the library judges it as it judges theirs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from sigstore._internal.rekor.client import RekorClient
from sigstore.models import TransparencyLogEntry, TrustedRoot
from sigstore.sign import SigningContext

WHO, ISSUER = "releases@gateway.example", "https://accounts.gateway.example"
ORIGIN = "log.assay.invalid"
SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
OIDC_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
DIGEST = ec.ECDSA(hashes.SHA256())


def spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


class Lab:
    """Issues, logs, and writes the roots of trust for both."""

    def __init__(self) -> None:
        self.ca, self.ct, self.log = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        self.start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
        self.root = self._root()

    def token(self, **changes: Any) -> str:
        """An identity token; nobody but the authority looks at its signature."""
        now = int(time.time())
        claims = {"aud": "sigstore", "iss": ISSUER, "sub": WHO, "iat": now, "exp": now + 60, **changes}
        return jwt.encode(claims, "k" * 32, algorithm="HS256")

    def trusted_root(self, path: Path) -> Path:
        since = {"start": self.start.isoformat().replace("+00:00", "Z")}

        def logged(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
            public = {"rawBytes": b64(spki(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": since}
            name = {"keyId": b64(hashlib.sha256(spki(key)).digest())}
            return {"baseUrl": f"https://{ORIGIN}", "hashAlgorithm": "SHA2_256", "publicKey": public, "logId": name}

        authority = {
            "subject": {"organization": "assay", "commonName": "laboratory"},
            "uri": f"https://{ORIGIN}",
            "certChain": {"certificates": [{"rawBytes": b64(self.root.public_bytes(Encoding.DER))}]},
            "validFor": since,
        }
        document = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [logged(self.log)],
            "ctlogs": [logged(self.ct)],
            "certificateAuthorities": [authority],
            "timestampAuthorities": [],
        }
        path.write_text(json.dumps(document))
        return path

    def context(self, roots: Path) -> SigningContext:
        """What a signer needs, with our authority and our log in the place of those of Sigstore."""
        fulcio: Any = SimpleNamespace(signing_cert=SimpleNamespace(post=self._issue))
        return SigningContext(fulcio=fulcio, rekor=Log(self), trusted_root=TrustedRoot.from_file(str(roots)))

    def _root(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "laboratory")])
        made = self._certificate(name, self.ca.public_key(), timedelta(days=1))
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        return made.add_extension(_usage(ca=True), critical=True).sign(self.ca, hashes.SHA256())

    def _certificate(self, subject: x509.Name, key: Any, lasts: timedelta) -> x509.CertificateBuilder:
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "laboratory")])
        made = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
        made = made.not_valid_before(self.start).not_valid_after(self.start + lasts)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.ca.public_key())
        own = x509.SubjectKeyIdentifier.from_public_key(key)
        return made.add_extension(identifier, critical=False).add_extension(own, critical=False)

    def _issue(self, request: x509.CertificateSigningRequest, token: Any) -> SimpleNamespace:
        made = self._certificate(x509.Name([]), request.public_key(), timedelta(minutes=10))
        made = made.add_extension(_usage(ca=False), critical=True)
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        made = made.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(token.identity)]), critical=True)
        made = made.add_extension(x509.UnrecognizedExtension(OIDC_ISSUER, token.issuer.encode()), critical=False)
        logged = x509.UnrecognizedExtension(SCT_LIST, self._promise(made.sign(self.ca, hashes.SHA256())))
        return SimpleNamespace(
            cert=made.add_extension(logged, critical=False).sign(self.ca, hashes.SHA256()), chain=[self.root]
        )

    def _promise(self, before: x509.Certificate) -> bytes:
        """The log's promise to keep a certificate (RFC 6962, 3.2 and 3.3), as the value of the extension."""
        at, tbs = int(self.start.timestamp() * 1000), before.tbs_certificate_bytes
        entry = hashlib.sha256(spki(self.ca)).digest() + len(tbs).to_bytes(3, "big") + tbs
        signature = self.ct.sign(struct.pack("!BBQH", 0, 0, at, 1) + entry + b"\0\0", DIGEST)
        one = b"\0" + hashlib.sha256(spki(self.ct)).digest() + struct.pack("!QHBBH", at, 0, 4, 3, len(signature))
        one += signature
        listed = struct.pack("!HH", len(one) + 2, len(one)) + one
        return (b"\x04\x81" + bytes([len(listed)]) if len(listed) > 127 else b"\x04" + bytes([len(listed)])) + listed


class Log(RekorClient):
    """A signature log of one entry."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(f"https://{ORIGIN}")
        self.lab = lab

    def create_entry(self, request: Any) -> TransparencyLogEntry:
        proposed = request["spec"]["proposedContent"]
        envelope, (verifier,) = json.loads(proposed["envelope"]), proposed["verifiers"]
        payload = hashlib.sha256(base64.b64decode(envelope["payload"])).hexdigest()
        spec: Any = {
            "envelopeHash": {"algorithm": "sha256", "value": hashlib.sha256(proposed["envelope"].encode()).hexdigest()},
            "payloadHash": {"algorithm": "sha256", "value": payload},
            "signatures": [{"signature": s["sig"], "verifier": verifier} for s in envelope["signatures"]],
        }
        body = rfc8785.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec})
        return TransparencyLogEntry._from_v1_response({"entry": self._answer(body)})

    def _answer(self, body: bytes) -> dict[str, Any]:
        name, root, at = (
            hashlib.sha256(spki(self.lab.log)).digest(),
            hashlib.sha256(b"\0" + body).digest(),
            int(time.time()),
        )
        promised: dict[str, Any] = {"body": b64(body), "integratedTime": at, "logID": name.hex(), "logIndex": 0}
        note = f"{ORIGIN} - 1\n1\n{b64(root)}\n"
        signed = b64(name[:4] + self.lab.log.sign(note.encode(), DIGEST))
        proof = {
            "logIndex": 0,
            "treeSize": 1,
            "rootHash": root.hex(),
            "hashes": [],
            "checkpoint": f"{note}\n\N{EM DASH} {ORIGIN} {signed}\n",
        }
        set_ = b64(self.lab.log.sign(rfc8785.dumps(promised), DIGEST))
        return {**promised, "verification": {"signedEntryTimestamp": set_, "inclusionProof": proof}}


def _usage(*, ca: bool) -> x509.KeyUsage:
    no = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **no)
