"""One run of the mock that keeps every promise, and one that breaks one; signed by keys made for the tests."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from securesystemslib.signer import SSlibKey

from harness import cli, results
from harness.certificate import bundle, issue, keys, retold, statement
from harness.certificate.attested import attestation, tls_keys
from harness.certificate.levels import claims
from harness.certificate.verify import Demands
from harness.record import deployment
from harness.wire import journal

CONTRACT = "voltagegpu-confidential"
ISSUED = datetime.now(UTC).replace(microsecond=0)
LASTS = timedelta(days=30)
ONE_SUITE = ("--suite", "stream")


@dataclass(frozen=True)
class Signed:
    """A run's folder with its certificate, and the key that it is trusted by."""

    folder: Path
    key: SSlibKey

    @property
    def raw(self) -> bytes:
        return (self.folder / "certificate.json").read_bytes()

    def demands(self, **changes: object) -> Demands:
        return Demands(**{"keys": [self.key], "at": ISSUED, "policy": {}, **changes})  # type: ignore[arg-type]


def run(folder: Path, *words: str, contract: str = CONTRACT) -> Path:
    """A run from the command line, into a folder; whatever it comes to."""
    line = [sys.executable, "-m", "harness.cli", "run", contract, "--target", "mock", "--out", str(folder), *words]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, 1, 4), done.stdout + done.stderr
    return folder


def key_files(folder: Path, kind: str) -> tuple[Path, Path]:
    """A new key pair as PEM files: the private one and the public one."""
    private = ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())
    secret, public = folder / f"{kind}.pem", folder / f"{kind}.pub"
    secret.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return secret, public


def sign(folder: Path, where: Path, kind: str = "ed25519") -> Signed:
    """Certify a run, as `assay certify` does."""
    secret, public = key_files(where, kind)
    issue.certified(folder, issue.payload_of(folder, None, ISSUED, LASTS), issue.by_key(keys.signer_of(str(secret))))
    return Signed(folder, keys.public_key(public))


def sign_as_it_stands(folder: Path, where: Path, change: Callable[[dict[str, Any]], object] | None = None) -> Signed:
    """A certificate by somebody who judges no row again, and who may say in it what is not so."""
    was, (secret, public) = results.read(folder), key_files(where, "ed25519")
    target, exchanges = deployment.read(folder), list(journal.read(folder / "exchanges.jsonl"))
    document = statement.document_of(
        statement.Parts(
            results=was,
            files=bundle.digests(folder),
            claims=claims(was),
            differences=[],
            attestation=attestation(target, exchanges),
            tls_keys=tls_keys(exchanges),
            proof=retold.proof_of(folder, was["contract"]["digest"]),
            issued=ISSUED,
            lasts=LASTS,
        )
    )
    if change is not None:
        change(document)
    payload = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode()
    return sign_raw(folder, payload, secret, public)


def sign_raw(folder: Path, payload: bytes, secret: Path, public: Path) -> Signed:
    """A certificate over any bytes at all."""
    issue.certified(folder, payload, issue.by_key(keys.signer_of(str(secret))))
    return Signed(folder, keys.public_key(public))


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    """A run of streams and evidence that kept every promise, certified. Nobody may change it."""
    where = tmp_path_factory.mktemp("kept")
    return sign(run(where / "run", *ONE_SUITE, "--suite", "attestation"), where)


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    """A run in which streams never say [DONE], certified as such."""
    where = tmp_path_factory.mktemp("broken")
    return sign(run(where / "run", *ONE_SUITE, "--defect", "never-says-done"), where, "p256")


@pytest.fixture
def copy(kept: Signed, tmp_path: Path) -> Signed:
    """The first one's folder, to be changed."""
    shutil.copytree(kept.folder, tmp_path / "copy")
    return Signed(tmp_path / "copy", kept.key)


@pytest.fixture
def assay() -> Callable[..., tuple[int, str]]:
    def call(*words: str | Path) -> tuple[int, str]:
        done = CliRunner().invoke(cli.main, [str(word) for word in words])
        return done.exit_code, done.output

    return call
