"""The mock's tokenizer as a tokenizer.json: a client can count as the server does, by the library everybody has.

Each piece is one token whatever it holds, so the vocabulary has one entry: the counts are exact, the ids are not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any


def tokenizer_json() -> str:
    """A file of Hugging Face's tokenizers library: bytes as characters, then the pieces of behaviours/tokens.py."""
    letters, digits = "[A-Za-z]{1,6}", "[0-9]{1,3}"
    space, high, low = (_class(codes) for codes in ((0x20,), range(0x80, 0x100), range(0x80)))
    pieces = f"{space}?{letters}|{space}?{digits}|{high}{{1,2}}|{low}"
    as_bytes: dict[str, Any] = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": False,
        "use_regex": False,
    }
    split = {"type": "Split", "pattern": {"Regex": pieces}, "behavior": "Isolated", "invert": False}
    document: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [as_bytes, split]},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"},
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _class(codes: Iterable[int]) -> str:
    """A class of the characters that stand for these bytes."""
    shown = _alphabet()
    return "[" + "".join(re.escape(shown[code]) for code in codes) + "]"


def _alphabet() -> dict[int, str]:
    """GPT-2's characters for bytes: those that can be seen stand for themselves, the others come after U+0100."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [code for code in range(0x100) if code not in seen]
    return {code: chr(code) for code in seen} | {code: chr(0x100 + n) for n, code in enumerate(hidden)}
