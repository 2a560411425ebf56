"""The truth server: compiled here from C, run on a core of its own, asked afterwards how late it was itself."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SOURCES = ("server.c", "channel.c")
REAL_TIME = 10  # priority of its scheduling where we may ask for that: what else runs here must not make it late


@dataclass(frozen=True)
class Pace:
    """What every stream does, in milliseconds from the arrival of its request."""

    ttft_ms: float = 200
    itl_ms: float = 20
    chunks: int = 50


@dataclass(frozen=True)
class Truth:
    """A running server. `ca` is the certificate to trust, None on a plain one."""

    url: str
    ca: Path | None

    def told(self, skip: int = 0) -> dict[str, Any]:
        """Lateness since the last call, in microseconds (p50, p99, max); a new count without the next `skip` begins."""
        context = ssl.create_default_context(cafile=str(self.ca)) if self.ca else None
        with urllib.request.urlopen(f"{self.url}/truth?skip={skip}", timeout=30, context=context) as answer:
            return dict(json.load(answer))


def build(folder: Path) -> tuple[Path, bool]:
    """The program, and whether it speaks TLS. Raises SystemExit where there is no C compiler."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise SystemExit("no C compiler; install gcc or clang (and the headers of OpenSSL for TLS)")
    made, sources = folder / "truth", [str(HERE / name) for name in SOURCES]
    line = [compiler, "-O2", "-o", str(made), *sources]
    if subprocess.run([*line, "-DWITH_TLS", "-lssl", "-lcrypto"], capture_output=True, check=False).returncode == 0:
        return made, True
    subprocess.run(line, check=True)
    return made, False


@contextlib.contextmanager
def running(program: Path, pace: Pace, *, core: int, tls: bool) -> Iterator[Truth]:
    """Serve until the block ends."""
    with tempfile.TemporaryDirectory(prefix="assay-truth-") as name:
        ca = _certificate(Path(name)) if tls else None
        files = (str(ca), str(ca.with_name("key.pem"))) if ca else ()
        line = [str(program), f"{pace.ttft_ms:g}", f"{pace.itl_ms:g}", str(pace.chunks), *files]
        process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            prefer(process.pid, core)
            port = int(process.stdout.readline())
            yield Truth(f"{'https' if ca else 'http'}://127.0.0.1:{port}", ca)
        finally:
            process.stdin.close()
            process.wait(5)
            process.stdout.close()


def prefer(pid: int, core: int) -> None:
    """Give a server this core, and the first right to it where we may."""
    os.sched_setaffinity(pid, {core})
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(REAL_TIME))


def _certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that is its own authority, beside its key."""
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "truth")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=2))
    builder = builder.add_extension(names, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    made = builder.sign(key, hashes.SHA256())
    written = folder / "certificate.pem"
    written.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    written.with_name("key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return written
