"""Training files: conversations in JSON lines. A file that cannot be read says why, by its line and never its text."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from mockserver.behaviours.tokens import count

FOLDER = Path(__file__).parents[2] / "data" / "training"
ROLES = {"system", "user", "assistant"}


class BrokenFile(ValueError):
    """The file cannot be trained on; the message says where."""


@functools.cache
def files() -> dict[str, Path]:
    """The files that every tenant has, by id."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.jsonl"))}


@functools.cache
def tokens_of(file_id: str) -> int:
    """Tokens of all messages of a file. Raises BrokenFile, KeyError for an unknown id."""
    lines = files()[file_id].read_text(encoding="utf-8").splitlines()
    if not lines:
        raise BrokenFile("The training file is empty.")
    return sum(_tokens(line, n) for n, line in enumerate(lines, 1))


def _tokens(line: str, n: int) -> int:
    try:
        messages: Any = json.loads(line)["messages"]
        said = [message["content"] for message in messages if message["role"] in ROLES]
    except (ValueError, KeyError, TypeError):
        raise BrokenFile(f"Line {n} of the training file is not a conversation.") from None
    if not said or not all(isinstance(text, str) for text in said):
        raise BrokenFile(f"Line {n} of the training file is not a conversation.")
    return sum(map(count, said))
