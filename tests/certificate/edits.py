"""Single changes of a bundle or a certificate. Each takes its whim from the generator that it is given."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.certificate.conftest import Signed

Edit = Callable[[Signed, random.Random], str]  # changes the copy, and names what it changed


def any_file(copy: Signed, whim: random.Random) -> Path:
    files = sorted(p for p in copy.folder.rglob("*") if p.is_file() and p.name != "certificate.json")
    return whim.choice(files)


def named(copy: Signed, path: Path) -> str:
    return path.relative_to(copy.folder).as_posix()


def a_byte(copy: Signed, whim: random.Random) -> str:
    path = any_file(copy, whim)
    raw = bytearray(path.read_bytes())
    raw[whim.randrange(len(raw))] ^= whim.randrange(1, 256)
    path.write_bytes(raw)
    return named(copy, path)


def a_byte_less(copy: Signed, whim: random.Random) -> str:
    path = any_file(copy, whim)
    raw = path.read_bytes()
    at = whim.randrange(len(raw))
    path.write_bytes(raw[:at] + raw[at + 1 :])
    return named(copy, path)


def a_byte_more(copy: Signed, whim: random.Random) -> str:
    path = any_file(copy, whim)
    raw = path.read_bytes()
    at = whim.randrange(len(raw) + 1)
    path.write_bytes(raw[:at] + whim.randbytes(1) + raw[at:])
    return named(copy, path)


def cut_off(copy: Signed, whim: random.Random) -> str:
    path = any_file(copy, whim)
    path.write_bytes(path.read_bytes()[: whim.randrange(path.stat().st_size)])
    return named(copy, path)


def a_file_less(copy: Signed, whim: random.Random) -> str:
    path = any_file(copy, whim)
    path.unlink()
    return named(copy, path)


def a_file_more(copy: Signed, whim: random.Random) -> str:
    path = copy.folder / whim.choice(["waivers.yaml", "anchors/trust/more.pem", "results.json.part", ".hidden"])
    path.write_bytes(whim.randbytes(8))
    return named(copy, path)


def an_empty_folder(copy: Signed, whim: random.Random) -> str:
    path = copy.folder / f"evidence{whim.randrange(9)}"
    path.mkdir()
    return named(copy, path) + "/"


def another_name(copy: Signed, whim: random.Random) -> str:
    path = any_file(copy, whim)
    path.rename(path.with_name(path.name + "~"))
    return named(copy, path)


def two_files_swapped(copy: Signed, whim: random.Random) -> str:
    one = any_file(copy, whim)
    other = any_file(copy, whim)
    while other.read_bytes() == one.read_bytes():
        other = any_file(copy, whim)
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)
    return named(copy, one)


def an_outcome(copy: Signed, whim: random.Random) -> str:
    path = copy.folder / "results.json"
    document = json.loads(path.read_text())
    row = whim.choice(document["requirements"])
    row["outcome"] = whim.choice([o for o in ("pass", "fail", "not-observed", "excluded") if o != row["outcome"]])
    path.write_text(json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False))
    return named(copy, path)


def an_exchange(copy: Signed, whim: random.Random) -> str:
    """A line is left out, said twice, or put elsewhere."""
    path = copy.folder / whim.choice(["exchanges.jsonl", "asides.jsonl"])
    lines = path.read_text().splitlines(keepends=True)
    at, to = whim.sample(range(len(lines)), 2)
    how = whim.randrange(3)
    line = lines[at] if how == 1 else lines.pop(at)
    if how:
        lines.insert(to, line)
    path.write_text("".join(lines))
    return named(copy, path)


BUNDLE: tuple[Edit, ...] = (
    a_byte, a_byte, a_byte, a_byte, a_byte_less, a_byte_more, cut_off, a_file_less, a_file_more, an_empty_folder,
    another_name, two_files_swapped, an_outcome, an_exchange,
)  # fmt: skip


def sealed_otherwise(copy: Signed, change: Callable[[dict[str, Any]], Any]) -> None:
    """The envelope with a change in it, written as certificates are."""
    envelope = json.loads(copy.raw)
    change(envelope)
    (copy.folder / "certificate.json").write_text(json.dumps(envelope, indent=1, sort_keys=True) + "\n")


def certificate_byte(copy: Signed, whim: random.Random) -> str:
    raw = bytearray(copy.raw)
    raw[whim.randrange(len(raw))] ^= whim.randrange(1, 256)
    (copy.folder / "certificate.json").write_bytes(raw)
    return ""


def certificate_space(copy: Signed, whim: random.Random) -> str:
    """White space that means nothing in JSON."""
    raw = copy.raw
    at = whim.choice([n for n, char in enumerate(raw) if char in b" \n,:{}[]"])
    (copy.folder / "certificate.json").write_bytes(raw[:at] + whim.choice([b" ", b"\n", b"\t"]) + raw[at:])
    return ""


def certificate_written_otherwise(copy: Signed, whim: random.Random) -> str:
    document = json.loads(copy.raw)
    text = json.dumps(document, indent=whim.choice([None, 0, 2, 4]), sort_keys=whim.random() < 0.5)
    (copy.folder / "certificate.json").write_text(text)
    return ""


def statement_changed(copy: Signed, whim: random.Random) -> str:
    def change(envelope: dict[str, Any]) -> None:
        payload = base64.b64decode(envelope["payload"])
        at = whim.randrange(len(payload))
        envelope["payload"] = base64.b64encode(payload[:at] + whim.randbytes(1) + payload[at:]).decode()

    sealed_otherwise(copy, change)
    return ""


def row_improved(copy: Signed, whim: random.Random) -> str:
    def change(envelope: dict[str, Any]) -> None:
        statement = json.loads(base64.b64decode(envelope["payload"]))
        rows = statement["predicate"]["https://assay.invalid/certificate/v1"]["rows"]
        rows[whim.choice(sorted(rows))] = "waived"
        text = json.dumps(statement, indent=1, sort_keys=True, ensure_ascii=False)
        envelope["payload"] = base64.b64encode(text.encode()).decode()

    sealed_otherwise(copy, change)
    return ""


def signature_changed(copy: Signed, whim: random.Random) -> str:
    def change(envelope: dict[str, Any]) -> None:
        (signature,) = envelope["signatures"]
        raw = bytearray(base64.b64decode(signature["sig"]))
        how = whim.randrange(4)
        if how == 0:
            raw[whim.randrange(len(raw))] ^= 1 << whim.randrange(8)
            signature["sig"] = base64.b64encode(raw).decode()
        elif how == 1:
            signature["sig"] = base64.b64encode(bytes(raw) + b"\0").decode()
        elif how == 2:
            signature["keyid"] = whim.randbytes(32).hex()
        else:
            envelope["signatures"] *= 2

    sealed_otherwise(copy, change)
    return ""


def envelope_changed(copy: Signed, whim: random.Random) -> str:
    def change(envelope: dict[str, Any]) -> None:
        how = whim.randrange(4)
        if how == 0:
            envelope["payloadType"] = whim.choice(["application/json", "", "application/vnd.in-toto+json "])
        elif how == 1:
            envelope["more"] = whim.randrange(9)
        elif how == 2:
            envelope["signatures"][0]["more"] = "x"
        else:
            del envelope[whim.choice(sorted(envelope))]

    sealed_otherwise(copy, change)
    return ""


CERTIFICATE: tuple[Edit, ...] = (
    certificate_byte, certificate_byte, certificate_space, certificate_written_otherwise, statement_changed,
    row_improved, signature_changed, envelope_changed,
)  # fmt: skip
