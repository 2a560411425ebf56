"""Counts tokens with the tokenizer.json that a target names: what the server should count, by somebody else's code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MAX_BYTES = 256 * 1024 * 1024  # of a tokenizer file; the largest in use are a tenth of it


class TokenizerError(ValueError):
    """The file cannot be used; the message says what to do."""


class Tokenizer:
    """A model's tokenizer, without any template around the text."""

    def __init__(self, path: Path) -> None:
        """Raises TokenizerError."""
        from tokenizers import Tokenizer as Library  # late: few targets name a tokenizer

        if path.stat().st_size > MAX_BYTES:
            raise TokenizerError(f"{path}: more than {MAX_BYTES} bytes; expected a tokenizer.json")
        try:
            self._library: Any = Library.from_file(str(path))
        except Exception as error:  # the library raises a bare Exception for whatever is wrong with a file
            raise TokenizerError(f"{path}: not a tokenizer.json: {error}") from error

    def count(self, text: str) -> int:
        """Tokens of a text by itself: no beginning and no end is added."""
        return len(self._library.encode(text.encode("utf-8", "replace").decode(), add_special_tokens=False).ids)
