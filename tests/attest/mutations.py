"""Seeded damage in bulk: to bytes, and to JSON documents as trees. Every mutation differs from what it was made of."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

Damage = Callable[[bytes, random.Random], bytes]
ODD: tuple[Any, ...] = (None, True, 0, -1, 2**63, 0.5, "", "0", "0x", "\x00", "é", [], {}, [[]], {"a": None}, "A" * 999)


def _bit(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw))
    return raw[:at] + bytes((raw[at] ^ 1 << chance.randrange(8),)) + raw[at + 1 :]


def _byte(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw))
    return raw[:at] + chance.randbytes(1) + raw[at + 1 :]


def _cut(raw: bytes, chance: random.Random) -> bytes:
    return raw[: chance.randrange(len(raw))]


def _without(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw))
    return raw[:at] + raw[at + chance.randint(1, 64) :]


def _inserted(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw) + 1)
    return raw[:at] + chance.randbytes(chance.randint(1, 64)) + raw[at:]


def _repeated(raw: bytes, chance: random.Random) -> bytes:
    at, size = chance.randrange(len(raw)), chance.randint(1, 256)
    return raw[:at] + raw[at : at + size] + raw[at:]


def _zeroed(raw: bytes, chance: random.Random) -> bytes:
    at, size = chance.randrange(len(raw)), chance.randint(1, 48)
    return raw[:at] + bytes(len(raw[at : at + size])) + raw[at + size :]


def _moved(raw: bytes, chance: random.Random) -> bytes:
    """Two pieces change places."""
    one, two, three = sorted(chance.sample(range(len(raw) + 1), 3))
    return raw[:one] + raw[two:three] + raw[one:two] + raw[three:]


def _length(raw: bytes, chance: random.Random) -> bytes:
    """A number of two or four bytes, wherever one may stand, says something else."""
    size = chance.choice((2, 4))
    at = chance.randrange(max(1, len(raw) - size))
    value = chance.choice((0, 1, 255, 256, 65535, 2**31, 2**32 - 1)) % (1 << 8 * size)
    return raw[:at] + value.to_bytes(size, chance.choice(("little", "big"))) + raw[at + size :]


_BYTES: tuple[Damage, ...] = (_bit, _bit, _byte, _cut, _without, _inserted, _repeated, _zeroed, _moved, _length)


def damaged(raw: bytes, count: int, seed: str) -> Iterator[bytes]:
    """`count` distinct mutations of some bytes."""
    chance, seen = random.Random(seed), {raw}
    while len(seen) <= count:
        made = chance.choice(_BYTES)(raw, chance)
        if made not in seen:
            seen.add(made)
            yield made


def _place(node: Any, chance: random.Random) -> tuple[str | int, ...]:
    """Down from the top by chance: a log of a hundred events is no likelier than the one member beside it."""
    path: list[str | int] = []
    while isinstance(node, dict | list) and node and (not path or chance.random() < 0.7):
        step: Any = chance.choice(list(node) if isinstance(node, dict) else range(len(node)))
        path.append(step)
        node = node[step]
    return tuple(path)


def _changed_text(value: str, chance: random.Random) -> str:
    if not value:
        return "x"
    at, found = chance.randrange(len(value)), chance.choice(("0123456789abcdef", "AZaz+/=_-", '\x00 \n{}[]"'))
    kinds: tuple[Callable[[], str], ...] = (
        lambda: value[:at] + chance.choice(found) + value[at + 1 :],
        lambda: value[:at],
        lambda: value + value,
        value.swapcase,
        lambda: value.replace(value[at : at + 4], "0000"),
    )
    return chance.choice(kinds)()


def edited(document: Any, chance: random.Random) -> tuple[Any, tuple[str | int, ...]]:
    """A copy with one member changed, left out, repeated, nested or swapped with a sibling; and where that was."""
    made = copy.deepcopy(document)
    path = _place(made, chance)
    parent = made
    for step in path[:-1]:
        parent = parent[step]
    step, value = path[-1], parent[path[-1]]
    act = chance.randrange(6)
    if act == 0:
        del parent[step]
    elif act == 1 and isinstance(parent, list):
        parent.insert(chance.randrange(len(parent) + 1), copy.deepcopy(value))
    elif act == 2:
        parent[step] = chance.choice(([value], {"value": value}, json.dumps(value)))
    elif act == 3:
        other = chance.choice(list(parent) if isinstance(parent, dict) else range(len(parent)))
        parent[step], parent[other] = parent[other], parent[step]
    elif act == 4 and isinstance(value, str):
        parent[step] = _changed_text(value, chance)
    else:
        parent[step] = copy.deepcopy(chance.choice(ODD))
    return made, path


def rewritten(document: Any, count: int, seed: str) -> Iterator[tuple[bytes, tuple[str | int, ...]]]:
    """`count` distinct edits of a JSON document, as text."""
    chance, seen = random.Random(seed), {json.dumps(document)}
    while len(seen) <= count:
        made, path = edited(document, chance)
        text = json.dumps(made)
        if text not in seen:
            seen.add(text)
            yield text.encode("utf-8", "surrogatepass"), path
