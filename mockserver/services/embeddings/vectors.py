"""Texts to vectors by feature hashing: deterministic, of length one, and near for texts that share words."""

from __future__ import annotations

import functools
import math
import re
import struct
import zlib
from collections import defaultdict

_WORD = re.compile(r"\w+")
_PLACES = 4  # of a feature in the vector: fewer collide, more would blur
_WORD_WEIGHT, _PART_WEIGHT, _WHOLE_WEIGHT = 1.0, 0.3, 0.05


@functools.lru_cache(maxsize=4096)
def embed(text: str, dimension: int) -> tuple[float, ...]:
    """A vector of this dimension, rounded to 32-bit floats; its length is one to within 1e-6."""
    sums = [0.0] * dimension
    for feature, weight in _features(text).items():
        code = zlib.crc32(feature)
        for place in range(_PLACES):
            code = zlib.crc32(bytes([place]), code)
            sums[code % dimension] += weight if code & 0x40000000 else -weight
    length = math.sqrt(math.fsum(value * value for value in sums)) or 1.0
    packed = struct.pack(f"<{dimension}f", *(value / length for value in sums))
    return struct.unpack(f"<{dimension}f", packed)


def _features(text: str) -> dict[bytes, float]:
    """Words, their parts of three letters, and the whole text, so that no vector is all zeros."""
    found: dict[bytes, float] = defaultdict(float)
    for word in _WORD.findall(text.casefold()):
        spelled = f"^{word}$"
        found[spelled.encode("utf-8", "replace")] += _WORD_WEIGHT
        for at in range(len(spelled) - 2):
            found[spelled[at : at + 3].encode("utf-8", "replace")] += _PART_WEIGHT
    found[b"\0" + text.encode("utf-8", "replace")] += _WHOLE_WEIGHT
    return found
