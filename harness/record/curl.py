"""An exchange as a command line that asks the same again. Holds no secret: the key is an environment variable."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

from harness.redact import Redactor
from harness.target import Target
from harness.wire.exchange import Exchange, Request
from harness.wire.recording import redacted

_IMPLIED = {"host", "content-length", "accept", "accept-encoding"}
LONGEST = 32 * 1024  # bytes of a body that a command line shows; checks of size limits send megabytes
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
_ISSUED = re.compile(r"\$\{(ISSUED_KEY_\d+)\}")  # a key of the run alone, which nobody has any more


def curl(exchange: Exchange, target: Target, redactor: Redactor | None = None) -> str:
    """The curl command of a recorded exchange, safe to paste into a shell that holds the target's variables.

    `redactor` is for an exchange that does not come from the journal.
    """
    exchange = redacted(exchange, redactor) if redactor else exchange
    asked, names = exchange.request, {secret.name for secret in target.secrets()}
    asked, instead = _with_a_key_that_lasts(asked, target)
    parts = ["curl", "-sS", "-N", "-i", "-X", shlex.quote(asked.method), _word(asked.url, names)]
    for name, value in asked.headers:
        if name.lower() not in _IMPLIED:
            parts += ["-H", _word(f"{name}: {value}", names)]
    if len(asked.body) > LONGEST:
        file = f"{exchange.id}.body"
        said = f"# {file}: {len(asked.body)} bytes, request.body of {exchange.id} in exchanges.jsonl"
        parts += ["--data-binary", f"@{file}", said]
    elif asked.body:
        parts += ["--data-binary", _word(_text(asked.body), names)]
    return " ".join([*parts, *instead])


def _with_a_key_that_lasts(asked: Request, target: Target) -> tuple[Request, list[str]]:
    """The request with the main key where it had one that was made for the run, and a comment that says so."""
    gone = sorted({name for _, value in asked.headers for name in _ISSUED.findall(value)})
    if not gone or (main := target.keys.get("main")) is None:
        return asked, []
    headers = tuple((name, _ISSUED.sub(f"${{{main.name}}}", value)) for name, value in asked.headers)
    return replace(asked, headers=headers), [f"# the run had {', '.join(gone)} made; {main.name} stands for it"]


def _word(text: str, names: set[str]) -> str:
    """One shell word: literal text in single quotes, and only the target's own variables in double quotes."""
    parts, at = [], 0
    for match in _PLACEHOLDER.finditer(text):
        if match[1] in names:
            parts += [text[at : match.start()], f'"${match[1]}"']
            at = match.end()
    quoted = [
        part if part.startswith('"$') and n % 2 else shlex.quote(part) for n, part in enumerate([*parts, text[at:]])
    ]
    return "".join(part for part in quoted if part != "''") or "''"


def _text(body: bytes) -> str:
    return body.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
