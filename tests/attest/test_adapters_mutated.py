"""Random damage to evidence documents: nothing crashes a reader, and no changed proof is accepted."""

from __future__ import annotations

import contextlib
import copy
import functools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.attest import Rejected, verify
from harness.attest.adapters import read
from tests.attest.formats import dumped, rack
from tests.attest.lab import HONEST, NONCE, NOW, trust_in
from tests.attest.test_adapters import DOCUMENTS

TRUST = trust_in(HONEST)
Path = tuple[str | int, ...]
# Members that nothing binds, and that no judge believes either: what they say is told as a claim
UNBOUND = {
    "signature",
    "arch",
    "actions",
    "model_name",
    "app_name",
    "device_id",
    "failed_instance_ids",
    "ccel",  # likewise, and test_ccel
    "event_log",  # boot events say more than is measured; test_eventlog knows which member is
    "nvidia",  # tokens have judges of their own
    "certificate",  # of a GPU: judged with its report
    "nvidia_payload",
    "gpu_evidence",
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)


@functools.cache
def honest(name: str) -> Any:
    return DOCUMENTS[name]()


def leaves(node: Any, path: Path = ()) -> Iterator[Path]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    if not children and isinstance(node, str) and node:
        yield path
    for step, inner in children:
        yield from leaves(inner, (*path, step))


def bound(path: Path) -> bool:
    """An instance's name is bound by nothing where its entry carries the session key itself."""
    return not UNBOUND & set(path) and path != ("all_attestations", 0, "instance_id")


def replaced(document: Any, path: Path, value: Any) -> Any:
    changed = copy.deepcopy(document)
    node = changed
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return changed


def at(document: Any, path: Path) -> Any:
    for step in path:
        document = document[step]
    return document


def accepted(raw: bytes) -> bool:
    try:
        machines = read(raw)
    except Rejected:
        return False
    if not isinstance(machines, tuple):
        return False
    return all(verify(machine, TRUST, NONCE, NOW).accepted for machine in machines)


@pytest.mark.parametrize("name", DOCUMENTS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_no_changed_character_of_a_bound_member_is_accepted(name: str, data: st.DataObject) -> None:
    document = honest(name)
    path = data.draw(st.sampled_from([path for path in leaves(document) if bound(path)]))
    text = at(document, path)
    where = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(
        st.sampled_from("0123456789abcdefABCDEF+/=_-{}x").filter(lambda c: c.lower() != text[where].lower())
    )
    assert not accepted(dumped(replaced(document, path, text[:where] + other + text[where + 1 :]))), path


@pytest.mark.parametrize("name", DOCUMENTS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_no_value_in_any_place_crashes_a_reader(name: str, data: st.DataObject) -> None:
    document = honest(name)
    path = data.draw(st.sampled_from(list(leaves(document))))
    shorter = path[: data.draw(st.integers(1, len(path)))]
    accepted(dumped(replaced(document, shorter, data.draw(json_values))))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(json_values, st.sampled_from([*DOCUMENTS, "rack"]))
def test_no_json_crashes_a_reader(value: Any, name: str) -> None:
    known = dict.fromkeys(rack() if name == "rack" else honest(name), value)
    for document in (value, known, {**known, "extra": value}):
        with contextlib.suppress(Rejected):
            read(dumped(document))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(list(DOCUMENTS)), st.data())
def test_no_cut_or_spliced_document_is_accepted(name: str, data: st.DataObject) -> None:
    raw = dumped(honest(name))
    cut = data.draw(st.integers(0, len(raw) - 1))
    inserted = data.draw(st.binary(max_size=20).filter(lambda piece: piece.strip() != b""))
    assert not accepted(raw[:cut])
    accepted(raw[:cut] + inserted + raw[cut:])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=600))
def test_no_bytes_crash_the_detection(raw: bytes) -> None:
    assert not accepted(raw)


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"nodes":' + b"[" * 65 + b"]" * 65 + b"}"], ids=["open", "closed"])
def test_deep_documents_are_malformed(raw: bytes) -> None:
    with pytest.raises(Rejected):
        read(raw)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_repeated_key_is_malformed(name: str) -> None:
    raw = dumped(honest(name))
    first = next(iter(honest(name)))
    with pytest.raises(Rejected):
        read(b'{"%s":%s,%s' % (first.encode(), json.dumps(honest(name)[first]).encode(), raw[1:]))
