"""Signers that are no file: a PKCS#11 token, what securesystemslib knows by a scheme, an identity (Sigstore)."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.signer import SIGNER_FOR_URI_SCHEME, CryptoSigner, Key, Signature, Signer, SSlibKey

from harness.certificate import envelope, issue, keyless, keys
from harness.certificate.problem import BadRequest
from harness.certificate.verify import verified
from tests.certificate.conftest import Signed, key_files

MODULE = next(
    (p for p in map(Path, ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so")) if p.exists()), None
)
PIN = "1234"


# --- A token ------------------------------------------------------------------------------------------------------


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SoftHSM token with a P-256 key of id 2; its public part as a PEM file."""
    if MODULE is None:
        pytest.skip("SoftHSM is not installed")
    pkcs11 = pytest.importorskip("pkcs11")
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm.conf").write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm.conf"))
    monkeypatch.setenv("PYKCS11LIB", str(MODULE))
    monkeypatch.setenv(keys.PASSWORD_VARIABLE, PIN)
    line = ["softhsm2-util", "--init-token", "--free", "--label", "assay", "--so-pin", "5678", "--pin", PIN]
    subprocess.run(line, check=True, capture_output=True)
    library = pkcs11.lib(str(MODULE))
    library.reinitialize()  # another test of this process may have had other tokens
    with library.get_token(token_label="assay").open(rw=True, user_pin=PIN) as session:
        curve = pkcs11.util.ec.encode_named_curve_parameters("secp256r1")
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: curve}, local=True
        )
        public, _ = parameters.generate_keypair(id=b"\2", store=True, label="assay")
        der = pkcs11.util.ec.encode_ec_public_key(public)
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    path = tmp_path / "token.pub"
    path.write_bytes(load_der_public_key(der).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def test_a_token_signs_and_its_key_never_leaves_it(
    copy: Signed, token: Path, monkeypatch: pytest.MonkeyPatch, assay: Callable[..., tuple[int, str]]
) -> None:
    (copy.folder / "certificate.json").unlink()
    monkeypatch.setenv(keys.PASSWORD_VARIABLE, "0000")
    code, said = assay("certify", copy.folder, "--key", "hsm:2?label=assay", "--public-key", token)
    assert (code, "PinIncorrect" in said) == (2, True), said
    assert not (copy.folder / "certificate.json").exists()
    monkeypatch.setenv(keys.PASSWORD_VARIABLE, PIN)
    code, said = assay("certify", copy.folder, "--key", "hsm:2?label=assay", "--public-key", token)
    assert code == 0, said
    code, said = assay("verify", copy.folder / "certificate.json", "--key", token)
    assert (code, said.startswith("accepted")) == (0, True), said


# --- A scheme -----------------------------------------------------------------------------------------------------


class Vault(Signer):
    """A service that signs elsewhere, and is down for some of its keys."""

    inner: CryptoSigner

    def __init__(self, public: SSlibKey, uri: str, secret: str) -> None:
        self._public, self._uri, self._secret = public, uri, secret

    @property
    def public_key(self) -> SSlibKey:
        return self._public

    @classmethod
    def from_priv_key_uri(cls, priv_key_uri: str, public_key: Key, secrets_handler: Any = None) -> Vault:
        assert isinstance(public_key, SSlibKey)
        return cls(public_key, priv_key_uri, secrets_handler("token"))

    def sign(self, payload: bytes) -> Signature:
        if self._uri == "vaulted:down":
            raise ConnectionError("connection refused")
        assert self._secret == "hush"
        return self.inner.sign(payload)


@pytest.fixture
def vaulted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    private = ec.generate_private_key(ec.SECP256R1())
    Vault.inner = CryptoSigner(private)
    monkeypatch.setitem(SIGNER_FOR_URI_SCHEME, "vaulted", Vault)
    monkeypatch.setenv(keys.PASSWORD_VARIABLE, "hush")
    public = tmp_path / "vaulted.pub"
    public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return public


def test_a_scheme_chooses_the_signer(vaulted: Path) -> None:
    raw = issue.by_key(keys.signer_of("vaulted:key", vaulted))(b"{}")
    assert envelope.opened(raw, [keys.public_key(vaulted)])[0] == b"{}"


def test_a_signer_that_is_down_is_told_in_one_line(vaulted: Path) -> None:
    with pytest.raises(BadRequest, match="does not sign: ConnectionError: connection refused"):
        issue.by_key(keys.signer_of("vaulted:down", vaulted))(b"{}")


@pytest.mark.parametrize(
    ("scheme", "uri", "module"),
    [
        ("hsm", "hsm:2", "pkcs11"),
        ("awskms", "awskms:1234", "boto3"),
        ("gcpkms", "gcpkms:projects/p", "google.cloud"),
        ("azurekms", "azurekms://v.vault.azure.net/keys/k/1", "azure.identity"),
    ],
)
def test_what_a_scheme_needs_is_told(tmp_path: Path, scheme: str, uri: str, module: str) -> None:
    """In a process of its own, in which the library of the service cannot be had."""
    _, public = key_files(tmp_path, "p256")
    blocked = f"import sys; sys.modules[{module!r}] = None; "
    called = "from pathlib import Path; from harness.certificate import keys; "
    called += f"keys.signer_of({uri!r}, Path({str(public)!r}))"
    done = subprocess.run([sys.executable, "-c", blocked + called], capture_output=True, text=True, timeout=60)
    assert f"BadRequest: --key {uri}" in done.stderr.splitlines()[-1]
    assert f"pip install 'assay-harness[{scheme}]'" in done.stderr


# --- An identity --------------------------------------------------------------------------------------------------


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: Any, **kwargs: Any) -> None:
        raise OSError("no network here")

    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)


@pytest.fixture
def identified(copy: Signed, tmp_path: Path, offline: None) -> tuple[Signed, keyless.Identity]:
    """The run certified by an identity, and who that is by the roots of a laboratory."""
    lab_of = pytest.importorskip("tests.certificate.sigstore_lab")
    lab = lab_of.Lab()
    roots = lab.trusted_root(tmp_path / "trusted_root.json")
    payload, _ = envelope.opened(copy.raw, [copy.key])
    issue.certified(copy.folder, payload, lambda raw: keyless.sealed(raw, lab.token(), lab.context(roots)))
    return copy, keyless.Identity(lab_of.WHO, lab_of.ISSUER, roots)


def test_an_identity_signs_and_is_verified_offline(
    identified: tuple[Signed, keyless.Identity], assay: Callable[..., tuple[int, str]]
) -> None:
    signed, who = identified
    named = ("--identity", who.subject, "--issuer", who.issuer, "--trusted-root", str(who.trusted_root))
    code, said = assay("verify", signed.folder / "certificate.json", *named)
    assert (code, said.startswith("accepted"), who.subject in said) == (0, True, True), said


def test_nobody_else_is_believed(identified: tuple[Signed, keyless.Identity], tmp_path: Path) -> None:
    from tests.certificate.sigstore_lab import Lab

    signed, who = identified
    strange = Lab().trusted_root(tmp_path / "others.json")
    for other in (
        keyless.Identity("somebody@else.example", who.issuer, who.trusted_root),
        keyless.Identity(who.subject, "https://elsewhere.example", who.trusted_root),
        keyless.Identity(who.subject, who.issuer, strange),
        keyless.Identity(who.subject, who.issuer),  # the roots of Sigstore itself, as its library carries them
    ):
        found = verified(signed.raw, signed.folder, signed.demands(identity=other))
        assert [str(p.code) for p in found.problems] == ["signature.wrong"], found.problems
    assert [str(p.code) for p in verified(signed.raw, None, signed.demands()).problems] == ["key.unknown"]


def test_no_byte_of_it_can_be_changed(identified: tuple[Signed, keyless.Identity]) -> None:
    signed, who = identified
    whim = random.Random(11)
    for _ in range(60):
        raw = bytearray(signed.raw)
        raw[whim.randrange(len(raw))] ^= 1 << whim.randrange(7)
        assert verified(bytes(raw), None, signed.demands(identity=who)).problems


def test_without_a_network_nothing_is_written(
    copy: Signed, offline: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assay: Callable[..., tuple[int, str]]
) -> None:
    lab_of = pytest.importorskip("tests.certificate.sigstore_lab")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (copy.folder / "certificate.json").unlink()
    before = sorted(copy.folder.rglob("*"))
    code, said = assay("certify", copy.folder, "--key", "sigstore:", "--identity-token-env", "NO_SUCH_TOKEN")
    assert (code, "NO_SUCH_TOKEN" in said) == (2, True), said
    monkeypatch.setenv("OIDC", lab_of.Lab().token())
    code, said = assay("certify", copy.folder, "--key", "sigstore:", "--identity-token-env", "OIDC")
    assert (code, len(said.strip().splitlines()), "cannot be signed" in said) == (2, 1, True), said
    assert os.environ["OIDC"] not in said
    assert sorted(copy.folder.rglob("*")) == before


def test_what_looks_like_a_bundle_and_is_none_is_refused(kept: Signed) -> None:
    pytest.importorskip("sigstore")
    who = keyless.Identity("a@b.example", "https://c.example")
    for document in (
        {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"},
        {"mediaType": f"{keyless.BUNDLE}"},
    ):
        found = verified(json.dumps(document).encode(), None, kept.demands(identity=who))
        assert [str(p.code) for p in found.problems] == ["certificate.malformed"]
