"""Randomness that costs nothing to start: bytes of SHA-256, chained. Python's own takes 7 us to be seeded."""

from __future__ import annotations

from hashlib import sha256
from random import Random

_EXACT = 2.0**-53  # of the floats in [0, 1)


class Chance:
    """The methods of `random.Random` that the engine uses, over a digest of 32 bytes. Not for secrets."""

    __slots__ = ("_at", "_block")
    _randbelow = Random._randbelow_with_getrandbits  # type: ignore[attr-defined]
    choice, randint, randrange, sample, shuffle, uniform = (
        *(Random.choice, Random.randint, Random.randrange),
        *(Random.sample, Random.shuffle, Random.uniform),
    )

    def __init__(self, digest: bytes) -> None:
        self._block, self._at = digest, 0

    def getrandbits(self, bits: int) -> int:
        size = (bits + 7) // 8
        return int.from_bytes(self._take(size), "big") >> (size * 8 - bits)

    def random(self) -> float:
        return self.getrandbits(53) * _EXACT

    def _take(self, size: int) -> bytes:
        while len(self._block) < self._at + size:
            self._block = self._block[self._at :] + sha256(self._block[-32:]).digest()
            self._at = 0
        found = self._block[self._at : self._at + size]
        self._at += size
        return found
