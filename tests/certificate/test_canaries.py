"""Secrets planted in every request and echoed in every spelling: none is in any file of the bundle, in any encoding."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import secrets
import subprocess
import sys
import threading
import urllib.parse
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import reports
from harness import results
from harness.certificate import issue, keys
from tests.certificate.conftest import ISSUED, LASTS, key_files

CANARIES = {
    "CANARY_KEY": f"sk-canary-{secrets.token_hex(12)}",
    "CANARY_PROMPT": f"My diagnosis is \u201c{secrets.token_hex(8)}\u201d & it's <private>/+?\nNobody may read \\this.",
    "CANARY_HEADER": f"tok+/=%{secrets.token_hex(10)}",
    "CANARY_COOKIE": f"session-{secrets.token_hex(12)}",
    "CANARY_SET_COOKIE": f"set-{secrets.token_hex(12)}",
}
LIMIT_S = 120
ONE_ALPHABET = bytes.maketrans(b"-_", b"+/")


def spellings(value: str) -> dict[str, bytes]:
    """How a secret may stand in a file. What base64 makes of its ends depends on its neighbours, and is left out."""
    raw = value.encode()
    stable = (
        base64.b64encode(bytes(shift) + raw)[(0, 2, 3)[shift] : (shift + len(raw)) * 8 // 6] for shift in range(3)
    )
    return {
        "plain": raw,
        "URL": urllib.parse.quote(value, safe="").encode(),
        "form": urllib.parse.quote_plus(value).encode(),
        "JSON": json.dumps(value)[1:-1].encode(),
        "JSON with UTF-8": json.dumps(value, ensure_ascii=False)[1:-1].encode(),
        "JSON within JSON": json.dumps(json.dumps(value))[3:-3].encode(),
        "hex": raw.hex().encode(),
        **{f"base64, {shift} bytes on": text for shift, text in enumerate(stable)},
    }


class Echo(BaseHTTPRequestHandler):
    """Gives everything back that it was not asked for."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        told = {name: coded for value in CANARIES.values() for name, coded in spelled(value)}
        said = [f"{name}: {value}" for one in CANARIES.values() for name, value in spelled(one)]
        models = [{"id": "echo", "object": "model", "created": 1, "owned_by": said}]
        body = json.dumps({"object": "list", "data": models, "error": {"message": " ".join(said)}, **told}).encode()
        if self.path.endswith("s") or len(self.path) % 2:
            body, coding = gzip.compress(body), "gzip"
        else:
            coding = "identity"
        self.send_response(200 if self.command == "GET" else 400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Encoding", coding)
        self.send_header("X-Request-Id", CANARIES["CANARY_KEY"])
        self.send_header("Set-Cookie", f"sid={CANARIES['CANARY_SET_COOKIE']}; Path=/; HttpOnly")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - the names are those of http.server

    def log_message(self, *args: object) -> None:
        """Says nothing."""


def spelled(value: str) -> Iterator[tuple[str, str]]:
    for name, coded in spellings(value).items():
        if name != "JSON with UTF-8":
            yield name, coded.decode()


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cookie, header = CANARIES["CANARY_COOKIE"], CANARIES["CANARY_HEADER"]
    path = tmp_path / "target.toml"
    path.write_text(
        f'name = "echo"\nbase_url = "http://127.0.0.1:{server.server_port}/v1"\n'
        '[keys]\nmain = "CANARY_KEY"\n[private]\nprompt = "CANARY_PROMPT"\n[model]\ndefault = "echo"\n'
        f'[headers]\nCookie = "theme=dark; sid={cookie}"\nX-Access-Token = "Bearer {header}"\n'
    )
    yield path
    server.shutdown()
    server.server_close()


def test_no_canary_is_in_the_bundle(target: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    line = [sys.executable, "-m", "harness.cli", "run", "openai-core", "--target", str(target), "--out", str(folder)]
    environ = {**os.environ, **{name: CANARIES[name] for name in ("CANARY_KEY", "CANARY_PROMPT")}}
    done = subprocess.run(
        [*line, "--suite", "stream", "--suite", "catalogue"],
        capture_output=True, timeout=LIMIT_S, check=False, env=environ,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    secret, _ = key_files(tmp_path, "ed25519")
    issue.certified(folder, issue.payload_of(folder, None, ISSUED, LASTS), issue.by_key(keys.signer_of(str(secret))))
    for kind in reports.KINDS:
        (folder / f"again.{kind}").write_text(reports.render(dict(results.read(folder)), kind), encoding="utf-8")
    (folder / "terminal").write_bytes(done.stdout + done.stderr)
    assert len((folder / "exchanges.jsonl").read_bytes().splitlines()) > 20, "nothing was asked: nothing was learned"
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    found = [where for path in files for where in planted(path.read_bytes(), path)]
    assert not found, found[:20]


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    for name, value in CANARIES.items():
        for how, coded in spellings(value).items():
            for wrapped in (coded, json.dumps({"gzip": base64.b64encode(gzip.compress(coded)).decode()}).encode()):
                assert any(name in where for where in planted(b"before " + wrapped + b" after", tmp_path)), (name, how)


def planted(raw: bytes, path: Path) -> Iterator[str]:
    """Where a canary stands: as it is, or within what was packed and wrapped in base64."""
    for layer, data in layers(raw):
        for name, value in CANARIES.items():
            yield from (
                f"{path.name}: {name}, {how}, {layer}" for how, coded in spellings(value).items() if coded in data
            )


def layers(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """The bytes, JSON's escapes undone, and what unpacks of every long run of base64."""
    yield "as it is", raw
    yield "unescaped", raw.replace(b"\\\\", b"\\").replace(b"\\n", b"\n").replace(b'\\"', b'"').replace(b"\\/", b"/")
    for run in re.findall(rb"[A-Za-z0-9+/_-]{24,}={0,2}", raw):
        try:
            packed = base64.b64decode(
                run + b"=" * (-len(run) % 4), altchars=b"-_" if b"-" in run or b"_" in run else None
            )
            yield "in base64", packed
            yield "in gzip in base64", zlib.decompressobj(47).decompress(packed)
        except (ValueError, zlib.error):
            continue
