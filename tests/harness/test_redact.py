"""A planted secret never survives, in whatever spelling and however the body was cut; nothing else changes."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import string
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.redact import RedactionError, Redactor, Secret, looked_through
from harness.wire.exchange import Chunk, Exchange, Request
from harness.wire.recording import redacted

PLAIN = st.text(string.ascii_letters + string.digits + "._-", min_size=8, max_size=40)
SECRETS = PLAIN | st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF), min_size=8, max_size=40).filter(
    str.strip
)
FILL = st.binary(max_size=20)


def slashed(text: str) -> bytes:
    return json.dumps(text)[1:-1].replace("/", r"\/").encode()


SPELLINGS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda s: s.encode(),
    "JSON": lambda s: json.dumps(s)[1:-1].encode(),
    "JSON in UTF-8": lambda s: json.dumps(s, ensure_ascii=False)[1:-1].encode(),
    "JSON with escaped slashes": slashed,
    "all \\u": lambda s: "".join(f"\\u{ord(c):04X}" for c in s).encode(),
    "URL": lambda s: quote(s, safe="").encode(),
    "form": lambda s: quote_plus(s).encode(),
    "all %": lambda s: "".join(f"%{b:02x}" for b in s.encode()).encode(),
    "all \\u, JSON within JSON": lambda s: "".join(f"\\\\u{ord(c):04X}" for c in s).encode(),
    "hexadecimal": lambda s: s.encode().hex().upper().encode(),
}


def with_secret(secret: str) -> Redactor:
    redactor = Redactor()
    redactor.add("THE_SECRET", secret)
    return redactor


@pytest.mark.parametrize("name", SPELLINGS)
@given(secret=SECRETS, before=FILL, after=FILL)
def test_no_spelling_survives(name: str, secret: str, before: bytes, after: bytes) -> None:
    spelled = SPELLINGS[name](secret)
    clean = with_secret(secret).bytes(b"<" + before + spelled + after + b">")
    assert spelled not in clean or spelled in b"<" + before + b"${THE_SECRET}" + after + b">"
    assert b"${THE_SECRET}" in clean


@given(secret=SECRETS, before=FILL, after=FILL, urlsafe=st.booleans())
def test_base64_of_something_around_the_secret_does_not_give_it_back(
    secret: str, before: bytes, after: bytes, urlsafe: bool
) -> None:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    clean = with_secret(secret).bytes(encode(before + secret.encode() + after))
    assert b"${THE_SECRET}" in clean
    left, _, right = clean.partition(b"${THE_SECRET}")
    assert len(left) + len(right) <= len(encode(before + after)) + 8


@given(
    secret=SECRETS, data=st.lists(st.binary(max_size=30), max_size=6), cuts=st.lists(st.integers(0, 200), max_size=8)
)
def test_no_cut_of_the_body_lets_it_through(secret: str, data: list[bytes], cuts: list[int]) -> None:
    body = secret.encode().join(data)
    edges = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    pieces = [body[a:b] for a, b in itertools.pairwise(edges)]
    redactor = with_secret(secret)
    clean = redactor.pieces(pieces)
    assert b"".join(clean) == redactor.bytes(body)
    assert len(clean) == len(pieces)


@given(data=st.binary(max_size=300))
def test_what_holds_no_secret_stays_as_it_is(data: bytes) -> None:
    secret = "vgpu_sk_" + "0123456789abcdef" * 2
    assert with_secret(secret).bytes(data) == data


def test_members_that_only_sound_secret_are_left_alone() -> None:
    body = {"max_tokens": 16, "token": "a", "authorization": "Bearer", "secret": None, "key": [1, "vgpu_sk_"]}
    assert with_secret("vgpu_sk_0123456789").json(body) == body


def test_json_is_redacted_in_names_and_values() -> None:
    redactor = with_secret("0123456789")
    assert redactor.json({"a 0123456789": [{"b": "0123456789!"}]}) == {"a ${THE_SECRET}": [{"b": "${THE_SECRET}!"}]}


@pytest.mark.parametrize("short", ["", "1234567"])
def test_a_short_secret_is_refused_without_being_shown(short: str) -> None:
    with pytest.raises(RedactionError, match=r"THE_SECRET has fewer than 8") as caught:
        with_secret(short)
    assert not short or short not in str(caught.value)


def test_the_longer_of_two_nested_secrets_goes_as_a_whole() -> None:
    redactor = Redactor()
    redactor.add("SHORT", "abcdefgh")
    redactor.add("LONG", "abcdefgh-ijkl")
    assert redactor.text("abcdefgh-ijkl abcdefgh") == "${LONG} ${SHORT}"


@given(secret=st.text(string.ascii_letters, min_size=8, max_size=20))
def test_no_part_of_an_exchange_keeps_it(secret: str) -> None:
    body = json.dumps({"echo": secret}).encode()
    found = Exchange(
        id="x00001",
        probe="p",
        request=Request("POST", f"http://h/?k={secret}", (("Authorization", f"Bearer {secret}"),), body),
        head_status=401,
        headers=(("X-Echo", secret), ("Content-Encoding", "gzip")),
        chunks=(Chunk(1, gzip.compress(body)[:9]), Chunk(2, gzip.compress(body)[9:])),
        fault=None,
        started="2026-01-01T00:00:00Z",
        head_ns=1,
        end_ns=3,
        intent={"note": secret},
    )
    clean = redacted(found, with_secret(secret))
    assert secret not in repr(clean)
    assert clean.json == {"echo": "${THE_SECRET}"}


@pytest.mark.parametrize("stray", ["%", "%0", "\\", "\\u", "\\u0", "\\u00", "\\u000", "\\/"])
@pytest.mark.parametrize("secret", ["00000000", "u0000000", "0aaaaaaa"])
def test_a_stray_escape_does_not_hide_a_secret(stray: str, secret: str) -> None:
    redactor = with_secret(secret)
    for spelled in (secret, secret[:3] + quote(secret[3:]).replace(secret[3], f"%{ord(secret[3]):02x}")):
        # Zeros of the stray escape may be taken for the first of the secret: what is left then is as many zeros.
        assert "${THE_SECRET}" in redactor.text(stray + spelled)


@given(secret=SECRETS, name=st.sampled_from(sorted(SPELLINGS)), around=st.binary(max_size=12), coded=st.booleans())
def test_the_quick_look_misses_nothing_that_the_pattern_finds(
    secret: str, name: str, around: bytes, coded: bool
) -> None:
    one = Secret("THE_SECRET", secret)
    spelled = quote(base64.b64encode(around + secret.encode()), safe="").encode() if coded else SPELLINGS[name](secret)
    for data in (spelled, around + spelled + around, around):
        assert one.may_be_in(looked_through(data)) or not one.pattern.search(data)


JSONS = st.recursive(
    st.none() | st.integers() | st.text(max_size=12), lambda of: st.lists(of) | st.dictionaries(st.text(max_size=5), of)
)


@given(secrets=st.lists(SECRETS, min_size=1, max_size=4, unique=True), value=JSONS, data=st.data())
def test_a_document_is_redacted_as_its_strings_are_one_by_one(secrets: list[str], value: object, data: Any) -> None:
    redactor = Redactor()
    for number, secret in enumerate(secrets):
        redactor.add(f"S{number}", secret)
    spelled = SPELLINGS[data.draw(st.sampled_from(sorted(SPELLINGS)))](data.draw(st.sampled_from(secrets))).decode()
    document = [value, {"%": spelled, spelled + "%": ["0" + spelled, "%"], "\\": [spelled[:3], spelled[3:]]}]

    def one_by_one(value: object) -> object:
        if isinstance(value, dict):
            return {one_by_one(key): one_by_one(member) for key, member in value.items()}
        if isinstance(value, list):
            return [one_by_one(member) for member in value]
        return redactor.text(value) if isinstance(value, str) else value

    assert redactor.json(document) == one_by_one(document)


def test_secrets_that_overlap_go_as_one() -> None:
    redactor = Redactor()
    redactor.add("SHORT", "abcdefghij")
    redactor.add("LONG", "ghijklmnopqr")
    assert redactor.text("<abcdefghijklmnopqr>") == "<${LONG}>"
    assert redactor.pieces([b"<abcdefgh", b"ijklmnopqr>"]) == [b"<${LONG}", b">"]
