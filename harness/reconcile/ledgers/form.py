"""What a ledger file looks like: which column holds what, in which unit, and by which id its rows pair. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

KINDS: Final = MappingProxyType(
    {"charge": "charge", "refund": "refund", "hold": "hold", "void": "void", "top-up": "ignored"}
)
Places = Mapping[str, tuple[str, ...]]  # what we call it -> the columns it may stand in; dots lead into an object


@dataclass(frozen=True)
class Form:
    """A kind of ledger. Columns of ours: id, at, charged, kind, model, account, prompt_tokens, completion_tokens."""

    name: str
    title: str
    columns: Places
    marks: tuple[frozenset[str], ...] = ()  # any of these sets of columns says that a file is of this kind
    unit: str = "usd"
    pairs_by: str = "either"  # id of the wire that a row names: request (a header), completion (the body), either
    kinds: Mapping[str, str] = field(default_factory=lambda: KINDS)

    def fits(self, columns: frozenset[str]) -> bool:
        return any(mark <= columns for mark in self.marks)
