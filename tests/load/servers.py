"""Small truthful servers for the tests of the load: streams in known pieces, over plain sockets or TLS."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


def event(document: Any) -> bytes:
    data = document if isinstance(document, str) else json.dumps(document)
    return f"data: {data}\n\n".encode()


def said(text: str) -> bytes:
    """An event with one piece of text."""
    return event({"choices": [{"index": 0, "delta": {"content": text}}]})


ROLE = event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
USAGE = event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}})
DONE = event("[DONE]")


def chunked(*pieces: bytes) -> list[bytes]:
    """A response in as many writes as there are pieces, each a chunk of its own, and the end."""
    bodies = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces]
    return [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *bodies, b"0\r\n\r\n"]


def paced(connection: socket.socket, writes: Sequence[bytes], pause_s: float) -> None:
    """Write after write, with a pause that keeps them apart on the wire."""
    wait = threading.Event()
    for data in writes:
        connection.sendall(data)
        wait.wait(pause_s)


@contextlib.contextmanager
def secure(folder: Path, writes: Sequence[bytes]) -> Iterator[tuple[int, Path]]:
    """A TLS server that answers one connection; yields its port and the certificate to trust."""
    certificate = self_signed(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_serve_tls, args=(listener, context, writes), daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], certificate
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(2)


def _serve_tls(listener: socket.socket, context: ssl.SSLContext, writes: Sequence[bytes]) -> None:
    with contextlib.suppress(OSError):
        plain, _ = listener.accept()
        with context.wrap_socket(plain, server_side=True) as connection:
            connection.recv(65536)
            paced(connection, writes, 0.005)


def self_signed(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1 in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, pkcs8, bare = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / "certificate.pem"
    path.write_bytes(key.private_bytes(pem, pkcs8, bare) + made.public_bytes(pem))
    return path
